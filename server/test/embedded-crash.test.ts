// Whatever is killed, nothing is left running for good, nothing acknowledged is lost, and the next start just works.
import { afterEach, describe, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { launchRedis } from '../src/embedded/private-redis.ts';
import { isRunning, recordOf, stopProcess } from '../src/embedded/processes.ts';
import { StoreKeeper } from '../src/embedded/store-keeper.ts';
import { StoreProcess } from '../src/embedded/store-process.ts';
import {
  ask,
  embeddedOptions,
  endEmbedded,
  nothingRunsIn,
  runningIn,
  start,
  startService,
  storePid,
  tell,
} from './harness/embedded.ts';
import { redisBinary, temporaryFolder } from './harness/stores.ts';
import { until } from './harness/until.ts';

afterEach(endEmbedded);

describe('a killed service', () => {
  test('leaves nothing running, and what it stored is there at the next start', async () => {
    const options = embeddedOptions();
    const service = startService(options);
    const { redisUrl, databaseUrl, guardianPid } = await service.heard('ready');
    await tell(redisUrl, 'SET', 'kept', 'yes');
    await ask(databaseUrl, 'CREATE TABLE kept AS SELECT 7 AS n');
    service.kill('SIGKILL');
    await service.exited;

    // At once, while the guardian may still be stopping: the second start waits for it.
    const stores = await start(options);
    expect(recordOf(Number(guardianPid))).toBeNull();
    expect(await tell(stores.redisUrl, 'GET', 'kept')).toBe('yes');
    expect(await ask(stores.databaseUrl, 'SELECT n FROM kept')).toBe(7);
  });

  test('leaves nothing running when it was killed in the middle of its first start', async () => {
    const options = embeddedOptions();
    const service = startService(options);
    await service.heard('progress');
    service.kill('SIGKILL');
    await nothingRunsIn(options.dataDir);
    const stores = await start(options);
    expect(await ask(stores.databaseUrl, 'SELECT 1')).toBe(1);
    expect(readdirSync(path.join(options.dataDir, 'postgres'))).toEqual(['data']);
  });

  test('ends in good order on SIGTERM', async () => {
    const options = embeddedOptions();
    const service = startService(options);
    await service.heard('ready');
    service.kill('SIGTERM');
    expect(await service.exited).toEqual([0, null]);
    expect(runningIn(options.dataDir)).toEqual([]);
  });
});

test('a process that got the id of a crashed PostgreSQL does not keep a new one from starting', async () => {
  const options = embeddedOptions();
  const service = startService(options);
  const { databaseUrl, guardianPid } = await service.heard('ready');
  await ask(databaseUrl, 'CREATE TABLE kept AS SELECT 7 AS n');
  service.kill('SIGSTOP');
  const pids = [
    Number(guardianPid),
    storePid(options.dataDir, 'redis'),
    storePid(options.dataDir, 'postgres'),
  ];
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  service.kill('SIGKILL');
  await service.exited;

  const lockFile = path.join(options.dataDir, 'postgres', 'data', 'postmaster.pid');
  const { uid, gid } = statSync(lockFile);
  const other = spawn('sleep', ['60'], { uid, gid });
  const [, ...rest] = readFileSync(lockFile, 'utf8').split('\n');
  writeFileSync(lockFile, [other.pid, ...rest].join('\n'));
  try {
    const stores = await start(options);
    expect(await ask(stores.databaseUrl, 'SELECT n FROM kept')).toBe(7);
  } finally {
    other.kill();
  }
});

test('Ctrl-C reaches the service alone: guardian and stores lead process groups of their own', async () => {
  const options = embeddedOptions();
  const { guardianPid } = await start(options);
  for (const pid of [
    guardianPid,
    storePid(options.dataDir, 'redis'),
    storePid(options.dataDir, 'postgres'),
  ]) {
    expect(process.kill(-pid, 0)).toBe(true); // there is a group of that number
  }
});

describe('a killed guardian', () => {
  test('killed together with its service: the next start stops what they left and goes on', async () => {
    const options = embeddedOptions();
    const service = startService(options);
    const { redisUrl, databaseUrl, guardianPid } = await service.heard('ready');
    await tell(redisUrl, 'SET', 'kept', 'yes');
    await ask(databaseUrl, 'CREATE TABLE kept AS SELECT 7 AS n');
    service.kill('SIGSTOP'); // else it would clean up between the two kills
    process.kill(Number(guardianPid), 'SIGKILL');
    service.kill('SIGKILL');
    await service.exited;
    const orphans = [storePid(options.dataDir, 'redis'), storePid(options.dataDir, 'postgres')].map(recordOf);
    expect(orphans).not.toContain(null);

    const stores = await start(options);
    for (const orphan of orphans) expect(orphan !== null && isRunning(orphan)).toBe(false);
    expect(await tell(stores.redisUrl, 'GET', 'kept')).toBe('yes');
    expect(await ask(stores.databaseUrl, 'SELECT n FROM kept')).toBe(7);
  });

  test('everything killed at once, stores included: the next start just works', async () => {
    const options = embeddedOptions();
    const service = startService(options);
    const { redisUrl, databaseUrl, guardianPid } = await service.heard('ready');
    await tell(redisUrl, 'SET', 'kept', 'yes');
    await ask(databaseUrl, 'CREATE TABLE kept AS SELECT 7 AS n');
    service.kill('SIGSTOP');
    const pids = [
      Number(guardianPid),
      storePid(options.dataDir, 'redis'),
      storePid(options.dataDir, 'postgres'),
    ];
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    service.kill('SIGKILL');
    await service.exited;

    const stores = await start(options);
    expect(await tell(stores.redisUrl, 'GET', 'kept')).toBe('yes');
    expect(await ask(stores.databaseUrl, 'SELECT n FROM kept')).toBe(7);
  });

  test('alone: its service stops the stores and hears that they are gone', async () => {
    const failure = Promise.withResolvers<string>();
    const options = embeddedOptions({ onFailed: failure.resolve });
    const stores = await start(options);
    process.kill(stores.guardianPid, 'SIGKILL');
    expect(await failure.promise).toContain('SIGKILL');
    expect(runningIn(options.dataDir)).toEqual([]);
    await stores.stop();
  });

  test('asked to stop by SIGTERM: it stops the stores first, and its service hears of it', async () => {
    const failure = Promise.withResolvers<string>();
    const options = embeddedOptions({ onFailed: failure.resolve });
    const stores = await start(options);
    process.kill(stores.guardianPid, 'SIGTERM');
    expect(await failure.promise).toContain('exited with code 0');
    expect(runningIn(options.dataDir)).toEqual([]);
  });
});

describe('a store that dies', () => {
  test('is started again under the same URL with what it had acknowledged', async () => {
    const exits: string[] = [];
    const options = embeddedOptions({ onStoreExit: (store) => exits.push(store) });
    const stores = await start(options);
    await tell(stores.redisUrl, 'SET', 'kept', 'yes');
    await ask(stores.databaseUrl, 'CREATE TABLE kept AS SELECT 7 AS n');

    process.kill(storePid(options.dataDir, 'redis'), 'SIGKILL');
    await until('Redis answers again', async () => {
      return (
        exits.includes('redis') && (await tell(stores.redisUrl, 'GET', 'kept').catch(() => null)) === 'yes'
      );
    });
    process.kill(storePid(options.dataDir, 'postgres'), 'SIGKILL');
    await until('PostgreSQL answers again', async () => {
      return (
        exits.includes('postgres') &&
        (await ask(stores.databaseUrl, 'SELECT n FROM kept').catch(() => null)) === 7
      );
    });
    expect(exits).toEqual(['redis', 'postgres']);
  });

  test('over and over is given up, with its last words', async () => {
    const givenUp = Promise.withResolvers<string>();
    const exits: string[] = [];
    const keeper = new StoreKeeper({
      store: 'redis',
      launch: () => shell('echo ready; exit 3'),
      onLaunch: () => undefined,
      onExit: (how) => exits.push(how),
      onGiveUp: givenUp.resolve,
      onProgress: () => undefined,
      firstBackoffMs: 1,
    });
    await keeper.start();
    expect(await givenUp.promise).toBe(
      'redis died 11 times within a minute; the last time it exited with code 3',
    );
    expect(exits).toHaveLength(11);
    await keeper.stop();
  });

  test('before it was ready says why', async () => {
    const died = shell('echo "no space left"; exit 1').ready;
    await expect(died).rejects.toThrow(
      /exited with code 1 before it was ready; its last lines:\nno space left/,
    );
    await expect(shell('', '/no/such/program').ready).rejects.toThrow(/could not be started/);
  });
});

test('a port that somebody else took first is left to him, and another one is used', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  const address = other.address();
  const taken = typeof address === 'object' ? address?.port : undefined;
  const folder = temporaryFolder('redis');
  const redis = { binary: await redisBinary(), folder, password: 'secret', appendfsync: 'everysec' } as const;
  const ports: number[] = [];
  const keeper = new StoreKeeper({
    store: 'redis',
    launch: (free) => {
      ports.push(ports.length === 0 ? (taken ?? free) : free);
      return launchRedis(redis, ports.at(-1) ?? free, () => undefined);
    },
    onLaunch: () => undefined,
    onExit: () => undefined,
    onGiveUp: () => undefined,
    onProgress: () => undefined,
  });
  const port = await keeper.start();
  expect(ports).toEqual([Number(taken), port]);
  await keeper.stop();
  other.close();
});

test('a process id that was given to another process is left alone', async () => {
  const mine = recordOf(process.pid);
  expect(mine === null ? false : isRunning(mine)).toBe(true);
  const former = { pid: process.pid, startedAt: 'before' };
  expect(isRunning(former)).toBe(false);
  await stopProcess(former, 'SIGKILL', 100); // would end this test run
});

test('a store that does not stop when asked is killed', async () => {
  const stubborn = shell('trap "" TERM; echo ready; while :; do read -r line; done < /dev/zero');
  await stubborn.ready;
  const record = recordOf(stubborn.pid);
  if (record === null) throw new Error('it runs');
  await stopProcess(record, 'SIGTERM', 50);
  expect(await stubborn.exited).toBe('was ended by SIGKILL');
});

function shell(script: string, file = '/bin/sh'): StoreProcess {
  return new StoreProcess({
    store: 'redis',
    command: { file, args: ['-c', script] },
    cwd: '/',
    readyLine: /ready/,
    portTakenLine: /taken/,
    onLine: () => undefined,
  });
}
