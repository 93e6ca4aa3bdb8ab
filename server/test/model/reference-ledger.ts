// The reference of the ledger: what PostgreSQL holds of one sale and how it decides, as plainly as it can be said. One
// register of outcomes, one of operations, numbered entries, the journal; no locks, because everything comes in turn.
import {
  type ConfirmDecision,
  type ConfirmRequest,
  type NewItem,
  type NewSale,
  type Order,
  StaleEpoch,
  type StockChange,
  type StockChangeRequest,
  type StockChangeResult,
} from '../../src/domain/ledger-facts.ts';
import type { ReservationRecord } from '../../src/domain/reservation.ts';
import type { LedgerEntry, SaleSettings, Transition } from '../../src/domain/sale-store.ts';

export interface LedgerItem {
  readonly total: number;
  readonly sold: number;
  readonly cap: number | null;
}

export interface Outcome {
  readonly kind: 'confirmed' | 'refused' | 'expired';
  readonly entrySeq: number;
  readonly atMs: number;
  readonly order: Order | null;
}

type OmitEach<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
type Fact = OmitEach<LedgerEntry, 'seq' | 'atMs'>;
type Decided = Pick<ConfirmRequest, 'reservationId' | 'createdSeq' | 'customer' | 'lines'>;

const MAX_STOCK = 100_000_000;

export const lifeKey = (life: { reservationId: string; createdSeq: number }): string =>
  `${life.reservationId} ${life.createdSeq}`;

export class ReferenceLedger {
  readonly items = new Map<string, LedgerItem>();
  readonly entries: LedgerEntry[] = [];
  readonly register = new Map<string, Outcome>();
  /** Units bought, by `customer sku`. */
  readonly bought = new Map<string, number>();
  /** Transitions by `epoch seq`: one that is there already is ignored. */
  readonly journal = new Map<string, Transition>();
  readonly operations = new Map<string, 'applied' | 'refused'>();
  readonly changes = new Map<string, { change: StockChange; fingerprint: string }>();
  epoch = 0;
  /** Counts what changes. */
  version = 0;
  /** The store that holds this epoch. */
  lineage: number | null = null;
  private readonly ended: { epoch: number; end: number; granted: boolean }[] = [];
  private closedAtMs: number | null = null;

  constructor(
    readonly saleNumber: number,
    private readonly sale: NewSale,
    private readonly now: () => number,
  ) {
    this.enter({ kind: 'settings-changed', settings: this.settings });
    this.addItems(sale.items);
  }

  get settings(): SaleSettings {
    const { opensAtMs, closesAtMs, cooldown = null } = this.sale;
    return { opensAtMs, closesAtMs, closed: this.closedAtMs !== null, cooldown };
  }

  /** False if the sale is closed. */
  addItems(items: readonly NewItem[]): boolean {
    if (this.closedAtMs !== null) return false;
    for (const { sku, stock, maxPerCustomer } of items) {
      this.items.set(sku, { total: stock, sold: 0, cap: maxPerCustomer });
      this.enter({ kind: 'item-added', sku, total: stock, maxPerCustomer });
    }
    return true;
  }

  close(): void {
    if (this.closedAtMs !== null) return;
    this.closedAtMs = this.now();
    this.enter({ kind: 'closed' });
  }

  /** In order, each against what the ones before it left. The first outcome of a life stands for good. */
  confirm(epoch: number, requests: readonly ConfirmRequest[]): ConfirmDecision[] {
    this.requireEpoch(epoch);
    return requests.map((request) => {
      const known = this.register.get(lifeKey(request));
      const outcome = known ?? this.decide(request, this.fits(request) ? 'confirmed' : 'refused');
      if (outcome.order === null) return { kind: outcome.kind as 'refused', seq: outcome.entrySeq };
      return { kind: 'confirmed', order: outcome.order, seq: outcome.entrySeq };
    });
  }

  resolveExpired(epoch: number, records: readonly ReservationRecord[]): void {
    this.requireEpoch(epoch);
    for (const record of records) if (!this.register.has(lifeKey(record))) this.decide(record, 'expired');
  }

