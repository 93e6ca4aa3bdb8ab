// One look of a reconciliation at a sale in the store, held against the ledger as it stood at the same position. Two depths:
// the counters alone, one call; or everything, page by page, with a pause after each so that no reserve waits for a look.
//
//   counters ─▶ customers' counters ─▶ records ─▶ indexes ─▶ what was bought (ledger)
//
// In this order: counters name the position at which they were read, and what is read later tells what counted then
// (domain/live-counts.ts). A rebuild in between ends the look with NotReady: another epoch is another sale to look at.
import { type Difference, difference } from '../domain/differences.ts';
import { type BoughtPage, LiveCounts, type Purchase } from '../domain/live-counts.ts';
import { compareStock, compareStream, overdue, type StockLook } from '../domain/store-look.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import { INDEXES, type SaleLook, START } from '../stock/sale-look.ts';

/** Customers' counters held in memory at a time, some 20 MB: of a sale with more, each look counts one part of them. */
const HELD_MAX = 200_000;
/** Rows of customers' purchases in one page. */
const BOUGHT_PAGE = 1_000;
/** Entries since the look began, for what customers bought meanwhile; past so many the sale is too busy to say. */
const ENTRIES_PAGE = 5_000;
const ENTRIES_PAGES_MAX = 10;

export interface StoreLooking {
  readonly saleNumber: number;
  readonly look: SaleLook;
  readonly ledger: Pick<LedgerContract, 'stockAt' | 'boughtAfter' | 'entriesAfter' | 'epochSpan'>;
  /** Which part of the customers, where there are too many for one look: counts up from look to look. */
  readonly round: number;
  /** Awaited between pages. Rejects to end the look. */
  readonly pace: () => Promise<void>;
}

export interface StoreFindings {
  readonly differences: readonly Difference[];
  readonly items: number;
  /** Zero where only the counters were looked at. */
  readonly records: number;
  readonly customers: number;
  readonly indexEntries: number;
}

/** I8, I6, and what of I5 shows in the counters: one call of the store, three bounded statements of the ledger. */
export async function lookAtCounters(parts: StoreLooking): Promise<StoreFindings> {
  return (await counters(parts)).findings;
}

/** The same, and I5 and I4 over every record, index entry and customer. @throws NotReady if the sale was rebuilt meanwhile */
export async function lookThrough(parts: StoreLooking): Promise<StoreFindings> {
  const { look, pace } = parts;
  const { stock, findings } = await counters(parts);
  const counts = new LiveCounts(stock, chosenPart(stock.heldCounters, parts.round));
  let customers = 0;
  for (let cursor = START; ; ) {
    const page = await look.held(cursor);
    counts.addHeld(page);
    customers += page.counters.length;
    cursor = page.nextCursor;
    if (cursor === START) break;
    await pace();
  }
  const differences = [...findings.differences];
  const records = await lookAtRecords(parts, counts, differences);
  const indexEntries = await lookAtIndexes(parts, differences);
  differences.push(...counts.reservedDifferences());
  if (await addBought(parts, counts)) differences.push(...counts.heldDifferences());
  return { differences, items: findings.items, records, customers, indexEntries };
}

async function counters(parts: StoreLooking): Promise<{ stock: StockLook; findings: StoreFindings }> {
  const { look, ledger, saleNumber } = parts;
  const stock = await look.stock();
  // In this order: the ledger is never behind what the store has applied, nor the journal behind what it dropped.
  const atPosition = await ledger.stockAt(saleNumber, stock.applied);
  const span = await ledger.epochSpan(saleNumber, look.epoch);
  const differences = [
    ...compareStock(stock, atPosition),
    ...compareStream(stock),
    ...journalEnds(stock, span),
    ...overdue(stock),
  ];
  return {
    stock,
    findings: { differences, items: stock.items.length, records: 0, customers: 0, indexEntries: 0 },
  };
}

/** I8: the journal has what the store dropped as journaled, from the epoch's beginning; gaps between are found elsewhere. */
function journalEnds(
  { startSeq, trimmed }: StockLook,
  span: { readonly first: number; readonly last: number } | null,
): Difference[] {
  if (startSeq === null || trimmed <= startSeq) return [];
  const lacks = (from: number, to: number) =>
    difference(
      'I8',
      'none',
      `the journal lacks transitions ${from} to ${to}, which the store dropped as journaled`,
      {
        key: `journal ${from}`,
      },
    );
  if (span === null) return [lacks(startSeq + 1, trimmed)];
  const found: Difference[] = [];
  if (span.first > startSeq + 1) found.push(lacks(startSeq + 1, span.first - 1));
  if (span.last < trimmed) found.push(lacks(span.last + 1, trimmed));
  return found;
}

/** Customer keys are hashes: their first character parts them evenly, in up to 64 parts. */
function chosenPart(heldCounters: number, round: number): (customer: string) => boolean {
  const parts = Math.min(64, Math.ceil(heldCounters / HELD_MAX));
  if (parts <= 1) return () => true;
  const mine = round % parts;
  return (customer) => customer.charCodeAt(0) % parts === mine;
}

async function lookAtRecords(
  { look, pace }: StoreLooking,
  counts: LiveCounts,
  differences: Difference[],
): Promise<number> {
  let looked = 0;
  for (let cursor = START; ; ) {
    const page = await look.records(cursor, counts.sinceMs);
    for (const record of page.records) counts.addRecord(record);
    differences.push(...page.differences);
    looked += page.looked;
    cursor = page.nextCursor;
    if (cursor === START) return looked;
    await pace();
  }
}

async function lookAtIndexes({ look, pace }: StoreLooking, differences: Difference[]): Promise<number> {
  let looked = 0;
  for (const name of INDEXES) {
    for (let cursor = START; ; ) {
      const page = await look.index(name, cursor);
      differences.push(...page.differences);
      looked += page.looked;
      cursor = page.nextCursor;
      if (cursor === START) break;
      await pace();
    }
  }
  return looked;
}

/** False if so much was bought meanwhile that it cannot be told what was bought when. */
async function addBought({ ledger, saleNumber, pace }: StoreLooking, counts: LiveCounts): Promise<boolean> {
  const pages: BoughtPage[] = [];
  for (let last: BoughtPage['rows'][number] | null = null; ; ) {
    const page: BoughtPage = await ledger.boughtAfter(saleNumber, last, BOUGHT_PAGE);
    pages.push(page);
    last = page.rows.at(-1) ?? null;
    if (page.rows.length < BOUGHT_PAGE) break;
    await pace();
  }
  const through = Math.max(...pages.map(({ entrySeq }) => entrySeq));
  const purchases: Purchase[] = [];
  let seq = counts.firstApplied;
  for (let read = 0; seq < through; read++) {
    if (read === ENTRIES_PAGES_MAX) return false;
    const page = await ledger.entriesAfter(saleNumber, seq, ENTRIES_PAGE);
    for (const entry of page) if (entry.kind === 'confirmed') purchases.push(entry);
    seq = page.at(-1)?.seq ?? through;
  }
  for (const page of pages) counts.addBought(page, purchases);
  return true;
}
