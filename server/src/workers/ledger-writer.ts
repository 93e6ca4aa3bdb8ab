// From the stream to the journal (protocols §8). Reads from the first entry, writes, and drops only the prefix that it
// saw committed: killed anywhere between, the next run writes the same rows again and the journal ignores them.

import { NotReady } from '../domain/sale-store.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { LineageGate } from '../reservations/gate.ts';
import type { SaleChannel, SaleChannels } from '../stock/sale-channel.ts';
import { eachSale } from './each-sale.ts';
import { type IsStopping, Periodic, type Worker, type WorkerLog } from './periodic.ts';

const WRITE_EVERY_MS = 25;
/** Transitions one insert carries. */
const BATCH = 1_000;
/** Batches of one sale in one run, so that a busy sale does not starve the others. */
const MAX_BATCHES = 50;

export interface LedgerWriterOptions {
  readonly gate: LineageGate;
  readonly channels: SaleChannels;
  readonly ledger: Pick<LedgerContract, 'appendTransitions'>;
  readonly isOurTurn: () => boolean;
  readonly log: WorkerLog;
  readonly onWritten: (transitions: number) => void;
}

export function ledgerWriter(options: LedgerWriterOptions): Worker {
  /** By sale: the last transition known to be in the journal. A new epoch may begin below the old one's numbers. */
  const written = new Map<number, { epoch: number; seq: number }>();
  const writeEach = eachSale(options.gate, async ({ saleNumber }, isStopping) => {
    const channel = options.channels.of(saleNumber);
    const { epoch, seenSeq } = channel;
    const known = written.get(saleNumber);
    if (known?.epoch === epoch && known.seq >= seenSeq) return;
    written.set(saleNumber, { epoch, seq: await writeSale(options, channel, isStopping) });
  });
  return new Periodic({
    name: 'ledger-writer',
    everyMs: WRITE_EVERY_MS,
    log: options.log,
    run: async (isStopping) => {
      if (options.isOurTurn()) await writeEach(isStopping);
    },
  });
}

/** Writes what waits; returns a number that the journal has surely reached. */
export async function writeSale(
  options: Pick<LedgerWriterOptions, 'ledger' | 'onWritten'>,
  channel: SaleChannel,
  /** Under load there is always more: a process that stops leaves it to the next one. */
  isStopping: IsStopping = () => false,
): Promise<number> {
  const { store, saleNumber } = channel;
  // Read before the stream is: whatever is seen later makes another run.
  const seen = channel.seenSeq;
  for (let batches = 0; batches < MAX_BATCHES && !isStopping(); batches++) {
    const { epoch } = channel;
    const waiting = await store.pending(BATCH);
    const last = waiting[waiting.length - 1];
    if (!last) return seen;
    // A rebuild drops the stream: what another epoch left there is not this store's past, or not ours to write.
    if (waiting[0]?.epoch !== epoch || last.epoch !== epoch)
      throw new NotReady(`sale ${saleNumber}: its stream is of another epoch`);
    await options.ledger.appendTransitions(saleNumber, epoch, waiting);
    await store.trim(last.seq, last.epoch);
    options.onWritten(waiting.length);
    if (waiting.length < BATCH) return Math.max(seen, last.seq);
  }
  return -1;
}
