// The desk: the customer's verbs over the stock store and the ledger. Redis decides who may try; PostgreSQL decides
// who has bought.
import type { Refusal } from '@holdfast/contract/problems';
import { fingerprint, type Ids, saleNumberOf } from '../domain/ids.ts';
import type { ItemRow, Order, SaleRow } from '../domain/ledger-facts.ts';
import { type Line, mergeLines, packLines, type ReservationRecord } from '../domain/reservation.ts';
import type { RetryBudget } from '../domain/retry-budget.ts';
import { type ReadReply, type ReserveLimits, SaleUnloaded } from '../domain/sale-store.ts';
import type { Catalog } from '../ledger/catalog.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { OpenSale, SaleChannel } from '../stock/sale-channel.ts';
import type { Attempts, ReserveOutcome } from './attempts.ts';
import { Confirm } from './confirm.ts';
import { Journaled } from './journaled.ts';
import {
  ALREADY_CONFIRMED,
  CONFIRM_IN_PROGRESS,
  EXPIRED,
  extensionLimit,
  LOST,
  NOT_ACTIVE,
  refusalOf,
  SPANNING_SALES,
  ttlTooLong,
  UNKNOWN_ORDER,
  UNKNOWN_RESERVATION,
  unknownSku,
} from './refusals.ts';
import type { Relay } from './relay.ts';
import type { Answer, Customer, ReservationVerbs, ReservationView, ReserveRequest } from './reservations.ts';

/** Version of the answer's format: part of what a replay is built from, so of the fingerprint. */
const ANSWER_VERSION = 1;
/** What a store that no longer keeps the sale would say: then the ledger is asked. */
const MISSING = { kind: 'missing' } as const;

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
  readonly onLedgerFailure: (error: unknown) => void;
}

type ReserveAnswer = Answer<{ view: ReservationView; replayed: boolean }>;
type Found = { sale: SaleRow; refusal?: never } | { sale?: never; refusal: Refusal };

export class Desk implements ReservationVerbs {
  private readonly confirms: Confirm;
  private readonly journaled: Journaled;

  constructor(private readonly options: DeskOptions) {
    this.journaled = new Journaled(options.ledger, options.onLost);
    this.confirms = new Confirm({ ...options, journaled: this.journaled });
  }

  async reserve(request: ReserveRequest): Promise<ReserveAnswer> {
    const lines = mergeLines(request.lines);
    const found = await this.saleOf(lines, (sku) => this.options.catalog.item(sku));
    if (!found.sale) return { ok: false, refusal: found.refusal };
    const { attempts } = this.options;
    if (!attempts) return (await this.reserveWherever(found.sale, request, lines)).answer;
    const begunAtMs = performance.now();
    try {
      const { sale, answer } = await this.reserveWherever(found.sale, request, lines);
      attempts.reserved(sale.number, outcomeOf(answer), performance.now() - begunAtMs);
      return answer;
    } catch (error) {
      attempts.reserved(found.sale.number, 'unavailable', performance.now() - begunAtMs);
      throw error;
    }
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
    const rows = await Promise.all(
      page.rows.map(async ({ record, state }) => {
        const sale = await this.saleByNumber(saleNumberOf(record.reservationId));
        const settled = state !== 'active' && state !== 'confirming';
        const current = settled ? { ...record, state } : await this.current(sale.number, record);
        return this.view(sale, current);
      }),
    );
    return { ok: true, value: { rows, next: page.next } };
  }

