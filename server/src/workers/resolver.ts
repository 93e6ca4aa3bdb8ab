// Ends confirms that nobody ended: at a pin's end the ledger writes `expired` unless something was decided before,
// and what stands is applied to the store (protocols §4). After the ledger was out of reach it waits, so that the
// clients' own retries come first.

import type { LedgerContract } from '../ledger/contract.ts';
import type { LineageGate } from '../reservations/gate.ts';
import type { Relay } from '../reservations/relay.ts';
import type { SaleChannels } from '../stock/sale-channel.ts';
import { eachSale } from './each-sale.ts';
import { Periodic, type Worker, type WorkerLog } from './periodic.ts';

const RESOLVE_EVERY_MS = 250;
const BATCH = 64;
/** Clients come first after an outage of the ledger. */
const CLIENTS_FIRST_MS = 30_000;

export interface ResolverOptions {
  readonly gate: LineageGate;
  readonly channels: SaleChannels;
  readonly ledger: Pick<LedgerContract, 'resolveExpired'>;
  readonly relay: Relay;
  readonly isOurTurn: () => boolean;
  readonly log: WorkerLog;
}

export function resolver(options: ResolverOptions): Worker {
  const { gate, isOurTurn, log } = options;
  const resolveEach = eachSale(gate, async (watch) => {
    if (watch.firstPinEndMs <= gate.storeNowMs()) await resolveSale(options, watch.saleNumber);
  });
  return new Periodic({
    name: 'resolver',
    everyMs: RESOLVE_EVERY_MS,
    log,
    run: async () => {
      if (isOurTurn() && performance.now() >= gate.ledgerFailedAtMs + CLIENTS_FIRST_MS) await resolveEach();
    },
  });
}

async function resolveSale(options: ResolverOptions, saleNumber: number): Promise<void> {
  const channel = options.channels.of(saleNumber);
  const { epoch } = channel;
  const due = await channel.store.duePins(BATCH);
  if (due.length === 0) return;
  const outcomes = await options.ledger.resolveExpired(saleNumber, epoch, due);
  options.log.info(
    { sale: saleNumber, resolved: outcomes.length, outcomes: count(outcomes) },
    'pins resolved',
  );
  await options.relay.catchUpFromStore(channel);
}

function count(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
