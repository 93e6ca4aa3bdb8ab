// What a reconciliation reads of the ledger beside verify.ts, page by page: stock and purchases as of an entry, transitions
// in order, the newest seals. Every statement is bounded by its LIMIT and meets its rows by key.
import { type Difference, difference } from '../domain/differences.ts';
import type { Chain, Place, RowDigest, Seal } from '../domain/journal-chain.ts';
import type { BoughtPage } from '../domain/live-counts.ts';
import type { LedgerStock } from '../domain/store-look.ts';
import { walkChain } from './audit-chain.ts';
import { rowsByKey } from './by-key.ts';
import { customerKeyOf, keyBytes, reservationIdOf } from './columns.ts';
import type { Pool } from './pool.ts';
import { BEGINNING, digestsAfter, type SealRow, sealOf } from './seal.ts';

/** Entries between the store and the ledger past which the two are not compared: the relay has work to do first. */
const BEHIND_MAX = 5_000;
/** Rows hashed at a time: 3 ms of the event loop, which also answers customers. */
const ROWS_A_PAGE = 500;

/** The items as they were after entry `applied`: what later entries moved is taken off again, in one snapshot. */
export async function stockAt(pool: Pool, saleNumber: number, applied: number): Promise<LedgerStock> {
  const rows = await pool.read(
    (sql) => sql<
      {
        readonly entry_seq: number;
        readonly sku: string | null;
        readonly total: number;
        readonly sold: number;
        readonly max_per_customer: number | null;
      }[]
    >`
      WITH later AS (
        SELECT line.sku,
               coalesce(sum(line.quantity) FILTER (WHERE kind = 'confirmed'), 0) AS sold,
               coalesce(sum(line.quantity) FILTER (WHERE kind = 'stock-changed'), 0) AS total,
               bool_or(kind = 'item-added') AS added
        FROM (
          SELECT kind, lines FROM holdfast.journal
          WHERE sale = ${saleNumber}::integer AND source = 'l' AND epoch = 0 AND seq > ${applied}::bigint
          ORDER BY seq
          LIMIT ${BEHIND_MAX}
        ) AS entry CROSS JOIN LATERAL holdfast.unpack_lines(entry.lines) AS line
        WHERE kind IN ('confirmed', 'stock-changed', 'item-added')
        GROUP BY line.sku
      )
      SELECT sale.entry_seq, item.sku, (item.total - coalesce(later.total, 0))::integer AS total,
             (item.sold - coalesce(later.sold, 0))::integer AS sold, item.max_per_customer
      FROM holdfast.sale
      LEFT JOIN holdfast.item ON item.sale = sale.number
      LEFT JOIN later ON later.sku = item.sku
      WHERE sale.number = ${saleNumber}::integer AND NOT coalesce(later.added, false)`,
  );
  const entrySeq = rows[0]?.entry_seq ?? 0;
  if (entrySeq - applied > BEHIND_MAX) return { entrySeq, items: null };
  const items = rows.flatMap(({ sku, total, sold, max_per_customer: maxPerCustomer }) =>
    sku === null ? [] : [{ sku, total, sold, maxPerCustomer }],
  );
  return { entrySeq, items };
}

export interface BoughtKey {
  readonly customer: string;
  readonly sku: string;
}

/** What customers have bought, in order of customer and SKU. */
export async function boughtAfter(
  pool: Pool,
  saleNumber: number,
  after: BoughtKey | null,
  limit: number,
): Promise<BoughtPage> {
  const [customer, sku] = after === null ? [Buffer.alloc(0), ''] : [keyBytes(after.customer), after.sku];
  const rows = await pool.read(
    (sql) => sql<
      {
        readonly entry_seq: number;
        readonly customer: Buffer;
        readonly sku: string;
        readonly quantity: number;
      }[]
    >`
      SELECT sale.entry_seq, bought.customer, bought.sku, bought.quantity
      FROM holdfast.sale
      CROSS JOIN LATERAL (
        SELECT customer, sku, quantity FROM holdfast.customer_item
        WHERE sale = sale.number AND (customer, sku) > (${customer}::bytea, ${sku}::text)
        ORDER BY customer, sku
        LIMIT ${limit}
      ) AS bought
      WHERE sale.number = ${saleNumber}::integer`,
  );
  return {
    entrySeq: rows[0]?.entry_seq ?? 0,
    rows: rows.map((row) => ({
      customer: customerKeyOf(row.customer),
      sku: row.sku,
      quantity: row.quantity,
    })),
  };
}

