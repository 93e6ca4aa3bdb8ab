// What the ledger says of a sale when all is over, by SQL of its own: not through the code that is on trial.
import type { SQL } from 'bun';
import type { Line } from '../../src/domain/reservation.ts';

/** One life of a reservation id by the journal and the register. */
export interface Life {
  readonly createdSeq: number;
  /** Epoch under which it was granted; −1 if the journal has no such transition. */
  readonly epoch: number;
  readonly reserved: number;
  readonly released: number;
  readonly expired: number;
  readonly outcome: string | null;
}

export interface LedgerView {
  readonly items: ReadonlyMap<string, { readonly total: number; readonly sold: number }>;
  /** Reservation id → its lives. */
  readonly lives: ReadonlyMap<string, readonly Life[]>;
  /** Order id → its lines. */
  readonly orders: ReadonlyMap<string, { readonly reservationId: string; readonly lines: readonly Line[] }>;
  readonly epoch: number;
  readonly lastSeq: number;
  readonly expiries: readonly Expiry[];
}

/** An `expired` transition, and what it says. */
export interface Expiry {
  readonly id: string;
  readonly atMs: number;
  readonly deadlineMs: number;
  /** Until then a confirm had it pinned, and then it was active again; 0 if none did. */
  readonly pinnedUntilMs: number;
}

export async function viewLedger(sql: SQL, sale: number): Promise<LedgerView> {
  const items = await sql`SELECT sku, total, sold FROM holdfast.item WHERE sale = ${sale}`;
  const lives = await sql`
    SELECT encode(reservation_id, 'hex') AS id, created_seq, coalesce(min(epoch) FILTER (WHERE kind = 'reserved'), -1) AS epoch,
           count(*) FILTER (WHERE kind = 'reserved') AS reserved, count(*) FILTER (WHERE kind = 'released') AS released,
           count(*) FILTER (WHERE kind = 'expired') AS expired, max(registered.outcome) AS outcome
    FROM (SELECT * FROM holdfast.journal WHERE sale = ${sale} AND source = 'r') AS moved
    FULL JOIN (SELECT reservation_id, created_seq, outcome FROM holdfast.outcome WHERE sale = ${sale}) AS registered
      USING (reservation_id, created_seq)
    WHERE reservation_id IS NOT NULL
    GROUP BY reservation_id, created_seq`;
  const orders = await sql`
    SELECT encode(order_id, 'hex') AS id, encode(reservation_id, 'hex') AS reservation, sku, quantity
    FROM holdfast.orders JOIN holdfast.order_lines USING (order_id) WHERE sale = ${sale}`;
  const [head] = await sql`
    SELECT epoch, holdfast.last_transition(number) AS last_seq FROM holdfast.sale WHERE number = ${sale}`;
  const expiries = await sql`
    SELECT encode(reservation_id, 'hex') AS id, created_seq, at_ms, deadline_ms
    FROM holdfast.journal WHERE sale = ${sale} AND source = 'r' AND kind = 'expired'`;
  // Joined here: the planner knows nothing of tables that grew a minute ago, and would take minutes.
  const unpinned = await sql`
    SELECT encode(reservation_id, 'hex') AS id, created_seq, max(at_ms) AS at_ms
    FROM holdfast.journal WHERE sale = ${sale} AND source = 'r' AND kind = 'unpinned' GROUP BY reservation_id, created_seq`;
  const unpinnedAtMs = new Map(
    unpinned.map((row: Row) => [`${row.id} ${row.created_seq}`, Number(row.at_ms)]),
  );
  return {
    items: new Map(items.map((row: Row) => [row.sku, { total: Number(row.total), sold: Number(row.sold) }])),
    lives: gatherLives(lives),
    orders: gatherOrders(orders),
    epoch: Number(head.epoch),
    lastSeq: Number(head.last_seq),
    expiries: expiries.map((row: Row) => ({
      id: idOf('rsv_', row.id),
      atMs: Number(row.at_ms),
      deadlineMs: Number(row.deadline_ms),
      pinnedUntilMs: Number(unpinnedAtMs.get(`${row.id} ${row.created_seq}`) ?? 0),
    })),
  };
}

type Row = Record<string, string>;

function gatherLives(rows: readonly Row[]): Map<string, Life[]> {
  const lives = new Map<string, Life[]>();
  for (const row of rows) {
    const id = idOf('rsv_', row.id);
    const life: Life = {
      createdSeq: Number(row.created_seq),
      epoch: Number(row.epoch),
      reserved: Number(row.reserved),
      released: Number(row.released),
      expired: Number(row.expired),
      outcome: row.outcome ?? null,
    };
    const known = lives.get(id);
    if (known === undefined) lives.set(id, [life]);
    else known.push(life);
  }
  return lives;
}

function gatherOrders(rows: readonly Row[]): Map<string, { reservationId: string; lines: Line[] }> {
  const orders = new Map<string, { reservationId: string; lines: Line[] }>();
  for (const row of rows) {
    const id = idOf('ord_', row.id);
    const line = { sku: row.sku as string, quantity: Number(row.quantity) };
    const known = orders.get(id);
    if (known === undefined) orders.set(id, { reservationId: idOf('rsv_', row.reservation), lines: [line] });
    else known.lines.push(line);
  }
  return orders;
}

function idOf(prefix: string, hex: string | undefined): string {
  return prefix + Buffer.from(hex ?? '', 'hex').toString('base64url');
}
