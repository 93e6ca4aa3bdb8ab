// What a reservation leaves on disk: `npm run measure:ledger`; with `-- --pairs`, a reservation and its confirmation. One sale of
// 20,000, each by another customer, on stores of its own: the ledger's tables and indexes, PostgreSQL's log, and Redis's
// append-only file. Seals and sums, which are written behind, are waited for.
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { SQL } from 'bun';
import { runningDatabaseUrl } from '../server/src/embedded/running-postgres.ts';
import { until } from '../server/test/harness/until.ts';
import { AT_ONCE, LoadedService, REQUESTS } from './reserve-load.ts';

const confirms = process.argv.includes('--pairs');
/** The sealer takes a quarter of each second at most, on a machine that may be slow. */
const SEALED_WITHIN_MS = 120_000;
/** Relations below this much a reservation are of no interest. */
const SHOWN_BYTES = 1;

interface Relation {
  readonly name: string;
  readonly rows: number;
  readonly heap: number;
  readonly indexes: number;
}

const service = await LoadedService.start();
try {
  const sql = new SQL(runningDatabaseUrl(service.dataDir) ?? '', { max: 1 });
  const before = { log: await logPosition(sql), file: appendOnlyBytes(), relations: await relations(sql) };
  await service.round({ confirms });
  await until('everything is sealed', () => isSealed(sql), SEALED_WITHIN_MS);
  const after = { log: await logPosition(sql), file: appendOnlyBytes(), relations: await relations(sql) };
  await sql.close();

  const noun = confirms ? 'reservation and its confirmation' : 'reservation';
  console.log(`bytes a ${noun}, of ${REQUESTS.toLocaleString('en')}, ${AT_ONCE} at once`);
  let sum = 0;
  for (const [name, now] of after.relations) {
    const then = before.relations.get(name);
    const [heap, indexes] = [now.heap - (then?.heap ?? 0), now.indexes - (then?.indexes ?? 0)].map(each);
    sum += (heap ?? 0) + (indexes ?? 0);
    if ((heap ?? 0) + (indexes ?? 0) < SHOWN_BYTES) continue;
    const rows = (now.rows - (then?.rows ?? 0)) / REQUESTS;
    console.log(
      `  ${name.padEnd(16)}${figure(heap)} table  ${figure(indexes)} indexes   ${rows.toFixed(2)} rows`,
    );
  }
  console.log(`  ${'the ledger'.padEnd(16)}${figure(sum)} in all`);
  console.log(`  ${'PostgreSQL’s log'.padEnd(16)}${figure(each(after.log - before.log))} written`);
  console.log(`  ${'append-only file'.padEnd(16)}${figure(each(after.file - before.file))} written`);
} finally {
  await service.stop();
}

function each(bytes: number): number {
  return bytes / REQUESTS;
}

function figure(bytes: number | undefined): string {
  return (bytes ?? 0).toFixed(0).padStart(6);
}

async function logPosition(sql: SQL): Promise<number> {
  const [row] = await sql`SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS bytes`;
  return row.bytes;
}

async function relations(sql: SQL): Promise<Map<string, Relation>> {
  await sql`ANALYZE`;
  const rows: Relation[] = await sql`
    SELECT relname AS name, greatest(reltuples, 0)::float8 AS rows, pg_table_size(oid)::float8 AS heap, pg_indexes_size(oid)::float8 AS indexes
    FROM pg_class WHERE relnamespace = 'holdfast'::regnamespace AND relkind = 'r'`;
  return new Map(rows.map((row) => [row.name, row]));
}

async function isSealed(sql: SQL): Promise<boolean> {
  const [row] = await sql`
    SELECT (SELECT count(*) FROM holdfast.journal) = (SELECT sum(row_count) FROM holdfast.seal) AS all
         , (SELECT count(*) FROM holdfast.journal WHERE kind = 'reserved')::integer AS reserved`;
  return row.all === true && row.reserved >= REQUESTS;
}

function appendOnlyBytes(): number {
  const folder = path.join(service.dataDir, 'redis', 'appendonlydir');
  return readdirSync(folder).reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
}