export interface JournalPage {
  readonly rows: number;
  /** Of the last row; null if there was none. */
  readonly last: Place | null;
  readonly differences: readonly Difference[];
}

interface JournalRow {
  readonly invariant: 'I6' | 'I7' | 'I8' | null;
  readonly epoch: number;
  readonly seq: number;
  readonly reservation_id: Buffer | null;
  readonly detail: string | null;
  readonly rows: number | null;
}

/**
 * The next transitions of a sale, held against what must be true of each: numbered on from the one before (I8; where an
 * epoch begins, and what is sealed as a gap, may leave numbers out), not expired before its deadline (I6), and no second
 * life of a reservation begun while one goes on (I7).
 */
export async function checkTransitions(
  pool: Pool,
  saleNumber: number,
  after: Place | null,
  limit: number,
): Promise<JournalPage> {
  const from = after ?? BEGINNING;
  const rows = await pool.read((sql) =>
    sql.begin('read only', async (snapshot) => {
      await snapshot`SELECT ${rowsByKey(snapshot)}`;
      return snapshot<JournalRow[]>`
        WITH page AS MATERIALIZED (
          SELECT tail.*, lag(seq, 1, CASE WHEN epoch = ${from.epoch}::integer THEN ${from.seq}::bigint END)
                   OVER (PARTITION BY epoch ORDER BY seq) AS before
          FROM (
            SELECT epoch, seq, kind, at_ms, deadline_ms, reservation_id, created_seq
            FROM holdfast.journal
            WHERE sale = ${saleNumber}::integer AND source = 'r'
              AND (epoch, seq) > (${from.epoch}::integer, ${from.seq}::bigint)
            ORDER BY epoch, seq
            LIMIT ${limit}
          ) AS tail
        )
        SELECT NULL AS invariant, epoch, seq, NULL::bytea AS reservation_id, NULL AS detail,
               (SELECT count(*) FROM page)::integer AS rows
        FROM (SELECT epoch, seq FROM page ORDER BY epoch DESC, seq DESC LIMIT 1) AS last
        UNION ALL
        SELECT 'I6', epoch, seq, reservation_id,
               format('transition %s of epoch %s: it expired %s ms before its deadline', seq, epoch, deadline_ms - at_ms), NULL
        FROM page WHERE kind = 'expired' AND at_ms < deadline_ms
        UNION ALL
        SELECT 'I8', epoch, seq, NULL,
               format('the journal lacks transitions %s to %s of epoch %s, and has the next', before + 1, seq - 1, epoch), NULL
        FROM page
        WHERE seq > before + 1 AND NOT EXISTS (
          SELECT FROM holdfast.seal
          WHERE seal.sale = ${saleNumber}::integer AND seal.source = 'r' AND seal.row_count = 0
            AND seal.epoch = page.epoch AND seal.to_seq = page.seq - 1)
        UNION ALL
        SELECT 'I7', epoch, seq, reservation_id,
               format('transition %s of epoch %s: reserved anew while an earlier life of it goes on', seq, epoch), NULL
        FROM page AS begun
        WHERE kind = 'reserved' AND EXISTS (
          SELECT FROM holdfast.journal AS earlier
          WHERE earlier.reservation_id = begun.reservation_id AND earlier.source = 'r' AND earlier.kind = 'reserved'
            AND (earlier.epoch, earlier.seq) < (begun.epoch, begun.seq)
            AND NOT EXISTS (
              SELECT FROM holdfast.journal AS ended
              WHERE ended.reservation_id = begun.reservation_id AND ended.source = 'r'
                AND ended.created_seq = earlier.created_seq AND ended.kind IN ('released', 'expired')
                AND (ended.epoch, ended.seq) < (begun.epoch, begun.seq))
            AND NOT EXISTS (
              SELECT FROM holdfast.outcome AS decided
              WHERE decided.reservation_id = begun.reservation_id AND decided.created_seq = earlier.created_seq))`;
    }),
  );
  const last = rows.find(({ invariant }) => invariant === null);
  return {
    rows: last?.rows ?? 0,
    last: last ? { epoch: last.epoch, seq: last.seq } : null,
    differences: rows.flatMap(({ invariant, detail, reservation_id: id }) =>
      invariant === null || detail === null
        ? []
        : [difference(invariant, 'none', detail, id ? { reservationId: reservationIdOf(id) } : {})],
    ),
  };
}

