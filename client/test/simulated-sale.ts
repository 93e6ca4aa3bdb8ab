// A sale in virtual time, with delays on the way in and out and answers that get lost, and the history that
// its customers would write. Truthful unless given a lie. It shows that the checks see lies and only lies.
import { type Exchange, History, type Received } from '../src/history.ts';
import type { Operation } from '../src/transport.ts';

/** One shopper's plan; all times in virtual milliseconds. */
export interface ShopperPlan {
  readonly startMs: number;
  readonly quantity: number;
  /** Each sends the same key again, this long after the start; the service may see them in any order. */
  readonly resendAfterMs: readonly number[];
  readonly ending: 'vanish' | 'confirm' | 'release' | 'confirm and release' | 'confirm twice';
  readonly thinkMs: number;
  /** One-way delays, used in turn. */
  readonly delaysMs: readonly number[];
  /** The n-th answer is lost on its way; -1 = none. */
  readonly lostAnswer: number;
}

export type Lie =
  /** Grants one unit that is not there. */
  | 'oversell'
  /** Says sold out while there is enough. */
  | 'false sold-out'
  /** A retry with the same key makes another reservation. */
  | 'two effects'
  /** A retry is answered with other bytes. */
  | 'other bytes'
  /** A retry after the sale sold out is refused. */
  | 'forgets the key'
  /** A reservation ends halfway through its time. */
  | 'early expiry'
  /** A confirmed reservation is given back all the same. */
  | 'two outcomes'
  /** A retry of a reserve is answered as if it were new. */
  | 'new twice'
  /** Everyone gets the first one's reservation. */
  | 'one for all'
  /** A retry of a confirm makes another order. */
  | 'two orders'
  /** The order has more in it than was reserved. */
  | 'other lines';

/** What a truthful service may do as well: grant, and then fail to say so. */
export const GRANTS_AND_FAILS = 'grants and fails';

export const SKU = 'A-1';

interface Reservation {
  readonly id: string;
  readonly quantity: number;
  readonly deadlineMs: number;
  status: 'active' | 'confirmed' | 'released';
}

export class SimulatedSale {
  readonly history = new History(
    () => 0,
    () => 0,
  );
  readonly #reservations: Reservation[] = [];
  readonly #byKey = new Map<string, Reservation>();
  readonly #agenda: { readonly atMs: number; readonly run: () => void }[] = [];
  #nowMs = 0;

  constructor(
    private readonly total: number,
    private readonly ttlMs: number,
    private readonly lie: Lie | typeof GRANTS_AND_FAILS | undefined = undefined,
  ) {}

