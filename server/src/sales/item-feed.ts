// One look for all who watch. While any item of a sale is watched, this process looks at the sale's stock, at most ten
// times a second whatever the number of items and viewers, and tells which of the items have changed. Nobody watches:
// nothing runs. The next look waits until the last one's changes were handed on, so changes are told in their order.
//
//   watched ──▶ look ──▶ changed? tell, wait until told ──▶ pause ──▶ look …      silent store: longer pauses
//                                                                                  closed sale: every two seconds

import type { ItemRow } from '../domain/ledger-facts.ts';
import { type ItemStock, type SaleSettings, SaleUnloaded, type StockSnapshot } from '../domain/sale-store.ts';
import type { Catalog } from '../ledger/catalog.ts';
import type { ItemView, SaleVerbs } from './sales.ts';

/** Ten looks a second of one sale. */
export const LOOK_EVERY_MS = 100;
/** A closed sale changes no more; its SKU may be in another one by now. */
const CLOSED_LOOK_MS = 2_000;
/** Items of a closed sale that are asked for anew by one look. */
const ASKED_ANEW_MAX = 50;
/** Pauses while the store does not answer: a quarter of the viewers' patience at most. */
const SILENT_FIRST_MS = 250;
const SILENT_MAX_MS = 2_000;
/** What was looked at longer ago than this is not known to be so now: longer than any pause between good looks. */
const FRESH_MS = 3_000;

export interface ItemFeedOptions {
  readonly catalog: Pick<Catalog, 'item'>;
  readonly sales: Pick<SaleVerbs, 'item'>;
  /** The look that all askers of this process share. */
  readonly snapshotOf: (saleNumber: number) => Promise<StockSnapshot>;
  /** Hears what has changed; resolves once it was handed on, with how long to wait before the next look at the least. */
  readonly tell: (changed: readonly ItemView[]) => Promise<number>;
}

interface Watched {
  row: ItemRow;
  /** As of the last look; null before the first. */
  view: ItemView | null;
  /** What viewers see of it. */
  print: string;
  askedAnewAtMs: number;
}

interface SaleLook {
  readonly saleNumber: number;
  readonly items: Map<string, Watched>;
  snapshot: StockSnapshot | null;
  heardAtMs: number;
  failures: number;
  /** Ends the pause. */
  wake: () => void;
}

export class ItemFeed {
  private readonly watched = new Map<string, SaleLook>();
  private readonly looks = new Map<number, SaleLook>();
  private stopped = false;

  constructor(private readonly options: ItemFeedOptions) {}

  /** The item now selling under this SKU. @throws as the ledger does */
  find(sku: string): ItemRow | null | Promise<ItemRow | null> {
    return this.options.catalog.item(sku);
  }

  /** Looks after the item until `unwatch`. Again is safe. */
  watch(row: ItemRow): void {
    if (this.stopped || this.watched.has(row.sku)) return;
    this.enter(row);
  }

  unwatch(sku: string): void {
    const look = this.watched.get(sku);
    if (!look) return;
    this.watched.delete(sku);
    look.items.delete(sku);
  }

  /** As of the last look; null before there was one. */
  view(sku: string): ItemView | null {
    return this.watched.get(sku)?.items.get(sku)?.view ?? null;
  }

  /** The store was heard about this item just now: what was told is how it is. */
  isFresh(sku: string): boolean {
    const look = this.watched.get(sku);
    return look !== undefined && performance.now() - look.heardAtMs < FRESH_MS;
  }

  /** Sales that are being looked at. */
  get size(): number {
    return this.looks.size;
  }

  /** Again is safe. */
  stop(): void {
    this.stopped = true;
    for (const look of this.looks.values()) look.wake();
  }

  private enter(row: ItemRow): void {
    let look = this.looks.get(row.saleNumber);
    const begin = look === undefined;
    look ??= {
      saleNumber: row.saleNumber,
      items: new Map(),
      snapshot: null,
      heardAtMs: Number.NEGATIVE_INFINITY,
      failures: 0,
      wake: () => undefined,
    };
    const item: Watched = { row, view: null, print: '', askedAnewAtMs: Number.NEGATIVE_INFINITY };
    look.items.set(row.sku, item);
    this.watched.set(row.sku, look);
    if (begin) {
      this.looks.set(row.saleNumber, look);
      void this.run(look);
    } else if (look.snapshot && this.isFresh(row.sku)) {
      const stock = look.snapshot.items.find(({ sku }) => sku === row.sku);
      if (stock) see(item, stock, look.snapshot);
    }
  }

