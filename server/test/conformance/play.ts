// Plays a random sequence on one store, or on two that must not differ: the same calls at the same moments, every
// reply and then the whole visible state compared. Beside the stores stands a small ledger that decides and numbers.
import { fingerprint, Ids } from '../../src/domain/ids.ts';
import { type Line, packLines, type ReservationRecord } from '../../src/domain/reservation.ts';
import type {
  LedgerEntry,
  ReadReply,
  ReservationRef,
  ReserveCommand,
  ReserveReply,
  SaleStore,
  StockSnapshot,
  Transition,
} from '../../src/domain/sale-store.ts';
import { difference } from './difference.ts';
import { type Attempt, CUSTOMERS, KEYS, SKUS, type Step, type Target } from './random.ts';
import { ALL, address, type Fact, itemAdded, START_MS, type StoreUnderTest } from './stage.ts';

// Real ids: mixed case, so that an order by locale instead of bytes shows.
const ids = new Ids(Buffer.alloc(32, 'conformance'));
const keyOf = (name: string): string => ids.customerKey(name);
const idOf = (who: Target): string => ids.reservationId(7, keyOf(who.owner), who.key);
const ALL_IDS = CUSTOMERS.flatMap((owner) => KEYS.map((key) => idOf({ owner, key, asker: owner })));

/** Apart enough that no life of a sequence gets the number of one the store never saw. */
const GHOST_NUMBERS = 1_000;
/** Each sequence begins with two items, so that not all of them are about unknown SKUs. */
const OPENING: readonly Step[] = [
  { do: 'add-item', total: 6, cap: 4 },
  { do: 'add-item', total: 3, cap: null },
  { do: 'apply', behind: 0, ahead: 0, count: 2 },
];

/** All that can be seen of a store. */
export interface VisibleState {
  readonly snapshot: StockSnapshot;
  readonly reads: readonly ReadReply[];
  readonly pending: readonly Transition[];
}

/** One step as it went: what came back, what stands after it, and the ledger as it is by now. */
export interface Moment {
  readonly step: Step;
  readonly reply: unknown;
  readonly state: VisibleState;
  readonly entries: readonly LedgerEntry[];
}

/** @throws with the step and both sides, at the first difference between the stores. */
export async function compareStores(
  a: StoreUnderTest,
  b: StoreUnderTest,
  sequence: readonly Step[],
): Promise<void> {
  await perform([a, b], sequence);
}

/** Plays on one store and shows every moment to `watch`, which throws where it sees something wrong. */
export async function watchStore(
  store: StoreUnderTest,
  sequence: readonly Step[],
  watch: (moment: Moment) => void,
): Promise<void> {
  await perform([store], sequence, watch);
}

async function perform(
  stores: readonly StoreUnderTest[],
  sequence: readonly Step[],
  watch: (moment: Moment) => void = () => {},
): Promise<void> {
  const play = new Play();
  for (const [index, step] of [...OPENING, ...sequence].entries()) {
    const where = `step ${index - OPENING.length}, ${JSON.stringify(step)}`;
    const call = play.callFor(step);
    for (const { setNow } of stores) await setNow(play.nowMs);
    const reply = same(
      `${where}: the replies differ at reply`,
      await Promise.all(stores.map(({ store }) => call(store))),
    );
    const state = same(
      `${where}: the states differ at state`,
      await Promise.all(stores.map(({ store }) => visible(store))),
    );
    play.learn(step, reply, state);
    watch({ step, reply, state, entries: play.entries });
  }
}

function same<T>(where: string, seen: readonly T[]): T {
  const [first, ...others] = seen;
  for (const other of others) {
    const found = difference(first, other);
    if (found !== null) throw new Error(`${where}${found}`);
  }
  return first as T;
}

async function visible(store: SaleStore): Promise<VisibleState> {
  const snapshot = await store.snapshot();
  const items = [...snapshot.items].sort((a, b) => (a.sku < b.sku ? -1 : 1)); // their order is nobody's promise
  return {
    snapshot: { ...snapshot, items },
    reads: await store.read(ALL_IDS),
    pending: await store.pending(ALL),
  };
}

type Call = (store: SaleStore) => Promise<unknown>;
const nothing: Call = async () => null;

class Play {
  nowMs = START_MS;
  readonly entries: LedgerEntry[] = [];
  private readonly granted: ReservationRecord[] = [];
  /** The register: lives the ledger has decided on, first writer wins. */
  private readonly register = new Set<string>();
  private readonly stock = new Map<string, { total: number; sold: number }>();
  private state: VisibleState | null = null;
  private readonly seqAfterStep: number[] = [];
  private ghosts = 0;

