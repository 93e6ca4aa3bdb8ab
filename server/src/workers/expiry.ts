// Frees stock whose deadline has come, in bounded sweeps, within a second (P5). Every process runs it: a sweep is
// atomic and idempotent, so that stock returns even while some process is stopped. A reserve that is short frees what is
// due itself and waits for nobody here: so where very many are due this one takes its time, and reserves get through.
import type { LineageGate } from '../reservations/gate.ts';
import type { SaleChannels } from '../stock/sale-channel.ts';
import { eachSale } from './each-sale.ts';
import { type IsStopping, Periodic, type Worker, type WorkerLog } from './periodic.ts';

const SWEEP_EVERY_MS = 100;
/** Reservations one call frees: two to four milliseconds of the server, which answers nobody meanwhile. */
const SWEEP_LIMIT = 100;
/** Rounds over all sales in one run, a sweep of each: one sale's many keep no other's few waiting. */
const MAX_ROUNDS = 400;
/** After a round that left some, as long as it took. */
const PAUSE_MIN_MS = 2;
const PAUSE_MAX_MS = 50;

export interface ExpiryOptions {
  readonly gate: Pick<LineageGate, 'watches' | 'storeNowMs'>;
  readonly channels: Pick<SaleChannels, 'of'>;
  readonly log: WorkerLog;
  readonly onExpired: (count: number) => void;
}

export function expiry(options: ExpiryOptions): Worker {
  const { gate, channels, onExpired, log } = options;
  let someLeft = false;
  const sweepEach = eachSale(gate, async (watch) => {
    if (watch.firstDeadlineMs > gate.storeNowMs()) return;
    const { store } = channels.of(watch.saleNumber);
    const { expired, more } = await store.expire(SWEEP_LIMIT);
    if (expired > 0) onExpired(expired);
    someLeft ||= more;
  });
  const sweepAll = async (isStopping: IsStopping) => {
    for (let rounds = 0; rounds < MAX_ROUNDS && !isStopping(); rounds++) {
      someLeft = false;
      const startedMs = performance.now();
      await sweepEach(isStopping);
      if (!someLeft) return;
      const tookMs = performance.now() - startedMs;
      await Bun.sleep(Math.min(PAUSE_MAX_MS, Math.max(PAUSE_MIN_MS, tookMs)));
    }
  };
  return new Periodic({ name: 'expiry', everyMs: SWEEP_EVERY_MS, run: sweepAll, log });
}
