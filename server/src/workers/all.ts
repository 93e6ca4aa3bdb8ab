// All workers of a process, started together and stopped together; what was left to do is the next process's.
import { randomUUID } from 'node:crypto';
import type { Catalog } from '../ledger/catalog.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { Attempts } from '../reservations/attempts.ts';
import type { LineageGate } from '../reservations/gate.ts';
import type { Reconciler } from '../reservations/reconciler.ts';
import type { Relay } from '../reservations/relay.ts';
import type { SaleChannels } from '../stock/sale-channel.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { archivist } from './archivist.ts';
import { attemptsWriter } from './attempts-writer.ts';
import { catalogReader } from './catalog-reader.ts';
import { expiry } from './expiry.ts';
import { leaseKeeper } from './lease-keeper.ts';
import { ledgerWriter } from './ledger-writer.ts';
import { Leisure } from './leisure.ts';
import type { WorkerHealth, WorkerLog } from './periodic.ts';
import { purge } from './purge.ts';
import { reconcilerWorker } from './reconciler.ts';
import { relayWorker } from './relay-worker.ts';
import { resolver } from './resolver.ts';
import { sealer } from './sealer.ts';
import { summariser } from './summariser.ts';
import { Turn } from './turn.ts';

/** The turn's name in the ledger: all work that one process does for all. */
const TURN = 'workers';

export interface WorkersOptions {
  readonly gate: LineageGate;
  readonly channels: SaleChannels;
  readonly ledger: LedgerContract;
  readonly catalog: Catalog;
  readonly relay: Relay;
  readonly reconciler: Reconciler;
  readonly attempts: Attempts;
  readonly log: WorkerLog;
  readonly metrics: Metrics;
}

export interface Workers {
  /** How each is, in the order in which they were started. */
  health(): readonly (WorkerHealth & { readonly name: string })[];
  /** This process does the shared work. */
  readonly haveTurn: boolean;
  /** Transitions that it has written to the journal. */
  readonly journaled: number;
  stop(): Promise<void>;
}

export function startWorkers(options: WorkersOptions): Workers {
  const { gate, ledger, log, metrics, reconciler, attempts } = options;
  const turn = new Turn(ledger, TURN, randomUUID(), log);
  const isOurTurn = () => turn.isOurs;
  const expired = metrics.counter(
    'holdfast_reservations_expired_total',
    'Reservations expired by the worker.',
  );
  let journaledHere = 0;
  const journaled = metrics.counter(
    'holdfast_transitions_journaled_total',
    'Transitions written to the journal.',
  );
  const sealed = metrics.counter('holdfast_journal_rows_sealed_total', 'Rows of the journal sealed.');
  const summarised = metrics.counter(
    'holdfast_journal_rows_summarised_total',
    'Rows of the journal summed up for analytics.',
  );
  let reconciledAtMs = 0;
  metrics.level(
    'holdfast_reconcile_last_run_seconds',
    'When all sales had been reconciled last, in seconds since 1970; 0 before the first time.',
    'max',
    () => reconciledAtMs / 1000,
  );
  const onRound = () => {
    reconciledAtMs = Date.now();
  };
  const onWritten = (count: number) => {
    journaledHere += count;
    journaled.inc(count);
  };
  const leisure = new Leisure();
  const workers = [
    turn,
    leaseKeeper(gate, log),
    catalogReader(options),
    expiry({ ...options, onExpired: (count) => expired.inc(count) }),
    ledgerWriter({ ...options, isOurTurn, onWritten }),
    relayWorker({ ...options, isOurTurn }),
    resolver({ ...options, isOurTurn }),
    purge({ ...options, isOurTurn }),
    archivist({ ...options, isOurTurn }),
    sealer({ ledger, log, isOurTurn, leisure, onSealed: (rows) => sealed.inc(rows) }),
    attemptsWriter({ attempts, ledger, log }),
    summariser({ ledger, log, isOurTurn, onSummarised: (rows) => summarised.inc(rows) }),
    reconcilerWorker({ reconciler, gate, log, isOurTurn, leisure, onRound }),
  ];
  for (const worker of workers) worker.start();
  return {
    health: () => workers.map(({ name, health }) => ({ name, ...health })),
    get haveTurn() {
      return turn.isOurs;
    },
    get journaled() {
      return journaledHere;
    },
    // The turn goes last: it must not pass on while a worker is still in the middle of its run.
    stop: async () => {
      reconciler.stop(); // a look may take a minute
      const [first, ...others] = workers;
      await Promise.all(others.map((worker) => worker.stop()));
      await first?.stop();
    },
  };
}