  private async run(look: SaleLook): Promise<void> {
    while (look.items.size > 0 && !this.stopped) {
      const beganAtMs = performance.now();
      const waitMs = await this.look(look);
      await pause(look, beganAtMs + waitMs - performance.now());
    }
    this.looks.delete(look.saleNumber);
  }

  /** Never throws; how long from its beginning the next one may begin. */
  private async look(look: SaleLook): Promise<number> {
    try {
      const snapshot = await this.snapshot(look);
      look.failures = 0;
      look.heardAtMs = performance.now();
      const closed = snapshot === null || snapshot.settings.closed;
      const changed: ItemView[] = [];
      const stocks = new Map(snapshot?.items.map((stock) => [stock.sku, stock]));
      for (const item of look.items.values()) {
        const stock = stocks.get(item.row.sku);
        if (snapshot && stock && see(item, stock, snapshot)) changed.push(item.view as ItemView);
      }
      const missing = [...look.items.values()].filter(({ view }) => view === null);
      const anew = closed ? longestAgo(look.items.values()) : missing.slice(0, ASKED_ANEW_MAX);
      for (const item of anew) if (await this.askAnew(look, item)) changed.push(item.view as ItemView);
      const waitMs = changed.length > 0 ? await this.options.tell(changed) : 0;
      return Math.max(waitMs, closed || anew.length > 0 ? CLOSED_LOOK_MS : LOOK_EVERY_MS);
    } catch {
      // Whoever is silent or not ready is told about elsewhere; viewers hear no beat meanwhile.
      const longest = Math.min(SILENT_MAX_MS, SILENT_FIRST_MS * 2 ** Math.min(look.failures, 10));
      look.failures += 1;
      return longest * (0.5 + Math.random() / 2);
    }
  }

  /** Null: the sale is over and no longer kept in the store. */
  private async snapshot(look: SaleLook): Promise<StockSnapshot | null> {
    try {
      look.snapshot = await this.options.snapshotOf(look.saleNumber);
      return look.snapshot;
    } catch (error) {
      if (error instanceof SaleUnloaded) return null;
      throw error;
    }
  }

  /** By the way that knows more than one sale. True if viewers see a difference. */
  private async askAnew(look: SaleLook, item: Watched): Promise<boolean> {
    item.askedAnewAtMs = performance.now();
    const answer = await this.options.sales.item(item.row.sku);
    if (!answer.ok || look.items.get(item.row.sku) !== item) return false;
    const { row } = answer.value;
    if (row.saleNumber === look.saleNumber) return keep(item, answer.value);
    // It sells in another sale now: from here on that one is looked at.
    look.items.delete(row.sku);
    this.enter(row);
    return keep(item, answer.value);
  }
}

function see(item: Watched, stock: ItemStock, { settings, nowMs }: StockSnapshot): boolean {
  return keep(item, { row: item.row, stock, settings, asOfMs: nowMs });
}

/** True if viewers see a difference. */
function keep(item: Watched, view: ItemView): boolean {
  const { total, reserved, sold, maxPerCustomer } = view.stock;
  const print = `${view.row.saleNumber} ${total} ${reserved} ${sold} ${maxPerCustomer} ${phase(view.settings, view.asOfMs)}`;
  const isNew = item.print !== print;
  item.print = print;
  item.view = view;
  return isNew;
}

/** Before, in or after its time: what an item's status depends on beside its stock. */
function phase({ closed, opensAtMs, closesAtMs }: SaleSettings, nowMs: number): string {
  if (closed || (closesAtMs !== null && nowMs >= closesAtMs)) return 'after';
  return opensAtMs !== null && nowMs < opensAtMs ? 'before' : 'in';
}

function longestAgo(items: Iterable<Watched>): Watched[] {
  return [...items].sort((a, b) => a.askedAnewAtMs - b.askedAnewAtMs).slice(0, ASKED_ANEW_MAX);
}

function pause(look: SaleLook, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.max(1, ms));
    look.wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
