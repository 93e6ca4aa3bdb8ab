// Reads the items of every sale once, before anybody asks for them: a process that has met them goes on reserving while
// the ledger is out of reach. And reads a sale anew whose settings an operator has changed, through whichever process.
import type { Catalog } from '../ledger/catalog.ts';
import type { LineageGate } from '../reservations/gate.ts';
import { eachSale } from './each-sale.ts';
import { Periodic, type Worker, type WorkerLog } from './periodic.ts';

const READ_EVERY_MS = 250;

export interface CatalogReaderOptions {
  readonly gate: Pick<LineageGate, 'watches'>;
  readonly catalog: Catalog;
  readonly log: WorkerLog;
}

export function catalogReader({ gate, catalog, log }: CatalogReaderOptions): Worker {
  const read = new Set<number>();
  const readEach = eachSale(gate, async ({ saleNumber, settingsSeq }) => {
    if (read.has(saleNumber)) return await catalog.refresh(saleNumber, settingsSeq);
    await catalog.learn(saleNumber);
    read.add(saleNumber);
  });
  return new Periodic({ name: 'catalog-reader', everyMs: READ_EVERY_MS, run: readEach, log });
}
