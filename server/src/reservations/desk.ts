// The desk: the customer's verbs over the stock store and the ledger. Redis decides who may try; PostgreSQL decides
// who has bought.
import { type Ids, saleNumberOf } from '../domain/ids.ts';
import type { JournaledReservation, Order, SaleRow } from '../domain/ledger-facts.ts';
import type { ReservationRecord } from '../domain/reservation.ts';
import type { RetryBudget } from '../domain/retry-budget.ts';
import type { ReadReply, ReserveLimits } from '../domain/sale-store.ts';
import type { Catalog } from '../ledger/catalog.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { OpenSale, SaleChannel } from '../stock/sale-channel.ts';
import type { Attempts } from './attempts.ts';
import { Confirm } from './confirm.ts';
import { inStore, MISSING } from './in-store.ts';
import { Journaled } from './journaled.ts';
import {
  ALREADY_CONFIRMED,
  CONFIRM_IN_PROGRESS,
  EXPIRED,
  extensionLimit,
  LOST,
  NOT_ACTIVE,
  UNKNOWN_ORDER,
  UNKNOWN_RESERVATION,
} from './refusals.ts';
import type { Relay } from './relay.ts';
import type { Answer, Customer, ReservationVerbs, ReservationView, ReserveRequest } from './reservations.ts';
import { Reserve, type ReserveAnswer } from './reserve.ts';

export interface DeskOptions {
  readonly ledger: LedgerContract;
  readonly catalog: Catalog;
  readonly ids: Ids;
  readonly relay: Relay;
  readonly limits: ReserveLimits;
  readonly channelOf: (saleNumber: number) => SaleChannel;
  readonly open: OpenSale;
  /** Counts what is tried again. */
  readonly retries?: RetryBudget;
  /** Waits, bounded, until the journal has what the stores were seen to have done: lists are read from it. */
  readonly journalReached: () => Promise<void>;
  readonly onLost: () => void;
  /** Hears what came of each attempt at a sale. */
  readonly attempts?: Attempts;
  /** Hears whose reservation has changed, for those who watch. */
  readonly onChanged?: (customerKey: string, reservationId: string) => void;
  readonly onLedgerFailure: (error: unknown) => void;
}

export class Desk implements ReservationVerbs {
  private readonly reserves: Reserve;
  private readonly confirms: Confirm;
  private readonly journaled: Journaled;

  constructor(private readonly options: DeskOptions) {
    this.journaled = new Journaled(options.ledger, options.onLost);
    this.confirms = new Confirm({ ...options, journaled: this.journaled });
    this.reserves = new Reserve(options);
  }

  reserve(request: ReserveRequest): Promise<ReserveAnswer> {
    return this.reserves.run(request);
  }

  async read(
    customer: Customer,
    saleNumber: number,
    reservationId: string,
  ): Promise<Answer<ReservationView>> {
    const reply = await this.asItStands(saleNumber, reservationId);
    if (reply.kind === 'found') {
      if (reply.record.customer !== customer.key) return { ok: false, refusal: UNKNOWN_RESERVATION };
      return await this.viewOrLost(saleNumber, reply.record);
    }
    const known = await this.journaled.find(reservationId);
    return known
      ? await this.viewOrLost(saleNumber, { ...known.record, state: known.state })
      : { ok: false, refusal: LOST };
  }

  async list(
    customer: Customer,
    limit: number,
    cursor: string | null,
  ): Promise<Answer<{ rows: ReservationView[]; next: string | null }>> {
    await this.options.journalReached();
    const page = await this.options.ledger.reservationsOf(customer.key, { limit, cursor });
    const rows = await Promise.all(page.rows.map((row) => this.asOfNow(row)));
    return { ok: true, value: { rows, next: page.next } };
  }

  /** What the journal says, or of a live one the store. */
  async asOfNow({ record, state }: JournaledReservation): Promise<ReservationView> {
    const sale = await this.options.catalog.knownSale(saleNumberOf(record.reservationId));
    const settled = state !== 'active' && state !== 'confirming';
    return this.view(sale, settled ? { ...record, state } : await this.current(sale.number, record));
  }

  /** Anybody's: for operators. A live one that the store has lost reads `lost`; null if neither store ever heard of it. */
  async inspect(saleNumber: number, reservationId: string): Promise<ReservationView | null> {
    const sale = await this.options.catalog.sale(saleNumber);
    if (!sale) return null;
    const reply = await this.asItStands(saleNumber, reservationId);
    if (reply.kind === 'found') return this.view(sale, reply.record);
    const known = await this.options.ledger.reservation(reservationId);
    if (!known) return null;
    const live = known.state === 'active' || known.state === 'confirming';
    return this.view(sale, { ...known.record, state: live ? 'lost' : known.state });
  }

