// What every promise of the suite stands on: a store of one sale with a clock of its own, and short words to
// speak to it. Names are as long as the real ones, because the store may rely on their form.
import { expect } from 'bun:test';
import { fingerprint } from '../../src/domain/ids.ts';
import { type ReservationRecord, unpackLines } from '../../src/domain/reservation.ts';
import type {
  LedgerEntry,
  PinReply,
  ReleaseReply,
  ReservationRef,
  ReserveCommand,
  ReserveLimits,
  ReserveReply,
  SaleStore,
  StockSnapshot,
  Transition,
} from '../../src/domain/sale-store.ts';

/** An empty sale: no items, no settings, nothing applied. */
export interface StoreUnderTest {
  readonly store: SaleStore;
  setNow(ms: number): void | Promise<void>;
  close(): void | Promise<void>;
}

export type MakeStore = () => Promise<StoreUnderTest>;

/** The beginning of a minute of the rate windows, far ahead of any real clock: time in a store never goes back. */
export const START_MS = Date.UTC(2100, 0, 1);
export const NO_LIMITS: ReserveLimits = { perCustomer: 0, perAddress: 0 };
/** Commands in one call: what one batch carries at most (design §6). */
export const BATCH = 128;
/** Enough for every transition a test leaves waiting. */
export const ALL = 10_000;

export const customer = (name: string): string => name.padEnd(22, '_');
export const address = (name: string): string => name.padEnd(11, '_');
export const reservationId = (name: string): string => `rsv_${name.padEnd(21, '_')}A`;

export interface Wish {
  readonly by?: string;
  readonly ttl?: number;
  readonly from?: string;
  /** Another body under the same key, where only that matters. */
  readonly body?: string;
}

/** `wish('a1', 'A*2,B*1', { by: 'ann' })`: the reservation a1 of two A and one B for Ann. */
export function wish(
  id: string,
  lines = 'A*1',
  { by = 'ann', ttl = 60, from = '', body = lines }: Wish = {},
): ReserveCommand {
  return {
    reservationId: reservationId(id),
    customer: customer(by),
    address: from === '' ? '' : address(from),
    lines: unpackLines(lines),
    ttlSeconds: ttl,
    fingerprint: fingerprint(body),
  };
}

export const ref = (id: string, by = 'ann'): ReservationRef => ({
  reservationId: reservationId(id),
  customer: customer(by),
});

/** What kind of answer each command got. */
export const kinds = (replies: readonly { readonly kind: string }[]): string[] =>
  replies.map(({ kind }) => kind);

type Numbered = 'seq' | 'atMs';
type OmitEach<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** A ledger entry before the ledger numbers it. */
export type Fact = OmitEach<LedgerEntry, Numbered>;

export const itemAdded = (sku: string, total: number, maxPerCustomer: number | null = null): Fact => ({
  kind: 'item-added',
  sku,
  total,
  maxPerCustomer,
});

export const decided = (kind: 'confirmed' | 'refused' | 'expired', record: ReservationRecord): Fact => ({
  kind,
  reservationId: record.reservationId,
  createdSeq: record.createdSeq,
  customer: record.customer,
  lines: record.lines,
});

export class Stage {
  private entries = 0;

  private constructor(private readonly under: StoreUnderTest) {}

  /** Runs a test on a fresh store whose clock stands at START_MS. */
  static async run(make: MakeStore, test: (stage: Stage) => Promise<void>): Promise<void> {
    const under = await make();
    try {
      await under.setNow(START_MS);
      await test(new Stage(under));
    } finally {
      await under.close();
    }
  }

  get store(): SaleStore {
    return this.under.store;
  }

  /** Moves the clock to so many milliseconds after START_MS, forwards or back. */
  async at(ms: number): Promise<void> {
    await this.under.setNow(START_MS + ms);
  }

  /** The next entries of the ledger, as yet unapplied. */
  number(...facts: Fact[]): LedgerEntry[] {
    return facts.map((fact) => ({ ...fact, seq: ++this.entries, atMs: START_MS }));
  }

  /** Numbers the facts and applies them. */
  async apply(...facts: Fact[]): Promise<void> {
    const entries = this.number(...facts);
    expect(await this.store.apply(entries)).toBe(this.entries);
  }

  reserve(...commands: ReserveCommand[]): Promise<ReserveReply[]> {
    return this.store.reserve(commands, NO_LIMITS);
  }

  /** Reserves, and insists on success. */
  async reserved(command: ReserveCommand): Promise<ReservationRecord> {
    const [reply] = await this.reserve(command);
    if (reply?.kind !== 'reserved') throw new Error(`expected a reservation, got ${JSON.stringify(reply)}`);
    return reply.record;
  }

  /** The kind of reply to one command. */
  async answer(command: ReserveCommand, limits: ReserveLimits = NO_LIMITS): Promise<ReserveReply['kind']> {
    const [reply] = await this.store.reserve([command], limits);
    if (reply === undefined) throw new Error('one command, no reply');
    return reply.kind;
  }

  async pin(...refs: ReservationRef[]): Promise<PinReply['kind'][]> {
    return (await this.store.pin(refs)).map(({ kind }) => kind);
  }

  async release(...refs: ReservationRef[]): Promise<ReleaseReply['kind'][]> {
    return (await this.store.release(refs)).map(({ kind }) => kind);
  }

  async record(id: string): Promise<ReservationRecord | null> {
    const [reply] = await this.store.read([reservationId(id)]);
    return reply?.kind === 'found' ? reply.record : null;
  }

  /** The state a customer sees, or `missing`. */
  async state(id: string): Promise<string> {
    return (await this.record(id))?.state ?? 'missing';
  }

  snapshot(): Promise<StockSnapshot> {
    return this.store.snapshot();
  }

  /** `total reserved sold available` of an item. */
  async stock(sku = 'A'): Promise<string> {
    const item = (await this.snapshot()).items.find((candidate) => candidate.sku === sku);
    if (item === undefined) throw new Error(`no item ${sku}`);
    const available = item.total - item.reserved - item.sold;
    return `total ${item.total} reserved ${item.reserved} sold ${item.sold} available ${available}`;
  }

  transitions(): Promise<Transition[]> {
    return this.store.pending(ALL);
  }

  /** The waiting transitions as `seq kind name`. */
  async story(): Promise<string[]> {
    const nameOf = (id: string) => id.slice('rsv_'.length).replace(/_*A$/, '');
    return (await this.transitions()).map((t) => `${t.seq} ${t.kind} ${nameOf(t.reservationId)}`);
  }
}

/** As many one-line wishes as asked, each with its own name; long batches are cut to a store's size. */
export async function reserveMany(
  stage: Stage,
  count: number,
  make: (n: number) => ReserveCommand,
): Promise<void> {
  for (let from = 0; from < count; from += BATCH) {
    const size = Math.min(BATCH, count - from);
    const replies = await stage.reserve(...Array.from({ length: size }, (_, i) => make(from + i)));
    expect(kinds(replies)).toEqual(Array(size).fill('reserved'));
  }
}
