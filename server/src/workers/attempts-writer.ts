// Writes what this process counted of attempts and latencies into the ledger, every second. Best effort: what surely did not
// arrive is kept (bounded: see reservations/attempts.ts), what may have arrived is not sent again, because it adds up.
import { LedgerUnavailable } from '../domain/ledger-facts.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { AttemptBatch, Attempts } from '../reservations/attempts.ts';
import { Periodic, type Worker, type WorkerLog } from './periodic.ts';

const WRITE_EVERY_MS = 1_000;
/** Cells in one statement: some 20 ms of PostgreSQL. */
const CELLS_A_CALL = 500;
/** Each has a number a bucket. */
const LATENCIES_A_CALL = 100;

export interface AttemptsWriterOptions {
  readonly attempts: Attempts;
  readonly ledger: Pick<LedgerContract, 'noteAttempts' | 'noteLatencies'>;
  readonly log: WorkerLog;
}

export function attemptsWriter({ attempts, ledger, log }: AttemptsWriterOptions): Worker {
  const run = () => writeAttempts(attempts, ledger);
  const periodic = new Periodic({ name: 'attempts-writer', everyMs: WRITE_EVERY_MS, log, run });
  return {
    name: periodic.name,
    get health() {
      return periodic.health;
    },
    start: () => periodic.start(),
    // What the last second has brought; the ledger out of reach: it is lost with the process.
    stop: async () => {
      await periodic.stop();
      await run().catch(() => undefined);
    },
  };
}

/** @throws the first failure; what was not tried then was put back */
export async function writeAttempts(
  attempts: Attempts,
  ledger: AttemptsWriterOptions['ledger'],
): Promise<void> {
  const pieces = piecesOf(attempts.take());
  for (const [number, piece] of pieces.entries()) {
    try {
      await ledger.noteAttempts(piece.attempts);
      await ledger.noteLatencies(piece.latencies);
    } catch (error) {
      if (error instanceof LedgerUnavailable) attempts.putBack(piece);
      else attempts.drop(piece);
      for (const later of pieces.slice(number + 1)) attempts.putBack(later);
      throw error;
    }
  }
}

/** Each for one statement. */
function piecesOf({ attempts, latencies }: AttemptBatch): AttemptBatch[] {
  return [
    ...inPieces(attempts, CELLS_A_CALL).map((piece) => ({ attempts: piece, latencies: [] })),
    ...inPieces(latencies, LATENCIES_A_CALL).map((piece) => ({ attempts: [], latencies: piece })),
  ];
}

function inPieces<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}
