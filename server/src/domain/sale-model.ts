// The reference model of one sale: every rule of the stock store, in memory, as plainly as it can be said.
// It is what the Redis function library must be indistinguishable from; the conformance suite holds both to
// the same promises and random command sequences compare them reply by reply. This file decides; what stands
// and how it changes is in sale-books.ts.
import { AttemptWindows, windowsOf } from './attempt-windows.ts';
import type { ReservationRecord } from './reservation.ts';
import { available, isDue, isLive, type Kept, SaleBooks } from './sale-books.ts';
import {
  type ExtendCommand,
  type ExtendReply,
  type LedgerEntry,
  NotReady,
  PEND_MS,
  type Pend,
  type PendReply,
  PIN_MIN_MS,
  type PinReply,
  REPLAY_KEPT_MS,
  type ReadReply,
  type ReleaseReply,
  type ReservationRef,
  type ReserveCommand,
  type ReserveLimits,
  type ReserveReply,
  type SaleSettings,
  type SaleStore,
  STREAM_CAP,
  type StockSnapshot,
  SWEEP_FIRST,
  SWEEP_IN_RESERVE,
  type Transition,
} from './sale-store.ts';

export interface SaleModelOptions {
  /** Written on every transition. A model lives in one epoch; what a rebuild makes of it is another (test/model). */
  readonly epoch: number;
  /** Epoch milliseconds. It may step back; the model's own time never does. */
  readonly now: () => number;
}

type Resolution = Extract<LedgerEntry, { kind: 'confirmed' | 'refused' | 'expired' }>;

export class SaleModel implements SaleStore {
  protected lastSeenMs = 0;
  protected settings: SaleSettings = { opensAtMs: null, closesAtMs: null, closed: false, cooldown: null };
  /** Last ledger entry (l) applied. */
  protected applied = 0;
  protected books: SaleBooks;
  protected attempts = new AttemptWindows();
  /** Units that are going out, by operation: already taken from the total. */
  protected readonly pends = new Map<string, Pend & { readonly endsMs: number }>();
  private unloaded = false;

  constructor(private readonly options: SaleModelOptions) {
    this.books = new SaleBooks(options.epoch);
  }

  async reserve(commands: readonly ReserveCommand[], limits: ReserveLimits): Promise<ReserveReply[]> {
    const nowMs = this.tick();
    this.books.expireDue(SWEEP_FIRST, nowMs);
    return commands.map((command) => this.reserveOne(command, limits, nowMs));
  }

  async pin(refs: readonly ReservationRef[]): Promise<PinReply[]> {
    const nowMs = this.tick();
    return refs.map((ref) => this.pinOne(ref, nowMs));
  }

  async unpin(refs: readonly ReservationRef[]): Promise<void> {
    const nowMs = this.tick();
    for (const ref of refs) {
      const kept = this.find(ref);
      // With a second attempt begun, a slow first one may still commit: only the resolver may end that pin.
      if (kept?.record.state === 'confirming' && kept.record.attempts === 1)
        this.books.unpin(kept.record, nowMs);
    }
  }

  async release(refs: readonly ReservationRef[]): Promise<ReleaseReply[]> {
    const nowMs = this.tick();
    return refs.map((ref) => this.releaseOne(ref, nowMs));
  }

  async extend(commands: readonly ExtendCommand[]): Promise<ExtendReply[]> {
    const nowMs = this.tick();
    return commands.map((command) => this.extendOne(command, nowMs));
  }

  async pend({ operationId, sku, quantity }: Pend): Promise<PendReply> {
    const nowMs = this.tick();
    this.books.expireDue(SWEEP_IN_RESERVE, nowMs);
    if (this.pends.has(operationId)) return { kind: 'pended' };
    if (!this.books.items.has(sku)) return { kind: 'unknown-sku' };
    while (available(this.books.item(sku)) < quantity) {
      if (this.books.expireDue(SWEEP_IN_RESERVE, nowMs) > 0) continue;
      const item = this.books.item(sku);
      return { kind: 'in-use', available: Math.max(0, available(item)), reserved: item.reserved };
    }
    this.books.changeTotal(sku, -quantity);
    this.pends.set(operationId, { operationId, sku, quantity, endsMs: nowMs + PEND_MS });
    return { kind: 'pended' };
  }

  async unpend(operationId: string): Promise<boolean> {
    this.tick();
    const pend = this.pends.get(operationId);
    if (pend === undefined) return false;
    this.books.changeTotal(pend.sku, pend.quantity);
    this.pends.delete(operationId);
    return true;
  }

  async duePends(): Promise<Pend[]> {
    const nowMs = this.tick();
    const due = [...this.pends.values()].filter(({ endsMs }) => endsMs <= nowMs);
    return due.map(({ operationId, sku, quantity }) => ({ operationId, sku, quantity }));
  }

  async read(ids: readonly string[]): Promise<ReadReply[]> {
    const nowMs = this.tick();
    return ids.map((id) => {
      const kept = this.books.reservations.get(id);
      if (kept === undefined) return { kind: 'missing' };
      const record: ReservationRecord = isDue(kept, nowMs)
        ? { ...kept.record, state: 'expired' }
        : kept.record;
      return { kind: 'found', record, nowMs };
    });
  }

