// Ends what nobody ended. Confirms: at a pin's end the ledger writes `expired` unless something was decided before,
// and what stands is applied to the store (protocols §4). Stock going out: an operation whose process was stopped is
// refused in the ledger, unless it was applied, and its units are given back (protocols §5). After the ledger was out of
// reach it waits, so that the clients' own retries come first.

import type { LedgerContract } from '../ledger/contract.ts';
import type { LineageGate } from '../reservations/gate.ts';
import type { Relay } from '../reservations/relay.ts';
import { endPend } from '../sales/end-pend.ts';
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
  readonly ledger: Pick<LedgerContract, 'resolveExpired' | 'refuseStockOperation'>;
  readonly relay: Relay;
  readonly isOurTurn: () => boolean;
  readonly log: WorkerLog;
}

/** What resolving one sale takes. */
export type Resolving = Pick<ResolverOptions, 'channels' | 'ledger' | 'relay' | 'log'>;

export function resolver(options: ResolverOptions): Worker {
  const { gate, isOurTurn, log } = options;
  const resolveEach = eachSale(gate, async (watch) => {
    if (watch.firstPinEndMs <= gate.storeNowMs()) await resolvePins(options, watch.saleNumber);
    if (watch.pends > 0) await resolvePends(options, watch.saleNumber);
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

export async function resolvePins(options: Resolving, saleNumber: number): Promise<void> {
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

export async function resolvePends(
  { channels, ledger, relay, log }: Resolving,
  saleNumber: number,
): Promise<void> {
  const channel = channels.of(saleNumber);
  for (const { operationId, sku, quantity } of await channel.store.duePends()) {
    const deliver = () => relay.catchUpFromStore(channel);
    const unpend = (operation: string) => channel.store.unpend(operation);
    const outcome = await endPend({ ledger, deliver, unpend }, saleNumber, operationId);
    log.info({ sale: saleNumber, sku, quantity, outcome }, 'stock going out resolved');
  }
}

function count(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
