// Frees stock whose deadline has come, in bounded sweeps, within a second (P5). Every process runs it: a sweep is
// atomic and idempotent, so that stock returns even while some process is stopped. Reserve sweeps too; this one is
// for sales where nobody asks.
import type { LineageGate } from '../reservations/gate.ts';
import type { SaleChannels } from '../stock/sale-channel.ts';
import { eachSale } from './each-sale.ts';
import { Periodic, type Worker, type WorkerLog } from './periodic.ts';

const SWEEP_EVERY_MS = 100;
/** Reservations one call frees: about two milliseconds of the server. */
const SWEEP_LIMIT = 500;
/** Sweeps of one sale in one run; the next run goes on. */
const MAX_SWEEPS = 400;

export interface ExpiryOptions {
  readonly gate: LineageGate;
  readonly channels: SaleChannels;
  readonly log: WorkerLog;
  readonly onExpired: (count: number) => void;
}

export function expiry(options: ExpiryOptions): Worker {
  const { gate, channels, onExpired, log } = options;
  const sweepEach = eachSale(gate, async (watch, isStopping) => {
    if (watch.firstDeadlineMs > gate.storeNowMs()) return;
    const { store } = channels.of(watch.saleNumber);
    for (let sweeps = 0; sweeps < MAX_SWEEPS && !isStopping(); sweeps++) {
      const { expired, more } = await store.expire(SWEEP_LIMIT);
      if (expired > 0) onExpired(expired);
      if (!more) break;
    }
  });
  return new Periodic({ name: 'expiry', everyMs: SWEEP_EVERY_MS, run: sweepEach, log });
}
