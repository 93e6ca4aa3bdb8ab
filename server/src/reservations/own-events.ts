// What becomes of a customer's own reservations, told as it happens to those who watch. Hints of any process say whose
// reservation has changed; it is then read as any request would read it, so that what is told is what a read would answer.
// The end of a reservation's time needs no hint: its deadline is known here. One reads for a customer at a time, in order,
// so nothing older is told after something newer.
import { isWellFormedId, saleNumberOf } from '../domain/ids.ts';
import type { Order } from '../domain/ledger-facts.ts';
import type { HintEar } from '../stock/hints.ts';
import type { Customer, ReservationVerbs, ReservationView } from './reservations.ts';

/** How often deadlines are looked at, while anybody watches. */
const SWEEP_MS = 250;
/** A confirm takes milliseconds; one that is still under way after this is looked at again. */
const CONFIRMING_LOOK_MS = 2_000;
/** After a read that failed; up to twice that, so that not all come back together. */
const RETRY_MS = 1_000;
/** Customers that are read for at the same time: lists are asked of the ledger. */
const READING_MAX = 32;
/** Reservations of one customer that are kept in mind, the newest; a page of the list. */
const KNOWN_MAX = 200;

export interface OwnListener {
  reservation(view: ReservationView): void;
  order(order: Order): void;
}

export interface OwnEventsOptions {
  readonly verbs: Pick<ReservationVerbs, 'read' | 'list' | 'order'>;
  readonly hints: { listen(ear: HintEar): void; quiet(): void };
  /** True if this id was issued to this customer. */
  readonly isTheirs: (customer: Customer, reservationId: string) => boolean;
  readonly storeNowMs: () => number;
}

interface Known {
  readonly view: ReservationView;
  /** Its order was told, or there is none to tell. */
  settledOrder: boolean;
  /** When to look again by the store's clock. */
  lookAtMs: number;
}

interface Watched {
  readonly customer: Customer;
  readonly listeners: Set<OwnListener>;
  readonly known: Map<string, Known>;
  readonly changed: Set<string>;
  /** Read all that live. */
  all: boolean;
  reading: boolean;
  /** Not before this, by this process's clock. */
  notBeforeMs: number;
}

