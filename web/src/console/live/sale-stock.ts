// The stock of a sale as the live feed tells it, item by item: the latest of each, and their sum over time. Pure, so
// that what the plot is fed with can be tested with an hour of updates in a blink.
import type { Item } from '@holdfast/contract/inventory';
import { type Levels, LevelTrace } from './level-trace.ts';

/** Two minutes as fine as the feed is: ten a second. */
const FINE_BIN_MS = 100;
const FINE_POINTS = 1_200;
/** An hour, one a second. */
const COARSE_BIN_MS = 1_000;
const COARSE_POINTS = 3_600;

export interface StockNow extends Levels {
  readonly total: number;
}

export class SaleStock {
  readonly fine = new LevelTrace(FINE_POINTS, FINE_BIN_MS);
  readonly coarse = new LevelTrace(COARSE_POINTS, COARSE_BIN_MS);
  readonly #items = new Map<string, Item>();
  readonly #skus: ReadonlySet<string>;

  /** Of the items watched; what is told of others is not counted. */
  constructor(skus: readonly string[]) {
    this.#skus = new Set(skus);
  }

  /** @returns false if it was older than what is known, or of another sale's item. */
  update(item: Item): boolean {
    const known = this.#items.get(item.sku);
    if (!this.#skus.has(item.sku) || (known !== undefined && known.as_of > item.as_of)) return false;
    this.#items.set(item.sku, item);
    // Until every item was heard once, the sum would jump up with each: that is not what the stock did.
    if (this.#items.size === this.#skus.size) {
      const atMs = Date.parse(item.as_of);
      const levels = this.now();
      this.fine.push(atMs, levels);
      this.coarse.push(atMs, levels);
    }
    return true;
  }

  now(): StockNow {
    const sum = { total: 0, available: 0, reserved: 0, sold: 0 };
    for (const item of this.#items.values()) {
      sum.total += item.total;
      sum.available += item.available;
      sum.reserved += item.reserved;
      sum.sold += item.sold;
    }
    return sum;
  }

  /** True once every item was heard. */
  get complete(): boolean {
    return this.#items.size === this.#skus.size;
  }

  item(sku: string): Item | undefined {
    return this.#items.get(sku);
  }

  /** The finer trace as far back as it goes, then the coarser one. */
  traceFor(windowMs: number): LevelTrace {
    return windowMs <= FINE_BIN_MS * FINE_POINTS ? this.fine : this.coarse;
  }

  get byteLength(): number {
    return this.fine.byteLength + this.coarse.byteLength;
  }
}
