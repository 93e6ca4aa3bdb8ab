// The lineage gate: nothing is granted by a store that the ledger does not know (protocols §6). Each process keeps
// the leases of all sales alive; whenever a store's identity differs from the recorded one, a key is missing, or a
// lease is refused, the sale is rebuilt first (rebuild.ts). Commands meanwhile wait here, bounded, or answer 503.
import { LedgerUnavailable, type SaleLineage } from '../domain/ledger-facts.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { StoreConnection } from '../stock/connect.ts';
import { identify, type StoreIdentity } from '../stock/library.ts';
import { type Grant, SaleRebuild } from '../stock/rebuild.ts';
import type { SaleChannels } from '../stock/sale-channel.ts';
import { type GateLog, LEASE_MS } from './lease.ts';
import { rebuildSale } from './rebuild.ts';

/** How long commands wait for a sale to open before they answer 503. */
const OPEN_WAIT_MS = 2_000;
/** Between looks at a rebuild that another process does. */
const OTHERS_REBUILD_POLL_MS = 50;
/** One opening, rebuild included, gives up after this long; the next command or renewal begins anew. */
const OPEN_MAX_MS = 30_000;
/** Leases are renewed every half second: a store unseen for longer than a lease holds no lease of ours. */
const STALE_LOOK_MS = LEASE_MS;
/** Sales opened at the same time after a restart. */
const OPEN_CONCURRENCY = 8;

/** What the last grant said of a sale: the workers find their work in it. */
export interface SaleWatch {
  readonly saleNumber: number;
  readonly epoch: number;
  readonly applied: number;
  /** Last ledger entry, as of the same look. */
  readonly entrySeq: number;
  readonly seq: number;
  readonly firstDeadlineMs: number;
  readonly firstPinEndMs: number;
}

export interface GateOptions {
  readonly redis: StoreConnection;
  readonly ledger: LedgerContract;
  readonly channels: () => SaleChannels;
  /** The stores are this service's own children: a store that is gone has surely exited. */
  readonly storesArePrivate: boolean;
  readonly log: GateLog;
}

export class LineageGate {
  /** By sale number: the last grant. A sale that is not here is not open. */
  readonly watches = new Map<number, SaleWatch>();
  /** Server clock minus this process's, from the last look: what is due is due by the server's clock. */
  clockOffsetMs = 0;
  /** When the ledger last failed to answer, by this process's monotonic clock; −Infinity if it never has. */
  ledgerFailedAtMs = Number.NEGATIVE_INFINITY;
  private ledgerAnsweredAtMs = Number.NEGATIVE_INFINITY;
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  private readonly opening = new Map<number, Promise<boolean>>();
  private verifiedLineage: string | null = null;
  private stopped = false;

  constructor(private readonly options: GateOptions) {}

  stop(): void {
    this.stopped = true;
  }

  /** The server's clock, as this process estimates it. Workers only: decisions are made by the server's own. */
  storeNowMs(): number {
    return Date.now() + this.clockOffsetMs;
  }

  /** Opens the sale if it can be opened; all who ask meanwhile share the attempt. Never throws. */
  open = async (saleNumber: number): Promise<boolean> => {
    let attempt = this.opening.get(saleNumber);
    if (!attempt) {
      attempt = this.openNow(saleNumber)
        .catch((error: unknown) => {
          this.options.log.warn({ sale: saleNumber, error: String(error) }, 'sale could not be opened');
          return false;
        })
        .finally(() => this.opening.delete(saleNumber));
      this.opening.set(saleNumber, attempt);
    }
    return await within(attempt, OPEN_WAIT_MS);
  };

  /** Renews every lease; opens what is not open. Called every half second. */
  async renew(): Promise<void> {
    const identity = await this.look();
    let lineages: SaleLineage[];
    try {
      lineages = await this.options.ledger.lineages();
    } catch (error) {
      if (!(error instanceof LedgerUnavailable)) throw error;
      this.noteLedgerFailure();
      await this.renewOnLastVerified(identity);
      return;
    }
    this.ledgerAnsweredAtMs = performance.now();
    const open = lineages.filter((row) => !row.unloaded);
    this.forgetOthers(open);
    const closed = (await this.grantAll(identity, open)).filter((row) => !this.opening.has(row.saleNumber));
    for (let from = 0; from < closed.length && !this.stopped; from += OPEN_CONCURRENCY) {
      await Promise.all(closed.slice(from, from + OPEN_CONCURRENCY).map((row) => this.open(row.saleNumber)));
    }
  }

  noteLedgerFailure(): void {
    this.ledgerFailedAtMs = performance.now();
  }

