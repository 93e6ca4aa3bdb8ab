// What the ledger knows, in the words of the domain: sales, items, orders, decisions. The ledger room
// returns these shapes; the verbs and the HTTP room read them.
import type { Line, ReservationRecord, ReservationState } from './reservation.ts';
import type { Cooldown, SaleSettings } from './sale-store.ts';

/** An amount in minor units of an ISO 4217 currency. */
export interface Money {
  readonly amountMinor: number;
  readonly currency: string;
}

/** How often a customer may extend a reservation, and how long one may live in all, from when it was made. */
export interface ExtensionRules {
  readonly max: number;
  readonly maxLifetimeSeconds: number;
}

const MAX_LIFETIME_SECONDS = 900;

/** What a sale that says nothing allows: one extension, fifteen minutes in all (or its own time, if that is longer). */
export function usualExtensions(reservationTtlSeconds: number): ExtensionRules {
  return { max: 1, maxLifetimeSeconds: Math.max(MAX_LIFETIME_SECONDS, reservationTtlSeconds) };
}

export interface SaleRow {
  /** Position in every key and id; assigned once. */
  readonly number: number;
  readonly id: string;
  readonly name: string;
  readonly settings: SaleSettings;
  readonly reservationTtlSeconds: number;
  readonly extensions: ExtensionRules;
  /** Closed, and no longer kept in the store: the ledger alone answers for it. */
  readonly unloaded: boolean;
  readonly createdAtMs: number;
  readonly closedAtMs: number | null;
  /** The entry that set what the sale has now; 0: as it was made. */
  readonly settingsSeq: number;
  /** Times that it granted before, newest first, of some of the latest changes. */
  readonly earlierTtlSeconds: readonly number[];
}

/** What is left out stays; null takes a time away. */
export interface SaleChange {
  readonly name?: string;
  readonly opensAtMs?: number | null;
  readonly closesAtMs?: number | null;
  readonly reservationTtlSeconds?: number;
  readonly maxExtensions?: number;
  readonly maxLifetimeSeconds?: number;
  /** Null turns it off. */
  readonly cooldown?: Cooldown | null;
}

export interface ItemRow {
  readonly saleNumber: number;
  readonly saleId: string;
  readonly sku: string;
  readonly name: string;
  readonly price: Money | null;
  readonly total: number;
  readonly sold: number;
  readonly maxPerCustomer: number | null;
}

export interface NewItem {
  readonly sku: string;
  readonly name: string;
  readonly stock: number;
  readonly price: Money | null;
  readonly maxPerCustomer: number | null;
}

export interface NewSale {
  readonly id: string;
  readonly name: string;
  readonly opensAtMs: number | null;
  readonly closesAtMs: number | null;
  readonly reservationTtlSeconds: number;
  readonly extensions: ExtensionRules;
  /** Left out or null: nobody is cooled down. */
  readonly cooldown?: Cooldown | null;
  readonly items: readonly NewItem[];
}

export interface OrderLine extends Line {
  readonly price: Money | null;
}

export interface Order {
  readonly orderId: string;
  readonly reservationId: string;
  readonly saleNumber: number;
  readonly saleId: string;
  /** Customer key. */
  readonly customer: string;
  readonly lines: readonly OrderLine[];
  readonly paymentReference: string | null;
  readonly confirmedAtMs: number;
}

export interface ConfirmRequest {
  readonly reservationId: string;
  readonly createdSeq: number;
  readonly customer: string;
  /** The token's subject: the ledger keeps the erasable mapping from customer key to it. */
  readonly sub: string;
  readonly orderId: string;
  readonly lines: readonly Line[];
  readonly paymentReference: string | null;
}

export type ConfirmDecision =
  /** `seq`: the ledger entry that decided it; `order` is the stored one, also when it was decided before. */
  | { readonly kind: 'confirmed'; readonly order: Order; readonly seq: number }
  /** The ledger had not the stock or the cap left (the store had lost or oversold it), or decided against it before. */
  | { readonly kind: 'refused' | 'expired' | 'released'; readonly seq: number };

