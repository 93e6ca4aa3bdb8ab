// The library's side of lease and rebuild (protocols §6, §7): what one server says of itself, the grant, and the
// chunks of a rebuild. Which of them to call, and when, is decided in reservations/.
import type { Redis } from 'ioredis';
import type { ColdSnapshot } from '../domain/ledger-facts.ts';
import { type LedgerEntry, NotReady, type SaleSettings, type Transition } from '../domain/sale-store.ts';
import { saleKeys } from './keys.ts';
import { call, LIBRARY_VERSION, type Reply, type StoreIdentity } from './library.ts';
import { packCooldown, packEntry, packEvent, packRecord, packSettings, shortId } from './records.ts';

/** Elements (items, customers or records) one chunk loads: bounded so that no call blocks the server for long. */
export const CHUNK = 500;

export type Grant =
  | {
      readonly kind: 'granted';
      /** Last ledger entry applied, and last transition numbered. */
      readonly applied: number;
      readonly seq: number;
      /** The earliest deadline and the earliest end of a pin, ms of the server's clock; Infinity if there is none. */
      readonly firstDeadlineMs: number;
      readonly firstPinEndMs: number;
      /** Units set aside by operations that are not finished: how many operations. */
      readonly pends: number;
    }
  | { readonly kind: 'refused'; readonly why: string };

/** What a rebuild found. Numbers are null where nothing was found. */
export interface Found {
  readonly allKeysPresent: boolean;
  /** The epoch this store was granted last. */
  readonly epoch: number | null;
  /** A cold rebuild was begun and never finished (what is there is half a sale), or is due: the sale was found damaged. */
  readonly halfDone: boolean;
  readonly seq: number;
  readonly applied: number;
}

const KEY_COUNT = 10;

/** One sale's lease and rebuild on one server. A chunk out of order or a superseded rebuild rejects with NotReady. */
export class SaleRebuild {
  private readonly keys: string[];
  private chunk = 0;

  constructor(
    private readonly redis: Redis,
    saleNumber: number,
    private readonly epoch: number,
    /** Tests pass their own clock (ms); the service leaves it to the server's TIME. Leases end by the server's own. */
    private readonly clock?: () => number,
  ) {
    this.keys = saleKeys(saleNumber);
  }

  /** Leases the sale to `epoch` until `endsMs` of that server's clock, if it is still that server. */
  async grant(identity: StoreIdentity, endsMs: number): Promise<Grant> {
    const reply = await call(this.redis, 'hf_grant', this.keys, [
      this.epoch,
      LIBRARY_VERSION,
      identity.runId,
      identity.replid,
      endsMs,
    ]);
    if (reply[0] !== 'granted') return { kind: 'refused', why: String(reply[1]) };
    return {
      kind: 'granted',
      applied: Number(reply[1]),
      seq: Number(reply[2]),
      firstDeadlineMs: readScore(reply[3]),
      firstPinEndMs: readScore(reply[4]),
      pends: Number(reply[5]),
    };
  }

  /** Replaces the lease: from here on nothing is decided on this sale until a grant. */
  async begin(identity: StoreIdentity): Promise<Found> {
    const reply = await call(this.redis, 'hf_begin', this.keys, [
      this.epoch,
      LIBRARY_VERSION,
      identity.runId,
      identity.replid,
    ]);
    if (reply[0] !== 'begun') throw new NotReady(`rebuild refused: ${reply[1]}`);
    this.chunk = 0;
    return {
      allKeysPresent: Number(reply[1]) === KEY_COUNT,
      epoch: reply[2] === '' ? null : Number(reply[2]),
      halfDone: reply[3] === 'cold' || reply[3] === 'doubted',
      seq: reply[4] === '' ? 0 : Number(reply[4]),
      applied: reply[5] === '' ? 0 : Number(reply[5]),
    };
  }

  /** Empties the sale for a cold rebuild. */
  async clear(): Promise<void> {
    expectOk(await call(this.redis, 'hf_clear', this.keys, [this.epoch]));
    this.chunk = 0;
  }

  /** Loads a snapshot in bounded chunks. */
  async load(snapshot: ColdSnapshot): Promise<void> {
    const cooldown = packCooldown(snapshot.settings.cooldown);
    for (const items of chunks(snapshot.items)) {
      await this.next('hf_load', [
        items.length,
        0,
        0,
        cooldown,
        ...items.flatMap((item) => [item.sku, item.total, item.sold, item.maxPerCustomer ?? '-']),
      ]);
    }
    for (const bought of chunks(snapshot.bought)) {
      await this.next('hf_load', [
        0,
        bought.length,
        0,
        cooldown,
        ...bought.flatMap((b) => [b.customer, b.sku, b.quantity]),
      ]);
    }
    for (const records of chunks(snapshot.reservations)) {
      await this.next('hf_load', [
        0,
        0,
        records.length,
        cooldown,
        ...records.flatMap((record) => [shortId(record.reservationId), packRecord(record)]),
      ]);
    }
  }

  /** Does journaled transitions again, in order. */
  async replay(transitions: readonly Transition[]): Promise<void> {
    for (const part of chunks(transitions)) {
      const last = part[part.length - 1] as Transition;
      await this.next('hf_replay', [last.seq, part.length, ...part.flatMap((t) => [t.atMs, packEvent(t)])]);
    }
  }

  /** Applies ledger entries within the rebuild. */
  async apply(entries: readonly LedgerEntry[]): Promise<void> {
    for (const part of chunks(entries))
      await this.next('hf_apply', [part.length, ...part.flatMap(packEntry)]);
  }

  /** Ends the rebuild; `seq` is the least number to continue after. Cold ones say what the snapshot contained. */
  async finish(seq: number, cold: { applied: number; settings: SaleSettings } | null): Promise<void> {
    await this.next('hf_finish', cold ? [seq, cold.applied, ...packSettings(cold.settings)] : [seq, '']);
  }

  private async next(name: string, args: readonly (string | number)[]): Promise<Reply> {
    const reply = expectOk(
      await call(this.redis, name, this.keys, [
        this.epoch,
        this.clock?.() ?? '',
        String(this.chunk),
        ...args,
      ]),
    );
    this.chunk++;
    return reply;
  }
}

function readScore(score: unknown): number {
  return score === 'inf' ? Number.POSITIVE_INFINITY : Number(score);
}

function expectOk(reply: Reply): Reply {
  if (reply[0] !== 'OK') throw new NotReady(`rebuild interrupted: ${reply[1]}`);
  return reply;
}

function* chunks<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < all.length; from += CHUNK) yield all.slice(from, from + CHUNK);
}
