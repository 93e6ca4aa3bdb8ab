import { expect, test } from 'bun:test';
import { until } from '../../test/harness/until.ts';
import type { SaleChannels } from '../stock/sale-channel.ts';
import { expiry } from './expiry.ts';

const CROWDED = 1;
const QUIET = 2;
const SLOW_MS = 20;
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A sale in which ever more is due, and one in which a few are; each sweep is noted: of whom, from when to when. */
function sweepTwoSales() {
  const sweeps: { readonly sale: number; readonly fromMs: number; readonly toMs: number }[] = [];
  const watches = new Map(
    [CROWDED, QUIET].map((saleNumber) => [saleNumber, { saleNumber, firstDeadlineMs: 0 }]),
  );
  const storeOf = (sale: number) => ({
    expire: async () => {
      const fromMs = performance.now();
      await Bun.sleep(SLOW_MS);
      sweeps.push({ sale, fromMs, toMs: performance.now() });
      return { expired: 1, more: sale === CROWDED };
    },
  });
  const worker = expiry({
    gate: { watches, storeNowMs: () => 1 } as never,
    channels: { of: (sale: number) => ({ store: storeOf(sale) }) } as unknown as SaleChannels,
    log,
    onExpired: () => undefined,
  });
  return { worker, sweeps };
}

test('a sale with very many due keeps no other waiting', async () => {
  const { worker, sweeps } = sweepTwoSales();
  worker.start();
  await until('six sweeps were made', () => sweeps.length >= 6);
  await worker.stop();
  expect(sweeps.slice(0, 6).map(({ sale }) => sale)).toEqual([
    CROWDED,
    QUIET,
    CROWDED,
    QUIET,
    CROWDED,
    QUIET,
  ]);
});

test('where some are left, others have the store for as long as the sweeps had it', async () => {
  const { worker, sweeps } = sweepTwoSales();
  worker.start();
  await until('three rounds were made', () => sweeps.length >= 6);
  await worker.stop();
  const of = (n: number) => sweeps[n] ?? { fromMs: 0, toMs: 0 };
  for (const first of [2, 4]) {
    const round = of(first - 1).toMs - of(first - 2).fromMs;
    // The clock of a pause may be a millisecond early.
    expect(of(first).fromMs - of(first - 1).toMs).toBeGreaterThanOrEqual(round - 2);
  }
});