  /** What this step comes to, here and now. Steps of the clock and of the ledger call nothing. */
  callFor(step: Step): Call {
    switch (step.do) {
      case 'wait':
        this.nowMs += step.ms;
        return nothing;
      case 'wait-for-next-deadline':
        this.nowMs = this.nextDeadlineMs() + step.offsetMs;
        return nothing;
      case 'reserve': {
        const { perCustomer, perAddress } = step;
        return (store) => store.reserve(step.attempts.map(commandOf), { perCustomer, perAddress });
      }
      case 'pin':
        return (store) => store.pin(step.targets.map(refOf));
      case 'unpin':
        return (store) => store.unpin(step.targets.map(refOf));
      case 'release':
        return (store) => store.release(step.targets.map(refOf));
      case 'expire':
        return (store) => store.expire(step.limit);
      case 'due-pins':
        return (store) => store.duePins(step.limit);
      case 'purge':
        return (store) => store.purge(step.limit);
      case 'apply': {
        const from = Math.max(0, (this.state?.snapshot.applied ?? 0) - step.behind + step.ahead);
        const slice = this.entries.slice(from, from + step.count);
        return (store) => store.apply(slice);
      }
      case 'trim': {
        const through = this.seqAfterStep.at(-1 - step.keep) ?? 0;
        const epoch = this.state?.pending[0]?.epoch;
        return epoch === undefined ? nothing : (store) => store.trim(through, epoch);
      }
      case 'decide':
        this.decide(step);
        return nothing;
      case 'add-item': {
        const sku = SKUS[this.stock.size];
        if (sku === undefined) return nothing;
        this.stock.set(sku, { total: step.total, sold: 0 });
        return this.enter(itemAdded(sku, step.total, step.cap));
      }
      case 'change-settings': {
        const inMs = (ms: number | null) => (ms === null ? null : this.nowMs + ms);
        const settings = {
          opensAtMs: inMs(step.opensInMs),
          closesAtMs: inMs(step.closesInMs),
          closed: step.closed,
        };
        return this.enter({ kind: 'settings-changed', settings });
      }
      case 'close-sale':
        return this.enter({ kind: 'closed' });
    }
  }

  learn(step: Step, reply: unknown, state: VisibleState): void {
    this.state = state;
    this.seqAfterStep.push(state.snapshot.seq);
    if (step.do !== 'reserve') return;
    for (const one of reply as ReserveReply[]) if (one.kind === 'reserved') this.granted.push(one.record);
  }

  private enter(fact: Fact): Call {
    this.entries.push({ ...fact, seq: this.entries.length + 1, atMs: this.nowMs });
    return nothing;
  }

  /** Never more sold than there is: a confirmation beyond the total is refused, as the ledger's CHECK would. */
  private decide({ pick, outcome, ghost }: Extract<Step, { do: 'decide' }>): void {
    const life = this.granted[pick % Math.max(1, this.granted.length)];
    if (life === undefined) return;
    const createdSeq = ghost ? GHOST_NUMBERS * ++this.ghosts : life.createdSeq;
    const decisionKey = `${life.reservationId} ${createdSeq}`;
    if (this.register.has(decisionKey)) return;
    this.register.add(decisionKey);

    const fits = life.lines.every(({ sku, quantity }) => {
      const stock = this.stock.get(sku);
      return stock !== undefined && stock.sold + quantity <= stock.total;
    });
    const kind = outcome === 'confirmed' && !fits ? 'refused' : outcome;
    if (kind === 'confirmed') {
      for (const { sku, quantity } of life.lines) {
        const stock = this.stock.get(sku);
        if (stock !== undefined) stock.sold += quantity;
      }
    }
    const { reservationId, customer, lines } = life;
    this.enter({ kind, reservationId, createdSeq, customer, lines });
  }

  private nextDeadlineMs(): number {
    const live = (this.state?.reads ?? []).flatMap((reply) =>
      reply.kind === 'found' && reply.record.state === 'active' ? [reply.record.deadlineMs] : [],
    );
    return live.length === 0 ? this.nowMs : Math.min(...live);
  }
}

function refOf(target: Target): ReservationRef {
  return { reservationId: idOf(target), customer: keyOf(target.asker) };
}

function commandOf(attempt: Attempt): ReserveCommand {
  const lines: Line[] = SKUS.map((sku, i) => ({ sku, quantity: attempt.quantities[i] ?? 0 })).filter(
    ({ quantity }) => quantity > 0,
  );
  return {
    ...refOf(attempt),
    address: attempt.address === '' ? '' : address(attempt.address),
    lines,
    ttlSeconds: attempt.ttlSeconds,
    fingerprint: fingerprint(packLines(lines)),
  };
}
