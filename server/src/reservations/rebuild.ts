// Rebuilding a sale on a store that lost something, or is another one (protocols §7). Redis is the copy, the ledger
// the original: the kept stream is drained into the journal, then what the journal has and the store has not is done
// again (warm), or the whole sale is loaded from one snapshot (cold). Nothing is granted before the end.
//
//   epoch + 1 committed ─▶ begin (the lease is replaced) ─▶ drain ─▶ warm replay | cold load ─▶ finish
//   ─▶ wait out the old lease ─▶ lineage recorded WHERE epoch = mine ─▶ grant
import type { SaleLineage } from '../domain/ledger-facts.ts';
import type { LedgerEntry, Transition } from '../domain/sale-store.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { StoreConnection } from '../stock/connect.ts';
import { identify, type StoreIdentity } from '../stock/library.ts';
import { type Found, type Grant, SaleRebuild } from '../stock/rebuild.ts';
import { streamEntries } from '../stock/sale-stock.ts';
import { type GateLog, LEASE_MS } from './lease.ts';

/** A lease of the old epoch may live this long after epoch + 1 was committed: its 1.5 s, and something for the clocks. */
const OLD_LEASE_GONE_MS = 1_700;
/** Journal rows one page reads or writes. */
const PAGE = 2_000;

export interface RebuildOptions {
  readonly redis: StoreConnection;
  readonly ledger: LedgerContract;
  readonly storesArePrivate: boolean;
  readonly log: GateLog;
  /** The sale as the ledger had it before. */
  readonly before: SaleLineage;
  readonly identity: StoreIdentity;
  /** Tests pass their own clock (ms); the service leaves it to the store's. */
  readonly clock?: (() => number) | undefined;
}

export interface Opened {
  readonly epoch: number;
  readonly grant: Grant & { kind: 'granted' };
}

/** Rebuilds and grants; null if another rebuild or server came in between. The caller holds the rebuild lock. */
export async function rebuildSale(options: RebuildOptions): Promise<Opened | null> {
  const { redis, ledger, log, before, identity } = options;
  const { saleNumber } = before;
  const beganAtMs = performance.now();
  const { epoch, ends, lastGranted } = await ledger.beginEpoch(saleNumber);
  const committedAtMs = performance.now();
  const rebuild = new SaleRebuild(redis, saleNumber, epoch, options.clock);
  const found = await rebuild.begin(identity);
  const drained = await drain(options, epoch, lastGranted);
  // Read after the store was: what the ledger decided and the store applied before it was fenced is no restored ledger.
  const entrySeq = (await ledger.lineage(saleNumber))?.entrySeq ?? before.entrySeq;
  const mode = chooseMode(found, ends, lastGranted, entrySeq);
  if (mode.alarm) log.error({ sale: saleNumber, found, entrySeq }, mode.alarm);
  const size = mode.warm ? await replayWarm(options, rebuild, found) : await loadCold(options, rebuild);
  if (!mayGrantAtOnce(options, epoch, lastGranted)) await waitUntil(committedAtMs + OLD_LEASE_GONE_MS);
  const grant = await recordAndGrant(options, rebuild, epoch);
  log.info(
    {
      sale: saleNumber,
      epoch,
      mode: mode.warm ? 'warm' : 'cold',
      why: mode.why,
      drained,
      ...size,
      milliseconds: Math.round(performance.now() - beganAtMs),
      granted: grant !== null,
    },
    'sale rebuilt',
  );
  return grant && { epoch, grant };
}

/**
 * Brings the transitions that the store kept and the journal may lack into the journal. Only those of the epoch that
 * was granted last are history; older ones are journaled already or belong to a past that was overruled.
 */
