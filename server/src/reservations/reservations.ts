// The customer's verbs as the HTTP room calls them: values in, values out, refusals included.
import type { Refusal } from '@holdfast/contract/problems';
import type { Order } from '../domain/ledger-facts.ts';
import type { Line, ReservationRecord, ReservationState } from '../domain/reservation.ts';

/** Who asks: the token's subject and its key in the stores. */
export interface Customer {
  readonly sub: string;
  readonly key: string;
}

export interface ReserveRequest {
  readonly customer: Customer;
  /** Normalised client address (IPv6 as its /64), or empty to leave it uncounted. */
  readonly address: string;
  readonly idempotencyKey: string;
  /** As sent: 1–20 lines, possibly naming a SKU twice. */
  readonly lines: readonly Line[];
  /** Null = the sale's default. */
  readonly ttlSeconds: number | null;
}

/** A reservation as customers see it. */
export interface ReservationView {
  readonly saleId: string;
  readonly record: ReservationRecord;
  /** The state at the store's now: an active one past its deadline is `expired`. */
  readonly status: ReservationState;
  readonly orderId: string | null;
}

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal };

export interface ReservationVerbs {
  /** `replayed`: built anew from the record, as first given (status active, first deadline). */
  reserve(request: ReserveRequest): Promise<Answer<{ view: ReservationView; replayed: boolean }>>;
  /** The id must have passed Ids.saleOf for this customer; `saleNumber` is its result. Likewise below. */
  read(customer: Customer, saleNumber: number, reservationId: string): Promise<Answer<ReservationView>>;
  list(
    customer: Customer,
    limit: number,
    cursor: string | null,
  ): Promise<Answer<{ rows: ReservationView[]; next: string | null }>>;
  release(customer: Customer, saleNumber: number, reservationId: string): Promise<Answer<ReservationView>>;
  /** Adds `seconds` to the deadline, as often and as far as the sale allows. */
  extend(
    customer: Customer,
    saleNumber: number,
    reservationId: string,
    seconds: number,
  ): Promise<Answer<ReservationView>>;
  confirm(
    customer: Customer,
    saleNumber: number,
    reservationId: string,
    paymentReference: string | null,
  ): Promise<Answer<Order>>;
  order(orderId: string): Promise<Answer<Order>>;
  orders(
    customer: Customer,
    limit: number,
    cursor: string | null,
  ): Promise<Answer<{ rows: readonly Order[]; next: string | null }>>;
}
