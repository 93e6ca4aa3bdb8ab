// Who may grant, and what a rebuild reads (protocols §6, §7). An epoch begun here fences every writer of the
// one before it; the rebuild lock only keeps two processes from doing the same work, it protects nothing.
import type { ColdSnapshot, SaleLineage } from '../domain/ledger-facts.ts';
import { REPLAY_KEPT_MS } from '../domain/sale-store.ts';
import { customerKeyOf } from './columns.ts';
import { itemOf, itemsQuery } from './items.ts';
import { type LifeRow, lifeRows, recordOf } from './lives.ts';
import type { Pool } from './pool.ts';
import { type SaleColumns, saleOf } from './sales.ts';

/** First half of every advisory lock key of a rebuild; the second is the sale's number. */
const REBUILD_LOCKS = 0x486601;

/** Sorting and hashing a sale's whole journal: once a rebuild, at most two at a time. */
const SNAPSHOT_WORK_MEM = '128MB';

interface LineageRow {
  readonly number: number;
  readonly epoch: number;
  readonly lineage: string | null;
  readonly entry_seq: number;
  readonly settings_seq: number;
  readonly unloaded: boolean;
}

/** Of every sale that is not unloaded. */
export async function lineages(pool: Pool): Promise<SaleLineage[]> {
  const rows = await pool.read(
    (sql) => sql<LineageRow[]>`
      SELECT number, epoch, lineage, entry_seq, settings_seq, unloaded FROM holdfast.sale WHERE NOT unloaded ORDER BY number`,
  );
  return rows.map(lineageOf);
}

export async function lineage(pool: Pool, saleNumber: number): Promise<SaleLineage | null> {
  const [row] = await pool.read(
    (sql) => sql<LineageRow[]>`
      SELECT number, epoch, lineage, entry_seq, settings_seq, unloaded FROM holdfast.sale WHERE number = ${saleNumber}::bigint`,
  );
  return row === undefined ? null : lineageOf(row);
}

/**
 * Runs `work` while this process holds the sale's rebuild lock; null if another one does. The lock lives in a
 * session of its own and ends with it, also when the connection dies: `work` is fenced by its epoch, not by this.
 */
export function withRebuildLock<T>(
  pool: Pool,
  saleNumber: number,
  work: () => Promise<T>,
): Promise<T | null> {
  return pool.withSession(async (ask) => {
    const [lock] = await ask(
      (sql) => sql<{ held: boolean }[]>`
        SELECT pg_try_advisory_lock(${REBUILD_LOCKS}::integer, ${saleNumber}::integer) AS held`,
    );
    if (lock?.held !== true) return null;
    try {
      return await work();
    } finally {
      // Best effort: if it fails the session is about to end, and the lock with it.
      await ask(
        (sql) => sql`SELECT pg_advisory_unlock(${REBUILD_LOCKS}::integer, ${saleNumber}::integer)`,
      ).catch(() => undefined);
    }
  });
}

/** Ends the sale's epoch and commits the next (see LedgerContract). */
export async function beginEpoch(
  pool: Pool,
  saleNumber: number,
): Promise<{ epoch: number; ends: ReadonlyMap<number, number>; lastGranted: number | null }> {
  const ended = await pool.write(
    (sql) => sql<{ epoch: number; end_seq: number; granted: boolean }[]>`
      SELECT epoch, end_seq, granted FROM holdfast.begin_epoch(${saleNumber}::integer) ORDER BY epoch`,
  );
  const last = ended.at(-1);
  if (last === undefined) throw new Error('beginning an epoch ends one');
  return {
    epoch: last.epoch + 1,
    ends: new Map(ended.map((row) => [row.epoch, row.end_seq])),
    lastGranted: ended.findLast((row) => row.granted)?.epoch ?? null,
  };
}

/** Records who holds the epoch; false if the epoch has moved on. */
export async function recordLineage(
  pool: Pool,
  saleNumber: number,
  epoch: number,
  held: string,
): Promise<boolean> {
  const rows = await pool.write(
    (sql) => sql`
      UPDATE holdfast.sale SET lineage = ${held}
      WHERE number = ${saleNumber}::integer AND epoch = ${epoch}::integer
      RETURNING number`,
  );
  return rows.length > 0;
}

/** Marks a closed sale as no longer kept in the store; one that is not closed stays as it is. */
export async function markUnloaded(pool: Pool, saleNumber: number): Promise<void> {
  await pool.write(
    (sql) => sql`
      UPDATE holdfast.sale SET unloaded = true
      WHERE number = ${saleNumber}::integer AND closed_at_ms IS NOT NULL AND NOT unloaded`,
  );
}

