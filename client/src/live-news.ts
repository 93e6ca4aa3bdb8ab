// What whoever watches is told: each item never older than before, and how alive the feed is.
import type { Item } from '@holdfast/contract/inventory';
import type { LiveMessage } from '@holdfast/contract/live';
import type { Order } from '@holdfast/contract/orders';
import type { Reservation } from '@holdfast/contract/reservations';
import type { Way } from './live-ways.ts';

/** Two of the service's beats and a little (the contract's LIVE_STALE_MS). */
export const STALE_MS = 12_000;

/** `stale`: whatever is shown is older than 12 s. `polling`: asked for every few seconds, without what is one's own. */
export type LiveState = 'connecting' | 'live' | 'polling' | 'stale';

export interface LiveListeners {
  /** Never older than what was told before about the item. */
  readonly onItem: (item: Item) => void;
  readonly onReservation: (reservation: Reservation) => void;
  readonly onOrder: (order: Order) => void;
  /** On each change. `sinceMs`: how long ago an item or beat was last heard, or else the feed began. */
  readonly onState: (state: LiveState, sinceMs: number) => void;
  /** The stock store's clock, every 5 s. */
  readonly onBeat: (serverNowMs: number) => void;
}

export class News {
  readonly #listeners: LiveListeners;
  readonly #nowMs: () => number;
  #skus: ReadonlySet<string> = new Set();
  /** When what was last told of each item was true. */
  readonly #asOfMs = new Map<string, number>();
  #freshAtMs: number;
  #state: LiveState | undefined;
  #over = false;

  constructor(listeners: LiveListeners, nowMs: () => number) {
    this.#listeners = listeners;
    this.#nowMs = nowMs;
    this.#freshAtMs = nowMs();
  }

  about(skus: readonly string[]): void {
    this.#skus = new Set(skus);
    for (const sku of this.#asOfMs.keys()) if (!this.#skus.has(sku)) this.#asOfMs.delete(sku);
    // Nothing is shown of these yet that could be old.
    if (this.#asOfMs.size === 0) this.#freshAtMs = this.#nowMs();
  }

  /** Nothing is told any more. */
  end(): void {
    this.#over = true;
  }

  /**
   * Whether the message shows that its way works (`up`), and even that the store is heard there (`fresh`): what a new way
   * says first may be no more than what the last one said.
   */
  weigh(message: LiveMessage): 'fresh' | 'up' | 'neither' {
    if (message.type === 'beat') return 'fresh';
    if (message.type !== 'item' || !this.#skus.has(message.item.sku)) return 'neither';
    return Date.parse(message.item.as_of) > this.#knownMs(message.item) ? 'fresh' : 'up';
  }

  fresh(): void {
    this.#freshAtMs = this.#nowMs();
  }

  tell(message: LiveMessage): void {
    if (this.#over) return;
    if (message.type === 'item') this.#tellItem(message.item);
    if (message.type === 'beat') this.#listeners.onBeat(Date.parse(message.at));
    if (message.type === 'reservation') this.#listeners.onReservation(message.reservation);
    if (message.type === 'order') this.#listeners.onOrder(message.order);
  }

  /** If it has changed. `way`: by which news comes now, if any. */
  tellState(way: Way | undefined): void {
    const nowMs = this.#nowMs();
    // A clock that was set back would make what is old look fresh for as long.
    this.#freshAtMs = Math.min(this.#freshAtMs, nowMs);
    const sinceMs = nowMs - this.#freshAtMs;
    const state = this.#skus.size > 0 && sinceMs >= STALE_MS ? 'stale' : stateOf(way);
    if (this.#over || state === this.#state) return;
    this.#state = state;
    this.#listeners.onState(state, sinceMs);
  }

  #tellItem(item: Item): void {
    const asOfMs = Date.parse(item.as_of);
    if (!this.#skus.has(item.sku) || asOfMs < this.#knownMs(item)) return;
    this.#asOfMs.set(item.sku, asOfMs);
    this.#listeners.onItem(item);
  }

  #knownMs({ sku }: Item): number {
    return this.#asOfMs.get(sku) ?? Number.NEGATIVE_INFINITY;
  }
}

function stateOf(way: Way | undefined): LiveState {
  if (!way?.up) return 'connecting';
  return way.kind === 'polls' ? 'polling' : 'live';
}