  /** Why traffic should go elsewhere, in words; empty when both stores answered lately and every sale is open. */
  reasonsNotReady(): string[] {
    const reasons: string[] = [];
    if (performance.now() - this.lookedAtMs > STALE_LOOK_MS) reasons.push('Redis has not answered lately');
    if (this.ledgerFailedAtMs > this.ledgerAnsweredAtMs) reasons.push('PostgreSQL does not answer');
    if (this.opening.size > 0) reasons.push(`${this.opening.size} sales are being rebuilt`);
    return reasons;
  }

  private async look(): Promise<StoreIdentity> {
    const sentMs = Date.now();
    const identity = await identify(this.options.redis);
    this.clockOffsetMs = identity.nowMs - (sentMs + Date.now()) / 2;
    this.lookedAtMs = performance.now();
    return identity;
  }

  /** Grants to all sales that this very server holds by the ledger; returns those that need opening. */
  private async grantAll(identity: StoreIdentity, rows: readonly SaleLineage[]): Promise<SaleLineage[]> {
    this.verifiedLineage = identity.lineage;
    const granted = await Promise.all(
      rows.map(async (row) => row.lineage === identity.lineage && (await this.grant(identity, row))),
    );
    return rows.filter((_, i) => !granted[i]);
  }

  private async grant(identity: StoreIdentity, row: SaleLineage): Promise<boolean> {
    const rebuild = new SaleRebuild(this.options.redis, row.saleNumber, row.epoch);
    const grant = await rebuild.grant(identity, identity.nowMs + LEASE_MS);
    if (grant.kind === 'granted') this.note(row, grant);
    return grant.kind === 'granted';
  }

  private note(
    row: Pick<SaleLineage, 'saleNumber' | 'epoch' | 'entrySeq'>,
    grant: Grant & { kind: 'granted' },
  ): void {
    const { saleNumber, epoch, entrySeq } = row;
    const { applied, seq, firstDeadlineMs, firstPinEndMs } = grant;
    const channel = this.options.channels().of(saleNumber);
    channel.epoch = epoch;
    channel.seenSeq = Math.max(channel.seenSeq, seq);
    this.watches.set(saleNumber, {
      saleNumber,
      epoch,
      applied,
      entrySeq,
      seq,
      firstDeadlineMs,
      firstPinEndMs,
    });
  }

  /** The ledger is out of reach: leases go on while the server is the one that was verified last. */
  private async renewOnLastVerified(identity: StoreIdentity): Promise<void> {
    if (identity.lineage !== this.verifiedLineage) return;
    await Promise.all(
      [...this.watches.values()].map((watch) =>
        this.grant(identity, { ...watch, lineage: identity.lineage, unloaded: false }),
      ),
    );
  }

  private forgetOthers(rows: readonly SaleLineage[]): void {
    const kept = new Set(rows.map((row) => row.saleNumber));
    for (const saleNumber of this.watches.keys()) if (!kept.has(saleNumber)) this.watches.delete(saleNumber);
    this.options.channels().keepOnly(kept);
  }

  private async openNow(saleNumber: number): Promise<boolean> {
    const { ledger, log } = this.options;
    const giveUpAtMs = performance.now() + OPEN_MAX_MS;
    while (!this.stopped && performance.now() < giveUpAtMs) {
      const identity = await this.look();
      const row = await ledger.lineage(saleNumber);
      if (!row || row.unloaded) return false;
      if (row.lineage === identity.lineage && (await this.grant(identity, row))) return true;
      const rebuilt = await ledger.withRebuildLock(saleNumber, () => this.rebuildIfStillNeeded(saleNumber));
      if (rebuilt === null) await Bun.sleep(OTHERS_REBUILD_POLL_MS);
      else if (!rebuilt) log.warn({ sale: saleNumber }, 'rebuild was superseded; looking again');
    }
    return false;
  }

  /** Under the rebuild lock: another process may have finished while this one waited for it. */
  private async rebuildIfStillNeeded(saleNumber: number): Promise<boolean> {
    const { redis, ledger, storesArePrivate, log } = this.options;
    const identity = await this.look();
    const row = await ledger.lineage(saleNumber);
    if (!row || row.unloaded) return false;
    if (row.lineage === identity.lineage && (await this.grant(identity, row))) return true;
    const opened = await rebuildSale({ redis, ledger, storesArePrivate, log, before: row, identity });
    if (!opened) return false;
    this.note({ saleNumber, epoch: opened.epoch, entrySeq: opened.grant.applied }, opened.grant);
    return true;
  }
}

/** The attempt's result if it comes within the time, else false; the attempt goes on. */
async function within(attempt: Promise<boolean>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([attempt, late]);
  } finally {
    clearTimeout(timer);
  }
}
