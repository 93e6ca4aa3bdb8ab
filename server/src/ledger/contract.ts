// The typed edge to PostgreSQL, as the rest of the service sees it. Implemented by ledger.ts over server-side
// functions in sql/migrations. Every method rejects with LedgerUnavailable when the ledger is out of reach and
// nothing was committed, and with AmbiguousCommit when it cannot know.

import type { Stretch } from '../domain/activity.ts';
import type { Difference } from '../domain/differences.ts';
import type { Chain, Place } from '../domain/journal-chain.ts';
import type {
  ColdSnapshot,
  ConfirmDecision,
  ConfirmRequest,
  ItemRow,
  JournaledReservation,
  NewItem,
  NewSale,
  OperatorRelease,
  Order,
  SaleChange,
  SaleLineage,
  SaleRow,
  StockChange,
  StockChangeRequest,
  StockChangeResult,
} from '../domain/ledger-facts.ts';
import type { BoughtPage } from '../domain/live-counts.ts';
import type { ReservationRecord } from '../domain/reservation.ts';
import type { LedgerEntry, Transition } from '../domain/sale-store.ts';
import type { LedgerStock } from '../domain/store-look.ts';
import type { ActivityRead, AttemptCell, JournalPart, LatencyCell } from './activity.ts';
import type {
  AuditRow,
  EntryFilter,
  FoundOrder,
  FoundReservation,
  LifeFilter,
  RowFilter,
} from './findings.ts';
import type { BoughtKey, JournalPage, SealsLook } from './look.ts';
import type { SealStep } from './seal.ts';

export interface Page<T> {
  readonly rows: readonly T[];
  /** Opaque position after the last row; null at the end. */
  readonly next: string | null;
}

export interface PageRequest {
  readonly limit: number;
  readonly cursor: string | null;
}

/** A cursor that this ledger did not make. The HTTP room answers 400. */
export class BadCursor extends Error {
  override readonly name = 'BadCursor';
}

export type CreateSaleResult =
  | { readonly kind: 'created'; readonly sale: SaleRow }
  | { readonly kind: 'sale-exists' }
  | { readonly kind: 'sku-in-use'; readonly sku: string };

export type AddItemsResult =
  | { readonly kind: 'added'; readonly sale: SaleRow; readonly throughSeq: number }
  | { readonly kind: 'unknown-sale' | 'sale-closed' }
  | { readonly kind: 'sku-in-use'; readonly sku: string };

export type CloseSaleResult =
  /** `throughSeq`: the entry that closed it, also when it was closed before. */
  | { readonly kind: 'closed'; readonly sale: SaleRow; readonly throughSeq: number }
  | { readonly kind: 'unknown-sale' };

export type ChangeSaleResult =
  /** With the sale as it is now, also where nothing was to change. */
  | { readonly kind: 'changed'; readonly sale: SaleRow }
  | { readonly kind: 'unknown-sale' | 'sale-closed' | 'closes-too-early' | 'lives-too-short' };

export interface LedgerContract {
  // Sales and items
  /** Writes the sale, its items and its first entries, all or nothing; number assigned, epoch 0, no lineage. */
  createSale(sale: NewSale, operator: string): Promise<CreateSaleResult>;
  /** Each item becomes one `item-added` entry under the sale's row lock. A SKU already in this sale is `sku-in-use`. */
  addItems(saleId: string, items: readonly NewItem[], operator: string): Promise<AddItemsResult>;
  closeSale(saleId: string, operator: string): Promise<CloseSaleResult>;
  /** One `settings-changed` entry, unless all of it was so before. */
  changeSale(saleId: string, change: SaleChange, operator: string): Promise<ChangeSaleResult>;
  saleById(id: string): Promise<SaleRow | null>;
  saleByNumber(saleNumber: number): Promise<SaleRow | null>;
  /** Newest first. */
  sales(page: PageRequest): Promise<Page<SaleRow>>;
  anySaleExists(): Promise<boolean>;
  /** Every item with one of these SKUs: in the open sale if there is one, else the next to open, else the last. */
  itemsBySku(skus: readonly string[]): Promise<ItemRow[]>;
  itemsOfSale(saleNumber: number): Promise<ItemRow[]>;
  /** Each SKU once (chosen as in itemsBySku), by SKU; of one sale if given. */
  items(saleId: string | null, page: PageRequest): Promise<Page<ItemRow>>;