/** The gate's view of a sale. */
export interface SaleLineage {
  readonly saleNumber: number;
  readonly epoch: number;
  /** Identity of the store that holds this epoch, `run_id replid`; null while none was granted. */
  readonly lineage: string | null;
  /** Last ledger entry (l) of the sale. */
  readonly entrySeq: number;
  /** Of the sale's row (see there). */
  readonly settingsSeq: number;
  /** Closed and no longer kept in the store. */
  readonly unloaded: boolean;
}

/** What a cold rebuild loads, from one consistent snapshot of the ledger. */
export interface ColdSnapshot {
  readonly settings: SaleSettings;
  /** Not smaller than any transition number (r) the journal holds: the store continues after it. */
  readonly lastSeq: number;
  /** The last ledger entry (l) that the snapshot contains. */
  readonly applied: number;
  readonly items: readonly ItemRow[];
  /** Units bought per customer and SKU. */
  readonly bought: readonly { readonly customer: string; readonly sku: string; readonly quantity: number }[];
  /** Live reservations, and those resolved in the last 24 h for replays. resolvedAtMs is null while live. */
  readonly reservations: readonly (ReservationRecord & { readonly resolvedAtMs: number | null })[];
}

/** A reservation's last known state by the journal and the register, for ids the store no longer has. */
export interface JournaledReservation {
  readonly record: ReservationRecord;
  readonly state: ReservationState;
  readonly orderId: string | null;
}

/** A refused epoch: the sale is held by a newer one; begin again at step 1. */
export class StaleEpoch extends Error {
  override readonly name = 'StaleEpoch';
}

/** The commit was sent and its answer did not come: neither yes nor no. Answered 503; the retry reads the register. */
export class AmbiguousCommit extends Error {
  override readonly name = 'AmbiguousCommit';
}

/** The ledger could not be reached or did not answer in time, and surely nothing was committed. */
export class LedgerUnavailable extends Error {
  override readonly name: string = 'LedgerUnavailable';
}

/** It is well and busy: others hold the lock on the row for too long. */
export class LedgerBusy extends LedgerUnavailable {
  override readonly name = 'LedgerBusy';
}

/** It was never asked: its breaker is open, or every connection is taken. */
export class LedgerNotAsked extends LedgerUnavailable {
  override readonly name = 'LedgerNotAsked';
  constructor(
    message: string,
    /** Before it is over there is no use in asking again. */
    readonly pauseMs: number,
  ) {
    super(message);
  }
}

/** An operator has a reservation released on its customer's behalf. */
export interface OperatorRelease {
  readonly saleNumber: number;
  readonly reservationId: string;
  readonly createdSeq: number;
  readonly operator: string;
  readonly reason: string;
}

/** An operator's change of stock, as it was made. */
export interface StockChange {
  readonly sku: string;
  /** Units that came in, or went out if below zero. */
  readonly delta: number;
  readonly totalBefore: number;
  readonly total: number;
  readonly reason: string;
  readonly reference: string | null;
  readonly operator: string;
  readonly atMs: number;
  readonly entrySeq: number;
}

export interface StockChangeRequest {
  /** One attempt to take units out, which the store has set aside: 22 base64url characters. Null where units come in. */
  readonly operationId: string | null;
  /** Keyed hash of operator and idempotency key: 22 base64url characters. */
  readonly key: string;
  readonly fingerprint: string;
  readonly sku: string;
  readonly delta: number;
  readonly expectedTotal: number | null;
  readonly reason: string;
  readonly reference: string | null;
  readonly operator: string;
}

export type StockChangeResult =
  | { readonly kind: 'changed'; readonly change: StockChange }
  | { readonly kind: 'replayed'; readonly change: StockChange }
  /** With the item as the ledger has it. */
  | {
      readonly kind: 'stale-total' | 'stock-in-use' | 'too-much';
      readonly total: number;
      readonly sold: number;
    }
  | { readonly kind: 'key-reused' | 'sale-closed' | 'unknown-sku' }
  /** This operation was refused before; the units must be given back. */
  | { readonly kind: 'refused' };
