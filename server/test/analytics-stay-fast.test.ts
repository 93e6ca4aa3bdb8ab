// Over a million rows of the journal analytics read sums and a bounded tail by key, however long the journal is. What it took
// is printed and not asserted: machines differ.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Stretch, stretches } from '../src/domain/activity.ts';
import { latenciesOver, sumsOf, sumsOver, tailSums } from '../src/ledger/activity.ts';
import { rowsByKey } from '../src/ledger/by-key.ts';
import { Connection, type Sql } from '../src/ledger/connection.ts';
import { SaleAnalytics } from '../src/sales/analytics.ts';
import { summariseAll } from '../src/workers/summariser.ts';
import { item, type LedgerStage, ledgerStage, makeSale } from './ledger-stage.ts';
import { grantEpoch } from './seal-stage.ts';

const ROWS = 1_000_000;
const TAIL_ROWS = 5_000;
const SECONDS = 7_200;
const BEGAN_S = Math.floor(Date.now() / 3_600_000) * 3_600 - SECONDS;
const SESSION = { statementTimeoutMs: 60_000, lockTimeoutMs: 5_000, idleInTransactionTimeoutMs: 60_000 };

let stage: LedgerStage;
let connection: Connection;

beforeAll(async () => {
  stage = await ledgerStage();
  connection = new Connection({ url: stage.url }, SESSION);
}, 60_000);
afterAll(async () => {
  await connection.close();
  await stage.close();
});

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly Plans?: readonly Plan[];
}

/** What a statement reads, by table. */
async function reads(sql: Sql, statement: (sql: Sql) => ReturnType<typeof sumsOf>) {
  const [row] = await sql.begin(async (all) => {
    await all`SELECT ${rowsByKey(all)}`;
    return all<{ 'QUERY PLAN': string | [{ Plan: Plan }] }[]>`
      EXPLAIN (ANALYZE, FORMAT JSON) ${statement(all as unknown as Sql)}`;
  });
  const told = row?.['QUERY PLAN'];
  const [{ Plan: plan }] = (typeof told === 'string' ? JSON.parse(told) : told) as [{ Plan: Plan }];
  const rows = new Map<string, number>();
  const scans = new Set<string>();
  const walk = (node: Plan) => {
    const table = node['Relation Name'];
    if (table !== undefined) {
      rows.set(table, (rows.get(table) ?? 0) + node['Actual Rows'] * node['Actual Loops']);
      if (node['Node Type'] === 'Seq Scan') scans.add(table);
    }
    for (const below of node.Plans ?? []) walk(below);
  };
  walk(plan);
  return { rows, scans };
}

async function fill(sale: number, epoch: number, from: number, to: number): Promise<void> {
  await stage.sql`
    INSERT INTO holdfast.journal (sale, source, epoch, seq, kind, at_ms, reservation_id, created_seq, customer, lines,
                                  ttl_seconds, deadline_ms, fingerprint)
    SELECT ${sale}::integer, 'r', ${epoch}::integer, n,
           CASE n % 2 WHEN 1 THEN 'reserved' ELSE 'released' END,
           ${BEGAN_S}::bigint * 1000 + n * ${SECONDS}::bigint * 1000 / ${ROWS}::bigint, decode(md5(((n + 1) / 2)::text), 'hex'), n,
           decode(md5('c' || (n % 5000)), 'hex'), 'MILLION*1', 300, 0, '-'
    FROM generate_series(${from}::bigint, ${to}::bigint) AS n`;
}

test('a million rows are answered from their sums, and the tail is read by key', async () => {
  const { ledger } = stage;
  const sale = await makeSale(stage, [item('MILLION', 1_000_000)]);
  const epoch = await grantEpoch(ledger, sale);
  await fill(sale, epoch, 1, ROWS - TAIL_ROWS);
  const begunMs = performance.now();
  await summariseAll({ ledger, onSummarised: () => undefined });
  const summedMs = performance.now() - begunMs;
  await fill(sale, epoch, ROWS - TAIL_ROWS + 1, ROWS);

  const stretch: Stretch = { grain: 1, fromS: BEGAN_S, toS: BEGAN_S + SECONDS };
  const sql = await connection.open(5_000);
  for (const statement of [
    (of: Sql) => sumsOf(of, sale, stretch),
    (of: Sql) => sumsOver(of, sale, stretches(0, BEGAN_S + 61)),
    (of: Sql) => tailSums(of, sale),
    (of: Sql) => latenciesOver(of, sale, stretches(BEGAN_S, BEGAN_S + SECONDS)),
  ]) {
    const { rows, scans } = await reads(sql, statement);
    expect([...scans]).toEqual([]);
    expect(rows.get('journal') ?? 0).toBeLessThanOrEqual(TAIL_ROWS + 100);
    expect(rows.get('activity') ?? 0).toBeLessThanOrEqual(SECONDS * 3);
  }

  const verb = new SaleAnalytics({
    ledger,
    nowMs: () => Date.now(),
    points: { max: 2_000, usual: 300 },
  });
  const id = (await ledger.saleByNumber(sale))?.id ?? '';
  const asked = { fromMs: BEGAN_S * 1000, toMs: (BEGAN_S + SECONDS + 60) * 1000, stepSeconds: 5 };
  await verb.analytics(id, asked);
  const askedMs = performance.now();
  const answer = await verb.analytics(id, asked);
  const tookMs = performance.now() - askedMs;
  if (!answer.ok) throw new Error(answer.refusal.code);
  expect(answer.value.funnel).toMatchObject({ reserved: ROWS / 2, released: ROWS / 2, live: 0 });
  console.log(
    `analytics of ${ROWS} rows, ${TAIL_ROWS} of them not summed up: ${tookMs.toFixed(0)} ms for ${answer.value.series.length} points; summing up took ${((summedMs / ROWS) * 1000).toFixed(1)} µs a row`,
  );
}, 240_000);
