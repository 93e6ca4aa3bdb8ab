// The reference of one Redis: the pure model of the sale, and what a server adds to it: keys that can be lost, a lease that
// is gone after a restart, and a time that goes on from what was seen, or after a restart from what was written.
import type { ReservationRecord } from '../../src/domain/reservation.ts';
import { isLive, type SaleBooks } from '../../src/domain/sale-books.ts';
import { SaleModel } from '../../src/domain/sale-model.ts';
import { type LedgerEntry, PIN_MIN_MS, type SaleSettings } from '../../src/domain/sale-store.ts';
import type { Life } from './lives.ts';

type Clock = () => number;

/** The model of the sale as a rebuild takes it apart and puts it together. */
export class StandingSale extends SaleModel {
  /** Time of the last change: what is left of the time when the server's memory is gone. */
  wroteAtMs = 0;
  private forgot = false;

  constructor(
    epoch: number,
    private readonly clock: Clock,
  ) {
    super({ epoch, now: clock });
  }

  get epoch(): number {
    return this.books.epoch;
  }

  get seenAtMs(): number {
    return this.lastSeenMs;
  }

  get lastApplied(): number {
    return this.applied;
  }

  get lastSeq(): number {
    return this.books.seq;
  }

  get stock(): Readonly<
    Pick<SaleBooks, 'items' | 'reservations' | 'waiting' | 'heldUnits' | 'expiries' | 'trimmedSeq'>
  > {
    return this.books;
  }

  get setAside() {
    return [...this.pends.values()];
  }

  get rules(): SaleSettings {
    return this.settings;
  }

  /** Whatever changes the sale is written with its time; what only looks, refuses, forgets or trims is not. */
  async changing<T>(command: (sale: this) => Promise<T>): Promise<T> {
    const before = this.values();
    const reply = await command(this);
    const after = this.values();
    const changed = after.length !== before.length || after.some((value, i) => value !== before[i]);
    if (changed && !this.forgot) this.wroteAtMs = this.lastSeenMs;
    this.forgot = false;
    return reply;
  }

  /** Forgetting is no change. */
  override async purge(limit: number): Promise<number> {
    const purged = await super.purge(limit);
    this.forgot = purged > 0;
    return purged;
  }

  override async apply(entries: readonly LedgerEntry[]): Promise<number> {
    const applied = await super.apply(entries);
    this.wroteAtMs = this.lastSeenMs;
    return applied;
  }

  /** The same sale in another epoch or on another server, whose time begins at `seenAtMs`. */
  copy(epoch: number, seenAtMs: number): StandingSale {
    const copy = new StandingSale(epoch, this.clock);
    const { seq, trimmedSeq, waiting, items, reservations, heldUnits } = this.books;
    Object.assign(copy.books, { seq, trimmedSeq, waiting: [...waiting] });
    for (const [sku, item] of items) copy.books.items.set(sku, item);
    for (const [id, kept] of reservations) copy.books.reservations.set(id, kept);
    for (const [holder, units] of heldUnits) copy.books.heldUnits.set(holder, units);
    copy.books.expiries = this.books.expiries.copy();
    for (const [operation, pend] of this.pends) copy.pends.set(operation, pend);
    copy.attempts = this.attempts.copy();
    copy.applied = this.applied;
    copy.settings = this.settings;
    copy.wroteAtMs = this.wroteAtMs;
    copy.lastSeenMs = seenAtMs;
    return copy;
  }

  /** Puts the lives in place of those with their ids. */
  settle(lives: readonly Life[], bought: ReadonlyMap<string, number>): void {
    const nowMs = Math.max(this.lastSeenMs, this.clock());
    for (const { record, resolvedAtMs } of lives) {
      const pinEndMs = record.state === 'confirming' ? Math.max(record.deadlineMs, nowMs + PIN_MIN_MS) : null;
      this.books.reservations.set(record.reservationId, { record, pinEndMs, resolvedAtMs });
    }
    this.balance(bought);
    this.wroteAtMs = nowMs;
  }

  /** Stock and units held as they follow from what lives and was bought. */
  balance(bought: ReadonlyMap<string, number>): void {
    const live = [...this.books.reservations.values()].filter(isLive).map(({ record }) => record);
    for (const [sku, item] of this.books.items)
      this.books.items.set(sku, { ...item, reserved: unitsOf(live, sku) });
    this.books.heldUnits.clear();
    for (const [holder, units] of bought) this.hold(holder, units);
    for (const { customer, lines } of live)
      for (const { sku, quantity } of lines) this.hold(`${customer} ${sku}`, quantity);
  }

  noteExpiry({ record }: Life): void {
    this.books.expiries.note(record.customer, record.deadlineMs);
  }

  put(sku: string, total: number, sold: number, maxPerCustomer: number | null): void {
    this.books.items.set(sku, { sku, total, reserved: 0, sold, maxPerCustomer });
  }

  /** Where a cold rebuild goes on from. */
  standAt(seq: number, applied: number, settings: SaleSettings): void {
    this.books.seq = seq;
    this.applied = applied;
    this.settings = settings;
    this.books.expiries.rule = settings.cooldown;
  }

  reached(seq: number): void {
    this.books.seq = Math.max(this.books.seq, seq);
  }

  /** The stream is empty: the journal has what is to be had of it. */
  drained(): void {
    this.books.waiting = [];
    this.books.trimmedSeq = this.books.seq;
  }

  life(reservationId: string): Life | undefined {
    return this.books.reservations.get(reservationId);
  }

  private hold(holder: string, units: number): void {
    this.books.heldUnits.set(holder, (this.books.heldUnits.get(holder) ?? 0) + units);
  }

  private values(): unknown[] {
    const { seq, items, reservations } = this.books;
    return [seq, ...items.values(), ...reservations.values()];
  }
}

/** One server with the sale on it. */
export interface ReferenceServer {
  sale: StandingSale;
  /** Changes with every start and every promotion. */
  identity: number;
  /** The epoch that was granted last to what is stored. */
  epoch: number | null;
  /** A cold rebuild was begun here and not finished. */
  halfDone: boolean;
  leased: boolean;
  /** The server's memory, the time that it saw included, is that of the last command. */
  remembers: boolean;
  /** By name; all ten of them after FLUSHALL. */
  readonly missing: Set<string>;
}

function unitsOf(records: readonly ReservationRecord[], sku: string): number {
  const lines = records.flatMap((record) => record.lines).filter((line) => line.sku === sku);
  return lines.reduce((sum, { quantity }) => sum + quantity, 0);
}