  // Stock changes
  /** One call under the sale's row lock, each change once by its key (protocols §5). @throws StaleEpoch */
  changeStock(saleNumber: number, epoch: number, request: StockChangeRequest): Promise<StockChangeResult>;
  /** The change made under this key, and of which request; null if there is none yet. */
  stockChange(key: string): Promise<{ change: StockChange; fingerprint: string } | null>;
  /** Refuses the operation unless it was decided before; what stands. To be called before units are given back. */
  refuseStockOperation(saleNumber: number, operationId: string): Promise<'applied' | 'refused'>;

  // Confirm
  /** One transaction for a batch of one sale, decided in order (protocols §4, step 2). @throws StaleEpoch */
  confirm(saleNumber: number, epoch: number, requests: readonly ConfirmRequest[]): Promise<ConfirmDecision[]>;
  /** The resolver: writes `expired` for those without an outcome; reports what stands. @throws StaleEpoch */
  resolveExpired(
    saleNumber: number,
    epoch: number,
    records: readonly ReservationRecord[],
  ): Promise<('confirmed' | 'refused' | 'expired' | 'released')[]>;
  /** Entries after `seq`, in order. */
  entriesAfter(saleNumber: number, seq: number, limit: number): Promise<LedgerEntry[]>;

  /** Puts on record who is about to have a reservation released, and why: to be called before the store is asked. */
  recordRelease(release: OperatorRelease): Promise<void>;

  // Journal
  /** Appends transitions, ignoring those already there. @throws StaleEpoch if the sale's epoch is not `epoch`. */
  appendTransitions(saleNumber: number, epoch: number, transitions: readonly Transition[]): Promise<void>;
  /** Transitions after `seq`, in order. */
  transitionsAfter(saleNumber: number, seq: number, limit: number): Promise<Transition[]>;
  /** The last transition number in the journal; 0 if none. */
  lastTransition(saleNumber: number): Promise<number>;

  // Seals
  /** Chains of the journal with rows after their last seal. */
  unsealedChains(): Promise<Chain[]>;
  /** Seals the next page of a chain as far as it is gapless. Several may do it at once: a chain never forks. */
  sealNext(chain: Chain): Promise<SealStep>;

  // Activity (activity.ts)
  /** Parts of the journal with rows that are not summed up yet. */
  unsummarised(): Promise<JournalPart[]>;
  /** Sums up the next page of a part: each row counts once, whoever does it, and however often. */
  summarise(part: JournalPart): Promise<{ rows: number; more: boolean }>;
  /** Notes unloaded sales that are summed up to their end. */
  endActivity(): Promise<void>;
  /** What a process counted; adds up, so that it is never sent twice. */
  noteAttempts(cells: readonly AttemptCell[]): Promise<void>;
  noteLatencies(cells: readonly LatencyCell[]): Promise<void>;
  /** Removes short steps from before `beforeS`, a bounded number; how many. */
  purgeActivity(beforeS: number): Promise<number>;
  /** Sums of `before`, every step of `stretch`, latencies of `within`; the rest of the journal included. */
  readActivity(
    saleNumber: number,
    stretch: Stretch,
    before: readonly Stretch[],
    within: readonly Stretch[],
  ): Promise<ActivityRead>;
  /** Of each sale, the last transition in the journal. */
  lastTransitions(saleNumbers: readonly number[]): Promise<ReadonlyMap<number, number>>;

