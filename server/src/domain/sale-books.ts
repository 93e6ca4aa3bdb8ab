// The books of the reference model: which reservations stand, what each item and each customer has, and the
// transitions that wait for the journal. A change of a reservation moves the stock, the customer's units and
// the state together, and is numbered unless the ledger decided it; nothing here decides whether it may.
import { Expiries } from './expiries.ts';
import type { Line, ReservationRecord, ReservationState } from './reservation.ts';
import type { ItemStock, ReserveCommand, Transition, TransitionKind } from './sale-store.ts';

/** A reservation and the two times that no record shows. */
export interface Kept {
  readonly record: ReservationRecord;
  /** Set while confirming: until then nobody but the ledger may resolve it. */
  readonly pinEndMs: number | null;
  /** Set once it is resolved: confirmed, released, expired or lost. */
  readonly resolvedAtMs: number | null;
}

export class SaleBooks {
  /** Last transition (r), and the last one known to be in the journal. */
  seq = 0;
  trimmedSeq = 0;
  waiting: Transition[] = [];
  readonly items = new Map<string, ItemStock>();
  readonly reservations = new Map<string, Kept>();
  /** Units live and bought, by customer and SKU. */
  readonly heldUnits = new Map<string, number>();
  expiries = new Expiries();

  constructor(readonly epoch: number) {}

  addItem(sku: string, total: number, maxPerCustomer: number | null): void {
    if (this.items.has(sku)) throw new Error(`the item ${sku} is there already`);
    this.items.set(sku, { sku, total, reserved: 0, sold: 0, maxPerCustomer });
  }

  changeTotal(sku: string, delta: number): void {
    const item = this.item(sku);
    this.items.set(sku, { ...item, total: item.total + delta });
  }

  grant(command: ReserveCommand, nowMs: number): ReservationRecord {
    const record: ReservationRecord = {
      reservationId: command.reservationId,
      customer: command.customer,
      state: 'active',
      createdSeq: this.seq + 1,
      createdAtMs: nowMs,
      ttlSeconds: command.ttlSeconds,
      deadlineMs: nowMs + command.ttlSeconds * 1000,
      attempts: 0,
      extensions: 0,
      fingerprint: command.fingerprint,
      lines: command.lines,
    };
    this.addReserved(record.lines, 1);
    this.addHeld(record.customer, record.lines, 1);
    this.keep(record, { pinEndMs: null, resolvedAtMs: null });
    this.write('reserved', record, nowMs);
    return record;
  }

  /** One more attempt to confirm; only the first is a transition. */
  pin(record: ReservationRecord, pinEndMs: number, nowMs: number): ReservationRecord {
    const pinned: ReservationRecord = { ...record, state: 'confirming', attempts: record.attempts + 1 };
    this.keep(pinned, { pinEndMs, resolvedAtMs: null });
    if (record.state === 'active') this.write('confirming', pinned, nowMs);
    return pinned;
  }

  extend(record: ReservationRecord, deadlineMs: number, nowMs: number): ReservationRecord {
    const extended: ReservationRecord = { ...record, deadlineMs, extensions: record.extensions + 1 };
    this.keep(extended, { pinEndMs: null, resolvedAtMs: null });
    this.write('extended', extended, nowMs);
    return extended;
  }

  unpin(record: ReservationRecord, nowMs: number): void {
    const active: ReservationRecord = { ...record, state: 'active', attempts: 0 };
    this.keep(active, { pinEndMs: null, resolvedAtMs: null });
    this.write('unpinned', active, nowMs);
  }

  /** Decided here, so it is a transition: the units go back to the stock and to the customer's cap. */
  free(record: ReservationRecord, state: 'released' | 'expired', nowMs: number): ReservationRecord {
    const freed = this.freeByLedger(record, state, nowMs);
    this.write(state, freed, nowMs);
    return freed;
  }

  /** Decided by the ledger, whose own numbering records it. */
  freeByLedger(
    record: ReservationRecord,
    state: 'released' | 'expired' | 'lost',
    nowMs: number,
  ): ReservationRecord {
    this.addReserved(record.lines, -1);
    this.addHeld(record.customer, record.lines, -1);
    if (state === 'expired') this.expiries.note(record.customer, record.deadlineMs);
    return this.resolve(record, state, nowMs);
  }

  /**
   * The ledger has sold these units to the customer, whatever became of the reservation here: one that was
   * freed or forgotten (undefined) takes them out of the stock again, and `available` may go below zero.
   */
  sell(customer: string, lines: readonly Line[], kept: Kept | undefined, nowMs: number): void {
    for (const { sku, quantity } of lines) {
      const item = this.item(sku);
      this.items.set(sku, { ...item, sold: item.sold + quantity });
    }
    if (kept !== undefined && isLive(kept)) this.addReserved(lines, -1);
    else this.addHeld(customer, lines, 1);
    if (kept !== undefined) this.resolve(kept.record, 'confirmed', nowMs);
  }

