// The lineage gate: nothing is granted by a store that the ledger does not know (protocols §6). Each process keeps
// the leases of all sales alive; whenever a store's identity differs from the recorded one, a key is missing, or a
// lease is refused, the sale is rebuilt first (rebuild.ts). Commands meanwhile wait here, bounded, or answer 503.
import { LedgerBusy, LedgerUnavailable, type SaleLineage } from '../domain/ledger-facts.ts';
import { StockUnavailable } from '../domain/sale-store.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { StoreConnection } from '../stock/connect.ts';
import {
  identify,
  LIBRARY_VERSION,
  loadLibrary,
  NewerLibrary,
  type StoreIdentity,
} from '../stock/library.ts';
import { type Grant, SaleRebuild } from '../stock/rebuild.ts';
import { Replicas } from '../stock/replicas.ts';
import type { SaleChannels } from '../stock/sale-channel.ts';
import { type GateLog, LEASE_MS } from './lease.ts';
import { type Opening, Openings, within } from './openings.ts';
import { rebuildSale } from './rebuild.ts';

/** Between looks at a rebuild that another process does. */
const OTHERS_REBUILD_POLL_MS = 50;
/** One opening, rebuild included, gives up after this long; the next command or renewal begins anew. */
const OPEN_MAX_MS = 30_000;
/** Leases are renewed every half second: a store unseen for longer than a lease holds no lease of ours. */
const STALE_LOOK_MS = LEASE_MS;
/** A ledger silent for longer counts as out of reach: with the half second between renewals, well below a lease. */
const LEDGER_WAIT_MS = 400;
/** Sales opened at the same time after a restart. */
const OPEN_CONCURRENCY = 8;

/** What the last grant said of a sale: the workers find their work in it. */
export interface SaleWatch {
  readonly saleNumber: number;
  readonly epoch: number;
  /** The store that the ledger named as the epoch's holder. */
  readonly lineage: string;
  readonly applied: number;
  /** Last ledger entry, as of the same look. */
  readonly entrySeq: number;
  /** Last entry that changed the sale's settings, as of the same look. */
  readonly settingsSeq: number;
  readonly seq: number;
  readonly firstDeadlineMs: number;
  readonly firstPinEndMs: number;
  /** Operations that have set units aside and are not finished. */
  readonly pends: number;
  /** By this process's monotonic clock. */
  readonly grantedAtMs: number;
}

export interface GateOptions {
  readonly redis: StoreConnection;
  readonly ledger: LedgerContract;
  readonly channels: () => SaleChannels;
  /** The stores are this service's own children: a store that is gone has surely exited. */
  readonly storesArePrivate: boolean;
  /** Replicas of the store; null: as many as were seen. */
  readonly replicas?: number | null;
  readonly log: GateLog;
  /** Hears how each look at the store went: `tookMs` of one that was answered, Infinity of one that was not. */
  readonly onLook?: (tookMs: number) => void;
  /** After an opening that failed; OPEN_PAUSE_MS unless a test goes on at once. */
  readonly openPauseMs?: number;
  /** Tests pass their own clock (ms) for what a rebuild writes; the service leaves it to the store's. */
  readonly clock?: () => number;
}

