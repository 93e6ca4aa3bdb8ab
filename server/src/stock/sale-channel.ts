// One sale as this process speaks to it: the store's commands, gathered by natural batching, behind the
// lineage gate. A batch that the library refused as NOT_READY wrote nothing, so it is sent again once the gate
// has opened the sale; if the gate cannot, the callers get NotReady.
import type { Redis } from 'ioredis';
import { Batcher, type BatchWatch } from '../domain/batcher.ts';
import {
  type ExtendCommand,
  type ExtendReply,
  type LedgerEntry,
  NotReady,
  type Pend,
  type PendReply,
  type PinReply,
  type ReadReply,
  type ReleaseReply,
  type ReservationRef,
  type ReserveCommand,
  type ReserveLimits,
  type ReserveReply,
  SaleUnloaded,
  type StockSnapshot,
} from '../domain/sale-store.ts';
import { HotPath } from './hot-path.ts';
import { SaleStock } from './sale-stock.ts';

const MAX_BATCH = 128;
/** Lines a batch: with the library's bound on elements a call never unpacks more than it may. */
const MAX_BATCH_LINES = 400;
/** A second one would find Redis busy with the first, and each costs a write and an fsync: half as many of twice the size cost less. */
const MAX_IN_FLIGHT = 1;
/**
 * Full ones cannot grow, and Redis answers all that it finds waiting with one fsync. In a rush thousands of reserves come in one
 * turn of the event loop: so many of them can go at its end.
 */
const MAX_FULL_IN_FLIGHT = 8;
/** Commands of one sale waiting in one process: about a second's worth at full speed. */
const MAX_QUEUED = 20_000;

/**
 * Opens the sale: `open` once a lease of `channel.epoch` is granted, `not-ready` if it cannot be within the gate's bound,
 * `unloaded` if it is over and never will be.
 */
export type OpenSale = (saleNumber: number) => Promise<'open' | 'not-ready' | 'unloaded'>;

/** What customers' commands are gathered by. */
export type BatchedCall = 'reserve' | 'pin' | 'release' | 'read';
export type BatchWatches = Readonly<Record<BatchedCall, BatchWatch>>;

/** The epoch that a batch was sent under goes with its replies: a confirm must commit under the epoch of its pin. */
export interface Pinned {
  readonly reply: PinReply;
  readonly epoch: number;
}

export class SaleChannel {
  /** Epoch of the lease as the gate knows it; 0 before the first. */
  epoch = 0;
  /** Largest transition number seen in replies under this epoch: what the ledger writer has to reach. */
  seenSeq = 0;
  /** For good: an unloaded sale is never opened again. */
  private unloaded = false;
  /** For workers: with their patience, gathering nothing, and past no breaker. */
  readonly store: SaleStock;
  private readonly hot: SaleStock;
  private readonly reserves: Batcher<ReserveCommand, ReserveReply>;
  private readonly pins: Batcher<ReservationRef, Pinned>;
  private readonly releases: Batcher<ReservationRef, ReleaseReply>;
  private readonly reads: Batcher<string, ReadReply>;
  private readonly snapshots: Batcher<null, StockSnapshot>;

  constructor(
    redis: Redis,
    readonly saleNumber: number,
    limits: ReserveLimits,
    private readonly open: OpenSale,
    private readonly hotPath: HotPath,
    clock?: () => number,
    watches?: BatchWatches,
  ) {
    const boundsOf = (name: BatchedCall) => ({ ...BOUNDS, ...(watches && { watch: watches[name] }) });
    const options = { redis, saleNumber, epoch: () => this.epoch, ...(clock && { clock }) };
    this.store = new SaleStock(options);
    this.hot = new SaleStock({ ...options, hotPath });
    this.reserves = new Batcher({
      ...boundsOf('reserve'),
      maxFullInFlight: MAX_FULL_IN_FLIGHT,
      weigh: (command) => command.lines.length,
      maxWeight: MAX_BATCH_LINES,
      send: (commands) =>
        this.gated(async () => {
          const { epoch } = this;
          const replies = await this.hot.reserve(commands, limits);
          this.see(epoch, replies);
          return replies;
        }),
    });
    this.pins = new Batcher({
      ...boundsOf('pin'),
      send: (refs) =>
        this.gated(async () => {
          const { epoch } = this;
          return (await this.hot.pin(refs)).map((reply) => ({ reply, epoch }));
        }),
    });
    this.releases = new Batcher({
      ...boundsOf('release'),
      send: (refs) => this.gated(() => this.hot.release(refs)),
    });
    this.reads = new Batcher({
      ...boundsOf('read'),
      send: (ids) => this.gated(() => this.hot.read(ids)),
    });
    this.snapshots = new Batcher({
      ...BOUNDS,
      maxBatch: MAX_QUEUED,
      maxInFlight: 1,
      // All who ask while one is under way share the next one: it starts after they asked, so it reflects every
      // answer sent before.
      send: async (waiting) => {
        const snapshot = await this.gated(() => this.hot.snapshot());
        return waiting.map(() => snapshot);
      },
    });
  }