  changeStock(epoch: number, request: StockChangeRequest): StockChangeResult {
    this.requireEpoch(epoch);
    const { operationId, key, sku, delta, fingerprint } = request;
    const done = this.changes.get(key);
    const item = this.items.get(sku);
    const result = ((): StockChangeResult | null => {
      if (done) {
        return done.fingerprint === fingerprint
          ? { kind: 'replayed', change: done.change }
          : { kind: 'key-reused' };
      }
      if (this.closedAtMs !== null) return { kind: 'sale-closed' };
      if (item === undefined) return { kind: 'unknown-sku' };
      const { total, sold } = item;
      if (operationId !== null && this.operations.has(operationId)) return { kind: 'refused' };
      if (request.expectedTotal !== null && request.expectedTotal !== total)
        return { kind: 'stale-total', total, sold };
      if (total + delta < sold) return { kind: 'stock-in-use', total, sold };
      if (total + delta > MAX_STOCK) return { kind: 'too-much', total, sold };
      return null;
    })();
    if (result !== null || item === undefined) {
      if (operationId !== null) this.refuseOperation(operationId);
      return result ?? { kind: 'unknown-sku' };
    }
    const total = item.total + delta;
    this.items.set(sku, { ...item, total });
    if (operationId !== null) this.operations.set(operationId, 'applied');
    const { seq: entrySeq, atMs } = this.enter({ kind: 'stock-changed', sku, delta, operationId });
    const { reason, reference, operator } = request;
    const by = { reason, reference, operator };
    const change = { sku, delta, totalBefore: item.total, total, ...by, atMs, entrySeq };
    this.changes.set(key, { change, fingerprint });
    return { kind: 'changed', change };
  }

  refuseOperation(operationId: string): 'applied' | 'refused' {
    const stands = this.operations.get(operationId);
    if (stands !== undefined) return stands;
    this.version += 1;
    this.operations.set(operationId, 'refused');
    return 'refused';
  }

  append(epoch: number, transitions: readonly Transition[]): void {
    this.requireEpoch(epoch);
    for (const transition of transitions) {
      const key = `${transition.epoch} ${transition.seq}`;
      if (this.journal.has(key)) continue;
      this.version += 1;
      this.journal.set(key, transition);
    }
  }

  /** Every transition on record, in the order in which they count. */
  history(): Transition[] {
    return [...this.journal.values()].sort((a, b) => a.seq - b.seq || a.epoch - b.epoch);
  }

  lastTransition(): number {
    return this.history().at(-1)?.seq ?? 0;
  }

  beginEpoch(): void {
    this.ended.push({ epoch: this.epoch, end: this.lastTransition(), granted: this.lineage !== null });
    this.version += 1;
    this.epoch += 1;
    this.lineage = null;
  }

  /** Of the epochs that have ended, the last one under which a store could write history. */
  lastGranted(): number | null {
    return this.ended.findLast(({ granted }) => granted)?.epoch ?? null;
  }

  /** How far the journal was when this epoch ended; null if it has not. */
  endOf(epoch: number): number | null {
    return this.ended.find((one) => one.epoch === epoch)?.end ?? null;
  }

  orders(): Order[] {
    return [...this.register.values()].flatMap(({ order }) => (order === null ? [] : [order]));
  }

  private requireEpoch(epoch: number): void {
    if (epoch !== this.epoch) throw new StaleEpoch(`epoch ${epoch} is over`);
  }

  private fits({ customer, lines }: ConfirmRequest): boolean {
    return lines.every(({ sku, quantity }) => {
      const item = this.items.get(sku);
      if (item === undefined || item.sold + quantity > item.total) return false;
      return item.cap === null || (this.bought.get(`${customer} ${sku}`) ?? 0) + quantity <= item.cap;
    });
  }

  private decide(asked: Decided & Partial<ConfirmRequest>, kind: Outcome['kind']): Outcome {
    const { reservationId, createdSeq, customer, lines } = asked;
    const { seq: entrySeq, atMs } = this.enter({ kind, reservationId, createdSeq, customer, lines });
    let order: Order | null = null;
    if (kind === 'confirmed') {
      for (const { sku, quantity } of lines) this.sell(customer, sku, quantity);
      order = {
        orderId: asked.orderId ?? '',
        reservationId,
        saleNumber: this.saleNumber,
        saleId: this.sale.id,
        customer,
        lines: lines.map((line) => ({ ...line, price: null })),
        paymentReference: asked.paymentReference ?? null,
        confirmedAtMs: atMs,
      };
    }
    const outcome: Outcome = { kind, entrySeq, atMs, order };
    this.register.set(lifeKey(asked), outcome);
    return outcome;
  }

  private sell(customer: string, sku: string, quantity: number): void {
    const item = this.items.get(sku);
    if (item === undefined) throw new Error(`no item has the SKU ${sku}`);
    this.items.set(sku, { ...item, sold: item.sold + quantity });
    const holder = `${customer} ${sku}`;
    this.bought.set(holder, (this.bought.get(holder) ?? 0) + quantity);
  }

  private enter(fact: Fact): LedgerEntry {
    this.version += 1;
    const entry: LedgerEntry = { ...fact, seq: this.entries.length + 1, atMs: this.now() };
    this.entries.push(entry);
    return entry;
  }
}
