// The state of reservations by the ledger alone: what the journal says of each life of a reservation id. A life
// begins with its `reserved` transition; the ledger's decision counts before anything the stock store did;
// without either end it is live, and confirming if that was its last transition. One rule, in lifeRows.
import { isWellFormedId } from '../domain/ids.ts';
import type { JournaledReservation } from '../domain/ledger-facts.ts';
import { type ReservationRecord, type ReservationState, unpackLines } from '../domain/reservation.ts';
import { byteaArray, customerKeyOf, idBytes, keyBytes, orderIdOf, reservationIdOf } from './columns.ts';
import type { Fragment, Statements } from './connection.ts';
import { BadCursor, type Page, type PageRequest } from './contract.ts';
import { decodeCursor, pageOf, rowsToAsk } from './cursors.ts';
import type { Pool } from './pool.ts';

export interface LifeRow {
  readonly reservation_id: Buffer;
  readonly created_seq: number;
  readonly customer: Buffer;
  readonly lines: string;
  readonly created_at_ms: number;
  /** Null, like the two after it, if the `reserved` transition never reached the journal. */
  readonly ttl_seconds: number | null;
  readonly deadline_ms: number | null;
  readonly extensions: number;
  readonly fingerprint: string | null;
  readonly state: ReservationState;
  /** Null while live. */
  readonly resolved_at_ms: number | null;
}

/**
 * Every life of which `transitions`, a selection of r rows of the journal, has the beginning. It takes all rows of a
 * reservation or none; `decisions` are what the ledger decided of them (reservation_id, created_seq, outcome, at_ms).
 * Set-based: two passes over the rows and two joins, whatever their number.
 */
export function lifeRows(sql: Statements, transitions: Fragment, decisions: Fragment): Fragment {
  return sql`
    SELECT first.reservation_id, first.created_seq, first.epoch, first.customer, first.lines,
           first.at_ms AS created_at_ms, first.ttl_seconds, coalesce(later.deadline_ms, first.deadline_ms) AS deadline_ms,
           coalesce(later.extensions, 0)::integer AS extensions, first.fingerprint,
           CASE
             WHEN decided.outcome = 'refused' THEN 'lost'
             WHEN decided.outcome IS NOT NULL THEN decided.outcome
             WHEN later.released_seq > coalesce(later.expired_seq, 0) THEN 'released'
             WHEN later.expired_seq IS NOT NULL THEN 'expired'
             WHEN later.confirming_seq > coalesce(later.unpinned_seq, 0) THEN 'confirming'
             ELSE 'active'
           END AS state,
           coalesce(decided.at_ms, later.freed_at_ms) AS resolved_at_ms
    FROM (SELECT * FROM (${transitions}) AS moved WHERE kind = 'reserved') AS first
    LEFT JOIN (
      SELECT reservation_id, created_seq,
             max(seq) FILTER (WHERE kind = 'confirming') AS confirming_seq,
             max(seq) FILTER (WHERE kind = 'unpinned') AS unpinned_seq,
             max(seq) FILTER (WHERE kind = 'released') AS released_seq,
             max(seq) FILTER (WHERE kind = 'expired') AS expired_seq,
             count(*) FILTER (WHERE kind = 'extended') AS extensions,
             max(deadline_ms) FILTER (WHERE kind = 'extended') AS deadline_ms,
             max(at_ms) FILTER (WHERE kind IN ('released', 'expired')) AS freed_at_ms
      FROM (${transitions}) AS moved
      WHERE kind <> 'reserved'
      GROUP BY reservation_id, created_seq
    ) AS later USING (reservation_id, created_seq)
    LEFT JOIN (${decisions}) AS decided USING (reservation_id, created_seq)`;
}

export function recordOf(row: LifeRow): ReservationRecord {
  return {
    reservationId: reservationIdOf(row.reservation_id),
    customer: customerKeyOf(row.customer),
    state: row.state,
    createdSeq: row.created_seq,
    createdAtMs: row.created_at_ms,
    ttlSeconds: row.ttl_seconds ?? 0,
    deadlineMs: row.deadline_ms ?? row.created_at_ms,
    attempts: row.state === 'confirming' ? 1 : 0,
    extensions: row.extensions,
    fingerprint: row.fingerprint ?? '',
    lines: unpackLines(row.lines),
  };
}

