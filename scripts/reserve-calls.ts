// What a reservation asks of others: `npm run calls`; with `-- --pairs`, a reservation and its confirmation. The workload of
// `npm run cost`; prints commands of Redis (those that its functions call too), transactions and log of PostgreSQL, and, where strace is
// installed, system calls of the worker, which are counted in a round of their own because counting slows them down.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { SQL } from 'bun';
import { LOOPBACK } from '../server/src/embedded/free-port.ts';
import { redisUrl } from '../server/src/embedded/private-redis.ts';
import { runningDatabaseUrl } from '../server/src/embedded/running-postgres.ts';
import { connectRedis, type StoreConnection, untilConnected } from '../server/src/stock/connect.ts';
import { LoadedService, REQUESTS } from './reserve-load.ts';

type Counts = Readonly<Record<string, number>>;

const confirms = process.argv.includes('--pairs');
const noun = confirms ? 'pair' : 'reservation';
const CONNECT_WITHIN_MS = 5_000;
const STRACE_STARTS_MS = 1_000;
/** Fewer than this a thousand reservations are what runs beside. */
const SHOWN_FROM = 0.001;

const service = await LoadedService.start();
const redis = connectRedis(urlOfRedis(service.dataDir), () => undefined);
const sql = new SQL(runningDatabaseUrl(service.dataDir) ?? '', { max: 1 });
try {
  await untilConnected(redis, CONNECT_WITHIN_MS);
  await service.round({ confirms }); // warm
  const before = [await commandsOf(redis), await ledgerOf(sql)] as const;
  await service.round({ confirms });
  const after = [await commandsOf(redis), await ledgerOf(sql)] as const;
  show('Redis, commands', before[0], after[0]);
  show('PostgreSQL', before[1], after[1]);
  const calls = await systemCalls(service.worker, () => service.round({ confirms }));
  if (calls === undefined) console.log('\nSystem calls were not counted: strace is not installed.');
  else show('Worker, system calls', {}, calls);
} finally {
  redis.disconnect();
  await sql.close({ timeout: 0 });
  await service.stop();
}

function show(title: string, before: Counts, after: Counts): void {
  console.log(`\n${title} a ${noun}`);
  const each = Object.entries(after)
    .map(([name, count]) => [name, (count - (before[name] ?? 0)) / REQUESTS] as const)
    .filter(([, count]) => count >= SHOWN_FROM)
    .sort((a, b) => b[1] - a[1]);
  for (const [name, count] of each)
    console.log(`  ${name.padEnd(28)}${count.toFixed(count < 10 ? 3 : 0).padStart(8)}`);
}

async function commandsOf(store: StoreConnection): Promise<Counts> {
  const text = await store.info('commandstats');
  return Object.fromEntries(
    [...text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name = '', calls]) => [name, Number(calls)]),
  );
}

async function ledgerOf(ledger: SQL): Promise<Counts> {
  const [row] = await ledger`
    SELECT (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()) AS commits,
           (SELECT tup_inserted FROM pg_stat_database WHERE datname = current_database()) AS "rows inserted",
           (SELECT tup_updated FROM pg_stat_database WHERE datname = current_database()) AS "rows updated",
           (SELECT wal_records FROM pg_stat_wal) AS "log records", (SELECT wal_bytes FROM pg_stat_wal) AS "log bytes"`;
  return Object.fromEntries(Object.entries(row as object).map(([name, value]) => [name, Number(value)]));
}

/** By strace's own table; undefined where there is none. */
async function systemCalls(worker: number, meanwhile: () => Promise<unknown>): Promise<Counts | undefined> {
  const strace = spawn('strace', ['-c', '-f', '-p', String(worker)], { stdio: ['ignore', 'ignore', 'pipe'] });
  let table = '';
  strace.stderr.on('data', (chunk: Buffer) => {
    table += chunk.toString();
  });
  const missing = once(strace, 'error').then(() => true);
  if (await Promise.race([missing, Bun.sleep(STRACE_STARTS_MS)])) return undefined;
  await meanwhile();
  strace.kill('SIGINT');
  await once(strace, 'close');
  // % time, seconds, usecs/call, calls, errors (may be missing), name
  return Object.fromEntries(
    [...table.matchAll(/^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$/gm)]
      .filter(([, , name]) => name !== 'total')
      .map(([, calls, name = '']) => [name, Number(calls)]),
  );
}

function urlOfRedis(dataDir: string): string {
  const port = /^port (\d+)$/m.exec(readFileSync(path.join(dataDir, 'redis', 'redis.conf'), 'utf8'))?.[1];
  const passwords = JSON.parse(readFileSync(path.join(dataDir, 'passwords.json'), 'utf8')) as {
    readonly redis: string;
  };
  if (port === undefined) throw new Error(`the private Redis is not on ${LOOPBACK}`);
  return redisUrl(Number(port), passwords.redis);
}