export class OwnEvents {
  private readonly byKey = new Map<string, Watched>();
  private readonly queue: Watched[] = [];
  private reading = 0;
  private sweeping: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly options: OwnEventsOptions) {}

  /** Tells what lives now, and from then on every change, until the function that it gives is called; again is safe. */
  join(customer: Customer, listener: OwnListener): () => void {
    let watched = this.byKey.get(customer.key);
    if (!watched) {
      watched = {
        customer,
        listeners: new Set(),
        known: new Map(),
        changed: new Set(),
        all: true,
        reading: false,
        notBeforeMs: 0,
      };
      this.byKey.set(customer.key, watched);
      if (this.byKey.size === 1) this.begin();
    }
    watched.listeners.add(listener);
    for (const { view } of watched.known.values()) if (isLive(view)) listener.reservation(view);
    watched.all = true;
    this.readSoon(watched);
    const { key } = customer;
    return () => {
      watched.listeners.delete(listener);
      if (watched.listeners.size > 0 || this.byKey.get(key) !== watched) return;
      this.byKey.delete(key);
      if (this.byKey.size === 0) this.end();
    };
  }

  private begin(): void {
    this.options.hints.listen(this.hear);
    this.sweeping = setInterval(() => this.sweep(), SWEEP_MS);
  }

  private end(): void {
    this.options.hints.quiet();
    clearInterval(this.sweeping);
  }

  private readonly hear: HintEar = (customerKey, reservationId) => {
    if (customerKey === null) {
      for (const watched of this.byKey.values()) {
        watched.all = true;
        this.readSoon(watched);
      }
      return;
    }
    const watched = this.byKey.get(customerKey);
    if (!watched || !isWellFormedId('reservation', reservationId)) return;
    if (!this.options.isTheirs(watched.customer, reservationId)) return;
    if (watched.changed.size < KNOWN_MAX) watched.changed.add(reservationId);
    else watched.all = true;
    this.readSoon(watched);
  };

  /** What is past its time, and confirms that nobody has heard the end of. */
  private sweep(): void {
    const storeNowMs = this.options.storeNowMs();
    for (const watched of this.byKey.values()) {
      for (const [id, { lookAtMs }] of watched.known) if (lookAtMs <= storeNowMs) watched.changed.add(id);
      if (watched.all || watched.changed.size > 0) this.readSoon(watched);
    }
  }

  private readSoon(watched: Watched): void {
    if (watched.reading || performance.now() < watched.notBeforeMs) return;
    watched.reading = true;
    this.queue.push(watched);
    this.readNext();
  }

  private readNext(): void {
    while (this.reading < READING_MAX) {
      const watched = this.queue.shift();
      if (!watched) return;
      this.reading += 1;
      void this.read(watched).finally(() => {
        watched.reading = false;
        this.reading -= 1;
        const more = watched.listeners.size > 0 && (watched.all || watched.changed.size > 0);
        if (more) this.readSoon(watched);
        this.readNext();
      });
    }
  }

  /** Never throws: what could not be read is read again by the sweep. */
  private async read(watched: Watched): Promise<void> {
    if (watched.listeners.size === 0) return;
    const { all } = watched;
    const changed = [...watched.changed];
    watched.all = false;
    watched.changed.clear();
    try {
      if (all) await this.readAll(watched);
      await Promise.all(changed.map((id) => this.readOne(watched, id)));
    } catch {
      watched.all ||= all;
      for (const id of changed) watched.changed.add(id);
      watched.notBeforeMs = performance.now() + RETRY_MS * (1 + Math.random());
    }
  }

  private async readAll(watched: Watched): Promise<void> {
    const answer = await this.options.verbs.list(watched.customer, KNOWN_MAX, null);
    if (!answer.ok) return;
    const { rows } = answer.value;
    // Oldest first, as they came about. What has ended is news only to who knew it alive.
    for (const view of rows.toReversed()) {
      if (isLive(view) || watched.known.has(view.record.reservationId)) await this.tell(watched, view);
    }
  }

  private async readOne(watched: Watched, id: string): Promise<void> {
    const answer = await this.options.verbs.read(watched.customer, saleNumberOf(id), id);
    if (answer.ok) return await this.tell(watched, answer.value);
    const known = watched.known.get(id);
    if (!known || !isLive(known.view)) return;
    // No store knows it any more: a read answers reservation-lost.
    await this.tell(watched, { ...known.view, status: 'lost' });
  }

  private async tell(watched: Watched, view: ReservationView): Promise<void> {
    const id = view.record.reservationId;
    const before = watched.known.get(id);
    const known: Known = {
      view,
      settledOrder: view.orderId === null || (before?.settledOrder === true && sameLife(before.view, view)),
      lookAtMs: this.nextLook(view),
    };
    watched.known.delete(id);
    watched.known.set(id, known);
    makeRoom(watched.known);
    if (!before || print(before.view) !== print(view)) {
      for (const listener of watched.listeners) listener.reservation(view);
    }
    if (known.settledOrder || view.orderId === null) return;
    const answer = await this.options.verbs.order(view.orderId);
    known.settledOrder = true;
    if (answer.ok) for (const listener of watched.listeners) listener.order(answer.value);
  }

  private nextLook({ status, record }: ReservationView): number {
    const nowMs = this.options.storeNowMs();
    if (status === 'confirming') return nowMs + CONFIRMING_LOOK_MS;
    if (status !== 'active') return Number.POSITIVE_INFINITY;
    return Math.max(record.deadlineMs, nowMs + 1);
  }
}

function isLive({ status }: ReservationView): boolean {
  return status === 'active' || status === 'confirming';
}

function sameLife(a: ReservationView, b: ReservationView): boolean {
  return a.record.createdSeq === b.record.createdSeq && a.orderId === b.orderId;
}

/** All that a customer would see differ. */
function print({ status, record, orderId }: ReservationView): string {
  return `${status} ${record.createdSeq} ${record.deadlineMs} ${orderId}`;
}

/** Those that have ended go first, the oldest of them. */
function makeRoom(known: Map<string, Known>): void {
  while (known.size > KNOWN_MAX) {
    const [oldest] = known.keys();
    const ended = [...known].find(([, { view }]) => !isLive(view))?.[0];
    known.delete(ended ?? (oldest as string));
  }
}
