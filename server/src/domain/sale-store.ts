// The stock of one sale: commands and replies. Two true implementations stand behind this interface, the
// Redis function library (stock/) and the pure reference model (domain/sale-model.ts); one conformance
// suite runs on both. Commands come in batches and are decided in order; duplicates within a batch see each other.
import type { Line, ReservationRecord } from './reservation.ts';

/** Whoever lets so many reservations of a sale expire within so many minutes may not reserve in it until fewer lie within them. */
export interface Cooldown {
  readonly expirations: number;
  readonly minutes: number;
}

/** Sale-wide settings as the stock store enforces them. Epoch milliseconds; null = no bound. */
export interface SaleSettings {
  readonly opensAtMs: number | null;
  readonly closesAtMs: number | null;
  readonly closed: boolean;
  /** Null = nobody is cooled down. */
  readonly cooldown: Cooldown | null;
}

/** Stock of one item. available = total − reserved − sold; below zero only after the ledger overruled a loss. */
export interface ItemStock {
  readonly sku: string;
  readonly total: number;
  readonly reserved: number;
  readonly sold: number;
  /** Most units one customer may hold (live + bought); null = no cap. */
  readonly maxPerCustomer: number | null;
}

export interface StockSnapshot {
  readonly nowMs: number;
  readonly settings: SaleSettings;
  /** Last transition number (r) and last ledger entry applied (l). */
  readonly seq: number;
  readonly applied: number;
  /** Live reservations: active and confirming. */
  readonly live: number;
  readonly items: readonly ItemStock[];
}

/** Attempts a minute; 0 = off. */
export interface ReserveLimits {
  readonly perCustomer: number;
  readonly perAddress: number;
}

export interface ReserveCommand {
  readonly reservationId: string;
  readonly customer: string;
  /** Address key for the rate window; empty = not counted by address. */
  readonly address: string;
  readonly lines: readonly Line[];
  readonly ttlSeconds: number;
  readonly fingerprint: string;
}

export type ReserveReply =
  | { readonly kind: 'reserved'; readonly record: ReservationRecord }
  | { readonly kind: 'replayed'; readonly record: ReservationRecord }
  | { readonly kind: 'key-reused' }
  | { readonly kind: 'rate-limited'; readonly window: 'customer' | 'address'; readonly retryAfterMs: number }
  /** Too many of this customer's reservations expired lately; the next attempt passes the windows then, too. */
  | { readonly kind: 'cooling-down'; readonly retryAfterMs: number; readonly cooldown: Cooldown }
  | { readonly kind: 'not-open'; readonly opensAtMs: number; readonly nowMs: number }
  | { readonly kind: 'closed' }
  | { readonly kind: 'limit-exceeded'; readonly sku: string; readonly limit: number; readonly held: number }
  | { readonly kind: 'short'; readonly lines: readonly ShortLine[] }
  | { readonly kind: 'unknown-sku'; readonly sku: string }
  /** The event stream is at its cap: the ledger writer must catch up first. */
  | { readonly kind: 'backlogged' };

/** A line that asks for more than there is: what is available and what is reserved right now. */
export interface ShortLine {
  readonly sku: string;
  readonly available: number;
  readonly reserved: number;
}

export interface ReservationRef {
  readonly reservationId: string;
  readonly customer: string;
}

/** `missing`: the store has no record (never had, purged, or lost): the ledger must be asked. */
export type PinReply =
  | { readonly kind: 'pinned'; readonly record: ReservationRecord }
  | { readonly kind: 'confirmed' | 'released' | 'expired' | 'lost' | 'missing' };

export type ReleaseReply =
  /** `again`: it was released before; nothing changed now. */
  | { readonly kind: 'released'; readonly record: ReservationRecord; readonly again: boolean }
  | { readonly kind: 'confirmed' | 'confirming' | 'expired' | 'lost' | 'missing' };

export interface ExtendCommand extends ReservationRef {
  /** Added to the deadline. */
  readonly seconds: number;
  /** Of the sale: extensions a reservation may have, and how long it may live in all. */
  readonly maxExtensions: number;
  readonly maxLifetimeSeconds: number;
}

export type ExtendReply =
  | { readonly kind: 'extended'; readonly record: ReservationRecord }
  | {
      readonly kind:
        | 'limit-reached'
        | 'confirming'
        | 'confirmed'
        | 'released'
        | 'expired'
        | 'lost'
        | 'missing';
    };

/** Units that an operator takes out, set aside until the ledger has decided (protocols §5). */
export interface Pend {
  /** One attempt: 22 base64url characters. */
  readonly operationId: string;
  readonly sku: string;
  readonly quantity: number;
}

export type PendReply =
  /** Also when it was pended before. */
  | { readonly kind: 'pended' }
  | { readonly kind: 'unknown-sku' }
  | { readonly kind: 'in-use'; readonly available: number; readonly reserved: number };

/** The record as it stands at nowMs: an active one past its deadline reads `expired`. */
export type ReadReply =
  | { readonly kind: 'found'; readonly record: ReservationRecord; readonly nowMs: number }
  | { readonly kind: 'missing' };

