// Reserve: find the sale that the items belong to, ask its store in one batched call, and read its word. Everything about a
// reserve is decided in that call; what is here is finding the sale, also one that has moved on, and what a retry is told.
import type { Refusal } from '@holdfast/contract/problems';
import type { Ids } from '../domain/ids.ts';
import type { ItemRow, SaleRow } from '../domain/ledger-facts.ts';
import { type Line, mergeLines, type ReservationRecord } from '../domain/reservation.ts';
import type { ReserveLimits } from '../domain/sale-store.ts';
import type { Catalog } from '../ledger/catalog.ts';
import type { SaleChannel } from '../stock/sale-channel.ts';
import type { Attempts, ReserveOutcome } from './attempts.ts';
import { earlierPrints, printOf } from './fingerprints.ts';
import { inStore, MISSING } from './in-store.ts';
import { refusalOf, SPANNING_SALES, ttlTooLong, unknownSku } from './refusals.ts';
import type { Relay } from './relay.ts';
import type { Answer, ReservationView, ReserveRequest } from './reservations.ts';

export interface ReserveOptions {
  readonly catalog: Catalog;
  readonly ids: Ids;
  readonly relay: Relay;
  readonly limits: ReserveLimits;
  readonly channelOf: (saleNumber: number) => SaleChannel;
  /** Hears what came of each attempt at a sale. */
  readonly attempts?: Attempts;
  /** Hears whose reservation has changed, for those who watch. */
  readonly onChanged?: (customerKey: string, reservationId: string) => void;
}

export type ReserveAnswer = Answer<{ view: ReservationView; replayed: boolean }>;
type Found = { sale: SaleRow; refusal?: never } | { sale?: never; refusal: Refusal };

export class Reserve {
  constructor(private readonly options: ReserveOptions) {}

  async run(request: ReserveRequest): Promise<ReserveAnswer> {
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

  /** The one sale all lines belong to. */
  private async saleOf(
    lines: readonly Line[],
    item: (sku: string) => ItemRow | Promise<ItemRow | null>,
  ): Promise<Found> {
    const items = await all(lines.map((line) => item(line.sku)));
    const [first] = items;
    if (!first || items.some((one) => one === null)) return { refusal: unknownSku(lines.length) };
    if (items.some((one) => one?.saleNumber !== first.saleNumber)) return { refusal: SPANNING_SALES };
    return { sale: await this.options.catalog.knownSale(first.saleNumber) };
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
    const reservationId = ids.reservationId(sale.number, request.customer.key, request.idempotencyKey);
    const repeats = () => this.repeatedUnderEarlierTime(sale, reservationId, request, lines);
    if (ttlSeconds > sale.reservationTtlSeconds && (await repeats()) === undefined)
      return { ok: false, refusal: ttlTooLong(sale.reservationTtlSeconds) };
    const reserving = this.options.channelOf(sale.number).reserve({
      reservationId,
      customer: request.customer.key,
      address: request.address === '' ? '' : ids.addressKey(request.address),
      lines,
      ttlSeconds,
      fingerprint: printOf(ttlSeconds, lines),
    });
    const reply = await inStore(reserving, { kind: 'closed' } as const);
    if (reply.kind === 'reserved') {
      this.options.onChanged?.(request.customer.key, reservationId);
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
    if (reply.kind === 'key-reused') {
      const repeated = await repeats();
      if (repeated) return { ok: true, value: { view: asFirstGiven(sale, repeated), replayed: true } };
    }
    return { ok: false, refusal: refusalOf(reply, limits, lines.length === 1) };
  }

  /**
   * The reservation that this very request made when the sale granted another time: the body means what it meant then.
   * Undefined if there is none such. Asked only where the request would be refused by what the sale grants now.
   */
  private async repeatedUnderEarlierTime(
    sale: SaleRow,
    reservationId: string,
    { customer, ttlSeconds }: ReserveRequest,
    lines: readonly Line[],
  ): Promise<ReservationRecord | undefined> {
    const prints = earlierPrints(sale, ttlSeconds, lines);
    if (prints.length === 0) return undefined;
    const reply = await inStore(this.options.channelOf(sale.number).read(reservationId), MISSING);
    if (reply.kind !== 'found' || reply.record.customer !== customer.key) return undefined;
    return prints.includes(reply.record.fingerprint) ? reply.record : undefined;
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
