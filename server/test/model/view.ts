// What can be seen of a side, in plain data: compared place by place, so that a difference is one line.
import type { Order } from '../../src/domain/ledger-facts.ts';
import type { ReservationRecord } from '../../src/domain/reservation.ts';
import type { StockSnapshot, Transition } from '../../src/domain/sale-store.ts';
import type { Step } from './steps.ts';

/** The real system, or the reference. */
export interface Side {
  /** The reply; a step that throws is seen by the name of its error. */
  perform(step: Step): Promise<unknown>;
  /** All that stands once the sale is open. */
  look(): Promise<Visible>;
}

export interface Visible {
  readonly store: VisibleStore;
  readonly ledger: VisibleLedger;
}

export interface VisibleStore {
  readonly snapshot: StockSnapshot;
  /** By id. The resolver, the sweep and the purge go by the indexes, so those are looked at, not only the records. */
  readonly records: Readonly<Record<string, ReservationRecord & { readonly resolvedAtMs: number }>>;
  readonly deadlines: Readonly<Record<string, number>>;
  readonly pinEnds: Readonly<Record<string, number>>;
  readonly resolved: Readonly<Record<string, number>>;
  /** Units by `customer sku`, none of nothing. */
  readonly held: Readonly<Record<string, number>>;
  /** Deadlines that were let pass, by customer. */
  readonly expiries: Readonly<Record<string, readonly number[]>>;
  /** `sku quantity ends`, sorted. */
  readonly setAside: readonly string[];
  readonly pending: readonly Transition[];
}

export interface VisibleLedger {
  readonly epoch: number;
  readonly closed: boolean;
  readonly items: Readonly<Record<string, { readonly total: number; readonly sold: number }>>;
  readonly bought: Readonly<Record<string, number>>;
  /** `outcome entry order`, by life. */
  readonly register: Readonly<Record<string, string>>;
  readonly orders: Readonly<Record<string, Pick<Order, 'lines' | 'paymentReference' | 'confirmedAtMs'>>>;
  /** How many operations of each outcome; their names are nobody's promise. */
  readonly operations: { readonly applied: number; readonly refused: number };
  readonly changes: Readonly<Record<string, string>>;
  /** Transitions and entries, each as one line. */
  readonly journal: readonly string[];
}

/** In the order in which every function of the library names them. */
export const STORE_KEYS = [
  'stock',
  'res',
  'dead',
  'pinned',
  'done',
  'cust',
  'events',
  'meta',
  'win0',
  'win1',
] as const;

/** A refusal by its code and figures: its sentences are tested where they are shown. */
export function refused(code: string, members: object = {}): { refused: string; members: object } {
  return { refused: code, members };
}

export async function seen(asking: Promise<unknown>): Promise<unknown> {
  try {
    return await asking;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (EXPECTED.has(error.name)) return { threw: error.name };
    throw error;
  }
}

const EXPECTED: ReadonlySet<string> = new Set([
  'NotReady',
  'LedgerUnavailable',
  'AmbiguousCommit',
  'StaleEpoch',
]);