/** An entry of the ledger's own numbering (l), to be applied to the stock store in order. */
export type LedgerEntry = { readonly seq: number; readonly atMs: number } & (
  | {
      /** confirmed: sold; refused and expired: freed. */
      readonly kind: 'confirmed' | 'refused' | 'expired';
      readonly reservationId: string;
      readonly createdSeq: number;
      readonly customer: string;
      readonly lines: readonly Line[];
    }
  | {
      readonly kind: 'item-added';
      readonly sku: string;
      readonly total: number;
      readonly maxPerCustomer: number | null;
    }
  /** `operationId`: where units went out, the pend that the store keeps for them; else null. */
  | {
      readonly kind: 'stock-changed';
      readonly sku: string;
      readonly delta: number;
      readonly operationId: string | null;
    }
  | { readonly kind: 'settings-changed'; readonly settings: SaleSettings }
  | { readonly kind: 'closed' }
  /** Says who and why, and moves nothing. */
  | { readonly kind: 'operator-release' }
);

/** Transitions numbered in the stock store (r) and carried by the event stream to the journal. */
export type TransitionKind = 'reserved' | 'extended' | 'confirming' | 'unpinned' | 'released' | 'expired';

export interface Transition {
  readonly seq: number;
  /** Epoch of the lease under which it happened. */
  readonly epoch: number;
  readonly kind: TransitionKind;
  readonly atMs: number;
  readonly reservationId: string;
  readonly createdSeq: number;
  readonly customer: string;
  readonly lines: readonly Line[];
  /** Of the reservation; on `reserved` they make the record rebuildable. */
  readonly ttlSeconds: number;
  readonly deadlineMs: number;
  readonly fingerprint: string;
}

/** The store may not answer: no live lease of the caller's epoch, a key is missing, or it is being rebuilt. Nothing was written. */
export class NotReady extends Error {
  override readonly name = 'NotReady';
}

/** The sale is over and no longer kept in the store: the ledger alone answers for it. */
export class SaleUnloaded extends Error {
  override readonly name = 'SaleUnloaded';
}

/** The store did not answer, or refused for a reason that passes. Whether the command ran is unknown; repeating it is safe. */
export class StockUnavailable extends Error {
  override readonly name: string = 'StockUnavailable';
}

/** No answer at all: not within the time limit, or the connection was lost meanwhile. */
export class StockSilent extends StockUnavailable {
  override readonly name = 'StockSilent';
}

/** It was never asked, so surely nothing was changed: there is no connection, or its breaker is open. */
export class StockNotAsked extends StockUnavailable {
  override readonly name = 'StockNotAsked';
  constructor(
    message: string,
    /** Before it is over there is no use in asking again. */
    readonly pauseMs: number,
  ) {
    super(message);
  }
}

export interface SaleStore {
  /**
   * Checks in this order: cooldown, rate windows, replay, sale window, cap, stock. Nobody is refused by cap or stock before all
   * due reservations are expired.
   */
  reserve(commands: readonly ReserveCommand[], limits: ReserveLimits): Promise<ReserveReply[]>;
  /** Confirm, step 1: active → confirming, or a confirming one again; attempts + 1. */
  pin(refs: readonly ReservationRef[]): Promise<PinReply[]>;
  /** A definite failure before the commit: back to active if its attempt was the only one. */
  unpin(refs: readonly ReservationRef[]): Promise<void>;
  release(refs: readonly ReservationRef[]): Promise<ReleaseReply[]>;
  /** Moves the deadline of an active one on, within the sale's bounds. */
  extend(commands: readonly ExtendCommand[]): Promise<ExtendReply[]>;
  read(ids: readonly string[]): Promise<ReadReply[]>;
  snapshot(): Promise<StockSnapshot>;
  /** Expires at most `limit` reservations that are due; `more` if others are. */
  expire(limit: number): Promise<{ expired: number; more: boolean }>;
  /** Confirming ones whose pin has ended, oldest first, for the resolver. */
  duePins(limit: number): Promise<ReservationRecord[]>;
  /**
   * Applies entries in order, skipping those applied before. Stops at a gap; returns the last number applied,
   * so that a caller with a gap fetches what is missing from `applied + 1`.
   */
  apply(entries: readonly LedgerEntry[]): Promise<number>;
  /** Takes units out of the stock for an operation that the ledger has yet to decide; due reservations are expired first. */
  pend(pend: Pend): Promise<PendReply>;
  /** Gives them back; only after the ledger has refused the operation. False if there is no such pend (any more). */
  unpend(operationId: string): Promise<boolean>;
  /** Pends older than PEND_MS, for the resolver, in no particular order. */
  duePends(): Promise<Pend[]>;
  /** Transitions waiting for the ledger writer, oldest first: whole batches until there are at least `limit`. */
  pending(limit: number): Promise<Transition[]>;
  /** Drops the batches that end at or before this number: they are committed in the journal. */
  trim(throughSeq: number, throughEpoch: number): Promise<void>;
  /** Forgets resolved reservations older than 24 h (at most `limit`). */
  purge(limit: number): Promise<number>;
  /**
   * Drops a closed sale that nobody can ask for any more: nothing live, pended or waiting for the journal, and the last
   * resolution 24 h ago. False if it is not that far. Afterwards every call is NotReady.
   */
  unload(): Promise<boolean>;
}

// Bounds of the rules above, the same for both implementations.
export const PIN_MIN_MS = 30_000;
export const PEND_MS = 30_000;
export const REPLAY_KEPT_MS = 24 * 60 * 60 * 1000;
export const WINDOW_MS = 60_000;
/** Most due reservations one reserve call expires before it decides (the library stops earlier at 1,000 lines of carts). */
export const SWEEP_FIRST = 16;
/** The same for one that was short without the units of others that are due, and for a pend. */
export const SWEEP_IN_RESERVE = 256;
/** Transitions waiting in the stream past which reserve answers `backlogged`. */
export const STREAM_CAP = 200_000;
