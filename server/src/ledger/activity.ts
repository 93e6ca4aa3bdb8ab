// What the ledger keeps of how sales went: sums of the journal, made page by page (sql/migrations/0009), and what processes
// counted. A read takes the sums, and the few rows of the journal that are not in them yet.
import type { Cell, Grain, Stretch } from '../domain/activity.ts';
import { LATENCY_BUCKETS } from '../domain/latency-buckets.ts';
import { rowsByKey } from './by-key.ts';
import { numberArray, textArray } from './columns.ts';
import type { Statements } from './connection.ts';
import type { Pool } from './pool.ts';

/** Rows summed up in one transaction: some 20 ms of PostgreSQL. */
const PAGE_ROWS = 2_000;
/** Parts of the journal that one look finds; the next look finds the others. */
const PARTS_MAX = 1_000;
/** Rows of one part of the journal that a read sums up by itself: what is beyond waits for the summariser. */
export const TAIL_ROWS_MAX = 20_000;
/** Rows of one purge, so that it holds nothing up. */
export const PURGE_ROWS = 5_000;
/** Unloaded sales noted as read to their end, in one statement. */
const ENDED_MAX = 100;

/** A part of the journal whose numbers follow each other. */
export interface JournalPart {
  readonly saleNumber: number;
  readonly source: 'r' | 'l';
  readonly epoch: number;
  /** Nothing more of it comes. */
  readonly complete: boolean;
}

/** Attempts of one kind, and latencies of one verb, at one sale in one second. */
export interface AttemptCell {
  readonly saleNumber: number;
  readonly atS: number;
  readonly kind: string;
  readonly count: number;
}
export interface LatencyCell {
  readonly saleNumber: number;
  readonly atS: number;
  readonly verb: 'reserve' | 'confirm';
  /** LATENCY_BUCKETS numbers. */
  readonly counts: readonly number[];
}

export interface ActivityRead {
  /** Sums before the stretch, at any time of it. */
  readonly before: readonly Cell[];
  /** Sums within, in steps of `grain` or shorter. */
  readonly during: readonly Cell[];
  readonly soldOutAtMs: number | null;
  readonly latencies: ReadonlyMap<string, readonly number[]>;
  /** Everything of the journal up to here is in the sums. */
  readonly asOfMs: number;
}

/** Parts with rows that are not summed up yet. */
export async function unsummarised(pool: Pool): Promise<JournalPart[]> {
  const rows = await pool.read(
    (sql) => sql<{ sale: number; source: 'r' | 'l'; epoch: number; complete: boolean }[]>`
      SELECT * FROM holdfast.unsummarised(${PARTS_MAX}::integer)`,
  );
  return rows.map(({ sale, ...part }) => ({ saleNumber: sale, ...part }));
}

/** Sums up the next page of a part. Again, at once or after a crash, is safe: each row counts once. */
export async function summarise(pool: Pool, part: JournalPart): Promise<{ rows: number; more: boolean }> {
  const { saleNumber, source, epoch, complete } = part;
  const [row] = await pool.write(
    (sql) => sql<{ rows: number }[]>`
      SELECT holdfast.summarise(${saleNumber}::integer, ${source}::"char", ${epoch}::integer, ${complete}::boolean,
                                ${PAGE_ROWS}::integer) AS rows`,
  );
  const rows = row?.rows ?? 0;
  return { rows, more: rows === PAGE_ROWS };
}

/** Notes unloaded sales that are summed up to their end: they are looked at no more. */
export async function endActivity(pool: Pool): Promise<void> {
  await pool.write((sql) => sql`SELECT holdfast.end_activity(${ENDED_MAX}::integer)`);
}

/** Adds up. @throws LedgerUnavailable if surely nothing was added, AmbiguousCommit */
export async function noteAttempts(pool: Pool, cells: readonly AttemptCell[]): Promise<void> {
  if (cells.length === 0) return;
  await pool.write(
    (sql) => sql`
      SELECT holdfast.note_attempts(
        ${numberArray(cells.map((cell) => cell.saleNumber))}::integer[], ${numberArray(cells.map((cell) => cell.atS))}::bigint[],
        ${textArray(cells.map((cell) => cell.kind))}::text[], ${numberArray(cells.map((cell) => cell.count))}::bigint[])`,
  );
}