  /**
   * Of a reservation that was lost here and sold by the ledger: what it was asked for with is not known any more, so
   * that its key can only be answered as reused, and never has a second effect.
   */
  keepSoldUnseen(
    {
      reservationId,
      createdSeq,
      customer,
      lines,
    }: Pick<Transition, 'reservationId' | 'createdSeq' | 'customer' | 'lines'>,
    nowMs: number,
  ): void {
    const record: ReservationRecord = {
      reservationId,
      customer,
      state: 'confirmed',
      createdSeq,
      createdAtMs: nowMs,
      ttlSeconds: 0,
      deadlineMs: nowMs,
      attempts: 0,
      extensions: 0,
      fingerprint: '-',
      lines,
    };
    this.keep(record, { pinEndMs: null, resolvedAtMs: nowMs });
  }

  /** A number that the ledger knows is never given to another life, though its transition was lost here. */
  neverNumber(createdSeq: number): void {
    this.seq = Math.max(this.seq, createdSeq);
  }

  /** Expires at most `limit` due ones, oldest deadline first; returns how many. */
  expireDue(limit: number, nowMs: number): number {
    const expiring = this.due(nowMs).slice(0, limit);
    for (const record of expiring) this.free(record, 'expired', nowMs);
    return expiring.length;
  }

  /** Active ones past their deadline, in the order in which they expire. */
  due(nowMs: number): ReservationRecord[] {
    return this.oldest(({ record }) => (record.state === 'active' ? record.deadlineMs : null), nowMs);
  }

  /** Records whose time has come by `nowMs`, oldest first, then by id; `timeOf` null = not concerned. */
  oldest(timeOf: (kept: Kept) => number | null, nowMs: number): ReservationRecord[] {
    return [...this.reservations.values()]
      .flatMap((kept) => {
        const atMs = timeOf(kept);
        return atMs !== null && atMs <= nowMs ? [{ atMs, record: kept.record }] : [];
      })
      .sort((a, b) => a.atMs - b.atMs || (a.record.reservationId < b.record.reservationId ? -1 : 1))
      .map(({ record }) => record);
  }

  trim(throughSeq: number): void {
    this.waiting = this.waiting.filter((transition) => transition.seq > throughSeq);
    this.trimmedSeq = Math.max(this.trimmedSeq, throughSeq);
  }

  item(sku: string): ItemStock {
    const item = this.items.get(sku);
    if (item === undefined) throw new Error(`no item has the SKU ${sku}`);
    return item;
  }

  held(customer: string, sku: string): number {
    return this.heldUnits.get(heldKey(customer, sku)) ?? 0;
  }

  private resolve(record: ReservationRecord, state: ReservationState, nowMs: number): ReservationRecord {
    const resolved: ReservationRecord = { ...record, state };
    this.keep(resolved, { pinEndMs: null, resolvedAtMs: nowMs });
    return resolved;
  }

  private keep(record: ReservationRecord, times: Omit<Kept, 'record'>): void {
    this.reservations.set(record.reservationId, { record, ...times });
  }

  /** Numbers a transition and queues it for the ledger writer. */
  private write(kind: TransitionKind, record: ReservationRecord, nowMs: number): void {
    this.seq += 1;
    const { reservationId, createdSeq, customer, lines, ttlSeconds, deadlineMs, fingerprint } = record;
    const { seq, epoch } = this;
    const life = { reservationId, createdSeq, customer, lines, ttlSeconds, deadlineMs, fingerprint };
    this.waiting.push({ seq, epoch, kind, atMs: nowMs, ...life });
  }

  private addReserved(lines: readonly Line[], sign: 1 | -1): void {
    for (const { sku, quantity } of lines) {
      const item = this.item(sku);
      this.items.set(sku, { ...item, reserved: item.reserved + sign * quantity });
    }
  }

  private addHeld(customer: string, lines: readonly Line[], sign: 1 | -1): void {
    for (const { sku, quantity } of lines) {
      this.heldUnits.set(heldKey(customer, sku), this.held(customer, sku) + sign * quantity);
    }
  }
}

/** Live by state: a due one that is not swept yet still holds its units. */
export function isLive({ record }: Kept): boolean {
  return record.state === 'active' || record.state === 'confirming';
}

/** A reservation lives while now < deadline: at the deadline itself it is due. */
export function isDue({ record }: Kept, nowMs: number): boolean {
  return record.state === 'active' && record.deadlineMs <= nowMs;
}

/** What may be reserved; below zero only after the ledger overruled a loss. */
export function available(item: ItemStock): number {
  return item.total - item.reserved - item.sold;
}

function heldKey(customer: string, sku: string): string {
  return `${customer} ${sku}`; // neither holds a space
}