  play(plans: readonly ShopperPlan[]): History {
    for (const [i, plan] of plans.entries()) this.#shop(`shopper-${i}`, plan);
    for (;;) {
      let next = 0;
      for (const [i, entry] of this.#agenda.entries())
        if (entry.atMs < (this.#agenda[next]?.atMs ?? 0)) next = i;
      const [entry] = this.#agenda.splice(next, 1);
      if (entry === undefined) return this.history;
      this.#nowMs = entry.atMs;
      entry.run();
    }
  }

  #shop(shopper: string, plan: ShopperPlan): void {
    let sends = 0;
    const delay = () => plan.delaysMs[sends % plan.delaysMs.length] ?? 1;
    const send = (operation: Operation, reservationId: string | undefined, then?: (r: Received) => void) => {
      const number = sends;
      const isReserve = operation === 'reserve';
      const exchange: Exchange = {
        shopper,
        operation,
        idempotencyKey: isReserve ? 'key' : undefined,
        reservationId,
        lines: isReserve ? [{ sku: SKU, quantity: plan.quantity }] : [],
        sentAtMs: this.#nowMs,
        sentWallMs: this.#nowMs,
        received: undefined,
      };
      this.history.exchanges.push(exchange);
      const [inMs, outMs] = [delay(), delay() + (number % 3)];
      sends += 1;
      this.#at(this.#nowMs + inMs, () => {
        const answer = this.#serve(exchange, shopper, plan.quantity);
        if (number === plan.lostAnswer) return;
        this.#at(this.#nowMs + outMs, () => {
          exchange.received = { ...answer, atMs: this.#nowMs };
          then?.(exchange.received);
        });
      });
    };
    const act = (received: Received) => {
      const id = (received.body as { reservation_id?: string }).reservation_id;
      if (received.status !== 201 || id === undefined) return;
      this.#at(this.#nowMs + plan.thinkMs, () => {
        if (plan.ending.startsWith('confirm')) send('confirm', id);
        if (plan.ending === 'confirm twice') send('confirm', id);
        if (plan.ending.endsWith('release')) send('release', id);
      });
    };
    this.#at(plan.startMs, () => send('reserve', undefined, act));
    for (const afterMs of plan.resendAfterMs) {
      this.#at(plan.startMs + afterMs, () => send('reserve', undefined));
    }
  }

  #at(atMs: number, run: () => void): void {
    this.#agenda.push({ atMs, run });
  }

  #serve(exchange: Exchange, shopper: string, quantity: number): Omit<Received, 'atMs'> {
    if (exchange.operation === 'reserve') return this.#reserve(shopper, quantity);
    const reservation = this.#reservations.find(({ id }) => id === exchange.reservationId);
    if (reservation === undefined) throw new Error('acted on a reservation that was never made');
    return exchange.operation === 'confirm' ? this.#confirm(reservation) : this.#release(reservation);
  }

  #reserve(shopper: string, quantity: number): Omit<Received, 'atMs'> {
    const known = this.#byKey.get(shopper);
    const available = this.total - this.#taken();
    const [first] = this.#reservations;
    if (this.lie === 'one for all' && first !== undefined) return success(201, this.#view(first), false);
    if (known !== undefined && this.lie === 'forgets the key' && available < quantity) {
      return refusal(409, 'insufficient-stock');
    }
    if (known !== undefined && this.lie !== 'two effects') {
      return success(201, this.#view(known), this.lie !== 'new twice', this.lie === 'other bytes' ? ' ' : '');
    }
    if (this.lie === 'false sold-out' && available === this.total) return refusal(409, 'insufficient-stock');
    const spare = this.lie === 'oversell' ? quantity : 0;
    if (available + spare < quantity) return refusal(409, 'insufficient-stock');
    const reservation: Reservation = {
      id: `rsv_${this.#reservations.length}`,
      quantity,
      deadlineMs: this.#nowMs + (this.lie === 'early expiry' ? this.ttlMs / 2 : this.ttlMs),
      status: 'active',
    };
    this.#reservations.push(reservation);
    this.#byKey.set(shopper, reservation);
    if (this.lie === GRANTS_AND_FAILS) return refusal(503, 'unavailable');
    return success(201, this.#view(reservation), false);
  }

  #confirm(reservation: Reservation): Omit<Received, 'atMs'> {
    if (reservation.status === 'released') return refusal(409, 'reservation-released');
    if (reservation.status === 'active' && this.#nowMs >= reservation.deadlineMs)
      return refusal(410, 'reservation-expired');
    const again = reservation.status === 'confirmed' && this.lie === 'two orders';
    reservation.status = 'confirmed';
    const quantity = reservation.quantity + (this.lie === 'other lines' ? 1 : 0);
    return success(200, {
      order_id: `ord_${reservation.id}${again ? '_again' : ''}`,
      items: [{ sku: SKU, quantity }],
    });
  }

  #release(reservation: Reservation): Omit<Received, 'atMs'> {
    if (reservation.status === 'confirmed' && this.lie !== 'two outcomes')
      return refusal(409, 'already-confirmed');
    if (reservation.status === 'active' && this.#nowMs >= reservation.deadlineMs)
      return refusal(410, 'reservation-expired');
    reservation.status = 'released';
    return success(200, { ...this.#view(reservation), status: 'released' });
  }

  #taken(): number {
    return this.#reservations
      .filter(
        ({ status, deadlineMs }) =>
          status === 'confirmed' || (status === 'active' && this.#nowMs < deadlineMs),
      )
      .reduce((sum, { quantity }) => sum + quantity, 0);
  }

  #view({ id, quantity }: Reservation) {
    const items = [{ sku: SKU, quantity }];
    return { reservation_id: id, status: 'active', items, ttl_seconds: this.ttlMs / 1000 };
  }
}

function success(status: number, body: object, replayed = false, padding = ''): Omit<Received, 'atMs'> {
  return { status, code: undefined, body, text: JSON.stringify(body) + padding, replayed };
}

function refusal(status: number, code: string): Omit<Received, 'atMs'> {
  return { status, code, body: { code }, text: '', replayed: false };
}
