// Forgets reservations that were resolved a day ago: until then they answer replays (protocols §2). And the fine steps of
// activity that are older than anybody looks at them for.
import { FINE_KEPT_SECONDS } from '../domain/activity.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { LineageGate } from '../reservations/gate.ts';
import type { SaleChannels } from '../stock/sale-channel.ts';
import { eachSale } from './each-sale.ts';
import { type IsStopping, Periodic, type Worker, type WorkerLog } from './periodic.ts';

const PURGE_EVERY_MS = 60_000;
const BATCH = 500;
/** Batches of one sale in one run: 100,000 reservations a minute keep up with any sale. */
const MAX_BATCHES = 200;
const MAX_ACTIVITY_BATCHES = 20;

export interface PurgeOptions {
  readonly gate: LineageGate;
  readonly channels: SaleChannels;
  readonly ledger: Pick<LedgerContract, 'purgeActivity'>;
  readonly isOurTurn: () => boolean;
  readonly log: WorkerLog;
}

export function purge({ gate, channels, ledger, isOurTurn, log }: PurgeOptions): Worker {
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
      if (!isOurTurn()) return;
      await purgeEach(isStopping);
      await purgeActivity(ledger, gate.storeNowMs(), isStopping);
    },
  });
}

/** Some 100,000 rows a run at most: more than a run's time can bring. */
export async function purgeActivity(
  ledger: PurgeOptions['ledger'],
  nowMs: number,
  isStopping: IsStopping = () => false,
): Promise<void> {
  const beforeS = Math.floor(nowMs / 1000) - FINE_KEPT_SECONDS;
  for (let batches = 0; batches < MAX_ACTIVITY_BATCHES && !isStopping(); batches++)
    if ((await ledger.purgeActivity(beforeS)) === 0) break;
}