/** Everything a cold rebuild loads, from one snapshot of the ledger. */
export async function coldSnapshot(pool: Pool, saleNumber: number): Promise<ColdSnapshot> {
  return pool.read((sql) =>
    sql.begin('isolation level repeatable read read only', async (snapshot) => {
      // The whole journal of the sale is read once: hash joins, in memory, whatever old statistics suggest.
      await snapshot`
        SELECT set_config('work_mem', ${SNAPSHOT_WORK_MEM}, true), set_config('enable_nestloop', 'off', true),
               set_config('jit', 'off', true)`;
      const [sale] = await snapshot<(SaleColumns & { last_seq: number; now_ms: number })[]>`
        SELECT sale.*, holdfast.now_ms() AS now_ms,
               -- A reservation may be decided here though its transitions were lost: its number is never given again.
               greatest(holdfast.last_transition(number), (
                 SELECT max(created_seq) FROM holdfast.journal WHERE sale = number AND source = 'l')) AS last_seq
        FROM holdfast.sale WHERE number = ${saleNumber}::integer`;
      if (sale === undefined) throw new Error(`the ledger has no sale ${saleNumber}`);
      const items = await itemsQuery(snapshot, saleNumber);
      const bought = await snapshot<{ customer: Buffer; sku: string; quantity: number }[]>`
        SELECT customer, sku, quantity FROM holdfast.customer_item
        WHERE sale = ${saleNumber}::integer AND quantity > 0`;
      const transitions = snapshot`
        SELECT * FROM holdfast.journal WHERE sale = ${saleNumber}::integer AND source = 'r'`;
      // The register's rows by their entries: those are next to each other in the sale's journal.
      const decisions = snapshot`
        SELECT reservation_id, created_seq, kind AS outcome, at_ms FROM holdfast.journal
        WHERE sale = ${saleNumber}::integer AND source = 'l' AND reservation_id IS NOT NULL`;
      const lives = await snapshot<LifeRow[]>`
        SELECT life.*
        FROM (${lifeRows(snapshot, transitions, decisions)}) AS life
        WHERE (life.resolved_at_ms IS NULL OR life.resolved_at_ms > ${sale.now_ms - REPLAY_KEPT_MS}::bigint)
          AND NOT EXISTS (
            SELECT FROM holdfast.journal AS newer
            WHERE newer.sale = ${saleNumber}::integer AND newer.source = 'r' AND newer.kind = 'reserved'
              AND newer.reservation_id = life.reservation_id
              AND (newer.created_seq, newer.epoch) > (life.created_seq, life.epoch))
          AND NOT EXISTS (
            SELECT FROM holdfast.journal AS sold
            WHERE sold.sale = ${saleNumber}::integer AND sold.source = 'l' AND sold.kind = 'confirmed'
              AND sold.reservation_id = life.reservation_id AND sold.created_seq > life.created_seq)
        -- Sold, and never seen by the journal: what it was asked for with is lost, so that its key can only be answered
        -- as reused ('-' is no fingerprint), and never has a second effect.
        UNION ALL
        SELECT sold.reservation_id, sold.created_seq, 0, sold.customer, sold.lines, sold.at_ms, NULL, NULL, 0, '-',
               'confirmed', sold.at_ms
        FROM holdfast.journal AS sold
        WHERE sold.sale = ${saleNumber}::integer AND sold.source = 'l' AND sold.kind = 'confirmed'
          AND sold.at_ms > ${sale.now_ms - REPLAY_KEPT_MS}::bigint
          AND NOT EXISTS (
            SELECT FROM holdfast.journal AS begun
            WHERE begun.sale = ${saleNumber}::integer AND begun.source = 'r' AND begun.kind = 'reserved'
              AND begun.reservation_id = sold.reservation_id AND begun.created_seq >= sold.created_seq)`;
      return {
        settings: saleOf(sale).settings,
        lastSeq: sale.last_seq,
        applied: sale.entry_seq,
        items: items.map(itemOf),
        bought: bought.map((row) => ({
          customer: customerKeyOf(row.customer),
          sku: row.sku,
          quantity: row.quantity,
        })),
        reservations: lives.map((row) => ({ ...recordOf(row), resolvedAtMs: row.resolved_at_ms })),
      };
    }),
  );
}

function lineageOf(row: LineageRow): SaleLineage {
  return {
    saleNumber: row.number,
    epoch: row.epoch,
    lineage: row.lineage,
    entrySeq: row.entry_seq,
    settingsSeq: row.settings_seq,
    unloaded: row.unloaded,
  };
}