async function drain(options: RebuildOptions, epoch: number, lastGranted: number | null): Promise<number> {
  const { redis, ledger, before } = options;
  if (lastGranted === null) return 0;
  let page: Transition[] = [];
  let drained = 0;
  const write = async () => {
    if (page.length > 0) await ledger.appendTransitions(before.saleNumber, epoch, page);
    drained += page.length;
    page = [];
  };
  for await (const entry of streamEntries(redis, before.saleNumber)) {
    if (entry[0]?.epoch !== lastGranted) continue;
    page.push(...entry);
    if (page.length >= PAGE) await write();
  }
  await write();
  return drained;
}

/**
 * Warm only if the store's past is a prefix of the ledger's: it holds the epoch granted last, or an older one no
 * further than that epoch's recorded end.
 */
export function chooseMode(
  found: Found,
  ends: ReadonlyMap<number, number>,
  lastGranted: number | null,
  entrySeq: number,
): { warm: boolean; why: string; alarm?: string } {
  if (!found.allKeysPresent) return { warm: false, why: 'a key is missing' };
  if (found.halfDone) return { warm: false, why: 'an unfinished rebuild, or found damaged' };
  if (found.epoch === null) return { warm: false, why: 'no epoch' };
  if (found.applied > entrySeq) {
    const alarm =
      'the store applied ledger entries that the ledger does not have: the ledger was restored from a backup';
    return { warm: false, why: 'a restored ledger', alarm };
  }
  if (found.epoch === lastGranted) return { warm: true, why: 'the last granted epoch' };
  const end = ends.get(found.epoch);
  if (end !== undefined && found.seq <= end)
    return { warm: true, why: 'an older epoch, all of it journaled' };
  return { warm: false, why: 'a past that the ledger does not know' };
}

async function replayWarm(options: RebuildOptions, rebuild: SaleRebuild, found: Found): Promise<object> {
  const { ledger, before } = options;
  const { saleNumber } = before;
  let { seq, applied } = found;
  let transitions = 0;
  for (;;) {
    const page = await ledger.transitionsAfter(saleNumber, seq, PAGE);
    const last = page[page.length - 1];
    if (!last) break;
    await rebuild.replay(page);
    transitions += page.length;
    seq = last.seq;
  }
  let entries = 0;
  for (;;) {
    const page: LedgerEntry[] = await ledger.entriesAfter(saleNumber, applied, PAGE);
    const last = page[page.length - 1];
    if (!last) break;
    await rebuild.apply(page);
    entries += page.length;
    applied = last.seq;
  }
  await rebuild.finish(seq, null);
  return { transitions, entries };
}

async function loadCold(options: RebuildOptions, rebuild: SaleRebuild): Promise<object> {
  await rebuild.clear();
  const snapshot = await options.ledger.coldSnapshot(options.before.saleNumber);
  await rebuild.load(snapshot);
  await rebuild.finish(snapshot.lastSeq, { applied: snapshot.applied, settings: snapshot.settings });
  return { reservations: snapshot.reservations.length, customers: snapshot.bought.length };
}

/**
 * No other primary can still grant: there was none, it was our child and is gone, or it was this very process of Redis. That
 * is known of the epoch just ended only: one that a rebuild began and never granted says nothing of who held the lease before.
 */
function mayGrantAtOnce(
  { before, identity, storesArePrivate }: RebuildOptions,
  epoch: number,
  lastGranted: number | null,
): boolean {
  if (storesArePrivate || lastGranted === null) return true;
  return before.epoch === epoch - 1 && before.lineage?.split(' ')[0] === identity.runId;
}

async function waitUntil(atMs: number): Promise<void> {
  const left = atMs - performance.now();
  if (left > 0) await Bun.sleep(left);
}

async function recordAndGrant(
  options: RebuildOptions,
  rebuild: SaleRebuild,
  epoch: number,
): Promise<Opened['grant'] | null> {
  const { redis, ledger, before } = options;
  const identity = await identify(redis);
  if (identity.lineage !== options.identity.lineage) return null;
  if (!(await ledger.recordLineage(before.saleNumber, epoch, identity.lineage))) return null;
  const grant = await rebuild.grant(identity, identity.nowMs + LEASE_MS);
  return grant.kind === 'granted' ? grant : null;
}
