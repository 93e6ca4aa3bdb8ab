// Brings to the store what a crash between commit and apply left in the ledger (protocols §4, step 3), and what other
// processes decided. It acts where a lease renewal saw the store behind the ledger.
import type { LineageGate } from '../reservations/gate.ts';
import type { Relay } from '../reservations/relay.ts';
import type { SaleChannels } from '../stock/sale-channel.ts';
import { eachSale } from './each-sale.ts';
import { Periodic, type Worker, type WorkerLog } from './periodic.ts';

const RELAY_EVERY_MS = 250;

export interface RelayWorkerOptions {
  readonly gate: LineageGate;
  readonly channels: SaleChannels;
  readonly relay: Relay;
  readonly isOurTurn: () => boolean;
  readonly log: WorkerLog;
}

export function relayWorker(options: RelayWorkerOptions): Worker {
  const { gate, channels, relay, isOurTurn, log } = options;
  const catchUpEach = eachSale(gate, async (watch) => {
    if (watch.entrySeq > watch.applied) await relay.catchUpFromStore(channels.of(watch.saleNumber));
  });
  return new Periodic({
    name: 'relay',
    everyMs: RELAY_EVERY_MS,
    log,
    run: async () => {
      if (isOurTurn()) await catchUpEach();
    },
  });
}
