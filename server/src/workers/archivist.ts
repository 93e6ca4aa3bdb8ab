// Unloads closed sales from the store a day after their last resolution: from then on the ledger alone answers for them.
// Under the sale's rebuild lock, so that no other process takes the missing keys for a loss and rebuilds it meanwhile.
import type { LedgerContract } from '../ledger/contract.ts';
import type { LineageGate } from '../reservations/gate.ts';
import type { SaleChannels } from '../stock/sale-channel.ts';
import { eachSale } from './each-sale.ts';
import { Periodic, type Worker, type WorkerLog } from './periodic.ts';

const ARCHIVE_EVERY_MS = 60_000;

export interface ArchivistOptions {
  readonly gate: LineageGate;
  readonly channels: SaleChannels;
  readonly ledger: Pick<LedgerContract, 'saleByNumber' | 'withRebuildLock' | 'markUnloaded'>;
  readonly isOurTurn: () => boolean;
  readonly log: WorkerLog;
  /** Tests do not wait for a minute. */
  readonly everyMs?: number;
}

export function archivist(options: ArchivistOptions): Worker {
  const { gate, isOurTurn, log, everyMs = ARCHIVE_EVERY_MS } = options;
  const archiveEach = eachSale(gate, ({ saleNumber }) => archive(options, saleNumber));
  return new Periodic({
    name: 'archivist',
    everyMs,
    log,
    run: async () => {
      if (isOurTurn()) await archiveEach();
    },
  });
}

async function archive({ channels, ledger, log }: ArchivistOptions, saleNumber: number): Promise<void> {
  const sale = await ledger.saleByNumber(saleNumber);
  if (!sale?.settings.closed) return;
  await ledger.withRebuildLock(saleNumber, async () => {
    if (!(await channels.of(saleNumber).store.unload())) return;
    // Stopped right here: its keys are missing, so it is rebuilt from the ledger, and archived again another day.
    await ledger.markUnloaded(saleNumber);
    log.info({ sale: saleNumber }, 'sale unloaded');
  });
}