/** Adds up, likewise. */
export async function noteLatencies(pool: Pool, cells: readonly LatencyCell[]): Promise<void> {
  if (cells.length === 0) return;
  await pool.write(
    (sql) => sql`
      SELECT holdfast.note_latencies(
        ${numberArray(cells.map((cell) => cell.saleNumber))}::integer[], ${numberArray(cells.map((cell) => cell.atS))}::bigint[],
        ${textArray(cells.map((cell) => cell.verb))}::text[], ${numberArray(cells.flatMap((cell) => cell.counts))}::bigint[],
        ${LATENCY_BUCKETS}::integer)`,
  );
}

/** Removes steps below an hour from before `beforeS`, at most PURGE_ROWS of each kind; how many. */
export async function purgeActivity(pool: Pool, beforeS: number): Promise<number> {
  const [row] = await pool.write(
    (sql) => sql<{ removed: number }[]>`
      SELECT holdfast.purge_activity(${beforeS}::bigint, ${PURGE_ROWS}::integer) AS removed`,
  );
  return row?.removed ?? 0;
}

/** Of each sale, the last transition that the journal has. One look-up an epoch and sale. */
export async function lastTransitions(
  pool: Pool,
  saleNumbers: readonly number[],
): Promise<ReadonlyMap<number, number>> {
  const rows = await pool.read(
    (sql) => sql<{ sale: number; seq: number }[]>`
      SELECT sale, holdfast.last_transition(sale) AS seq FROM unnest(${numberArray(saleNumbers)}::integer[]) AS sale`,
  );
  return new Map(rows.map(({ sale, seq }) => [sale, seq]));
}

/** In one snapshot: sums and marks belong together. */
export async function readActivity(
  pool: Pool,
  saleNumber: number,
  stretch: Stretch,
  before: readonly Stretch[],
  within: readonly Stretch[],
): Promise<ActivityRead> {
  return pool.read((sql) =>
    sql.begin('isolation level repeatable read read only', async (snapshot) => {
      const [now] = await snapshot<{ now_ms: number }[]>`
        SELECT ${rowsByKey(snapshot)}, holdfast.now_ms() AS now_ms`;
      const early = await snapshot<CellRow[]>`${sumsOver(snapshot, saleNumber, before)}`;
      const late = await snapshot<CellRow[]>`${sumsOf(snapshot, saleNumber, stretch)}`;
      const tail = await snapshot<TailRow[]>`${tailSums(snapshot, saleNumber)}`;
      const [sold] = await snapshot<{ sold_out_at_ms: number | null }[]>`${soldOut(snapshot, saleNumber)}`;
      const latencies = await snapshot<LatencyRow[]>`${latenciesOver(snapshot, saleNumber, within)}`;
      const unsummed = tail.flatMap((row) => (row.kind === null ? [] : [cellOf({ ...row, kind: row.kind })]));
      const cut = tail.filter((row) => row.cut_at_ms !== null).map((row) => row.cut_at_ms ?? 0);
      return {
        before: [...early.map(cellOf), ...unsummed.filter(({ atS }) => atS < stretch.fromS)],
        during: [
          ...late.map(cellOf),
          ...unsummed.filter(({ atS }) => atS >= stretch.fromS && atS < stretch.toS),
        ],
        soldOutAtMs: sold?.sold_out_at_ms ?? null,
        latencies: byVerb(latencies),
        asOfMs: Math.min(now?.now_ms ?? 0, ...cut),
      };
    }),
  );
}

interface CellRow {
  readonly at_s: number;
  readonly kind: string;
  readonly count: number;
  readonly units: number;
}

interface LatencyRow {
  readonly verb: string;
  /** From 1. */
  readonly bucket: number;
  readonly count: number;
}

function byVerb(rows: readonly LatencyRow[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { verb, bucket, count } of rows) {
    let counts = found.get(verb);
    if (counts === undefined) {
      counts = new Array<number>(LATENCY_BUCKETS).fill(0);
      found.set(verb, counts);
    }
    counts[Number(bucket) - 1] = Number(count);
  }
  return found;
}

interface TailRow extends Omit<CellRow, 'kind'> {
  /** Null: rows that count as nothing. */
  readonly kind: string | null;
  /** Where the part was cut off; null if all of it was read. */
  readonly cut_at_ms: number | null;
}

function cellOf({ at_s: atS, kind, count, units }: CellRow): Cell {
  return { atS, kind, count: Number(count), units: Number(units) };
}

