// Does the ledger hold together, by itself? Each check is a query that finds what should not exist; a violation
// is a sentence for an operator. The invariants: stock within bounds (I1), sold = confirmed = bought = moved
// (I2), one outcome a reservation with its order (I3), caps kept (I4), entries numbered without a gap (I8).
import { type Difference, difference, type Invariant } from '../domain/differences.ts';
import { LedgerUnavailable } from '../domain/ledger-facts.ts';
import { reservationIdOf } from './columns.ts';
import type { Statements } from './connection.ts';
import type { Pool } from './pool.ts';

/** Sentences in one report: past this many the ledger is broken, and more would not say how. */
const VIOLATIONS_MAX = 100;

interface ViolationRow {
  readonly violation: string;
  readonly sku?: string;
  readonly reservation_id?: Buffer;
}

type Check = (sql: Statements, saleNumber: number) => Promise<readonly ViolationRow[]>;

const CHECKS: readonly (readonly [Invariant, Check])[] = [
  [
    'I1',
    (sql, sale) => sql`
    SELECT sku, format('item %s: sold %s is not between 0 and total %s', sku, sold, total) AS violation
    FROM holdfast.item WHERE sale = ${sale}::integer AND NOT (0 <= sold AND sold <= total)
    LIMIT ${VIOLATIONS_MAX}`,
  ],

  [
    'I2',
    (sql, sale) => sql`
    SELECT sku, format('item %s: sold %s, but orders have %s, customers bought %s, and the journal moved %s of it',
                  sku, item.sold, coalesce(ordered.quantity, 0), coalesce(bought.quantity, 0),
                  coalesce(moved.sold, 0)) AS violation
    FROM (SELECT * FROM holdfast.item WHERE sale = ${sale}::integer) AS item
    LEFT JOIN (
      SELECT line.sku, sum(line.quantity) AS quantity
      FROM holdfast.orders JOIN holdfast.order_lines AS line USING (order_id)
      WHERE orders.sale = ${sale}::integer
      GROUP BY line.sku
    ) AS ordered USING (sku)
    LEFT JOIN (
      SELECT sku, sum(quantity) AS quantity FROM holdfast.customer_item WHERE sale = ${sale}::integer GROUP BY sku
    ) AS bought USING (sku)
    LEFT JOIN (
      SELECT line.sku, sum(line.quantity) AS sold
      FROM holdfast.journal CROSS JOIN LATERAL holdfast.unpack_lines(lines) AS line
      WHERE sale = ${sale}::integer AND source = 'l' AND kind = 'confirmed'
      GROUP BY line.sku
    ) AS moved USING (sku)
    WHERE item.sold <> coalesce(ordered.quantity, 0) OR item.sold <> coalesce(bought.quantity, 0)
      OR item.sold <> coalesce(moved.sold, 0)
    LIMIT ${VIOLATIONS_MAX}`,
  ],

  [
    'I2',
    (sql, sale) => sql`
    SELECT sku, format('item %s: total %s, but %s came in by the journal', sku, item.total, coalesce(came.total, 0)) AS violation
    FROM (SELECT * FROM holdfast.item WHERE sale = ${sale}::integer) AS item
    LEFT JOIN (
      SELECT line.sku, sum(line.quantity) AS total
      FROM holdfast.journal CROSS JOIN LATERAL holdfast.unpack_lines(lines) AS line
      WHERE sale = ${sale}::integer AND source = 'l' AND kind IN ('item-added', 'stock-changed')
      GROUP BY line.sku
    ) AS came USING (sku)
    WHERE item.total <> coalesce(came.total, 0)
    LIMIT ${VIOLATIONS_MAX}`,
  ],

  [
    'I4',
    (sql, sale) => sql`
    SELECT sku, format('a customer bought %s of %s, above the cap of %s', bought.quantity, sku, max_per_customer) AS violation
    FROM holdfast.customer_item AS bought JOIN holdfast.item USING (sale, sku)
    WHERE sale = ${sale}::integer AND bought.quantity > max_per_customer
    LIMIT ${VIOLATIONS_MAX}`,
  ],

  // Register and journal say the same, one to one.
  [
    'I3',
    (sql, sale) => sql`
    SELECT reservation_id, format('reservation %s/%s: the register says %s by entry %s, the journal %s by entry %s',
                  encode(reservation_id, 'hex'), created_seq, coalesce(outcome, 'nothing'), entry_seq,
                  coalesce(kind, 'nothing'), seq) AS violation
    FROM (SELECT * FROM holdfast.outcome WHERE sale = ${sale}::integer) AS registered
    FULL JOIN (
      SELECT * FROM holdfast.journal
      WHERE sale = ${sale}::integer AND source = 'l' AND reservation_id IS NOT NULL
    ) AS entry USING (reservation_id, created_seq)
    WHERE outcome IS DISTINCT FROM kind OR entry_seq IS DISTINCT FROM seq
      OR registered.at_ms IS DISTINCT FROM entry.at_ms
    LIMIT ${VIOLATIONS_MAX}`,
  ],

  // Every confirmed outcome has its order, with the lines of its entry, and no order is without one.
  [
    'I3',
    (sql, sale) => sql`
    SELECT reservation_id, format('reservation %s/%s: the journal confirmed %s, the order has %s',
                  encode(reservation_id, 'hex'), created_seq, coalesce(entry.lines, 'nothing'),
                  coalesce(ordered.lines, 'nothing')) AS violation
    FROM (
      SELECT reservation_id, created_seq, entry.lines, registered.order_id
      FROM holdfast.journal AS entry LEFT JOIN holdfast.outcome AS registered USING (reservation_id, created_seq)
      WHERE entry.sale = ${sale}::integer AND entry.source = 'l' AND entry.kind = 'confirmed'
    ) AS entry
    FULL JOIN (
      SELECT orders.reservation_id, orders.created_seq, orders.order_id,
             string_agg(line.sku || '*' || line.quantity, ',' ORDER BY line.sku) AS lines
      FROM holdfast.orders LEFT JOIN holdfast.order_lines AS line USING (order_id)
      WHERE orders.sale = ${sale}::integer
      GROUP BY orders.order_id
    ) AS ordered USING (reservation_id, created_seq)
    WHERE entry.lines IS DISTINCT FROM ordered.lines OR entry.order_id IS DISTINCT FROM ordered.order_id
    LIMIT ${VIOLATIONS_MAX}`,
  ],

  [
    'I8',
    (sql, sale) => sql`
    SELECT format('entries: %s of them, numbered %s to %s, and the sale''s last is %s',
                  found.entries, found.first, found.last, sale.entry_seq) AS violation
    FROM holdfast.sale
    CROSS JOIN LATERAL (
      SELECT count(*) AS entries, min(seq) AS first, max(seq) AS last
      FROM holdfast.journal WHERE sale = sale.number AND source = 'l'
    ) AS found
    WHERE sale.number = ${sale}::integer
      AND NOT (found.first = 1 AND found.last = sale.entry_seq AND found.entries = sale.entry_seq)`,
  ],
];

