// Reservations and orders as operators search them, of any customer: where each begins in the journal, newest first.
import type { ReservationState } from '../domain/reservation.ts';
import { subsOf } from './audit-search.ts';
import { customerKeyOf, keyBytes } from './columns.ts';
import type { Statements } from './connection.ts';
import type { Page, PageRequest } from './contract.ts';
import type { EntryFilter, FoundOrder, FoundReservation, LifeFilter, RowFilter } from './findings.ts';
import { idsOf, type SpotRow, walkJournal } from './journal-walk.ts';
import { journaledOf, lifeRowsOf, type OrderedLifeRow } from './lives.ts';
import { type OrderRow, orderRows, ordersIn } from './orders.ts';
import type { Pool } from './pool.ts';

interface LifeSpotRow extends SpotRow {
  readonly reservation_id: Buffer;
  readonly created_seq: number;
}

/** Each id once, at its latest life. */
export function findReservations(
  pool: Pool,
  { status, ...filter }: LifeFilter,
  page: PageRequest,
): Promise<Page<FoundReservation>> {
  const find = async (sql: Statements, rows: readonly LifeSpotRow[]) => {
    const lives = await latestLives(sql, rows);
    const subs = await subsOf(
      sql,
      [...lives.values()].map(({ customer }) => customer),
    );
    return rows.flatMap((at) => {
      const life = lives.get(at.reservation_id.toString('hex'));
      const isLatest = life?.created_seq === at.created_seq && life.epoch === at.epoch;
      if (life === undefined || !isLatest || !mayStand(life.state, status)) return [];
      const customerId = subs.get(customerKeyOf(life.customer)) ?? null;
      return [{ at, found: { ...journaledOf(life), customerId } }];
    });
  };
  return walkJournal<LifeSpotRow, FoundReservation>(
    pool,
    { filter: every(filter), kinds: ['reserved'], find },
    page,
  );
}

/** The store has the last word on what the ledger calls live. */
function mayStand(state: ReservationState, wanted: ReservationState | null): boolean {
  return wanted === null || state === wanted || state === 'active' || state === 'confirming';
}

async function latestLives(
  sql: Statements,
  rows: readonly LifeSpotRow[],
): Promise<ReadonlyMap<string, OrderedLifeRow & { readonly epoch: number }>> {
  const lives = await sql<(OrderedLifeRow & { readonly epoch: number })[]>`
    SELECT DISTINCT ON (life.reservation_id) life.*, registered.order_id
    FROM (${lifeRowsOf(sql, sql`= ANY (${idsOf(rows)}::bytea[])`)}) AS life
    LEFT JOIN holdfast.outcome AS registered USING (reservation_id, created_seq)
    ORDER BY life.reservation_id, life.created_seq DESC, life.epoch DESC`;
  return new Map(lives.map((life) => [life.reservation_id.toString('hex'), life]));
}

export function findOrders(pool: Pool, filter: RowFilter, page: PageRequest): Promise<Page<FoundOrder>> {
  const find = async (sql: Statements, rows: readonly LifeSpotRow[]) => {
    const lines = await sql<(OrderRow & { readonly created_seq: number })[]>`
      ${orderRows(sql)}
      WHERE bought.order_id IN (
        SELECT order_id FROM holdfast.outcome WHERE reservation_id = ANY (${idsOf(rows)}::bytea[]))
      ORDER BY bought.order_id, line.sku`;
    const byLife = new Map(
      ordersIn(lines).map((order) => [`${order.reservationId} ${order.confirmedAtMs}`, order]),
    );
    const subs = await subsOf(
      sql,
      lines.map(({ customer }) => customer),
    );
    return rows.flatMap((at) => {
      const order = byLife.get(`rsv_${at.reservation_id.toString('base64url')} ${at.at_ms}`);
      return order ? [{ at, found: { order, customerId: subs.get(order.customer) ?? null } }] : [];
    });
  };
  return walkJournal<LifeSpotRow, FoundOrder>(
    pool,
    { filter: every(filter), kinds: ['confirmed'], find },
    page,
  );
}

/** Whom a customer key stands for; null if the ledger does not know, or no longer. */
export async function customerOf(pool: Pool, key: string): Promise<string | null> {
  return (await pool.read((sql) => subsOf(sql, [keyBytes(key)]))).get(key) ?? null;
}

function every(filter: RowFilter): EntryFilter {
  return { ...filter, reservationId: null, fromMs: null, toMs: null };
}
