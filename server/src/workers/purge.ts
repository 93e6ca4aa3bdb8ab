// Forgets reservations that were resolved a day ago: until then they answer replays (protocols §2).
import type { LineageGate } from '../reservations/gate.ts';
import type { SaleChannels } from '../stock/sale-channel.ts';
import { eachSale } from './each-sale.ts';
import { Periodic, type Worker, type WorkerLog } from './periodic.ts';

const PURGE_EVERY_MS = 60_000;
const BATCH = 500;
/** Batches of one sale in one run: 100,000 reservations a minute keep up with any sale. */
const MAX_BATCHES = 200;

export interface PurgeOptions {
  readonly gate: LineageGate;
  readonly channels: SaleChannels;
  readonly isOurTurn: () => boolean;
  readonly log: WorkerLog;
}

export function purge({ gate, channels, isOurTurn, log }: PurgeOptions): Worker {
  const purgeEach = eachSale(gate, async ({ saleNumber }, isStopping) => {
    const { store } = channels.of(saleNumber);
    for (let batches = 0; batches < MAX_BATCHES && !isStopping(); batches++)
      if ((await store.purge(BATCH)) < BATCH) break;
  });
  return new Periodic({
    name: 'purge',
    everyMs: PURGE_EVERY_MS,
    log,
    run: async (isStopping) => {
      if (isOurTurn()) await purgeEach(isStopping);
    },
  });
}
