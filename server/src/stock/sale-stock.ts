// The typed edge of one sale: SaleStore over the function library. Every method is one function call for the
// whole batch; every call carries the epoch and is refused, before any write, without a live lease of it.
import type { Redis } from 'ioredis';
import type { ReservationRecord } from '../domain/reservation.ts';
import {
  type ExtendCommand,
  type ExtendReply,
  type ItemStock,
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
  type SaleStore,
  type StockSnapshot,
  type Transition,
} from '../domain/sale-store.ts';
import type { HotPath } from './hot-path.ts';
import { saleKey, saleKeys } from './keys.ts';
import { call, type Reply } from './library.ts';
import { packEntry, readCooldown, readRecord, readStreamEntry, shortId } from './records.ts';
import { packReserve, readReserveReply } from './reserve-call.ts';

/** Calls after which a reserve that still meets due stock gives up; each frees 256. */
const AGAIN_MAX = 2_000;
/** Stream entries one read brings; each holds a batch of transitions. */
const STREAM_READ = 100;

export interface SaleStockOptions {
  readonly redis: Redis;
  readonly saleNumber: number;
  /** Epoch under which the caller acts, as the gate knows it now. */
  readonly epoch: () => number;
  /** For the commands of customers; without it they have the patience of workers. */
  readonly hotPath?: HotPath;
  /** Tests pass their own clock (ms); the service leaves it to the server's TIME. */
  readonly clock?: () => number;
}

export class SaleStock implements SaleStore {
  private readonly keys: string[];

  constructor(private readonly options: SaleStockOptions) {
    this.keys = saleKeys(options.saleNumber);
  }

  async reserve(commands: readonly ReserveCommand[], limits: ReserveLimits): Promise<ReserveReply[]> {
    const replies = new Array<ReserveReply>(commands.length);
    let waiting = commands.map((_, index) => index);
    // Only the first that waits can have been counted: those behind it are not looked at before it is decided.
    let counted = false;
    for (let calls = 0; waiting.length > 0; calls++) {
      if (calls > AGAIN_MAX) throw new NotReady('due reservations are still being freed');
      const asked = waiting;
      const packed = packReserve(
        asked.map((index) => commands[index] as ReserveCommand),
        counted,
        limits,
      );
      const reply = await this.call('hf_reserve', packed);
      const nowMs = Number(reply[1]);
      counted = false;
      waiting = asked.filter((index, position) => {
        const word = String(reply[position + 2]);
        if (word === 'again') counted = true;
        if (word === 'again' || word === 'wait') return true;
        replies[index] = readReserveReply(word, commands[index] as ReserveCommand, nowMs);
        return false;
      });
    }
    return replies;
  }

  async pin(refs: readonly ReservationRef[]): Promise<PinReply[]> {
    const reply = await this.call('hf_pin', packRefs(refs));
    return refs.map((ref, i) => {
      const word = String(reply[i + 2]);
      if (word.startsWith('pinned ')) {
        return {
          kind: 'pinned',
          record: readRecord(shortId(ref.reservationId), word.slice('pinned '.length)),
        };
      }
      return { kind: word as Exclude<PinReply['kind'], 'pinned'> };
    });
  }

  async unpin(refs: readonly ReservationRef[]): Promise<void> {
    await this.call('hf_unpin', packRefs(refs));
  }

  async release(refs: readonly ReservationRef[]): Promise<ReleaseReply[]> {
    const reply = await this.call('hf_release', packRefs(refs));
    return refs.map((ref, i) => {
      const word = String(reply[i + 2]);
      if (word.startsWith('released ')) {
        const record = readRecord(shortId(ref.reservationId), word.slice('released 0 '.length));
        return { kind: 'released', record, again: word.charAt('released '.length) === '1' };
      }
      return { kind: word as Exclude<ReleaseReply['kind'], 'released'> };
    });
  }

  async extend(commands: readonly ExtendCommand[]): Promise<ExtendReply[]> {
    const groups = commands.flatMap((c) => [
      shortId(c.reservationId),
      c.customer,
      c.seconds,
      c.maxExtensions,
      c.maxLifetimeSeconds,
    ]);
    const reply = await this.call('hf_extend', [commands.length, ...groups]);
    return commands.map((command, i) => {
      const word = String(reply[i + 2]);
      if (word.startsWith('extended ')) {
        return {
          kind: 'extended',
          record: readRecord(shortId(command.reservationId), word.slice('extended '.length)),
        };
      }
      return { kind: word as Exclude<ExtendReply['kind'], 'extended'> };
    });
  }

  async pend({ operationId, sku, quantity }: Pend): Promise<PendReply> {
    for (let calls = 0; calls <= AGAIN_MAX; calls++) {
      const reply = await this.call('hf_pend', [operationId, sku, quantity]);
      const [kind, available, reserved] = String(reply[2]).split(' ');
      if (kind === 'in-use') return { kind, available: Number(available), reserved: Number(reserved) };
      if (kind === 'pended' || kind === 'unknown-sku') return { kind };
    }
    throw new NotReady('due reservations are still being freed');
  }

  async unpend(operationId: string): Promise<boolean> {
    const reply = await this.call('hf_unpend', [operationId]);
    return reply[2] === 'undone';
  }