  async release(
    customer: Customer,
    saleNumber: number,
    reservationId: string,
  ): Promise<Answer<ReservationView>> {
    const releasing = this.options.channelOf(saleNumber).release({ reservationId, customer: customer.key });
    const reply = await inStore(releasing, MISSING);
    switch (reply.kind) {
      case 'released':
        this.changed(customer, reservationId);
        return await this.viewOrLost(saleNumber, reply.record);
      case 'confirmed':
        return { ok: false, refusal: ALREADY_CONFIRMED };
      case 'confirming':
        return { ok: false, refusal: CONFIRM_IN_PROGRESS };
      case 'expired':
        return { ok: false, refusal: EXPIRED };
      case 'lost':
        return { ok: false, refusal: LOST };
      case 'missing':
        return await this.releaseForgotten(saleNumber, reservationId);
    }
  }

  async extend(
    customer: Customer,
    saleNumber: number,
    reservationId: string,
    seconds: number,
  ): Promise<Answer<ReservationView>> {
    const { extensions } = await this.options.catalog.knownSale(saleNumber);
    const command = {
      reservationId,
      customer: customer.key,
      seconds,
      maxExtensions: extensions.max,
      maxLifetimeSeconds: extensions.maxLifetimeSeconds,
    };
    const reply = await inStore(this.options.channelOf(saleNumber).extend(command), MISSING);
    if (reply.kind === 'extended') {
      this.changed(customer, reservationId);
      return await this.viewOrLost(saleNumber, reply.record);
    }
    if (reply.kind === 'limit-reached') return { ok: false, refusal: extensionLimit(extensions) };
    const state = reply.kind === 'missing' ? (await this.journaled.find(reservationId))?.state : reply.kind;
    if (state === undefined || state === 'lost') return { ok: false, refusal: LOST };
    return { ok: false, refusal: state === 'expired' ? EXPIRED : NOT_ACTIVE };
  }

  async confirm(
    customer: Customer,
    saleNumber: number,
    reservationId: string,
    paymentReference: string | null,
  ): Promise<Answer<Order>> {
    const begunAtMs = performance.now();
    try {
      const answer = await this.confirms.run(customer, saleNumber, reservationId, paymentReference);
      if (answer.ok) this.changed(customer, reservationId);
      return answer;
    } finally {
      this.options.attempts?.confirmed(saleNumber, performance.now() - begunAtMs);
    }
  }

  async order(orderId: string): Promise<Answer<Order>> {
    const order = await this.options.ledger.order(orderId);
    return order ? { ok: true, value: order } : { ok: false, refusal: UNKNOWN_ORDER };
  }

  async orders(
    customer: Customer,
    limit: number,
    cursor: string | null,
  ): Promise<Answer<{ rows: readonly Order[]; next: string | null }>> {
    return { ok: true, value: await this.options.ledger.ordersOf(customer.key, { limit, cursor }) };
  }

  private changed(customer: Customer, reservationId: string): void {
    this.options.onChanged?.(customer.key, reservationId);
  }

  private async releaseForgotten(
    saleNumber: number,
    reservationId: string,
  ): Promise<Answer<ReservationView>> {
    const known = await this.journaled.find(reservationId);
    switch (known?.state) {
      case 'released':
        return await this.viewOrLost(saleNumber, { ...known.record, state: 'released' });
      case 'confirmed':
        return { ok: false, refusal: ALREADY_CONFIRMED };
      case 'expired':
        return { ok: false, refusal: EXPIRED };
      default:
        return { ok: false, refusal: LOST };
    }
  }

  /** A live one by the journal, as the store has it now. */
  private async current(saleNumber: number, record: ReservationRecord): Promise<ReservationRecord> {
    const reply = await this.asItStands(saleNumber, record.reservationId);
    return reply.kind === 'found' ? reply.record : record;
  }

  /**
   * As the store has it. An expired one may not have been swept yet: releasing it frees it, so that whoever is told of
   * the expiry finds the units in the stock.
   */
  private async asItStands(saleNumber: number, reservationId: string): Promise<ReadReply> {
    const channel = this.options.channelOf(saleNumber);
    const reply = await inStore(channel.read(reservationId), MISSING);
    if (reply.kind === 'found' && reply.record.state === 'expired') {
      await inStore(channel.release({ reservationId, customer: reply.record.customer }), MISSING);
    }
    return reply;
  }

  private async viewOrLost(saleNumber: number, record: ReservationRecord): Promise<Answer<ReservationView>> {
    if (record.state === 'lost') return { ok: false, refusal: LOST };
    return { ok: true, value: this.view(await this.options.catalog.knownSale(saleNumber), record) };
  }

  private view(sale: SaleRow, record: ReservationRecord): ReservationView {
    const { reservationId, createdSeq, customer, state } = record;
    const orderId =
      state === 'confirmed' ? this.options.ids.orderId(reservationId, createdSeq, customer) : null;
    return { saleId: sale.id, record, status: state, orderId };
  }
}
