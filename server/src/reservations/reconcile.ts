// Reconcile: the verb, on one sale. It looks at the ledger by itself, at the store against the ledger, and makes good what it
// may. Redis is a copy: one that is wrong is loaded anew from the ledger, by the ordinary protocol of a rebuild, never
// patched. The ledger is nobody's to correct: what is wrong there is told, and a store is never rebuilt from it.
//
//   look at the ledger ─▶ look at the store ─▶ (something?) look again ─▶ the same twice? ─▶ is the ledger whole? ─▶
//   at most once in ten minutes: doubt the sale, open it anew ─▶ look a third time: what is gone is repaired
//
// No false alarm: a look compares what was read at one position (domain/store-look.ts, domain/live-counts.ts), or in one
// atomic call; and what a first look found counts only if a second one, begun after its end, finds the same.
import { randomUUID } from 'node:crypto';
import { type Difference, seenTwice } from '../domain/differences.ts';
import type { Place } from '../domain/journal-chain.ts';
import { NotReady } from '../domain/sale-store.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { StoreConnection } from '../stock/connect.ts';
import type { SaleChannels } from '../stock/sale-channel.ts';
import { SaleLook } from '../stock/sale-look.ts';
import type { LineageGate } from './gate.ts';
import type { GateLog } from './lease.ts';
import { lookAtCounters, lookThrough, type StoreFindings } from './look-at-store.ts';

/** A sale that is found damaged again so soon is damaged by something that a rebuild does not mend: then people are told. */
export const REBUILD_EVERY_MS = 10 * 60_000;
/** Between two looks: what is under way anywhere is done by then. */
const SECOND_LOOK_AFTER_MS = 300;
/** The sweeps run ten times a second: what they left twice, a second apart, they do not see. */
const OVERDUE_AGAIN_AFTER_MS = 1_000;
/** Opening waits 2 s at a time (gate.ts); a rebuild of 10⁶ reservations takes some of these. */
const OPEN_TRIES = 10;
/** A look that a rebuild or a late lease ended begins anew; past these the sale is left to the next round. */
const LOOK_TRIES = 3;
const EXPIRE_BATCH = 500;
const EXPIRE_CALLS_MAX = 200;
/** Transitions one statement looks at: 10 ms of PostgreSQL. */
const TRANSITIONS_PAGE = 2_000;

export interface ReconcileParts {
  readonly redis: StoreConnection;
  readonly ledger: LedgerContract;
  readonly gate: Pick<LineageGate, 'watches' | 'open'>;
  readonly channels: SaleChannels;
  readonly log: GateLog;
  /** Tests pass their own clock (ms) of the sales; the service leaves it to the store's. */
  readonly clock?: (() => number) | undefined;
}

/** How much to look at, and where the last look ended. */
export interface Scope {
  /** Every record and customer, or the counters alone. */
  readonly through: boolean;
  /** Also sums over the whole ledger of the sale. */
  readonly verify: boolean;
  readonly transitionsAfter: Place | null;
  readonly transitionPages: number;
  /** By source: the last seal that was looked at. */
  readonly sealsAfter: { readonly l: number; readonly r: number };
  readonly seals: number;
  readonly round: number;
  /** Awaited between pages. Rejects to end the run. */
  readonly pace: () => Promise<void>;
}

export interface FoundDifference extends Difference {
  readonly repaired: boolean;
}

export interface SaleFindings {
  readonly saleNumber: number;
  /** Of the store: everything, the counters, or nothing because the sale is not open there. */
  readonly store: 'whole' | 'counters' | 'none';
  readonly checked: {
    readonly items: number;
    readonly records: number;
    readonly customers: number;
    readonly indexEntries: number;
    readonly transitions: number;
    readonly seals: number;
    /** Whether the sums over the sale's whole ledger were made. */
    readonly ledger: boolean;
  };
  readonly differences: readonly FoundDifference[];
  /** Where the next look goes on. */
  readonly next: Pick<Scope, 'transitionsAfter' | 'sealsAfter'>;
  /** More transitions wait to be looked at. */
  readonly moreTransitions: boolean;
  /** What the sums over the ledger took. */
  readonly verifyMs: number;
}