  async duePends(): Promise<Pend[]> {
    const reply = await this.call('hf_due_pends', []);
    const pends: Pend[] = [];
    for (let i = 2; i < reply.length; i += 3) {
      pends.push({
        operationId: String(reply[i]),
        sku: String(reply[i + 1]),
        quantity: Number(reply[i + 2]),
      });
    }
    return pends;
  }

  async read(ids: readonly string[]): Promise<ReadReply[]> {
    const reply = await this.call('hf_read', [ids.length, ...ids.map(shortId)]);
    const nowMs = Number(reply[1]);
    return ids.map((id, i) => {
      const packed = String(reply[i + 2]);
      if (packed === '') return { kind: 'missing' };
      const record = readRecord(shortId(id), packed);
      const due = record.state === 'active' && record.deadlineMs <= nowMs;
      return { kind: 'found', record: due ? { ...record, state: 'expired' } : record, nowMs };
    });
  }

  async snapshot(): Promise<StockSnapshot> {
    const reply = await this.call('hf_snapshot', []);
    return readSnapshot(reply);
  }

  async expire(limit: number): Promise<{ expired: number; more: boolean }> {
    const reply = await this.call('hf_expire', [limit]);
    return { expired: Number(reply[2]), more: reply[3] === '1' };
  }

  async duePins(limit: number): Promise<ReservationRecord[]> {
    const reply = await this.call('hf_due_pins', [limit]);
    const records: ReservationRecord[] = [];
    for (let i = 2; i < reply.length; i += 2)
      records.push(readRecord(String(reply[i]), String(reply[i + 1])));
    return records;
  }

  async apply(entries: readonly LedgerEntry[]): Promise<number> {
    const reply = await this.call('hf_apply', ['', entries.length, ...entries.flatMap(packEntry)]);
    return Number(reply[2]);
  }

  /** Whole stream entries until `limit` is reached. Reading needs no lease: nothing is decided by it. */
  async pending(limit: number): Promise<Transition[]> {
    return await readStream(this.options.redis, this.options.saleNumber, limit);
  }

  async trim(throughSeq: number, throughEpoch: number): Promise<void> {
    await this.call('hf_trim', [throughEpoch, throughSeq]);
  }

  async purge(limit: number): Promise<number> {
    const reply = await this.call('hf_purge', [limit]);
    return Number(reply[2]);
  }

  async unload(): Promise<boolean> {
    const reply = await this.call('hf_unload', []);
    return reply[2] === 'unloaded';
  }

  /** @throws NotReady when the library refused before any write. */
  private async call(name: string, args: readonly (string | number)[]): Promise<Reply> {
    const { redis, epoch, clock, hotPath } = this.options;
    const all = [epoch(), clock ? clock() : '', ...args];
    const reply = await (hotPath
      ? hotPath.call(redis, name, this.keys, all)
      : call(redis, name, this.keys, all));
    if (reply[0] !== 'OK') throw new NotReady(`sale ${this.options.saleNumber}: ${reply[1]}`);
    return reply;
  }
}

/** The transitions waiting in a sale's stream, oldest first: whole entries until there are at least `limit`. */
export async function readStream(redis: Redis, saleNumber: number, limit: number): Promise<Transition[]> {
  const transitions: Transition[] = [];
  for await (const entry of streamEntries(redis, saleNumber)) {
    transitions.push(...entry);
    if (transitions.length >= limit) break;
  }
  return transitions;
}

/** The stream entry by entry, from the first; nothing is removed. */
export async function* streamEntries(redis: Redis, saleNumber: number): AsyncGenerator<Transition[]> {
  const key = saleKey(saleNumber, 'events');
  let from = '-';
  for (;;) {
    const entries = await redis.xrange(key, from, '+', 'COUNT', STREAM_READ);
    for (const [id, fields] of entries) {
      yield readStreamEntry(id, fields);
      from = `(${id}`;
    }
    if (entries.length < STREAM_READ) return;
  }
}

function packRefs(refs: readonly ReservationRef[]): (string | number)[] {
  return [refs.length, ...refs.flatMap((ref) => [shortId(ref.reservationId), ref.customer])];
}

function readSnapshot(reply: Reply): StockSnapshot {
  const fields = new Map<string, string>();
  for (let i = 3; i < reply.length; i += 2) fields.set(String(reply[i]), String(reply[i + 1]));
  const instant = (name: string) => (fields.get(name) === '-' ? null : Number(fields.get(name)));
  const items: ItemStock[] = [];
  for (const [sku, packed] of fields) {
    if (sku.startsWith('@')) continue;
    const [total, reserved, sold, cap] = packed.split(' ');
    items.push({
      sku,
      total: Number(total),
      reserved: Number(reserved),
      sold: Number(sold),
      maxPerCustomer: cap === '-' ? null : Number(cap),
    });
  }
  items.sort((a, b) => (a.sku < b.sku ? -1 : 1));
  return {
    nowMs: Number(reply[1]),
    settings: {
      opensAtMs: instant('@opens'),
      closesAtMs: instant('@closes'),
      closed: fields.get('@closed') === '1',
      cooldown: readCooldown(fields.get('@cooldown')),
    },
    seq: Number(fields.get('@seq')),
    applied: Number(fields.get('@applied')),
    live: Number(reply[2]),
    items,
  };
}
