// Orders as they are stored: what a customer was promised at the commit, lines and prices included.

import { isWellFormedId } from '../domain/ids.ts';
import type { Order, OrderLine } from '../domain/ledger-facts.ts';
import { customerKeyOf, idBytes, keyBytes, moneyOf, orderIdOf, reservationIdOf } from './columns.ts';
import type { Statements } from './connection.ts';
import { BadCursor, type Page, type PageRequest } from './contract.ts';
import { decodeCursor, pageOf, rowsToAsk } from './cursors.ts';
import type { Pool } from './pool.ts';

export interface OrderLineRow {
  readonly sku: string;
  readonly quantity: number;
  readonly price_minor: number | null;
  readonly currency: string | null;
}

/** One row an order line. */
export interface OrderRow extends OrderLineRow {
  readonly order_id: Buffer;
  readonly reservation_id: Buffer;
  readonly sale: number;
  readonly sale_id: string;
  readonly customer: Buffer;
  readonly payment_reference: string | null;
  readonly confirmed_at_ms: number;
}

export async function order(pool: Pool, orderId: string): Promise<Order | null> {
  if (!isWellFormedId('order', orderId)) return null;
  const rows = await pool.read(
    (sql) => sql<OrderRow[]>`${orderRows(sql)} WHERE bought.order_id = ${idBytes(orderId)} ORDER BY line.sku`,
  );
  return firstOrder(rows);
}

/** The order of one life of a reservation, or of its latest life that has one. */
export async function orderOfReservation(
  pool: Pool,
  reservationId: string,
  createdSeq: number | null,
): Promise<Order | null> {
  if (!isWellFormedId('reservation', reservationId)) return null;
  const rows = await pool.read(
    (sql) => sql<OrderRow[]>`
      ${orderRows(sql)}
      WHERE bought.order_id = (
        SELECT decided.order_id FROM holdfast.outcome AS decided
        WHERE decided.reservation_id = ${idBytes(reservationId)} AND decided.order_id IS NOT NULL
          AND (${createdSeq}::bigint IS NULL OR decided.created_seq = ${createdSeq}::bigint)
        ORDER BY decided.created_seq DESC
        LIMIT 1)
      ORDER BY line.sku`,
  );
  return firstOrder(rows);
}

/** Newest first. */
export async function ordersOf(pool: Pool, customer: string, page: PageRequest): Promise<Page<Order>> {
  const after = decodeCursor(page.cursor, ['number', 'string']);
  if (after !== null && !isWellFormedId('order', after[1]))
    throw new BadCursor('the cursor is not one of this list');
  const [afterMs, afterId] =
    after === null ? [Number.MAX_SAFE_INTEGER, Buffer.alloc(0)] : [after[0], idBytes(after[1])];
  const rows = await pool.read(
    (sql) => sql<OrderRow[]>`
      ${orderRows(sql)}
      WHERE bought.order_id IN (
        SELECT order_id FROM holdfast.orders
        WHERE customer = ${keyBytes(customer)}
          AND (confirmed_at_ms, order_id) < (${afterMs}::bigint, ${afterId}::bytea)
        ORDER BY confirmed_at_ms DESC, order_id DESC
        LIMIT ${rowsToAsk(page)})
      ORDER BY bought.confirmed_at_ms DESC, bought.order_id DESC, line.sku`,
  );
  const orders = ordersIn(rows);
  return pageOf(
    page,
    orders,
    (last) => [last.confirmedAtMs, last.orderId],
    (row) => row,
  );
}

/** In the order of their first lines. */
export function ordersIn(rows: readonly OrderRow[]): Order[] {
  return [...Map.groupBy(rows, (row) => row.order_id.toString('hex')).values()].map(orderOf);
}

/** The order that these rows, its lines by SKU, are of. */
function orderOf(rows: readonly OrderRow[]): Order {
  const [first] = rows;
  if (first === undefined) throw new Error('an order has at least one line');
  return {
    orderId: orderIdOf(first.order_id),
    reservationId: reservationIdOf(first.reservation_id),
    saleNumber: first.sale,
    saleId: first.sale_id,
    customer: customerKeyOf(first.customer),
    lines: rows.map(orderLineOf),
    paymentReference: first.payment_reference,
    confirmedAtMs: first.confirmed_at_ms,
  };
}

export function orderLineOf(row: OrderLineRow): OrderLine {
  return { sku: row.sku, quantity: row.quantity, price: moneyOf(row.price_minor, row.currency) };
}

function firstOrder(rows: readonly OrderRow[]): Order | null {
  return rows.length === 0 ? null : orderOf(rows);
}

export function orderRows(sql: Statements) {
  return sql`
    SELECT bought.order_id, bought.reservation_id, bought.sale, sale.id AS sale_id, bought.customer,
           bought.payment_reference, bought.confirmed_at_ms, line.sku, line.quantity, line.price_minor, line.currency
    FROM holdfast.orders AS bought
    JOIN holdfast.sale ON sale.number = bought.sale
    JOIN holdfast.order_lines AS line ON line.order_id = bought.order_id`;
}