  async release(
    customer: Customer,
    saleNumber: number,
    reservationId: string,
  ): Promise<Answer<ReservationView>> {
    const releasing = this.options.channelOf(saleNumber).release({ reservationId, customer: customer.key });
    const reply = await this.inStore(releasing, MISSING);
    switch (reply.kind) {
      case 'released':
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
    const { extensions } = await this.saleByNumber(saleNumber);
    const command = {
      reservationId,
      customer: customer.key,
      seconds,
      maxExtensions: extensions.max,
      maxLifetimeSeconds: extensions.maxLifetimeSeconds,
    };
    const reply = await this.inStore(this.options.channelOf(saleNumber).extend(command), MISSING);
    if (reply.kind === 'extended') return await this.viewOrLost(saleNumber, reply.record);
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
      return await this.confirms.run(customer, saleNumber, reservationId, paymentReference);
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

  /** The one sale all lines belong to. */
  private async saleOf(
    lines: readonly Line[],
    item: (sku: string) => ItemRow | Promise<ItemRow | null>,
  ): Promise<Found> {
    const items = await all(lines.map((line) => item(line.sku)));
    const [first] = items;
    if (!first || items.some((one) => one === null)) return { refusal: unknownSku(lines.length) };
    if (items.some((one) => one?.saleNumber !== first.saleNumber)) return { refusal: SPANNING_SALES };
    return { sale: await this.saleByNumber(first.saleNumber) };
  }

  /** In the sale that the items were found in; if that is over, in the one that has them now. */
  private async reserveWherever(
    found: SaleRow,
    request: ReserveRequest,
    lines: readonly Line[],
  ): Promise<{ sale: SaleRow; answer: ReserveAnswer }> {
    const answer = await this.reserveIn(found, request, lines);
    if (answer.ok || (answer.refusal.code !== 'sale-closed' && answer.refusal.code !== 'unknown-sku'))
      return { sale: found, answer };
    return await this.reserveElsewhere(found, request, lines, answer);
  }

  private async reserveIn(
    sale: SaleRow,
    request: ReserveRequest,
    lines: readonly Line[],
  ): Promise<ReserveAnswer> {
    const { ids, limits } = this.options;
    const ttlSeconds = request.ttlSeconds ?? sale.reservationTtlSeconds;
    if (ttlSeconds > sale.reservationTtlSeconds)
      return { ok: false, refusal: ttlTooLong(sale.reservationTtlSeconds) };
    const reserving = this.options.channelOf(sale.number).reserve({
      reservationId: ids.reservationId(sale.number, request.customer.key, request.idempotencyKey),
      customer: request.customer.key,
      address: request.address === '' ? '' : ids.addressKey(request.address),
      lines,
      ttlSeconds,
      fingerprint: fingerprint(`${ANSWER_VERSION} ${ttlSeconds} ${packLines(lines)}`),
    });
    const reply = await this.inStore(reserving, { kind: 'closed' } as const);
    if (reply.kind === 'reserved') {
      const view: ReservationView = {
        saleId: sale.id,
        record: reply.record,
        status: 'active',
        orderId: null,
      };
      return { ok: true, value: { view, replayed: false } };
    }
    if (reply.kind === 'replayed') {
      return { ok: true, value: { view: asFirstGiven(sale, reply.record), replayed: true } };
    }
    return { ok: false, refusal: refusalOf(reply, limits, lines.length === 1) };
  }

  /** What the store answers, or `unloaded` where the sale is over and no longer kept in it. */
  private async inStore<T, U>(asking: Promise<T>, unloaded: U): Promise<T | U> {
    try {
      return await asking;
    } catch (error) {
      if (error instanceof SaleUnloaded) return unloaded;
      throw error;
    }
  }

  /** The store closed the sale, or has not heard of an item yet: the SKU may be on sale elsewhere, or in a moment. */
  private async reserveElsewhere(
    before: SaleRow,
    request: ReserveRequest,
    lines: readonly Line[],
    refused: ReserveAnswer,
  ): Promise<{ sale: SaleRow; answer: ReserveAnswer }> {
    const { sale, refusal } = await this.saleOf(lines, (sku) => this.options.catalog.freshItem(sku));
    if (!sale) return { sale: before, answer: { ok: false, refusal } };
    const moved = sale.number !== before.number;
    if (!moved && !refused.ok && refused.refusal.code === 'sale-closed')
      return { sale: before, answer: refused };
    if (!moved) await this.options.relay.catchUpFromStore(this.options.channelOf(before.number));
    return { sale, answer: await this.reserveIn(sale, request, lines) };
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
    const reply = await this.inStore(channel.read(reservationId), MISSING);
    if (reply.kind === 'found' && reply.record.state === 'expired') {
      await this.inStore(channel.release({ reservationId, customer: reply.record.customer }), MISSING);
    }
    return reply;
  }

  private async viewOrLost(saleNumber: number, record: ReservationRecord): Promise<Answer<ReservationView>> {
    if (record.state === 'lost') return { ok: false, refusal: LOST };
    return { ok: true, value: this.view(await this.saleByNumber(saleNumber), record) };
  }

  private view(sale: SaleRow, record: ReservationRecord): ReservationView {
    const { reservationId, createdSeq, customer, state } = record;
    const orderId =
      state === 'confirmed' ? this.options.ids.orderId(reservationId, createdSeq, customer) : null;
    return { saleId: sale.id, record, status: state, orderId };
  }

  private async saleByNumber(saleNumber: number): Promise<SaleRow> {
    const sale = await this.options.catalog.sale(saleNumber);
    if (!sale) throw new Error(`sale number ${saleNumber} is in an id but not in the ledger`);
    return sale;
  }
}

/** Promise.all, without a turn of the event loop's queue where all is at hand: the rule, for a reserve. */
function all<T>(asked: readonly (T | Promise<T>)[]): readonly T[] | Promise<T[]> {
  return asked.some((one) => one instanceof Promise) ? Promise.all(asked) : (asked as readonly T[]);
}

function outcomeOf(answer: ReserveAnswer): ReserveOutcome {
  if (!answer.ok) return answer.refusal.code;
  return answer.value.replayed ? 'replayed' : 'reserved';
}

/** The answer first given, built anew: status and deadline as they were then. */
function asFirstGiven(sale: SaleRow, record: ReservationRecord): ReservationView {
  const first: ReservationRecord = {
    ...record,
    state: 'active',
    deadlineMs: record.createdAtMs + record.ttlSeconds * 1000,
    attempts: 0,
    extensions: 0,
  };
  return { saleId: sale.id, record: first, status: 'active', orderId: null };
}
