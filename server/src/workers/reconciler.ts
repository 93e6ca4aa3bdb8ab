// Reconciles without end: the process whose turn it is looks at one sale after the other, for a bounded part of the time. What
// a look costs is said in reservations/reconciler.ts; here it is only told whose turn it is next.
//
// Each sale's counters about every five seconds: one call of Redis below a millisecond, a handful of statements below ten. Each
// record, index entry and customer at most once a minute and for at most a twentieth of the time, in pages below a
// millisecond with pauses of four between: 10⁴ live reservations take a second, 0.2 s of it Redis; 10⁶ two minutes, and so are
// looked through every forty. The sums over a sale's whole ledger at most once a minute and a fiftieth of the time. While the
// process is busy (leisure.ts) there are the counters alone, for ten minutes at most: a new sale would be looked through in its first seconds.
import type { LineageGate } from '../reservations/gate.ts';
import type { Reconciler } from '../reservations/reconciler.ts';
import type { Leisure } from './leisure.ts';
import { Periodic, type Worker, type WorkerLog } from './periodic.ts';

const RECONCILE_EVERY_MS = 5_000;
/** No further sale is begun in a round after this long: with many sales the next round goes on where this one stopped. */
const ROUND_MS = 500;
/** Failures in one round after which the stores are at fault and not the sales. */
const MAX_FAILURES = 3;

export interface ReconcilerWorkerOptions {
  readonly reconciler: Pick<Reconciler, 'lookAt'>;
  readonly gate: Pick<LineageGate, 'watches'>;
  readonly isOurTurn: () => boolean;
  readonly leisure: Pick<Leisure, 'isCalm'>;
  readonly log: WorkerLog;
  /** All sales were looked at since this was called last. */
  readonly onRound: () => void;
  /** Tests do not wait for five seconds. */
  readonly everyMs?: number;
}

export function reconcilerWorker(options: ReconcilerWorkerOptions): Worker {
  const { reconciler, gate, isOurTurn, leisure, log, onRound, everyMs = RECONCILE_EVERY_MS } = options;
  /** Still to be looked at before all have been. */
  let waiting: number[] = [];
  const round = async (isCalm: boolean) => {
    const endMs = performance.now() + ROUND_MS;
    const failures: unknown[] = [];
    if (waiting.length === 0) waiting = [...gate.watches.keys()].sort((a, b) => a - b);
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      try {
        await reconciler.lookAt(next, isCalm);
      } catch (error) {
        if (failures.push(error) === MAX_FAILURES) break;
      }
      if (performance.now() >= endMs || !isOurTurn()) break;
    }
    if (failures.length > 0) throw failures[0];
    if (waiting.length === 0) onRound();
  };
  return new Periodic({
    name: 'reconciler',
    everyMs,
    log,
    run: async () => {
      // Asked in any case: it measures from one time to the next.
      const { isCalm } = leisure;
      if (isOurTurn()) await round(isCalm);
    },
  });
}
