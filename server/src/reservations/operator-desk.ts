// The operator's verbs on what customers have: find, look into, release on their behalf, read the journal. Customers' own
// verbs stand behind them, so what an operator sees and may do is what the stores say at that moment.
import type { Refusal } from '@holdfast/contract/problems';
import { type Ids, isWellFormedId, saleNumberOf } from '../domain/ids.ts';
import type { Order } from '../domain/ledger-facts.ts';
import type { ReservationState } from '../domain/reservation.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { AuditRow, FoundOrder } from '../ledger/findings.ts';
import type { SaleChannel } from '../stock/sale-channel.ts';
import type { Desk } from './desk.ts';
import { ALREADY_CONFIRMED, CONFIRM_IN_PROGRESS, EXPIRED, LOST, UNKNOWN_RESERVATION } from './refusals.ts';
import type { Relay } from './relay.ts';
import type { Answer, ReservationView } from './reservations.ts';

/** Pages of the ledger looked at for one answer: what the store no longer has in the wanted state makes a page shorter. */
const ROUNDS_MAX = 4;

/** As operators name it; null does not narrow. */
export interface Search {
  readonly sale: string | null;
  readonly sku: string | null;
  /** `sub`. */
  readonly customer: string | null;
}

export interface AuditSearch extends Search {
  readonly reservation: string | null;
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

export interface FoundPage<Row> {
  readonly rows: readonly Row[];
  readonly next: string | null;
}

export interface CustomersView {
  readonly view: ReservationView;
  /** The customer's `sub`; null if the ledger does not know it. */
  readonly customerId: string | null;
}

export interface Inspected extends CustomersView {
  readonly order: Order | null;
  /** Oldest first. */
  readonly history: readonly AuditRow[];
}

export interface OperatorVerbs {
  reservations(
    search: Search & { readonly status: ReservationState | null },
    limit: number,
    cursor: string | null,
  ): Promise<Answer<FoundPage<CustomersView>>>;
  /** `historyMax`: the newest entries of its history. */
  reservation(reservationId: string, historyMax: number): Promise<Answer<Inspected>>;
  /** Who and why is in the journal before the store releases it. */
  release(reservationId: string, operator: string, reason: string): Promise<Answer<CustomersView>>;
  orders(search: Search, limit: number, cursor: string | null): Promise<Answer<FoundPage<FoundOrder>>>;
  audit(search: AuditSearch, limit: number, cursor: string | null): Promise<Answer<FoundPage<AuditRow>>>;
}

export interface OperatorDeskOptions {
  readonly desk: Pick<Desk, 'asOfNow' | 'inspect' | 'release'>;
  readonly ledger: LedgerContract;
  readonly ids: Ids;
  readonly relay: Relay;
  readonly channelOf: (saleNumber: number) => SaleChannel;
  /** Waits, bounded, until the journal has what the stores were seen to have done. */
  readonly journalReached: () => Promise<void>;
}

const UNKNOWN_SALE: Refusal = {
  code: 'unknown-sale',
  detail: 'No sale has this id. List the sales to see which there are.',
};

export class OperatorDesk implements OperatorVerbs {
  constructor(private readonly options: OperatorDeskOptions) {}

  async reservations(
    search: Search & { readonly status: ReservationState | null },
    limit: number,
    cursor: string | null,
  ): Promise<Answer<FoundPage<CustomersView>>> {
    const { desk, ledger } = this.options;
    const filter = await this.filterOf(search);
    if (!filter.ok) return filter;
    const { status } = search;
    const rows: CustomersView[] = [];
    let next = cursor;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const page = await ledger.findReservations(
        { ...filter.value, status },
        { limit: limit - rows.length, cursor: next },
      );
      const found = await Promise.all(
        page.rows.map(async (row) => ({
          view: await desk.asOfNow(row),
          customerId: search.customer ?? row.customerId,
        })),
      );
      rows.push(...found.filter(({ view }) => status === null || view.status === status));
      next = page.next;
      if (next === null || rows.length >= limit) break;
    }
    return { ok: true, value: { rows, next } };
  }

