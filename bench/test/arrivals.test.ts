// Schedules: as many as were asked for, spread as they should be, and the same again by the same seed.
import { expect, test } from 'bun:test';
import { hotSale, poissonArrivals } from '../src/arrivals.ts';

test('customers-arrive-at-the-rate-and-in-order', () => {
  const times = poissonArrivals(1_000, 10, 42);
  expect(times.length).toBeGreaterThan(9_600);
  expect(times.length).toBeLessThan(10_400);
  expect(times.every((at, i) => at >= (times[i - 1] ?? 0) && at < 10_000)).toBe(true);
});

test('arrivals-come-in-bursts-as-independent-ones-do', () => {
  const times = poissonArrivals(1_000, 20, 7);
  const gaps = times.slice(1).map((at, i) => at - (times[i] as number));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
  expect(Math.sqrt(variance) / mean).toBeCloseTo(1, 1);
});

test('the-same-seed-gives-the-same-schedule', () => {
  expect(poissonArrivals(500, 2, 3)).toEqual(poissonArrivals(500, 2, 3));
  expect(poissonArrivals(500, 2, 3)).not.toEqual(poissonArrivals(500, 2, 4));
  expect(hotSale(3, 1)).toEqual(hotSale(3, 1));
});

test('a-ticket-sale-has-the-shape-of-a-real-one', () => {
  const { stock, atMs, kinds } = hotSale(1, 1);
  const during = (kind: string, fromMs: number, toMs: number) =>
    kinds.filter((each, i) => each === kind && (atMs[i] ?? 0) >= fromMs && (atMs[i] ?? 0) < toMs).length;
  expect(during('item', 0, 1_000)).toBeGreaterThanOrEqual(5_000);
  expect(stock).toBe(2_010);
  expect(during('pair', 0, 15_100)).toBe(stock);
  for (let second = 0; second < 15; second++)
    expect(Math.abs(during('pair', second * 1_000, (second + 1) * 1_000) - 134)).toBeLessThanOrEqual(1);
  expect(during('reserve', 0, 15_000)).toBe(0);
  expect(during('reserve', 16_000, 21_000)).toBeGreaterThan(2 * during('reserve', 31_000, 36_000));
});

test('a-faster-ticket-sale-has-the-same-opening-second-and-buyers', () => {
  const fast = hotSale(5, 4);
  const buyers = (kinds: readonly string[]) => kinds.filter((kind) => kind === 'pair').length;
  expect(buyers(fast.kinds)).toBe(fast.stock);
  const opening = fast.atMs.filter((at, i) => at < 1_000 && fast.kinds[i] === 'item').length;
  expect(opening).toBeGreaterThanOrEqual(5_000);
  expect(fast.atMs.at(-1)).toBeLessThan(10_000);
});
