// Seals the journal, in the background: a chain after the other, a page at a time, for a bounded part of every second. While the
// process is busy (leisure.ts) a pause follows each page, and in a rush there is one page; what is not sealed yet is sealed
// after it. Nothing waits for it.
import type { Chain, Stop } from '../domain/journal-chain.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { Leisure } from './leisure.ts';
import { type IsStopping, Periodic, type Worker, type WorkerLog } from './periodic.ts';

const SEAL_EVERY_MS = 1_000;
/** Of one run, waits for PostgreSQL included: what is left is the next run's, which goes on where this one stopped. */
const RUN_MS = 250;
/** The same while the process is busy, pauses included: so that customers wait for one page and not for a row of them. */
const BUSY_RUN_MS = 900;
/** As a multiple of the time that the page before it took: three is a quarter of the time. */
const BUSY_PAUSE = 3;

export interface SealerOptions {
  readonly ledger: Pick<LedgerContract, 'unsealedChains' | 'sealNext'>;
  readonly isOurTurn: () => boolean;
  readonly leisure: Pick<Leisure, 'isNow' | 'isCalm'>;
  readonly log: WorkerLog;
  readonly onSealed: (rows: number) => void;
}

export function sealer(options: SealerOptions): Worker {
  /** By chain: the missing number at which its last run stopped, and whether that was told. */
  const stuck = new Map<string, { readonly at: string; readonly told: boolean }>();

  const noteStop = (chain: Chain, stop: Stop | null) => {
    const name = nameOf(chain);
    if (stop?.why !== 'missing') {
      stuck.delete(name);
      return;
    }
    const at = `${stop.epoch} ${stop.seq}`;
    const before = stuck.get(name);
    const again = before?.at === at;
    if (again && !before.told) {
      options.log.error(
        { sale: chain.saleNumber, source: chain.source, epoch: stop.epoch, seq: stop.seq },
        'the journal lacks a row that later ones follow: nothing after it is sealed',
      );
    }
    stuck.set(name, { at, told: again });
  };

  let lastServed = '';
  const sealAll = async (runMs: number, pause: number, isStopping: IsStopping) => {
    const endMs = performance.now() + runMs;
    let unsealed = inTurn(await options.ledger.unsealedChains(), lastServed);
    // A page of each in turn: a busy sale keeps no other waiting.
    while (unsealed.length > 0) {
      const busy: Chain[] = [];
      for (const chain of unsealed) {
        if (isStopping()) return;
        const beganAtMs = performance.now();
        const { rows, more, stop } = await options.ledger.sealNext(chain);
        if (rows > 0) options.onSealed(rows);
        noteStop(chain, stop);
        if (more) busy.push(chain);
        lastServed = nameOf(chain);
        const endedAtMs = performance.now();
        const pauseMs = pause * (endedAtMs - beganAtMs);
        if (endedAtMs + pauseMs >= endMs) return;
        if (pauseMs > 0) await Bun.sleep(pauseMs);
      }
      unsealed = busy;
    }
  };

  return new Periodic({
    name: 'sealer',
    everyMs: SEAL_EVERY_MS,
    log: options.log,
    run: async (isStopping) => {
      // Asked in any case: it measures from one time to the next.
      const { isNow, isCalm } = options.leisure;
      if (!options.isOurTurn()) return;
      if (isCalm) await sealAll(RUN_MS, 0, isStopping);
      else await sealAll(isNow ? BUSY_RUN_MS : 0, BUSY_PAUSE, isStopping);
    },
  });
}

function nameOf({ saleNumber, source }: Chain): string {
  return `${saleNumber} ${source}`;
}

/** The chains, beginning after the one that was served last. */
function inTurn(chains: readonly Chain[], lastServed: string): readonly Chain[] {
  const next = chains.findIndex((chain) => nameOf(chain) === lastServed) + 1;
  return [...chains.slice(next), ...chains.slice(0, next)];
}
