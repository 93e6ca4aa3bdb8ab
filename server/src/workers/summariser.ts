// Sums up the journal, in the background: what a part of it has brought since the last run, a page at a time, for a bounded
// part of every second. During a rush it may fall behind; a read takes in what is not summed up yet. Nothing waits for it.
import type { LedgerContract } from '../ledger/contract.ts';
import { type IsStopping, Periodic, type Worker, type WorkerLog } from './periodic.ts';

const SUMMARISE_EVERY_MS = 1_000;
/** Of one run, waits for PostgreSQL included: at 10 µs a row ten times what a sale at full speed brings. */
const RUN_MS = 200;
/** Runs between looks for sales that are over for good. */
const RUNS_TO_END = 60;

export interface SummariserOptions {
  readonly ledger: Pick<LedgerContract, 'unsummarised' | 'summarise' | 'endActivity'>;
  readonly isOurTurn: () => boolean;
  readonly log: WorkerLog;
  readonly onSummarised: (rows: number) => void;
  /** Tests do not wait for a second. */
  readonly everyMs?: number;
}

export function summariser(options: SummariserOptions): Worker {
  const { ledger, isOurTurn, log, everyMs = SUMMARISE_EVERY_MS } = options;
  let runs = 0;
  return new Periodic({
    name: 'summariser',
    everyMs,
    log,
    run: async (isStopping) => {
      if (!isOurTurn()) return;
      const endMs = performance.now() + RUN_MS;
      await summariseAll(options, () => isStopping() || performance.now() >= endMs);
      if (runs % RUNS_TO_END === 0) await ledger.endActivity();
      runs += 1;
    },
  });
}

/** A page of each part in turn, so that a busy sale keeps no other waiting, until there is nothing new or it is time. */
export async function summariseAll(
  { ledger, onSummarised }: Pick<SummariserOptions, 'ledger' | 'onSummarised'>,
  isOver: IsStopping = () => false,
): Promise<void> {
  let parts = await ledger.unsummarised();
  while (parts.length > 0) {
    const busy: typeof parts = [];
    for (const part of parts) {
      const { rows, more } = await ledger.summarise(part);
      if (rows > 0) onSummarised(rows);
      if (more) busy.push(part);
      if (isOver()) return;
    }
    parts = busy;
  }
}