  /** The gate's word: a lease of `epoch` was granted, and the store has numbered `seq` transitions. */
  leased(epoch: number, seq: number): void {
    // What was seen under another epoch may be lost, and its numbers given anew.
    this.seenSeq = epoch === this.epoch ? Math.max(this.seenSeq, seq) : seq;
    this.epoch = epoch;
  }

  reserve(command: ReserveCommand): Promise<ReserveReply> {
    return this.reserves.run(command);
  }

  pin(ref: ReservationRef): Promise<Pinned> {
    return this.pins.run(ref);
  }

  /** Under the epoch of their pins or not at all: in another one, an only attempt is another's. */
  async unpin(refs: readonly ReservationRef[], epoch: number): Promise<void> {
    await this.gated(async () => {
      if (this.epoch === epoch) await this.hot.unpin(refs);
    });
  }

  release(ref: ReservationRef): Promise<ReleaseReply> {
    return this.releases.run(ref);
  }

  read(reservationId: string): Promise<ReadReply> {
    return this.reads.run(reservationId);
  }

  async extend(command: ExtendCommand): Promise<ExtendReply> {
    const [reply] = await this.gated(() => this.hot.extend([command]));
    if (!reply) throw new Error('hf_extend answers every command');
    return reply;
  }

  /** With the epoch it was pended under: the ledger must decide under the same one. */
  pend(pend: Pend): Promise<{ reply: PendReply; epoch: number }> {
    return this.gated(async () => {
      const { epoch } = this;
      return { reply: await this.hot.pend(pend), epoch };
    });
  }

  unpend(operationId: string): Promise<boolean> {
    return this.gated(() => this.hot.unpend(operationId));
  }

  snapshot(): Promise<StockSnapshot> {
    return this.snapshots.run(null);
  }

  apply(entries: readonly LedgerEntry[]): Promise<number> {
    return this.gated(() => this.hot.apply(entries));
  }

  private see(epoch: number, replies: readonly ReserveReply[]): void {
    if (epoch !== this.epoch) return;
    for (const reply of replies) {
      if (reply.kind === 'reserved') this.seenSeq = Math.max(this.seenSeq, reply.record.createdSeq);
    }
  }

  /** Runs against a leased sale: once more after the gate has opened it, within the budget for retries. */
  private async gated<T>(attempt: () => Promise<T>): Promise<T> {
    if (this.unloaded) throw new SaleUnloaded(`sale ${this.saleNumber}`);
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof NotReady)) throw error;
      const result = await this.open(this.saleNumber);
      if (result === 'open' && this.hotPath.retries.take('lease')) return await attempt();
      this.unloaded = result === 'unloaded';
      throw this.unloaded ? new SaleUnloaded(`sale ${this.saleNumber}`) : error;
    }
  }
}

const BOUNDS = { maxBatch: MAX_BATCH, maxInFlight: MAX_IN_FLIGHT, maxQueued: MAX_QUEUED } as const;

/** Every sale this process has spoken to. */
export class SaleChannels {
  private readonly channels = new Map<number, SaleChannel>();

  constructor(
    private readonly redis: Redis,
    private readonly limits: ReserveLimits,
    private readonly open: OpenSale,
    /** Tests pass their own clock (ms); the service leaves it to the store's. */
    private readonly clock?: () => number,
    private readonly hotPath: HotPath = new HotPath(),
    private readonly watches?: BatchWatches,
  ) {}

  of(saleNumber: number): SaleChannel {
    let channel = this.channels.get(saleNumber);
    if (!channel) {
      const { redis, limits, open, hotPath, clock, watches } = this;
      channel = new SaleChannel(redis, saleNumber, limits, open, hotPath, clock, watches);
      this.channels.set(saleNumber, channel);
    }
    return channel;
  }

  /** Largest transition number seen of every sale that had any. */
  seen(): [saleNumber: number, seq: number][] {
    return [...this.channels.values()].filter((c) => c.seenSeq > 0).map((c) => [c.saleNumber, c.seenSeq]);
  }

  /** Forgets a sale that is no longer kept in the store. */
  forget(saleNumber: number): void {
    this.channels.delete(saleNumber);
  }
}