interface LedgerFindings extends Pick<SaleFindings, 'next' | 'moreTransitions'> {
  readonly differences: readonly Difference[];
  readonly transitions: number;
  readonly seals: number;
}

const NOTHING: StoreFindings = { differences: [], items: 0, records: 0, customers: 0, indexEntries: 0 };

/** One sale, looked at and made good as far as may be. @throws what the stores throw; `pace`'s own rejection */
export async function reconcileSale(
  parts: ReconcileParts,
  saleNumber: number,
  scope: Scope,
): Promise<SaleFindings> {
  const ledger = await lookAtLedger(parts, saleNumber, scope);
  const inLedger: Difference[] = [...ledger.differences];
  const beganAtMs = performance.now();
  if (scope.verify) inLedger.push(...(await parts.ledger.ledgerDifferences(saleNumber)));
  const verifyMs = performance.now() - beganAtMs;
  const first = await lookAtStore(parts, saleNumber, scope);
  const second = first && (await lookAgain(parts, saleNumber, scope, first));
  const again = second ?? [];
  if (again.length > 0 && !scope.verify) inLedger.push(...(await parts.ledger.ledgerDifferences(saleNumber)));
  const left = await repair(parts, saleNumber, scope, again, inLedger);
  const { items, records, customers, indexEntries } = first ?? NOTHING;
  const differences = [
    ...inLedger.map((one) => ({ ...one, repaired: false })),
    ...again.map((one) => ({ ...one, repaired: !left.has(one.key) })),
  ];
  return {
    saleNumber,
    store: second === null ? 'none' : scope.through ? 'whole' : 'counters',
    checked: {
      items,
      records,
      customers,
      indexEntries,
      transitions: ledger.transitions,
      seals: ledger.seals,
      ledger: scope.verify,
    },
    differences,
    next: ledger.next,
    moreTransitions: ledger.moreTransitions,
    verifyMs,
  };
}

async function lookAtLedger(
  { ledger }: ReconcileParts,
  saleNumber: number,
  scope: Scope,
): Promise<LedgerFindings> {
  const differences: Difference[] = [];
  const sealsAfter = { ...scope.sealsAfter };
  let seals = 0;
  for (const source of ['l', 'r'] as const) {
    const look = await ledger.checkSeals({ saleNumber, source }, sealsAfter[source], scope.seals);
    differences.push(...look.differences);
    sealsAfter[source] = look.through;
    seals += look.seals;
  }
  let transitionsAfter = scope.transitionsAfter;
  let transitions = 0;
  let rows = TRANSITIONS_PAGE;
  for (let page = 0; page < scope.transitionPages && rows === TRANSITIONS_PAGE; page++) {
    if (page > 0) await scope.pace();
    const look = await ledger.checkTransitions(saleNumber, transitionsAfter, TRANSITIONS_PAGE);
    if (look.differences.length > 0) {
      await Bun.sleep(SECOND_LOOK_AFTER_MS);
      const second = await ledger.checkTransitions(saleNumber, transitionsAfter, TRANSITIONS_PAGE);
      differences.push(...seenTwice(look.differences, second.differences));
    }
    ({ rows } = look);
    transitions += rows;
    transitionsAfter = look.last ?? transitionsAfter;
  }
  const moreTransitions = rows === TRANSITIONS_PAGE;
  return { differences, transitions, seals, next: { transitionsAfter, sealsAfter }, moreTransitions };
}

/** Null if the sale is not open in the store, and cannot be opened just now. */
async function lookAtStore(
  { redis, ledger, gate, clock }: ReconcileParts,
  saleNumber: number,
  { through, round, pace }: Scope,
): Promise<StoreFindings | null> {
  for (let tries = 0; tries < LOOK_TRIES; tries++) {
    const watch = gate.watches.get(saleNumber);
    if (!watch) return null;
    const look = new SaleLook(redis, saleNumber, watch.epoch, clock);
    const looking = { saleNumber, look, ledger, round, pace };
    try {
      return await (through ? lookThrough(looking) : lookAtCounters(looking));
    } catch (error) {
      if (!(error instanceof NotReady)) throw error;
      // Rebuilt while it was looked at, or a busy machine was late with its lease: from the beginning, then.
      if ((await gate.open(saleNumber)) !== 'open') return null;
    }
  }
  return null;
}