export class LineageGate {
  /** By sale number: the last grant. A sale that is not here is not open. */
  readonly watches = new Map<number, SaleWatch>();
  /** Server clock minus this process's, from the last look: what is due is due by the server's clock. */
  clockOffsetMs = 0;
  /** When the ledger last failed somebody, by this process's monotonic clock; −Infinity if it never has. */
  ledgerFailedAtMs = Number.NEGATIVE_INFINITY;
  /** The same without those who met a lock that others held: it was well then. */
  private ledgerSilentAtMs = Number.NEGATIVE_INFINITY;
  private ledgerAnsweredAtMs = Number.NEGATIVE_INFINITY;
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  /** Why the store that answers is not one to grant on, in words; null if it is. */
  private misfit: string | null = null;
  private readonly replicas: Replicas;
  /** As asked while the ledger is out of reach. */
  private replicasAcknowledge = true;
  private readonly openings: Openings;
  /** Those that renewals asked for; undefined while there are none. */
  private openingAll: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly options: GateOptions) {
    this.replicas = new Replicas(options.redis, options.replicas ?? null);
    this.openings = new Openings((saleNumber) => this.openNow(saleNumber), options.log, options.openPauseMs);
  }

  /** Resolves when no opening that a renewal asked for is waited for any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.replicas.hangUp();
    await this.openingAll;
  }

  /** The server's clock, as this process estimates it. For workers and for what is shown: decisions are made by the server's own. */
  storeNowMs(): number {
    return Date.now() + this.clockOffsetMs;
  }

  /** True if the sale's last grant is as young as a lease. */
  isGranting(saleNumber: number): boolean {
    const watch = this.watches.get(saleNumber);
    return watch !== undefined && performance.now() - watch.grantedAtMs < LEASE_MS;
  }

  /** Opens the sale if it can be opened; all who ask meanwhile share the attempt. Never throws. */
  open = (saleNumber: number): Promise<Opening> => this.openings.open(saleNumber);

  /**
   * Renews every lease, and begins to open what is not open. Called every half second: it waits for no opening, so
   * that a sale which is slow to open costs the others no lease.
   */
  async renew(): Promise<void> {
    const identity = await this.look();
    const known = [...this.watches.keys()];
    const lineages = await this.lineagesInTime();
    if (lineages === null) {
      this.noteLedgerFailure();
      await this.renewOnLastVerified();
      return;
    }
    this.ledgerAnsweredAtMs = performance.now();
    this.noteReplicas(true);
    const open = lineages.filter((row) => !row.unloaded);
    if (open.some((row) => row.lineage === identity.lineage)) this.replicas.verified(identity);
    this.forgetOthers(known, open);
    const closed = (await this.grantAll(identity, open)).filter((row) => !this.openings.has(row.saleNumber));
    if (closed.length === 0 || this.openingAll !== undefined) return;
    this.openingAll = this.openEach(closed).finally(() => {
      this.openingAll = undefined;
    });
  }

  /** The same, and waits for the openings, each within its bound: for the start. */
  async renewAndOpen(): Promise<void> {
    await this.renew();
    await this.openingAll;
  }

  private noteReplicas(acknowledge: boolean): void {
    if (this.replicasAcknowledge && !acknowledge) {
      const { expected } = this.replicas;
      this.options.log.warn(
        { expected },
        'leases end while the ledger is away: not every replica acknowledges',
      );
    }
    this.replicasAcknowledge = acknowledge;
  }

  noteLedgerFailure(error?: unknown): void {
    this.ledgerFailedAtMs = performance.now();
    if (!(error instanceof LedgerBusy)) this.ledgerSilentAtMs = this.ledgerFailedAtMs;
  }

  /** Redis answered within the length of a lease; PostgreSQL has not been silent since it answered last. */
  storesAnswer(): { readonly redis: boolean; readonly postgresql: boolean } {
    return {
      redis: performance.now() - this.lookedAtMs <= STALE_LOOK_MS,
      postgresql: this.ledgerSilentAtMs <= this.ledgerAnsweredAtMs,
    };
  }

  /** How long the longest overdue reservation should have been expired for, as of the last look at each sale. */
  expiryLagMs(): number {
    const nowMs = this.storeNowMs();
    let lag = 0;
    for (const { firstDeadlineMs } of this.watches.values()) lag = Math.max(lag, nowMs - firstDeadlineMs);
    return lag;
  }

  /** Why traffic should go elsewhere, in words; empty when both stores answered lately and every sale is open. */
  reasonsNotReady(): string[] {
    const reasons: string[] = [];
    const answers = this.storesAnswer();
    if (!answers.redis) reasons.push('Redis has not answered lately');
    if (this.misfit !== null) reasons.push(this.misfit);
    if (!this.replicasAcknowledge)
      reasons.push('not every Redis replica acknowledges, and only PostgreSQL could say why');
    if (!answers.postgresql) reasons.push('PostgreSQL does not answer');
    if (this.openings.size > 0) reasons.push(`${this.openings.size} sales are being rebuilt`);
    return reasons;
  }

  private async look(): Promise<StoreIdentity> {
    const sentMs = Date.now();
    const identity = await this.identify().catch((error: unknown) => {
      this.options.onLook?.(Number.POSITIVE_INFINITY);
      throw error;
    });
    this.options.onLook?.(Date.now() - sentMs);
    this.clockOffsetMs = identity.nowMs - (sentMs + Date.now()) / 2;
    this.lookedAtMs = performance.now();
    return identity;
  }

  /** The server that answers, with this service's library in it: one that was put back is replaced, a newer one left. */
  private async identify(): Promise<StoreIdentity> {
    const { redis } = this.options;
    let identity = await identify(redis);
    if (identity.libraryVersion !== LIBRARY_VERSION) {
      try {
        await loadLibrary(redis);
      } catch (error) {
        if (error instanceof NewerLibrary) this.misfit = error.message;
        throw error;
      }
      identity = await identify(redis);
    }
    this.misfit =
      identity.role === 'master' ? null : 'Redis is a replica, and grants nothing until it is promoted';
    return identity;
  }

  /** What the ledger says of every sale, or null if it is out of reach. */
  private async lineagesInTime(): Promise<SaleLineage[] | null> {
    try {
      return await within(this.options.ledger.lineages(), LEDGER_WAIT_MS, null);
    } catch (error) {
      if (error instanceof LedgerUnavailable) return null;
      throw error;
    }
  }

  /** Grants to all sales that this very server holds by the ledger; returns those that need opening. */
  private async grantAll(identity: StoreIdentity, rows: readonly SaleLineage[]): Promise<SaleLineage[]> {
    const granted = await Promise.all(rows.map((row) => this.orOpen(this.holds(identity, row))));
    return rows.filter((_, i) => !granted[i]);
  }

  /**
   * Grants if this server holds the sale by the ledger, and the ledger by the server: one that has applied what the ledger
   * does not have outlived a ledger that was restored from a backup, and is rebuilt.
   */
  private async holds(identity: StoreIdentity, row: SaleLineage): Promise<boolean> {
    if (row.lineage !== identity.lineage || !(await this.grant(identity, row))) return false;
    const applied = this.watches.get(row.saleNumber)?.applied ?? 0;
    if (applied <= row.entrySeq) return true;
    const now = await this.options.ledger.lineage(row.saleNumber); // it may have decided since the look
    return now !== null && applied <= now.entrySeq;
  }

  /** False also where the library itself fails on this sale: opening it will say how, and the others go on. */
  private async orOpen(granted: Promise<boolean>): Promise<boolean> {
    try {
      return await granted;
    } catch (error) {
      if (error instanceof StockUnavailable) throw error;
      return false;
    }
  }

  private async openEach(rows: readonly SaleLineage[]): Promise<void> {
    for (let from = 0; from < rows.length && !this.stopped; from += OPEN_CONCURRENCY) {
      await Promise.all(rows.slice(from, from + OPEN_CONCURRENCY).map((row) => this.open(row.saleNumber)));
    }
  }

  private async grant(identity: StoreIdentity, row: SaleLineage): Promise<boolean> {
    const rebuild = new SaleRebuild(this.options.redis, row.saleNumber, row.epoch);
    const grant = await rebuild.grant(identity, identity.nowMs + LEASE_MS);
    if (grant.kind === 'granted') this.note({ ...row, lineage: identity.lineage }, grant);
    return grant.kind === 'granted';
  }

  private note(
    row: Pick<SaleWatch, 'saleNumber' | 'epoch' | 'lineage' | 'entrySeq' | 'settingsSeq'>,
    grant: Grant & { kind: 'granted' },
  ): void {
    const { saleNumber, epoch, lineage, entrySeq, settingsSeq } = row;
    const { applied, seq, firstDeadlineMs, firstPinEndMs, pends } = grant;
    this.options.channels().of(saleNumber).leased(epoch, seq);
    this.watches.set(saleNumber, {
      saleNumber,
      epoch,
      lineage,
      applied,
      entrySeq,
      settingsSeq,
      seq,
      firstDeadlineMs,
      firstPinEndMs,
      pends,
      grantedAtMs: performance.now(),
    });
  }

  /**
   * The ledger is out of reach: leases go on while the server is the one that was verified last, and none of its replicas
   * can have been promoted. Looked at anew: a lease that began before the wait for the ledger would be over too soon.
   */
  private async renewOnLastVerified(): Promise<void> {
    const identity = this.replicas.expected === 0 ? await this.look() : await this.replicas.acknowledged();
    this.noteReplicas(identity !== null);
    if (identity === null) return;
    const verified = [...this.watches.values()].filter((watch) => watch.lineage === identity.lineage);
    await Promise.all(
      verified.map((watch) => this.orOpen(this.grant(identity, { ...watch, unloaded: false }))),
    );
  }

  /** Of the sales known before the ledger was asked: one made since is not in its answer. */
  private forgetOthers(known: readonly number[], rows: readonly SaleLineage[]): void {
    const kept = new Set(rows.map((row) => row.saleNumber));
    for (const saleNumber of known) {
      if (kept.has(saleNumber)) continue;
      this.watches.delete(saleNumber);
      this.options.channels().forget(saleNumber);
    }
  }

  private async openNow(saleNumber: number): Promise<Opening> {
    const { ledger, log } = this.options;
    const giveUpAtMs = performance.now() + OPEN_MAX_MS;
    while (!this.stopped && performance.now() < giveUpAtMs) {
      const identity = await this.look();
      // An epoch begun on a replica would fence its primary, which is alive.
      if (identity.role !== 'master') return 'not-ready';
      const row = await ledger.lineage(saleNumber);
      if (!row) return 'not-ready';
      if (row.unloaded) return 'unloaded';
      if (await this.holds(identity, row)) return 'open';
      const rebuilt = await ledger.withRebuildLock(saleNumber, () => this.rebuildIfStillNeeded(saleNumber));
      if (rebuilt === null) await Bun.sleep(OTHERS_REBUILD_POLL_MS);
      else if (!rebuilt) log.warn({ sale: saleNumber }, 'rebuild was superseded; looking again');
    }
    return 'not-ready';
  }

  /** Under the rebuild lock: another process may have finished while this one waited for it. */
  private async rebuildIfStillNeeded(saleNumber: number): Promise<boolean> {
    const { redis, ledger, storesArePrivate, log, clock } = this.options;
    const identity = await this.look();
    const row = await ledger.lineage(saleNumber);
    if (!row || row.unloaded) return false;
    if (await this.holds(identity, row)) return true;
    const opened = await rebuildSale({ redis, ledger, storesArePrivate, log, clock, before: row, identity });
    if (!opened) return false;
    const { epoch, grant } = opened;
    const { settingsSeq } = row;
    this.note({ saleNumber, epoch, lineage: identity.lineage, entrySeq: grant.applied, settingsSeq }, grant);
    return true;
  }
}