export type OrderedLifeRow = LifeRow & { readonly order_id: Buffer | null };

/** The latest life of the id; null if the ledger has never heard of it. */
export async function reservation(pool: Pool, reservationId: string): Promise<JournaledReservation | null> {
  if (!isWellFormedId('reservation', reservationId)) return null;
  const id = idBytes(reservationId);
  const [row] = await pool.read(
    (sql) => sql<OrderedLifeRow[]>`
      SELECT life.*, registered.order_id
      FROM ((${lifeRowsOf(sql, sql`= ${id}`)}) UNION ALL (${decidedRows(sql, id)})) AS life
      LEFT JOIN holdfast.outcome AS registered USING (reservation_id, created_seq)
      ORDER BY life.created_seq DESC, life.epoch DESC
      LIMIT 1`,
  );
  return row === undefined ? null : journaledOf(row);
}

/** Newest first, each id once. */
export async function reservationsOf(
  pool: Pool,
  customer: string,
  page: PageRequest,
): Promise<Page<JournaledReservation>> {
  const after = decodeCursor(page.cursor, ['number', 'string']);
  if (after !== null && !isWellFormedId('reservation', after[1])) {
    throw new BadCursor('the cursor is not one of this list');
  }
  const [afterMs, afterId] =
    after === null ? [Number.MAX_SAFE_INTEGER, Buffer.alloc(0)] : [after[0], idBytes(after[1])];
  const rows = await pool.read(async (sql) => {
    const shown = await sql<{ reservation_id: Buffer }[]>`
      SELECT reservation_id FROM (
        SELECT DISTINCT ON (reservation_id) reservation_id, at_ms
        FROM holdfast.journal
        WHERE customer = ${keyBytes(customer)} AND kind = 'reserved'
        ORDER BY reservation_id, created_seq DESC, epoch DESC
      ) AS mine
      WHERE (at_ms, reservation_id) < (${afterMs}::bigint, ${afterId}::bytea)
      ORDER BY at_ms DESC, reservation_id DESC
      LIMIT ${rowsToAsk(page)}`;
    if (shown.length === 0) return []; // most of a crowd has none
    const ids = byteaArray(shown.map((row) => row.reservation_id));
    return sql<OrderedLifeRow[]>`
      SELECT * FROM (
        SELECT DISTINCT ON (life.reservation_id) life.*, registered.order_id
        FROM (${lifeRowsOf(sql, sql`= ANY (${ids}::bytea[])`)}) AS life
        LEFT JOIN holdfast.outcome AS registered USING (reservation_id, created_seq)
        ORDER BY life.reservation_id, life.created_seq DESC, life.epoch DESC
      ) AS latest
      ORDER BY created_at_ms DESC, reservation_id DESC`;
  });
  return pageOf(
    page,
    rows,
    (last) => [last.created_at_ms, reservationIdOf(last.reservation_id)],
    journaledOf,
  );
}

/** `ids` is the condition on reservation_id. */
export function lifeRowsOf(sql: Statements, ids: Fragment): Fragment {
  return lifeRows(
    sql,
    sql`SELECT * FROM holdfast.journal WHERE reservation_id ${ids} AND source = 'r'`,
    sql`SELECT * FROM holdfast.outcome WHERE reservation_id ${ids}`,
  );
}

/**
 * Lives that only the register knows: the confirmation overtook the journal's writer, or the stock store was lost
 * before the reservation's beginning was written. Epoch −1: a life that the journal has begins before it.
 */
function decidedRows(sql: Statements, id: Buffer): Fragment {
  return sql`
    SELECT entry.reservation_id, entry.created_seq, -1, entry.customer, entry.lines, entry.at_ms, NULL, NULL, 0, NULL,
           CASE entry.kind WHEN 'refused' THEN 'lost' ELSE entry.kind END, entry.at_ms
    FROM holdfast.outcome AS registered
    JOIN holdfast.journal AS entry
      ON entry.sale = registered.sale AND entry.source = 'l' AND entry.epoch = 0 AND entry.seq = registered.entry_seq
    WHERE registered.reservation_id = ${id}`;
}

export function journaledOf(row: OrderedLifeRow): JournaledReservation {
  return {
    record: recordOf(row),
    state: row.state,
    orderId: row.order_id === null ? null : orderIdOf(row.order_id),
  };
}