/** First and last transition that the journal has of an epoch; null if none. Two look-ups, whatever the planner believes. */
export async function epochSpan(
  pool: Pool,
  saleNumber: number,
  epoch: number,
): Promise<{ readonly first: number; readonly last: number } | null> {
  const [row] = await pool.read(
    (sql) => sql<{ first: number | null; last: number | null }[]>`
      SELECT (SELECT seq FROM holdfast.journal
              WHERE sale = ${saleNumber}::integer AND source = 'r' AND epoch = ${epoch}::integer
              ORDER BY seq LIMIT 1) AS first,
             (SELECT seq FROM holdfast.journal
              WHERE sale = ${saleNumber}::integer AND source = 'r' AND epoch = ${epoch}::integer
              ORDER BY seq DESC LIMIT 1) AS last`,
  );
  return row?.first == null || row.last == null ? null : { first: row.first, last: row.last };
}

export interface SealsLook {
  readonly seals: number;
  /** Position of the last seal that was looked at; to go on after. */
  readonly through: number;
  readonly differences: readonly Difference[];
}

/** Holds the chain's newest seals against the journal, at most `limit`, and none up to position `after` again (I2). */
export async function checkSeals(pool: Pool, chain: Chain, after: number, limit: number): Promise<SealsLook> {
  const { saleNumber, source } = chain;
  const rows = await pool.read(
    (sql) => sql<SealRow[]>`
      SELECT * FROM holdfast.seal
      WHERE sale = ${saleNumber}::integer AND source = ${source}::"char" AND position >= ${after}::integer
      ORDER BY position DESC
      LIMIT ${limit + 1}`,
  );
  const seals = rows.map(sealOf).reverse();
  // The one before is what the first of them is linked to.
  const [first] = seals;
  const isLink =
    first !== undefined && (first.position > 1 || first.position === after || seals.length > limit);
  const linked = isLink ? first : null;
  const looked = isLink ? seals.slice(1) : seals;
  const last = looked.at(-1);
  if (last === undefined) return { seals: 0, through: after, differences: [] };
  const walk = await walkChain({
    chain,
    after: linked,
    seals: each(looked),
    rows: rowsBetween(pool, chain, linked, last),
    noted: [],
  });
  const differences = walk.findings.map(({ what, epoch, seq, detail }) =>
    difference('I2', 'none', `the journal's chain ${source}, epoch ${epoch}, ${seq}: ${what}: ${detail}`),
  );
  return { seals: looked.length, through: last.position, differences };
}

async function* each(seals: readonly Seal[]): AsyncGenerator<Seal> {
  yield* seals;
}

async function* rowsBetween(
  pool: Pool,
  chain: Chain,
  after: Seal | null,
  through: Seal,
): AsyncGenerator<RowDigest> {
  let from: Place = after === null ? BEGINNING : { epoch: after.epoch, seq: after.toSeq };
  for (;;) {
    const place = from;
    const page = await pool.read((sql) => digestsAfter(sql, chain, place, ROWS_A_PAGE));
    for (const row of page) {
      if (row.epoch > through.epoch || (row.epoch === through.epoch && row.seq > through.toSeq)) return;
      yield row;
      from = row;
    }
    if (page.length < ROWS_A_PAGE) return;
  }
}