/** Violations in words, empty when all invariants hold; all checks read one snapshot. */
export async function verifySale(pool: Pool, saleNumber: number): Promise<string[]> {
  return (await violationsOf(pool, saleNumber)).map(({ detail }) => detail);
}

/** The same, each with the invariant that it breaks; also where the rows are such that the checks cannot even read them. */
export async function ledgerDifferences(pool: Pool, saleNumber: number): Promise<Difference[]> {
  try {
    return await violationsOf(pool, saleNumber);
  } catch (error) {
    if (error instanceof LedgerUnavailable) throw error;
    const words = error instanceof Error ? error.message : String(error);
    return [difference('I2', 'none', `the journal cannot be read as one: ${words}`)];
  }
}

function violationsOf(pool: Pool, saleNumber: number): Promise<Difference[]> {
  return pool.read((sql) =>
    sql.begin('isolation level repeatable read read only', async (snapshot) => {
      // Whole sales are joined: one look at a busy sale took four seconds by loops that old statistics suggested.
      await snapshot`SELECT set_config('enable_nestloop', 'off', true), set_config('jit', 'off', true)`;
      const sale = await snapshot`SELECT 1 FROM holdfast.sale WHERE number = ${saleNumber}::integer`;
      if (sale.length === 0) return [difference('I2', 'none', `the ledger has no sale ${saleNumber}`)];
      const violations: Difference[] = [];
      for (const [invariant, check] of CHECKS) {
        for (const { violation, sku, reservation_id: id } of await check(snapshot, saleNumber)) {
          const about = { ...(sku && { sku }), ...(id && { reservationId: reservationIdOf(id) }) };
          violations.push(difference(invariant, 'none', violation, about));
        }
      }
      return violations.slice(0, VIOLATIONS_MAX);
    }),
  );
}
