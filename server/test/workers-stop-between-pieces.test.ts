// A worker in the middle of a long run stops between two pieces of it. Under load the writer always finds more: without
// this it wrote on while the process was to end, for up to fifty batches, and outlasted its ten seconds.
import { expect, test } from 'bun:test';
import type { Transition } from '../src/domain/sale-store.ts';
import type { LineageGate } from '../src/reservations/gate.ts';
import type { SaleChannels } from '../src/stock/sale-channel.ts';
import { expiry } from '../src/workers/expiry.ts';
import { ledgerWriter } from '../src/workers/ledger-writer.ts';
import { until } from './harness/until.ts';

const EPOCH = 1;
const BATCH = 1_000;
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const gate = {
  watches: new Map([[1, { saleNumber: 1, firstDeadlineMs: 0 }]]),
  storeNowMs: () => Date.now(),
} as unknown as LineageGate;

/** A sale in which there is always more to do. */
function busySale(store: object): SaleChannels {
  return { of: () => ({ saleNumber: 1, epoch: EPOCH, seenSeq: 1, store }) } as unknown as SaleChannels;
}

test('the writer of the journal writes the batch that it has begun, and no other', async () => {
  let written = 0;
  const batch = Array.from({ length: BATCH }, (_, n) => ({ seq: n, epoch: EPOCH }) as Transition);
  const held = Promise.withResolvers<void>();
  const worker = ledgerWriter({
    gate,
    channels: busySale({ pending: async () => batch, trim: async () => undefined }),
    ledger: {
      appendTransitions: async () => {
        written += 1;
        if (written === 2) await held.promise;
      },
    },
    isOurTurn: () => true,
    log,
    onWritten: () => undefined,
  });
  worker.start();
  await until('a batch is under way', () => written === 2);
  const stopped = worker.stop();
  held.resolve();
  await stopped;
  expect(written).toBe(2);
});

test('the sweep of due reservations ends with the call that it has made', async () => {
  let sweeps = 0;
  const held = Promise.withResolvers<void>();
  const worker = expiry({
    gate,
    channels: busySale({
      expire: async () => {
        sweeps += 1;
        if (sweeps === 2) await held.promise;
        return { expired: 1, more: true };
      },
    }),
    log,
    onExpired: () => undefined,
  });
  worker.start();
  await until('a sweep is under way', () => sweeps === 2);
  const stopped = worker.stop();
  held.resolve();
  await stopped;
  expect(sweeps).toBe(2);
});
