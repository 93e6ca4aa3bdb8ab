import { expect, test } from 'bun:test';
import { type Point, theilSen, trendOf } from './slope.ts';

const MINUTE_MS = 60_000;

/** A look every five seconds for so many minutes. */
function series(minutes: number, valueAt: (minute: number, n: number) => number): Point[] {
  return Array.from({ length: minutes * 12 }, (_, n) => ({
    atMs: 1_000_000 + n * 5_000,
    value: valueAt(n / 12, n),
  }));
}
const trend = (points: readonly Point[]) => trendOf(points, 5 * MINUTE_MS, 5 * MINUTE_MS);

test('a-level-that-jumps-up-and-down-does-not-grow', () => {
  const flat = trend(series(20, (_, n) => 200 + (n % 7) * 3));
  expect(Math.abs(flat?.percentPerMinute ?? 99)).toBeLessThan(0.1);
});

test('a-leak-of-one-percent-a-minute-is-seen-through-the-noise-and-through-single-peaks', () => {
  const leak = trend(series(20, (minute, n) => 200 + 2 * minute + (n % 5) + (n % 10 === 0 ? 500 : 0)));
  expect(leak?.perMinute).toBeCloseTo(2, 0);
  expect(leak?.percentPerMinute).toBeGreaterThan(0.8);
});

test('what-grows-while-it-warms-up-only-is-not-held-against-it', () => {
  const warmed = trend(series(20, (minute) => (minute < 5 ? 100 + 20 * minute : 200)));
  expect(warmed).toMatchObject({ from: 200, to: 200, percentPerMinute: 0 });
});

test('too-short-a-life-is-not-judged', () => {
  expect(trend([])).toBeUndefined();
  expect(trend(series(6, () => 100))).toBeUndefined();
  expect(theilSen([{ atMs: 1, value: 1 }])).toBeNaN();
});

test('a-long-series-is-thinned-and-tells-the-same', () => {
  const long = trend(series(240, (minute) => 100 + minute));
  expect(long?.perMinute).toBeCloseTo(1, 1);
});