  // Lineage and rebuild
  /** Of every sale that is not unloaded. */
  lineages(): Promise<SaleLineage[]>;
  lineage(saleNumber: number): Promise<SaleLineage | null>;
  /** Runs `work` under the sale's rebuild lock (a session advisory lock); null if another process holds it. */
  withRebuildLock<T>(saleNumber: number, work: () => Promise<T>): Promise<T | null>;
  /**
   * Commits epoch + 1 (row locked FOR UPDATE), records the old epoch's end (its last journaled transition), and
   * clears the lineage. Returns the new epoch, the recorded ends of all earlier epochs, and the latest earlier epoch
   * whose lineage was ever recorded (null if none): epochs that were begun but never granted made no history.
   */
  beginEpoch(
    saleNumber: number,
  ): Promise<{ epoch: number; ends: ReadonlyMap<number, number>; lastGranted: number | null }>;
  /** Records who holds the epoch; false if the epoch has moved on. */
  recordLineage(saleNumber: number, epoch: number, lineage: string): Promise<boolean>;
  /** One REPEATABLE READ snapshot. */
  coldSnapshot(saleNumber: number): Promise<ColdSnapshot>;
  /** Marks a closed sale as no longer kept in the store. */
  markUnloaded(saleNumber: number): Promise<void>;

  // Reconcile (look.ts)
  /** What verifySale finds, each with its invariant. */
  ledgerDifferences(saleNumber: number): Promise<Difference[]>;
  /** The items as they were after entry `applied`. */
  stockAt(saleNumber: number, applied: number): Promise<LedgerStock>;
  /** What customers have bought, in order of customer and SKU. */
  boughtAfter(saleNumber: number, after: BoughtKey | null, limit: number): Promise<BoughtPage>;
  /** The next transitions, held against I6, I7 and I8. */
  checkTransitions(saleNumber: number, after: Place | null, limit: number): Promise<JournalPage>;
  /** First and last transition of an epoch; null if the journal has none. */
  epochSpan(saleNumber: number, epoch: number): Promise<{ first: number; last: number } | null>;
  /** The newest seals of a chain, at most `limit`, held against the journal; those to position `after` are not looked at. */
  checkSeals(chain: Chain, after: number, limit: number): Promise<SealsLook>;

  // Reads
  order(orderId: string): Promise<Order | null>;
  orderOfReservation(reservationId: string, createdSeq: number | null): Promise<Order | null>;
  /** Newest first. */
  ordersOf(customer: string, page: PageRequest): Promise<Page<Order>>;
  /** Null if the journal has never seen it. The latest life of the id. */
  reservation(reservationId: string): Promise<JournaledReservation | null>;
  /** Newest first. */
  reservationsOf(customer: string, page: PageRequest): Promise<Page<JournaledReservation>>;

  // What operators find (search.ts, audit-search.ts): newest first, each page by a bounded look
  /** Reservations at their latest life, as the ledger knows them. */
  findReservations(filter: LifeFilter, page: PageRequest): Promise<Page<FoundReservation>>;
  findOrders(filter: RowFilter, page: PageRequest): Promise<Page<FoundOrder>>;
  findEntries(filter: EntryFilter, page: PageRequest): Promise<Page<AuditRow>>;
  /** Whom a customer key stands for; null if the ledger does not know, or no longer. */
  customerOf(key: string): Promise<string | null>;

  // Process
  /** A secret of `bytes` random bytes, made on first use and the same ever after. */
  secret(name: string, bytes: number): Promise<Uint8Array>;
  /** Holds or takes the named turn for `ttlMs`; true while it is ours. Database clock. */
  takeTurn(name: string, holder: string, ttlMs: number): Promise<boolean>;
  giveTurn(name: string, holder: string): Promise<void>;
  /** Invariants I1–I3 of the ledger alone for a sale: human-readable violations, empty when all hold. */
  verifySale(saleNumber: number): Promise<string[]>;
  /** Is the schema the one this service was built for, and does the database answer? Throws with words if not. */
  check(): Promise<void>;
  close(): Promise<void>;
}