/** Sums of whole stretches, whatever their steps. */
export function sumsOver(sql: Statements, saleNumber: number, of: readonly Stretch[]) {
  return sql`
    SELECT 0::bigint AS at_s, kept.kind, sum(kept.count)::bigint AS count, sum(kept.units)::bigint AS units
    FROM ${arraysOf(sql, of)} AS stretch (grain, from_s, to_s)
    CROSS JOIN LATERAL (
      SELECT kind, count, units FROM holdfast.activity
      WHERE sale = ${saleNumber}::integer AND grain = stretch.grain
        AND at_s >= stretch.from_s AND at_s < stretch.to_s
      OFFSET 0
    ) AS kept
    GROUP BY kept.kind`;
}

/** Every step of a stretch. */
export function sumsOf(sql: Statements, saleNumber: number, { grain, fromS, toS }: Stretch) {
  return sql`
    SELECT at_s, kind, count, units FROM holdfast.activity
    WHERE sale = ${saleNumber}::integer AND grain = ${grain}::integer
      AND at_s >= ${fromS}::bigint AND at_s < ${toS}::bigint`;
}

/** What the journal has after the marks, by second and kind: at most TAIL_ROWS_MAX rows of each part. */
export function tailSums(sql: Statements, saleNumber: number) {
  return sql`
    SELECT later.at_ms / 1000 AS at_s, holdfast.activity_kind(part.source, later.kind) AS kind, count(*)::bigint AS count,
           sum(holdfast.units_of(later.lines))::bigint AS units,
           max(later.at_ms) FILTER (WHERE later.number = ${TAIL_ROWS_MAX}) AS cut_at_ms
    FROM (
      SELECT 'l'::"char" AS source, 0 AS epoch
      UNION ALL
      SELECT 'r'::"char", begun.epoch
      FROM generate_series(0, (SELECT epoch FROM holdfast.sale WHERE number = ${saleNumber}::integer)) AS begun (epoch)
    ) AS part
    CROSS JOIN LATERAL (
      SELECT coalesce((
        SELECT seq FROM holdfast.activity_mark AS mark
        WHERE mark.sale = ${saleNumber}::integer AND mark.source = part.source AND mark.epoch = part.epoch), 0) AS seq
      OFFSET 0
    ) AS mark
    CROSS JOIN LATERAL (
      SELECT kind, at_ms, lines, row_number() OVER (ORDER BY seq) AS number
      FROM (
        SELECT seq, kind, at_ms, lines FROM holdfast.journal
        WHERE sale = ${saleNumber}::integer AND source = part.source AND epoch = part.epoch AND seq > mark.seq
        ORDER BY seq
        LIMIT ${TAIL_ROWS_MAX}
      ) AS next
      OFFSET 0
    ) AS later
    GROUP BY 1, 2`;
}

function soldOut(sql: Statements, saleNumber: number) {
  return sql`
    SELECT coalesce(
      (SELECT sold_out_at_ms FROM holdfast.activity_sale WHERE sale = ${saleNumber}::integer),
      (SELECT later.sold_out_at_ms FROM holdfast.stock_after(${saleNumber}::integer, coalesce((
        SELECT seq FROM holdfast.activity_mark
        WHERE sale = ${saleNumber}::integer AND source = 'l' AND epoch = 0), 0), ${TAIL_ROWS_MAX}::bigint) AS later)
    ) AS sold_out_at_ms`;
}

/** Counts by bucket, of each verb. */
export function latenciesOver(sql: Statements, saleNumber: number, of: readonly Stretch[]) {
  return sql`
    SELECT kept.verb, one.bucket, sum(one.count)::bigint AS count
    FROM ${arraysOf(sql, of)} AS stretch (grain, from_s, to_s)
    CROSS JOIN LATERAL (
      SELECT verb, counts FROM holdfast.latency
      WHERE sale = ${saleNumber}::integer AND grain = stretch.grain
        AND at_s >= stretch.from_s AND at_s < stretch.to_s
      OFFSET 0
    ) AS kept
    CROSS JOIN LATERAL unnest(kept.counts) WITH ORDINALITY AS one (count, bucket)
    GROUP BY kept.verb, one.bucket`;
}

function arraysOf(sql: Statements, of: readonly Stretch[]) {
  const column = (value: (stretch: Stretch) => Grain | number) => numberArray(of.map(value));
  return sql`unnest(${column(({ grain }) => grain)}::integer[], ${column(({ fromS }) => fromS)}::bigint[],
                    ${column(({ toS }) => toS)}::bigint[])`;
}