  async snapshot(): Promise<StockSnapshot> {
    const nowMs = this.tick();
    const live = [...this.books.reservations.values()].filter(isLive).length;
    const items = [...this.books.items.values()].sort((a, b) => (a.sku < b.sku ? -1 : 1));
    return { nowMs, settings: this.settings, seq: this.books.seq, applied: this.applied, live, items };
  }

  async expire(limit: number): Promise<{ expired: number; more: boolean }> {
    const nowMs = this.tick();
    const expired = this.books.expireDue(limit, nowMs);
    return { expired, more: this.books.due(nowMs).length > 0 };
  }

  async duePins(limit: number): Promise<ReservationRecord[]> {
    const nowMs = this.tick();
    return this.books.oldest((kept) => kept.pinEndMs, nowMs).slice(0, limit);
  }

  async apply(entries: readonly LedgerEntry[]): Promise<number> {
    const nowMs = this.tick();
    for (const entry of entries) {
      if (entry.seq <= this.applied) continue;
      if (entry.seq !== this.applied + 1) break;
      this.applyOne(entry, nowMs);
      this.applied = entry.seq;
    }
    return this.applied;
  }

  async pending(limit: number): Promise<Transition[]> {
    return this.books.waiting.slice(0, limit);
  }

  /** The epoch adds nothing here: all transitions of a model carry the same one. */
  async trim(throughSeq: number, _throughEpoch: number): Promise<void> {
    this.tick();
    this.books.trim(throughSeq);
  }

  async purge(limit: number): Promise<number> {
    const nowMs = this.tick();
    const forgotten = this.books.oldest((kept) => kept.resolvedAtMs, nowMs - REPLAY_KEPT_MS).slice(0, limit);
    for (const { reservationId, customer } of forgotten) {
      this.books.reservations.delete(reservationId);
      this.books.expiries.forget(customer, nowMs - REPLAY_KEPT_MS);
    }
    return forgotten.length;
  }

  async unload(): Promise<boolean> {
    const nowMs = this.tick();
    const kept = [...this.books.reservations.values()];
    const asked = kept.some((one) => isLive(one) || (one.resolvedAtMs ?? 0) > nowMs - REPLAY_KEPT_MS);
    const unwritten = this.books.seq > this.books.trimmedSeq;
    if (!this.settings.closed || asked || unwritten || this.pends.size > 0) return false;
    this.unloaded = true;
    return true;
  }

  private tick(): number {
    if (this.unloaded) throw new NotReady('the sale was unloaded');
    this.lastSeenMs = Math.max(this.lastSeenMs, this.options.now());
    return this.lastSeenMs;
  }

  /** A reservation is there for its customer only. */
  private find(ref: ReservationRef): Kept | undefined {
    const kept = this.books.reservations.get(ref.reservationId);
    return kept?.record.customer === ref.customer ? kept : undefined;
  }

  private reserveOne(command: ReserveCommand, limits: ReserveLimits, nowMs: number): ReserveReply {
    const limited = this.countAttempt(command, limits, nowMs);
    if (limited !== null) return limited;

    const stored = this.books.reservations.get(command.reservationId)?.record;
    if (stored !== undefined) {
      const same = stored.fingerprint === command.fingerprint && stored.customer === command.customer;
      return same ? { kind: 'replayed', record: stored } : { kind: 'key-reused' };
    }

    // Nobody is told "no" for units that are due to come back: sweep on and decide anew until none are.
    let refusal = this.refusal(command, nowMs);
    while (refusal?.kind === 'limit-exceeded' || refusal?.kind === 'short') {
      if (this.books.expireDue(SWEEP_IN_RESERVE, nowMs) === 0) break;
      refusal = this.refusal(command, nowMs);
    }
    return refusal ?? { kind: 'reserved', record: this.books.grant(command, nowMs) };
  }

  /** An attempt that passes both windows counts in both; one that either refuses, or the cooldown, counts in neither. */
  private countAttempt(command: ReserveCommand, limits: ReserveLimits, nowMs: number): ReserveReply | null {
    const on = windowsOf(command, limits);
    const waits = on.map((w) => ({ window: w.window, ms: this.attempts.waitMs(w.caller, w.limit, nowMs) }));
    const windowsMs = waits.map(({ ms }) => ms);
    const cooling = this.books.expiries.refusal(command.customer, nowMs, windowsMs);
    if (cooling !== null) return cooling;
    const refusing = waits.find(({ ms }) => ms > 0);
    if (refusing !== undefined) {
      // The first window that refuses is named, but the next attempt must pass both.
      return { kind: 'rate-limited', window: refusing.window, retryAfterMs: Math.max(...windowsMs) };
    }
    for (const { caller } of on) this.attempts.count(caller, nowMs);
    return null;
  }

