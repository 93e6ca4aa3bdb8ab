// What the store says by itself, kept for whoever shows it: the last word on each item, and how alive the feed is. One
// feed a page. An item is never replaced by an older one, whichever way the two came.
import { type Live, type LiveState, openLive } from '@holdfast/client/live';
import type { Item } from '@holdfast/contract/inventory';
import type { Order } from '@holdfast/contract/orders';
import type { Reservation } from '@holdfast/contract/reservations';
import type { StoreClock } from './store-clock.ts';

/** The contract's bound on one feed; a page that shows more is live in its first ones. */
export const MAX_LIVE_SKUS = 50;

export interface Pulse {
  readonly state: LiveState;
  /** Monotonic (see StoreClock) moment of the last item or beat; null before the first. */
  readonly heardAtMs: number | null;
}

export interface LiveFeedParts {
  readonly baseUrl: string;
  readonly clock: StoreClock;
  /** For one's own reservations and orders; without it only items come. */
  readonly token?: (() => string | Promise<string> | undefined) | undefined;
}

export class LiveFeed {
  readonly #parts: LiveFeedParts;
  readonly #items = new Map<string, Item>();
  readonly #itemListeners = new Set<(item: Item) => void>();
  readonly #pulseListeners = new Set<() => void>();
  readonly #reservationListeners = new Set<(reservation: Reservation) => void>();
  readonly #orderListeners = new Set<(order: Order) => void>();
  #pulse: Pulse = { state: 'connecting', heardAtMs: null };
  #live: Live | undefined;
  #skus: readonly string[] = [];

  constructor(parts: LiveFeedParts) {
    this.#parts = parts;
  }

  get pulse(): Pulse {
    return this.#pulse;
  }

  item(sku: string): Item | undefined {
    return this.#items.get(sku);
  }

  /** Follows these items, and no others, from now on; none: the feed closes. */
  follow(skus: readonly string[]): void {
    const next = [...new Set(skus)].sort().slice(0, MAX_LIVE_SKUS);
    if (next.join() === this.#skus.join()) return;
    this.#skus = next;
    if (next.length === 0) this.close();
    else if (this.#live) this.#live.setSkus(next);
    else this.#open();
  }

  /** An item that was read another way. */
  note(item: Item): void {
    const known = this.#items.get(item.sku);
    if (known && Date.parse(known.as_of) > Date.parse(item.as_of)) return;
    this.#items.set(item.sku, item);
    for (const listener of this.#itemListeners) listener(item);
  }

  close(): void {
    this.#live?.close();
    this.#live = undefined;
    this.#skus = [];
  }

  /** The token is another's now: their own news comes from here on. */
  reopen(): void {
    if (this.#live === undefined) return;
    this.#live.close();
    this.#open();
  }

  onItem(listener: (item: Item) => void): () => void {
    return subscription(this.#itemListeners, listener);
  }

  onPulse(listener: () => void): () => void {
    return subscription(this.#pulseListeners, listener);
  }

  onReservation(listener: (reservation: Reservation) => void): () => void {
    return subscription(this.#reservationListeners, listener);
  }

  onOrder(listener: (order: Order) => void): () => void {
    return subscription(this.#orderListeners, listener);
  }

  #open(): void {
    const { baseUrl, clock, token } = this.#parts;
    this.#live = openLive({
      baseUrl,
      skus: this.#skus,
      ...(token === undefined ? {} : { token }),
      onItem: (item) => {
        clock.hear(Date.parse(item.as_of));
        this.#heard();
        this.note(item);
      },
      onReservation: (reservation) => {
        for (const listener of this.#reservationListeners) listener(reservation);
      },
      onOrder: (order) => {
        for (const listener of this.#orderListeners) listener(order);
      },
      onState: (state) => this.#setPulse({ ...this.#pulse, state }),
      onBeat: (storeNowMs) => {
        clock.hear(storeNowMs);
        this.#heard();
      },
    });
  }

  #heard(): void {
    this.#setPulse({ ...this.#pulse, heardAtMs: this.#parts.clock.monotonicMs() });
  }

  #setPulse(pulse: Pulse): void {
    this.#pulse = pulse;
    for (const listener of this.#pulseListeners) listener();
  }
}

function subscription<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
