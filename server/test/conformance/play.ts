// Plays a random sequence on one store, or on two that must not differ: the same calls at the same moments, every
// reply and then the whole visible state compared. Beside the stores stands a small ledger that decides and numbers.
import { fingerprint, Ids } from '../../src/domain/ids.ts';
import { type Line, packLines, type ReservationRecord } from '../../src/domain/reservation.ts';
import {
  type LedgerEntry,
  NotReady,
  type Pend,
  type ReadReply,
  type ReservationRef,
  type ReserveCommand,
  type ReserveReply,
  type SaleStore,
  type StockSnapshot,
  type Transition,
} from '../../src/domain/sale-store.ts';
import { difference } from './difference.ts';
import { type Attempt, CUSTOMERS, KEYS, SKUS, type Step, type Target } from './random.ts';
import { ALL, address, customer, type Fact, itemAdded, START_MS, type StoreUnderTest } from './stage.ts';

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
  /** The units that it is about, if it sets aside or gives back. */
  readonly pend: Pend | null;
  /** Null once the sale is unloaded. */
  readonly state: VisibleState | null;
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
    watch({ step, reply, pend: play.pendOf(step), state, entries: play.entries });
    if (state === null) return;
    play.learn(step, reply, state);
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

/** Null if the sale is not in the store (any more). */
async function visible(store: SaleStore): Promise<VisibleState | null> {
  // Asked at once: the round trips are what a comparison costs.
  const asked = Promise.all([store.snapshot(), store.read(ALL_IDS), store.pending(ALL)]);
  const answered = await asked.catch((error: unknown) => {
    if (error instanceof NotReady) return null;
    throw error;
  });
  if (answered === null) return null;
  const [snapshot, reads, pending] = answered;
  const items = [...snapshot.items].sort((a, b) => (a.sku < b.sku ? -1 : 1)); // their order is nobody's promise
  return { snapshot: { ...snapshot, items }, reads, pending };
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
  private readonly pends = new Map<string, Pend>();
  /** What the ledger has decided on operations. */
  private readonly operations = new Map<string, 'applied' | 'refused'>();
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
      case 'extend': {
        const { seconds, maxExtensions, maxLifetimeSeconds } = step;
        const bounds = { seconds, maxExtensions, maxLifetimeSeconds };
        return (store) => store.extend(step.targets.map((target) => ({ ...refOf(target), ...bounds })));
      }
      case 'pend':
      case 'unpend':
        return this.pendCall(step.do, this.pendOf(step));
      case 'due-pends':
        return async (store) =>
          (await store.duePends()).sort((a, b) => (a.operationId < b.operationId ? -1 : 1));
      case 'take-out':
        return this.takeOut(step);
      case 'bring-in': {
        const [sku, stock] = this.itemAt(step.sku);
        if (stock === undefined) return nothing;
        stock.total += step.quantity;
        return this.enter({ kind: 'stock-changed', sku, delta: step.quantity, operationId: null });
      }
      case 'unload':
        return (store) => store.unload();
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
          cooldown: step.cooldown,
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

  /** The units that a step sets aside or gives back: an operation is about the same ones whenever it is named. */
  pendOf(step: Step): Pend | null {
    if (step.do === 'pend') {
      const sku = SKUS[step.sku] ?? '';
      const known = this.pends.get(step.operation);
      const pend = known ?? { operationId: customer(step.operation), sku, quantity: step.quantity };
      this.pends.set(step.operation, pend);
      return pend;
    }
    return step.do === 'unpend' ? (this.pends.get(step.operation) ?? null) : null;
  }

  /** As an operator's process and the resolver call: nothing is set aside or given back once the ledger let it go. */
  private pendCall(what: 'pend' | 'unpend', pend: Pend | null): Call {
    if (pend === null || this.operations.get(pend.operationId) === 'applied') return nothing;
    if (what === 'pend') return (store) => store.pend(pend);
    this.operations.set(pend.operationId, 'refused');
    return (store) => store.unpend(pend.operationId);
  }

  /** By the ledger's register: each operation once, and never below what is sold. */
  private takeOut({ operation, sku: index, quantity }: Extract<Step, { do: 'take-out' }>): Call {
    const operationId = customer(operation);
    const asked = this.pends.get(operation) ?? { operationId, sku: SKUS[index] ?? '', quantity };
    const stock = this.stock.get(asked.sku);
    if (stock === undefined || this.operations.has(operationId)) return nothing;
    this.pends.set(operation, asked);
    const fits = stock.sold <= stock.total - asked.quantity;
    this.operations.set(operationId, fits ? 'applied' : 'refused');
    if (!fits) return nothing;
    stock.total -= asked.quantity;
    return this.enter({ kind: 'stock-changed', sku: asked.sku, delta: -asked.quantity, operationId });
  }

  private itemAt(index: number): [string, { total: number; sold: number } | undefined] {
    const sku = SKUS[index] ?? '';
    return [sku, this.stock.get(sku)];
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
