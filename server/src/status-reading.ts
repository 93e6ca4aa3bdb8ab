// What the status route tells of this process, gathered from the rooms that know. The stores are asked for nothing but how
// far the journal is, and not for long: an operator looks here when they do not answer.
import { Invariant } from '@holdfast/contract/reconcile';
import { MAX_SALES_SHOWN, type SaleHealth, type Status, type WorkerHealth } from '@holdfast/contract/status';
import { version } from '../package.json';
import type { Breaker } from './domain/breaker.ts';
import type { Catalog } from './ledger/catalog.ts';
import type { LedgerContract } from './ledger/contract.ts';
import type { LineageGate } from './reservations/gate.ts';
import type { Reconciler } from './reservations/reconciler.ts';
import type { SaleChannels } from './stock/sale-channel.ts';
import type * as workers from './workers/periodic.ts';

/** For the ledger's word on its journal; without it the lag is not known. */
const LEDGER_WAIT_MS = 1_000;

export interface StatusParts {
  readonly breakers: { readonly redis: Breaker; readonly postgresql: Breaker };
  readonly workers: () => readonly (workers.WorkerHealth & { readonly name: string })[];
  readonly haveTurn: () => boolean;
  readonly reconciler: Pick<Reconciler, 'violations'>;
  readonly gate: Pick<LineageGate, 'watches' | 'isGranting'>;
  readonly channels: Pick<SaleChannels, 'of'>;
  /** Knows the names of sales while the ledger is away. */
  readonly catalog: Pick<Catalog, 'sale'>;
  readonly ledger: Pick<LedgerContract, 'lastTransitions'>;
}

export async function readStatus(parts: StatusParts): Promise<Omit<Status, 'as_of' | 'ready' | 'reasons'>> {
  const { breakers, reconciler } = parts;
  const violations = reconciler.violations();
  return {
    version,
    process: {
      uptime_seconds: Math.round(process.uptime() * 10) / 10,
      resident_bytes: process.memoryUsage.rss(),
      has_turn: parts.haveTurn(),
    },
    stores: { redis: storeHealth(breakers.redis), postgresql: storeHealth(breakers.postgresql) },
    workers: parts.workers().map(workerHealth),
    invariants: Invariant.options.map((invariant) => ({
      invariant,
      violations: violations.get(invariant) ?? 0,
    })),
    sales: await saleHealths(parts),
  };
}

function storeHealth({ state }: Breaker): Status['stores']['redis'] {
  return { breaker: state === 'half-open' ? 'half_open' : state };
}

function workerHealth({
  name,
  lastRunAtMs,
  lastErrorAtMs,
  failing,
}: workers.WorkerHealth & { readonly name: string }): WorkerHealth {
  return {
    name,
    state: failing ? 'failing' : lastRunAtMs === null ? 'idle' : 'ok',
    last_run_at: instantOrNull(lastRunAtMs),
    last_error_at: instantOrNull(lastErrorAtMs),
  };
}

async function saleHealths({ gate, channels, catalog, ledger }: StatusParts): Promise<SaleHealth[]> {
  const saleNumbers = [...gate.watches.keys()].sort((a, b) => a - b).slice(0, MAX_SALES_SHOWN);
  if (saleNumbers.length === 0) return [];
  // Before the ledger is asked: what is seen later is no lag.
  const seen = new Map(saleNumbers.map((saleNumber) => [saleNumber, channels.of(saleNumber).seenSeq]));
  const [sales, journaled] = await Promise.all([
    Promise.all(saleNumbers.map((saleNumber) => inTime(Promise.try(() => catalog.sale(saleNumber))))),
    inTime(ledger.lastTransitions(saleNumbers)),
  ]);
  return saleNumbers.flatMap((saleNumber, i) => {
    const saleId = sales[i]?.id;
    if (saleId === undefined) return [];
    const last = journaled?.get(saleNumber);
    const lag = last === undefined ? null : Math.max(0, (seen.get(saleNumber) ?? 0) - last);
    return [{ sale_id: saleId, granting: gate.isGranting(saleNumber), ledger_lag: lag }];
  });
}

/** Null: it did not answer, or not in time. */
async function inTime<T>(answer: Promise<T>): Promise<T | null> {
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), LEDGER_WAIT_MS);
  try {
    return await Promise.race([answer.catch(() => null), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function instantOrNull(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
