import { expect, test } from 'bun:test';
import { judgeSeries, neverJudged } from './memory-verdict.ts';
import type { Measure, Series } from './memory-watch.ts';

const RUN_MS = 30 * 60_000;

function series(measure: Measure, minutes: number, valueAt: (minute: number) => number): Series {
  const points = Array.from({ length: minutes * 12 }, (_, n) => ({
    atMs: n * 5_000,
    value: valueAt(n / 12),
  }));
  return { of: 'worker 1', role: 'worker', measure, points };
}
const grows = (one: Series) => judgeSeries([one], RUN_MS)[0]?.grows;

test('memory-that-grows-by-more-than-a-percent-a-minute-is-told', () => {
  expect(grows(series('resident MiB', 30, (minute) => 200 + 3 * minute))).toBe(true);
  expect(grows(series('resident MiB', 30, (minute) => 200 + minute))).toBe(false);
});

test('a-process-that-died-young-is-not-judged-and-a-run-without-an-old-one-says-so', () => {
  const young = judgeSeries([series('resident MiB', 8, (minute) => 100 + 50 * minute)], RUN_MS);
  expect(young).toMatchObject([{ trend: undefined, grows: false }]);
  expect(neverJudged(young)).toEqual(['supervisor', 'worker']);
  expect(neverJudged(judgeSeries([series('resident MiB', 12, () => 100)], RUN_MS))).toEqual(['supervisor']);
});

test('handles-may-move-with-who-is-there-but-not-pile-up', () => {
  expect(grows(series('descriptors', 30, (minute) => 100 + 5 * minute))).toBe(true);
  expect(grows(series('descriptors', 30, (minute) => 20 + 0.3 * minute))).toBe(false);
  expect(grows(series('viewers', 30, (minute) => 5 * minute))).toBe(false);
});
