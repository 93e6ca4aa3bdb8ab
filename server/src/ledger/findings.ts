// What operators search the ledger for, and what they find: the shapes, in the words of the domain.
import type { JournaledReservation, Order } from '../domain/ledger-facts.ts';
import type { ReservationState } from '../domain/reservation.ts';

/** Which rows; null does not narrow. */
export interface RowFilter {
  /** Of one sale. */
  readonly saleNumber: number | null;
  readonly sku: string | null;
  /** Customer key. */
  readonly customer: string | null;
}

export interface LifeFilter extends RowFilter {
  /** Those that may stand so now: by the ledger's word, or live by it, and then the store has the last one. */
  readonly status: ReservationState | null;
}

export interface EntryFilter extends RowFilter {
  readonly reservationId: string | null;
  /** From this instant on. */
  readonly fromMs: number | null;
  /** Before this one. */
  readonly toMs: number | null;
}

export interface FoundReservation extends JournaledReservation {
  /** The customer's `sub`; null if the ledger does not know it. */
  readonly customerId: string | null;
}

export interface FoundOrder {
  readonly order: Order;
  readonly customerId: string | null;
}

/** A row of the journal. */
export interface AuditRow {
  readonly saleNumber: number;
  /** Null: of no one sale. */
  readonly saleId: string | null;
  readonly source: 'r' | 'l';
  readonly epoch: number;
  readonly seq: number;
  readonly kind: string;
  readonly atMs: number;
  readonly reservationId: string | null;
  readonly customer: string | null;
  readonly customerId: string | null;
  /** Of movements, units below zero went out. */
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  readonly ttlSeconds: number | null;
  readonly deadlineMs: number | null;
  readonly detail: Readonly<Record<string, unknown>>;
}