  async reservation(reservationId: string, historyMax: number): Promise<Answer<Inspected>> {
    const { ledger } = this.options;
    const found = await this.locate(reservationId);
    if (!found) return { ok: false, refusal: UNKNOWN_RESERVATION };
    await this.options.journalReached();
    const { record, status } = found.view;
    const about = { saleNumber: null, sku: null, customer: null, fromMs: null, toMs: null, reservationId };
    const [order, history] = await Promise.all([
      status === 'confirmed' ? ledger.orderOfReservation(reservationId, record.createdSeq) : null,
      ledger.findEntries(about, { limit: historyMax, cursor: null }),
    ]);
    return { ok: true, value: { ...found, order, history: inOrder(history.rows) } };
  }

  async release(reservationId: string, operator: string, reason: string): Promise<Answer<CustomersView>> {
    const { desk, ledger, relay, channelOf } = this.options;
    const found = await this.locate(reservationId);
    if (!found) return { ok: false, refusal: UNKNOWN_RESERVATION };
    const { record, status } = found.view;
    switch (status) {
      case 'released':
        return { ok: true, value: found };
      case 'confirmed':
        return { ok: false, refusal: ALREADY_CONFIRMED };
      case 'confirming':
        return { ok: false, refusal: CONFIRM_IN_PROGRESS };
      case 'expired':
        return { ok: false, refusal: EXPIRED };
      case 'lost':
        return { ok: false, refusal: LOST };
      case 'active':
    }
    const saleNumber = saleNumberOf(reservationId);
    const { createdSeq, customer } = record;
    // First the record, then the release: stopped between the two, the journal says what was meant, and nothing is
    // released without its reason. The store still has the last word: a confirmation may come before.
    await ledger.recordRelease({ saleNumber, reservationId, createdSeq, operator, reason });
    const released = await desk.release(
      { sub: found.customerId ?? '', key: customer },
      saleNumber,
      reservationId,
    );
    // The store takes note of the entry; if not now, then when the relay comes by.
    await relay.catchUpFromStore(channelOf(saleNumber)).catch(() => undefined);
    return released.ok ? { ok: true, value: { ...found, view: released.value } } : released;
  }

  async orders(search: Search, limit: number, cursor: string | null): Promise<Answer<FoundPage<FoundOrder>>> {
    const filter = await this.filterOf(search);
    if (!filter.ok) return filter;
    return { ok: true, value: await this.options.ledger.findOrders(filter.value, { limit, cursor }) };
  }

  async audit(
    search: AuditSearch,
    limit: number,
    cursor: string | null,
  ): Promise<Answer<FoundPage<AuditRow>>> {
    const filter = await this.filterOf(search);
    if (!filter.ok) return filter;
    const { reservation, fromMs, toMs } = search;
    const reservationId =
      reservation !== null && isWellFormedId('reservation', reservation) ? reservation : null;
    if (reservation !== reservationId) return { ok: true, value: { rows: [], next: null } };
    const all = { ...filter.value, reservationId, fromMs, toMs };
    return { ok: true, value: await this.options.ledger.findEntries(all, { limit, cursor }) };
  }

  /** In the ledger's words, once the journal has what was seen. */
  private async filterOf(
    search: Search,
  ): Promise<Answer<{ saleNumber: number | null; sku: string | null; customer: string | null }>> {
    const { ledger, ids } = this.options;
    const sale = search.sale === null ? null : await ledger.saleById(search.sale);
    if (search.sale !== null && sale === null) return { ok: false, refusal: UNKNOWN_SALE };
    await this.options.journalReached();
    const customer = search.customer === null ? null : ids.customerKey(search.customer);
    return { ok: true, value: { saleNumber: sale?.number ?? null, sku: search.sku, customer } };
  }

  private async locate(reservationId: string): Promise<CustomersView | null> {
    const { desk, ledger } = this.options;
    if (!isWellFormedId('reservation', reservationId)) return null;
    const view = await desk.inspect(saleNumberOf(reservationId), reservationId);
    return view && { view, customerId: await ledger.customerOf(view.record.customer) };
  }
}

/**
 * Oldest first. Two clocks, in milliseconds: a quick confirmation has its pin and its commit in the same one, and the pin was
 * first.
 */
function inOrder(newestFirst: readonly AuditRow[]): AuditRow[] {
  const rank = ({ kind }: AuditRow) => (kind === 'confirming' ? 0 : 1);
  return [...newestFirst].reverse().sort((a, b) => a.atMs - b.atMs || rank(a) - rank(b));
}
