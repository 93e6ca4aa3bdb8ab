// Counts of live reservations, made anew from their records, as of the positions at which the store's counters were read.
// Pure. The records are read after the counters, page by page, while the sale goes on; a record says when its reservation
// began (its number) and when it ended (a time), so that what came and went meanwhile is counted where it belongs.
//
//   counted at a position = begun by then (number ≤ seq) and not ended by then (no end, or end > now)
//
// Two things can fool it, once each: a reservation that had ended and that the ledger confirmed all the same (protocols §4)
// bears the later of its two ends; and after a rebuild an end may bear another machine's time. So nothing is believed before
// a second look has found the same: it begins after the first is over, and to it those ends are past.
import { type Difference, difference } from './differences.ts';
import type { Line } from './reservation.ts';
import type { Position, StockLook } from './store-look.ts';

/** A record as far as it counts here. */
export interface LivedRecord {
  readonly reservationId: string;
  readonly customer: string;
  readonly createdSeq: number;
  /** Null while live. */
  readonly endedAtMs: number | null;
  readonly lines: readonly Line[];
}

export interface HeldPage extends Position {
  readonly counters: readonly { readonly customer: string; readonly sku: string; readonly units: number }[];
}

/** What customers have bought, by the ledger: as of an entry of its own. */
export interface BoughtPage {
  readonly entrySeq: number;
  readonly rows: readonly { readonly customer: string; readonly sku: string; readonly quantity: number }[];
}

/** What was bought by an entry of the ledger. */
export interface Purchase {
  readonly seq: number;
  readonly customer: string;
  readonly lines: readonly Line[];
}

interface Held {
  /** By the counter; null if there was none on any page. */
  readonly units: number | null;
  /** Where it was read. Without a counter: the first page's position. */
  readonly at: Position;
  live: number;
  bought: number;
}

export class LiveCounts {
  private readonly reserved = new Map<string, number>();
  private readonly held = new Map<string, Held>();
  private readonly counted = new Set<number>();
  private firstPage: Position | null = null;
  private lastPage: Position | null = null;

  /** `chosen` tells which customers this look counts: of a big sale, one part a time. */
  constructor(
    private readonly stock: StockLook,
    private readonly chosen: (customer: string) => boolean,
  ) {}

  /** Ends of reservations before this need no reading. */
  get sinceMs(): number {
    return this.stock.nowMs;
  }

  /** The entries after this one, to the last that a bought page knows, are what `addPurchases` wants. */
  get firstApplied(): number {
    return this.firstPage?.applied ?? this.stock.applied;
  }

  addHeld(page: HeldPage): void {
    const { nowMs, seq, applied } = page;
    const at = { nowMs, seq, applied };
    this.firstPage ??= at;
    this.lastPage = at;
    for (const { customer, sku, units } of page.counters) {
      const name = `${customer} ${sku}`;
      // Shown twice by the cursor: the first position is as good.
      if (this.chosen(customer) && !this.held.has(name))
        this.held.set(name, { units, at, live: 0, bought: 0 });
    }
  }

  /** After the last page of counters. A record shown twice counts once. */
  addRecord(record: LivedRecord): void {
    if (this.counted.has(record.createdSeq)) return;
    this.counted.add(record.createdSeq);
    const wasLive = isLiveAt(record, this.stock);
    for (const { sku, quantity } of record.lines) {
      if (wasLive) this.reserved.set(sku, (this.reserved.get(sku) ?? 0) + quantity);
      if (this.chosen(record.customer)) this.countHeld(record, sku, quantity);
    }
  }

  private countHeld(record: LivedRecord, sku: string, quantity: number): void {
    const name = `${record.customer} ${sku}`;
    const held = this.held.get(name);
    if (held) {
      if (isLiveAt(record, held.at)) held.live += quantity;
      return;
    }
    if (this.firstPage === null || this.lastPage === null) return;
    // No page had a counter for it: there was none at some moment, so it says nothing of one that came or went meanwhile.
    const throughout = isLiveAt(record, this.firstPage) && isLiveAt(record, this.lastPage);
    if (throughout) this.held.set(name, { units: null, at: this.firstPage, live: quantity, bought: 0 });
  }

  addBought({ entrySeq, rows }: BoughtPage, purchases: readonly Purchase[]): void {
    if (this.firstPage === null) return;
    const later = purchasesBy(purchases);
    for (const { customer, sku, quantity } of rows) {
      if (!this.chosen(customer)) continue;
      const name = `${customer} ${sku}`;
      const at = this.held.get(name)?.at ?? this.firstPage;
      const since = later.get(name) ?? [];
      const after = since.filter(({ seq }) => seq > at.applied && seq <= entrySeq);
      const bought = quantity - after.reduce((sum, purchase) => sum + purchase.quantity, 0);
      const held = this.held.get(name);
      if (held) held.bought += bought;
      else if (bought > 0) this.held.set(name, { units: null, at, live: 0, bought });
    }
  }

  /** I5: the items' reserved counters. */
  reservedDifferences(): Difference[] {
    return this.stock.items.flatMap(({ sku, reserved }) => {
      const live = this.reserved.get(sku) ?? 0;
      if (reserved === live) return [];
      const detail = `reserved is ${reserved}, and the live reservations have ${live}`;
      return [difference('I5', 'rebuild', detail, { sku, key: `reserved ${reserved - live}` })];
    });
  }

  /** I5: the customers' counters; and I4: what they really hold against the cap. Only once all bought pages are in. */
  heldDifferences(): Difference[] {
    const caps = new Map(this.stock.items.map(({ sku, maxPerCustomer }) => [sku, maxPerCustomer]));
    const found: Difference[] = [];
    for (const [name, { units, live, bought }] of this.held) {
      const [customer, sku] = name.split(' ') as [string, string];
      const has = live + bought;
      if ((units ?? 0) !== has) {
        const counter = units === null ? 'there is no counter' : `the counter says ${units}`;
        const detail = `customer ${customer} holds ${live} and bought ${bought}, and ${counter}`;
        found.push(
          difference('I5', 'rebuild', detail, { sku, key: `held ${customer} ${(units ?? 0) - has}` }),
        );
      }
      const cap = caps.get(sku) ?? null;
      if (cap !== null && has > cap) {
        const detail = `customer ${customer} holds ${live} and bought ${bought}, above the cap of ${cap}`;
        found.push(difference('I4', 'none', detail, { sku, key: `cap ${customer}` }));
      }
    }
    return found;
  }
}

function isLiveAt({ createdSeq, endedAtMs }: LivedRecord, at: Position): boolean {
  return createdSeq <= at.seq && (endedAtMs === null || endedAtMs > at.nowMs);
}

function purchasesBy(purchases: readonly Purchase[]): Map<string, { seq: number; quantity: number }[]> {
  const by = new Map<string, { seq: number; quantity: number }[]>();
  for (const { seq, customer, lines } of purchases) {
    for (const { sku, quantity } of lines) {
      const name = `${customer} ${sku}`;
      const mine = by.get(name);
      if (mine) mine.push({ seq, quantity });
      else by.set(name, [{ seq, quantity }]);
    }
  }
  return by;
}