/** What the second look finds too; null if there could be none. */
async function lookAgain(
  parts: ReconcileParts,
  saleNumber: number,
  scope: Scope,
  first: StoreFindings,
): Promise<Difference[] | null> {
  if (first.differences.length === 0) return [];
  const waits = first.differences.some(({ repair }) => repair === 'expire');
  await Bun.sleep(waits ? OVERDUE_AGAIN_AFTER_MS : SECOND_LOOK_AFTER_MS);
  const second = await lookAtStore(parts, saleNumber, scope);
  return second && seenTwice(first.differences, second.differences);
}

/** Makes good what may be made good; the keys of the differences that are still there. */
async function repair(
  parts: ReconcileParts,
  saleNumber: number,
  scope: Scope,
  inStore: readonly Difference[],
  inLedger: readonly Difference[],
): Promise<ReadonlySet<string>> {
  if (inStore.length === 0) return new Set();
  const all = new Set(inStore.map(({ key }) => key));
  const wants = (kind: Difference['repair']) => inStore.some((one) => one.repair === kind);
  if (!wants('rebuild') && !wants('expire')) return all;
  if (wants('rebuild')) {
    const why = await whyNotRebuild(parts, saleNumber, inStore, inLedger);
    if (why !== null) {
      parts.log.error({ sale: saleNumber, why }, 'a damaged sale is not rebuilt');
      if (!wants('expire')) return all;
    } else if (!(await rebuild(parts, saleNumber, inStore))) return all;
  }
  if (wants('expire')) await expireDue(parts, saleNumber);
  const third = await lookAtStore(parts, saleNumber, scope);
  if (third === null) return all;
  const there = new Set(third.differences.map(({ key }) => key));
  return new Set([...all].filter((key) => there.has(key)));
}

/** A rebuild takes what the ledger says: where that is in doubt, or lacks what only the store has, it would do harm. */
async function whyNotRebuild(
  { ledger }: ReconcileParts,
  saleNumber: number,
  inStore: readonly Difference[],
  inLedger: readonly Difference[],
): Promise<string | null> {
  if (inLedger.length > 0) return 'the ledger itself does not hold together, and it is what a rebuild takes';
  if (inStore.some((one) => one.invariant === 'I8' && one.repair === 'none'))
    return 'the journal or the stream lacks transitions, and a rebuild would drop their reservations';
  // The turn is in the ledger: one rebuild in this time, whichever process asks.
  const free = await ledger.takeTurn(`reconcile:${saleNumber}`, randomUUID(), REBUILD_EVERY_MS);
  return free ? null : 'it was rebuilt less than ten minutes ago, and is damaged again';
}

async function rebuild(
  { redis, gate, log, clock }: ReconcileParts,
  saleNumber: number,
  because: readonly Difference[],
): Promise<boolean> {
  const watch = gate.watches.get(saleNumber);
  if (!watch) return false;
  log.warn(
    { sale: saleNumber, because: because.slice(0, 5).map(({ detail }) => detail) },
    'the store is wrong about a sale: it is loaded anew from the ledger',
  );
  try {
    await new SaleLook(redis, saleNumber, watch.epoch, clock).doubt();
  } catch (error) {
    if (!(error instanceof NotReady)) throw error; // another process has it in hand
  }
  for (let tries = 0; tries < OPEN_TRIES; tries++) {
    if ((await gate.open(saleNumber)) === 'open') return true;
  }
  return false;
}

/** As any sweep would. One that meets an entry without a record does not get past it: that one takes a rebuild. */
async function expireDue({ channels }: ReconcileParts, saleNumber: number): Promise<void> {
  const { store } = channels.of(saleNumber);
  try {
    for (let calls = 0; calls < EXPIRE_CALLS_MAX; calls++) {
      const { expired, more } = await store.expire(EXPIRE_BATCH);
      if (!more || expired === 0) return;
    }
  } catch (error) {
    if (!(error instanceof NotReady)) throw error;
  }
}
