// The two simple backups of docs/backup.md, done: a dump that pg_dump takes while a sale goes on, restored into an empty database;
// and the data folder of `npm start`, copied while the service is stopped.
import { afterAll, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { defaultCacheDir } from '../src/embedded/cache-folder.ts';
import { findPostgres, type PostgresBinaries } from '../src/embedded/postgres-binaries.ts';
import { type Command, runProgram } from '../src/embedded/run-program.ts';
import { runningDatabaseUrl } from '../src/embedded/running-postgres.ts';
import { addsUp, auditHeads, auditVerify, Customers, tell, untilJournaled } from './backup-stage.ts';
import { destroy } from './harness/backups.ts';
import { type Service, startService, stopServices } from './harness/service.ts';
import { startPostgres, startRedis, type TestStore, temporaryFolder } from './harness/stores.ts';

const PROGRAM_LIMIT_MS = 60_000;

const installed = await installedPostgres();
if (installed === null)
  console.error(
    'NOT TRIED HERE: pg_dump and pg_restore. The PostgreSQL that npm brings has neither; install one with its client programs.',
  );

afterAll(stopServices);

test.skipIf(installed === null)(
  'a-dump: taken while a sale goes on, it is one moment of the ledger',
  async () => {
    const { binaries, tool } = installed as Installed;
    let redis: TestStore;
    let postgres: TestStore;
    let service: Service;
    const start = () => startService({ redisUrl: redis.url, databaseUrl: postgres.url });
    const at = { url: () => service.url, databaseUrl: () => postgres.url };
    const customers = new Customers(at);
    [redis, postgres] = [await startRedis(), await startPostgres({ binaries })];
    service = await start();
    await customers.begin();
    await customers.momentComes();
    const heads = await auditHeads(postgres.url);
    const dump = path.join(temporaryFolder('dump'), 'ledger.dump');
    await run(tool('pg_dump', '--format=custom', '--no-owner', `--file=${dump}`, postgres.url));
    await customers.momentIsOver();
    await customers.stop();

    await service.killGroup9();
    await destroy(redis, postgres);
    [redis, postgres] = [await startRedis(), await startPostgres({ binaries })];
    const beganAtMs = performance.now();
    await run(tool('pg_restore', '--no-owner', '--exit-on-error', `--dbname=${postgres.url}`, dump));
    tell('a dump restored', beganAtMs);
    service = await start();
    await customers.firstSale();
    await customers.findEverythingBefore();
    await customers.findNothingAfter();
    await addsUp(at);
    expect(await auditVerify(postgres.url, heads)).toBe(0);
    await service.stop();
    await destroy(redis, postgres);
  },
  180_000,
);

test('a-copied-data-folder: stopped, copied, and started elsewhere it goes on', async () => {
  let folder = path.join(temporaryFolder('data'), 'holdfast');
  const start = () => startService({ redisUrl: '', databaseUrl: '', env: { HOLDFAST_DATA_DIR: folder } });
  let service = await start();
  const at = { url: () => service.url, databaseUrl: () => runningDatabaseUrl(folder) ?? '' };
  const customers = new Customers(at);
  await customers.begin();
  await customers.stop();
  await untilJournaled(service.url);
  expect(await service.stop()).toBe(0);

  const copy = path.join(temporaryFolder('data'), 'holdfast');
  await run({ file: 'cp', args: ['-a', folder, copy] });
  folder = copy;
  service = await start();
  await customers.firstSale();
  await customers.findEverythingBefore();
  await addsUp(at);
  expect(await auditVerify(at.databaseUrl(), await auditHeads(at.databaseUrl()))).toBe(0);
  expect(await service.stop()).toBe(0);
}, 120_000);

interface Installed {
  readonly binaries: PostgresBinaries;
  readonly tool: (name: 'pg_dump' | 'pg_restore', ...args: readonly string[]) => Command;
}

/** An installed PostgreSQL whose own client programs lie beside it: an older pg_dump refuses a newer server. */
async function installedPostgres(): Promise<Installed | null> {
  const cacheDir = defaultCacheDir(process.env, homedir());
  const found = await findPostgres({ cacheDir, wantedMajor: null, packageFolder: null });
  if (found.kind === 'none') return null;
  const folder = path.dirname(found.binaries.postgres);
  if (!['pg_dump', 'pg_restore'].every((name) => existsSync(path.join(folder, name)))) return null;
  return {
    binaries: found.binaries,
    tool: (name, ...args) => ({ file: path.join(folder, name), args, env: { PATH: '/usr/bin:/bin' } }),
  };
}

async function run(command: Command): Promise<void> {
  const { code, stderr } = await runProgram(command, { timeoutMs: PROGRAM_LIMIT_MS });
  if (code !== 0) throw new Error(`${command.file} ended with ${code}: ${stderr}`);
}
