// One look at a sale's counters in the stock store, and how it compares with the ledger as that stood at the same position.
// Pure. The store goes on while it is looked at and so does the ledger: nothing here compares two moments.
import { type Difference, difference } from './differences.ts';
import type { ItemStock } from './sale-store.ts';

/** When, and after which transition and ledger entry, counters were read. Everything later bears a later time. */
export interface Position {
  readonly nowMs: number;
  readonly seq: number;
  readonly applied: number;
}

export interface StockLook extends Position {
  readonly items: readonly ItemStock[];
  /** Units that operations have set aside, by SKU: out of the store's total, and not out of the ledger's yet. */
  readonly pended: ReadonlyMap<string, number>;
  /** The active reservation with the earliest deadline. */
  readonly firstDue: { readonly reservationId: string; readonly deadlineMs: number } | null;
  /** The number after which the epoch's transitions begin; null in a sale rebuilt by an older version. */
  readonly startSeq: number | null;
  /** Through which number the stream was dropped, as journaled. */
  readonly trimmed: number;
  /** First and last number that wait in the stream; null if none does. */
  readonly waiting: { readonly first: number; readonly last: number } | null;
  /** Keys that have lost their sentinel. */
  readonly bareKeys: number;
  readonly records: number;
  readonly heldCounters: number;
}

/** What the ledger says of the items as of an entry that the store has applied. */
export interface LedgerStock {
  /** The last entry there is. */
  readonly entrySeq: number;
  /** Null if the store is too far behind for the entries between to be taken off. */
  readonly items: readonly LedgerItem[] | null;
}

export interface LedgerItem {
  readonly sku: string;
  readonly total: number;
  readonly sold: number;
  readonly maxPerCustomer: number | null;
}

/** An active reservation may be this late (I6): the sweeps come ten times a second. */
export const OVERDUE_MS = 2_000;

/** I8, and what of I5 shows in the counters alone. `ledger` was read after the store, and is as of `look.applied`. */
export function compareStock(look: StockLook, ledger: LedgerStock): Difference[] {
  const found: Difference[] = [];
  if (look.applied > ledger.entrySeq) {
    const detail = `the store applied entries to ${look.applied}, and the ledger has ${ledger.entrySeq}: the ledger was restored from a backup`;
    return [difference('I8', 'none', detail, { key: 'applied' })];
  }
  if (look.bareKeys > 0) {
    const detail = `${look.bareKeys} keys of the sale have lost their sentinel, and would be gone with their last member`;
    found.push(difference('I5', 'rebuild', detail));
  }
  if (ledger.items === null) return found;
  const stored = new Map(look.items.map((item) => [item.sku, item]));
  for (const item of ledger.items) {
    const mine = stored.get(item.sku);
    stored.delete(item.sku);
    found.push(...(mine ? compareItem(look, item, mine) : [missingItem(item.sku)]));
  }
  for (const sku of stored.keys()) {
    found.push(difference('I8', 'rebuild', 'the store has an item that the ledger does not have', { sku }));
  }
  return found;
}

function missingItem(sku: string): Difference {
  return difference('I8', 'rebuild', 'the store lacks an item that the ledger has', { sku });
}

function compareItem(look: StockLook, item: LedgerItem, mine: ItemStock): Difference[] {
  const { sku } = item;
  const found: Difference[] = [];
  const off = (what: string, has: number | null, ledgerHas: number | null) => {
    if (has === ledgerHas) return;
    const key = `${what} ${has ?? '-'} ${ledgerHas ?? '-'}`;
    const gap = has === null || ledgerHas === null ? key : `${what} ${has - ledgerHas}`;
    const detail = `${what} is ${has ?? 'none'} in the store and ${ledgerHas ?? 'none'} in the ledger at entry ${look.applied}`;
    found.push(difference('I8', 'rebuild', detail, { sku, key: gap }));
  };
  const unread = [mine.total, mine.reserved, mine.sold].some((units) => !Number.isSafeInteger(units));
  if (unread) return [difference('I5', 'rebuild', 'the counters of the item cannot be read', { sku })];
  off('sold', mine.sold, item.sold);
  off('total', mine.total + (look.pended.get(sku) ?? 0), item.total);
  off('max_per_customer', mine.maxPerCustomer, item.maxPerCustomer);
  return found;
}

/** I8: the stream holds every transition that was numbered and not dropped. What it lost, no rebuild could bring back. */
export function compareStream({ seq, trimmed, waiting, startSeq }: StockLook): Difference[] {
  const [first, last] = waiting === null ? [seq + 1, seq] : [waiting.first, waiting.last];
  const found: Difference[] = [];
  if (first > trimmed + 1) {
    const detail = `transitions ${trimmed + 1} to ${first - 1} are neither in the stream nor dropped as journaled`;
    found.push(difference('I8', 'none', detail, { key: `stream ${trimmed + 1}` }));
  }
  if (last < seq) {
    const detail = `transitions ${last + 1} to ${seq} were numbered and are not in the stream`;
    found.push(difference('I8', 'none', detail, { key: `stream ${last + 1}` }));
  }
  if (startSeq !== null && startSeq > trimmed) {
    const detail = `the epoch began after ${startSeq}, and ${trimmed} was dropped last`;
    found.push(difference('I8', 'none', detail, { key: 'start' }));
  }
  return found;
}

/** I6 as the store shows it: the first deadline is long over. */
export function overdue({ firstDue, nowMs }: StockLook): Difference[] {
  if (firstDue === null || firstDue.deadlineMs + OVERDUE_MS >= nowMs) return [];
  const seconds = ((nowMs - firstDue.deadlineMs) / 1000).toFixed(1);
  const about = { reservationId: firstDue.reservationId, key: 'overdue' };
  return [difference('I6', 'expire', `still active ${seconds} s past its deadline`, about)];
}