  /** Why this command cannot be granted now, the first reason in the order of the contract; null = it can. */
  private refusal(command: ReserveCommand, nowMs: number): ReserveReply | null {
    const { opensAtMs, closesAtMs, closed } = this.settings;
    if (this.books.seq - this.books.trimmedSeq >= STREAM_CAP) return { kind: 'backlogged' };
    if (closed || (closesAtMs !== null && nowMs >= closesAtMs)) return { kind: 'closed' };
    if (opensAtMs !== null && nowMs < opensAtMs) return { kind: 'not-open', opensAtMs, nowMs };

    const unknown = command.lines.find((line) => !this.books.items.has(line.sku));
    if (unknown !== undefined) return { kind: 'unknown-sku', sku: unknown.sku };

    for (const { sku, quantity } of command.lines) {
      const limit = this.books.item(sku).maxPerCustomer;
      const held = this.books.held(command.customer, sku);
      if (limit !== null && held + quantity > limit) return { kind: 'limit-exceeded', sku, limit, held };
    }

    const short = command.lines.filter((line) => available(this.books.item(line.sku)) < line.quantity);
    if (short.length === 0) return null;
    const lines = short.map(({ sku }) => {
      const item = this.books.item(sku);
      return { sku, available: Math.max(0, available(item)), reserved: item.reserved };
    });
    return { kind: 'short', lines };
  }

  private pinOne(ref: ReservationRef, nowMs: number): PinReply {
    const kept = this.find(ref);
    if (kept === undefined) return { kind: 'missing' };
    if (isDue(kept, nowMs)) {
      this.books.free(kept.record, 'expired', nowMs);
      return { kind: 'expired' };
    }
    const { state } = kept.record;
    if (state !== 'active' && state !== 'confirming') return { kind: state };

    // Time never goes back, so another attempt can lengthen a pin and never shortens one.
    const pinEndMs = Math.max(kept.record.deadlineMs, nowMs + PIN_MIN_MS);
    return { kind: 'pinned', record: this.books.pin(kept.record, pinEndMs, nowMs) };
  }

  private releaseOne(ref: ReservationRef, nowMs: number): ReleaseReply {
    const kept = this.find(ref);
    if (kept === undefined) return { kind: 'missing' };
    if (isDue(kept, nowMs)) {
      this.books.free(kept.record, 'expired', nowMs);
      return { kind: 'expired' };
    }
    const { record } = kept;
    if (record.state === 'released') return { kind: 'released', record, again: true };
    if (record.state !== 'active') return { kind: record.state };

    return { kind: 'released', record: this.books.free(record, 'released', nowMs), again: false };
  }

  private extendOne(command: ExtendCommand, nowMs: number): ExtendReply {
    const kept = this.find(command);
    if (kept === undefined) return { kind: 'missing' };
    if (isDue(kept, nowMs)) {
      this.books.free(kept.record, 'expired', nowMs);
      return { kind: 'expired' };
    }
    const { record } = kept;
    if (record.state !== 'active') return { kind: record.state };
    const deadlineMs = record.deadlineMs + command.seconds * 1000;
    const latestMs = record.createdAtMs + command.maxLifetimeSeconds * 1000;
    if (record.extensions >= command.maxExtensions || deadlineMs > latestMs) return { kind: 'limit-reached' };
    return { kind: 'extended', record: this.books.extend(record, deadlineMs, nowMs) };
  }

  private applyOne(entry: LedgerEntry, nowMs: number): void {
    switch (entry.kind) {
      case 'item-added':
        this.books.addItem(entry.sku, entry.total, entry.maxPerCustomer);
        return;
      case 'stock-changed':
        // Units that went out left the total when they were pended; without their pend they leave it now.
        if (entry.operationId === null || !this.pends.delete(entry.operationId)) {
          this.books.changeTotal(entry.sku, entry.delta);
        }
        return;
      case 'settings-changed':
        this.settings = entry.settings;
        this.books.expiries.rule = entry.settings.cooldown;
        return;
      case 'operator-release':
        return;
      case 'closed':
        this.settings = { ...this.settings, closed: true };
        return;
      case 'confirmed': {
        const kept = this.lifeOf(entry);
        if (kept?.record.state === 'confirmed')
          throw new Error(`entry ${entry.seq} confirms a reservation again`);
        this.books.sell(entry.customer, entry.lines, kept, nowMs);
        if (!this.books.reservations.has(entry.reservationId)) this.books.keepSoldUnseen(entry, nowMs);
        this.books.neverNumber(entry.createdSeq);
        return;
      }
      case 'refused':
      case 'expired': {
        this.books.neverNumber(entry.createdSeq);
        const kept = this.lifeOf(entry);
        if (kept === undefined || !isLive(kept)) return;
        this.books.freeByLedger(kept.record, entry.kind === 'refused' ? 'lost' : 'expired', nowMs);
      }
    }
  }

  /** The reservation an entry speaks of; another life of the same id is another reservation. */
  private lifeOf(entry: Resolution): Kept | undefined {
    const kept = this.books.reservations.get(entry.reservationId);
    return kept?.record.createdSeq === entry.createdSeq ? kept : undefined;
  }
}
