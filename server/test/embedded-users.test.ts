// `npm start` works for root and for everybody else, in a folder that others can reach and in one that they cannot.
import { afterEach, describe, expect, test } from 'bun:test';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { runProgram } from '../src/embedded/run-program.ts';
import { asStoreUser, chooseStoreUser, NoStoreUser } from '../src/embedded/store-user.ts';
import {
  AS_ORDINARY_USER,
  AS_ROOT,
  ask,
  embeddedOptions,
  endEmbedded,
  isRoot,
  newDataDir,
  runningIn,
  start,
  startService,
  storePid,
  tell,
} from './harness/embedded.ts';
import { temporaryFolder } from './harness/stores.ts';

afterEach(endEmbedded);

test('root runs PostgreSQL below a folder that is closed to everybody else, over a restart', async () => {
  const closed = temporaryFolder('closed'); // 0700, like root's home
  const options = embeddedOptions({ dataDir: path.join(closed, 'project', '.holdfast') });
  for (const start of ['first', 'second']) {
    const service = startService(options, isRoot() ? [] : AS_ROOT);
    const { databaseUrl, redisUrl } = await service.heard('ready');
    expect([start, await ask(databaseUrl, 'SELECT 1')]).toEqual([start, 1]);
    expect(await tell(redisUrl, 'PING')).toBe('PONG');
    service.kill('SIGTERM');
    expect(await service.exited).toEqual([0, null]);
  }
  expect(statSync(closed).mode & 0o777).toBe(0o700);
  expect(statSync(options.dataDir).mode & 0o777).toBe(0o700);
});

test('an ordinary user runs both as himself, with a data folder closed to others', async () => {
  const options = embeddedOptions();
  const service = startService(options, isRoot() ? AS_ORDINARY_USER : []);
  const { databaseUrl, redisUrl } = await service.heard('ready');
  expect(await ask(databaseUrl, 'SELECT 1')).toBe(1);
  expect(await tell(redisUrl, 'PING')).toBe('PONG');
  expect(statSync(options.dataDir).mode & 0o777).toBe(0o700);
  service.kill('SIGTERM');
  expect(await service.exited).toEqual([0, null]);
});

describe.if(isRoot())('root, where others can pass', () => {
  const NOBODY = { uid: 65534, gid: 65534 };

  /** With the Redis that was fetched for this user, if one was: root's own cache is closed to others. */
  async function cacheThatNobodyOwns(): Promise<string> {
    const open = temporaryFolder('cache');
    chmodSync(open, 0o711);
    const cacheDir = path.join(open, 'holdfast');
    const fetched = embeddedOptions().cacheDir;
    if (existsSync(fetched)) cpSync(fetched, cacheDir, { recursive: true, verbatimSymlinks: true });
    else mkdirSync(cacheDir);
    const args = ['-R', `${NOBODY.uid}:${NOBODY.gid}`, cacheDir];
    expect((await runProgram({ file: 'chown', args }, { timeoutMs: 10_000 })).code).toBe(0);
    return cacheDir;
  }

  test('runs PostgreSQL as nobody, who owns the data and sees nothing else of the folder', async () => {
    const open = temporaryFolder('open');
    chmodSync(open, 0o755);
    const options = embeddedOptions({ dataDir: path.join(open, '.holdfast') });
    const needs = ['/bin/sh'];
    const dataFolder = path.join(options.dataDir, 'postgres', 'data');
    mkdirSync(path.dirname(dataFolder), { recursive: true, mode: 0o700 });
    const ownFolders = [options.dataDir, path.dirname(dataFolder)] as const;
    const user = await chooseStoreUser({ dataFolder, ownFolders, needs });
    expect(user).toEqual({ kind: 'other', identity: NOBODY });
    const listing = await runProgram(asStoreUser(user, { file: 'ls', args: [options.dataDir] }), {
      timeoutMs: 5_000,
    });
    expect(listing.code).not.toBe(0);

    const stores = await start(options);
    expect(await ask(stores.databaseUrl, 'SELECT 1')).toBe(1);
    for (const file of ['passwords.json', 'redis', 'logs']) {
      expect([file, statSync(path.join(options.dataDir, file)).mode & 0o077]).toEqual([file, 0]);
    }
    const owner = statSync(`/proc/${storePid(options.dataDir, 'postgres')}`).uid;
    expect(owner).toBe(statSync(dataFolder).uid);
  });

  test('runs it as whoever owns the data, and says what is in the way when that user cannot get there', async () => {
    const open = temporaryFolder('open');
    const dataFolder = path.join(open, 'own', 'data');
    mkdirSync(dataFolder, { recursive: true });
    chownSync(dataFolder, 12345, 12345);
    const question = { dataFolder, ownFolders: [path.dirname(dataFolder)], needs: [] } as const;
    const refused = chooseStoreUser(question);
    await expect(refused).rejects.toBeInstanceOf(NoStoreUser);
    await expect(refused).rejects.toThrow(`cannot reach ${open}`);
    chmodSync(open, 0o711);
    expect(await chooseStoreUser(question)).toEqual({ kind: 'other', identity: { uid: 12345, gid: 12345 } });
  });

  test('is not needed: the whole service works as nobody', async () => {
    const dataDir = newDataDir();
    chmodSync(path.dirname(dataDir), 0o777);
    const asNobody = ['setpriv', `--reuid=${NOBODY.uid}`, `--regid=${NOBODY.gid}`, '--clear-groups', '--'];
    const [file = '', ...args] = [
      ...asNobody,
      process.execPath,
      '-e',
      `await import('${import.meta.dir}/harness/until.ts')`,
    ];
    const canRead = (await runProgram({ file, args }, { timeoutMs: 10_000, cwd: '/' })).code === 0;
    const cacheDir = await cacheThatNobodyOwns();
    const service = startService(
      embeddedOptions({ dataDir, cacheDir }),
      canRead ? asNobody : AS_ORDINARY_USER,
    );
    const { databaseUrl } = await service.heard('ready');
    expect(await ask(databaseUrl, 'SELECT 1')).toBe(1);
    expect(statSync(dataDir).uid).toBe(canRead ? NOBODY.uid : 0);
    service.kill('SIGTERM');
    expect(await service.exited).toEqual([0, null]);
    expect(runningIn(dataDir)).toEqual([]);
  });
});
