// Seals the journal, in the background: a chain after the other, a page at a time, for a bounded part of every second.
// In a rush (leisure.ts) that part is one page; what is not sealed yet is sealed after it. Nothing waits for it.
import type { Chain, Stop } from '../domain/journal-chain.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { Leisure } from './leisure.ts';
import { Periodic, type Worker, type WorkerLog } from './periodic.ts';

const SEAL_EVERY_MS = 1_000;
/** Of one run, waits for PostgreSQL included: what is left is the next run's, which goes on where this one stopped. */
const RUN_MS = 250;

export interface SealerOptions {
  readonly ledger: Pick<LedgerContract, 'unsealedChains' | 'sealNext'>;
  readonly isOurTurn: () => boolean;
  readonly leisure: Pick<Leisure, 'isNow'>;
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
  const sealAll = async (runMs: number) => {
    const endMs = performance.now() + runMs;
    let unsealed = inTurn(await options.ledger.unsealedChains(), lastServed);
    // A page of each in turn: a busy sale keeps no other waiting.
    while (unsealed.length > 0) {
      const busy: Chain[] = [];
      for (const chain of unsealed) {
        const { rows, more, stop } = await options.ledger.sealNext(chain);
        if (rows > 0) options.onSealed(rows);
        noteStop(chain, stop);
        if (more) busy.push(chain);
        lastServed = nameOf(chain);
        if (performance.now() >= endMs) return;
      }
      unsealed = busy;
    }
  };

  return new Periodic({
    name: 'sealer',
    everyMs: SEAL_EVERY_MS,
    log: options.log,
    run: async () => {
      // Asked in any case: it measures from one time to the next.
      const runMs = options.leisure.isNow ? RUN_MS : 0;
      if (options.isOurTurn()) await sealAll(runMs);
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
