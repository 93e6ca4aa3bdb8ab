// Percentiles, medians and the table of ratios: what a reader of the bench takes for true.
import { expect, test } from 'bun:test';
import { GOALS, mediansOf, rowsOf, verdictOf } from '../src/figures.ts';
import { median, percentile, summarise, Times } from '../src/percentiles.ts';

test('a-percentile-is-a-time-that-was-measured', () => {
  const sorted = Float64Array.from({ length: 100 }, (_, i) => i + 1);
  expect([0, 0.5, 0.99, 0.999, 1].map((share) => percentile(sorted, share))).toEqual([1, 50, 99, 100, 100]);
  expect(percentile(Float64Array.of(7), 0.99)).toBe(7);
  expect(percentile(new Float64Array(), 0.5)).toBe(0);
});

test('a-summary-does-not-depend-on-the-order-of-times', () => {
  const times = new Times();
  for (let i = 5_000; i > 0; i--) times.add(i);
  const { count, meanMs, p50Ms, p99Ms, maxMs } = times.summary();
  expect({ count, meanMs, p50Ms, p99Ms, maxMs }).toEqual({
    count: 5_000,
    meanMs: 2_500.5,
    p50Ms: 2_500,
    p99Ms: 4_950,
    maxMs: 5_000,
  });
  expect(summarise(new Float64Array())).toMatchObject({ count: 0, meanMs: 0, p99Ms: 0, maxMs: 0 });
});

test('a-median-of-an-even-number-lies-between-the-middle-two', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeUndefined();
});

test('a-ratio-is-taken-within-a-round-and-not-between-medians', () => {
  const rounds = [
    { 'reserve.always.perSecond': 10, 'node.perSecond': 10 },
    { 'reserve.always.perSecond': 30, 'node.perSecond': 10 },
    { 'reserve.always.perSecond': 40, 'node.perSecond': 80 },
  ];
  const row = rowsOf(rounds).find(({ goal }) => goal.row.includes('fsync always (the default)'));
  expect(row).toMatchObject({ measured: 1, lowest: 0.5, highest: 3, rounds: 3, verdict: 'must' });
  expect(mediansOf(rounds)).toEqual({ 'reserve.always.perSecond': 30, 'node.perSecond': 10 });
});

test('what-was-not-measured-has-no-figure', () => {
  const rows = rowsOf([{ 'reserve.always.perSecond': 10 }, { 'node.perSecond': 0 }]);
  expect(rows).toHaveLength(GOALS.length);
  expect(new Set(rows.map(({ verdict }) => verdict))).toEqual(new Set(['not measured']));
});

test('goals-are-met-in-their-own-direction-bounds-included', () => {
  const more = { better: 'more', must: 1.2, aim: 1.8 } as const;
  const less = { better: 'less', must: 25, aim: 10 } as const;
  expect([1.19, 1.2, 1.8].map((value) => verdictOf(more, value))).toEqual(['missed', 'must', 'aim']);
  expect([25.1, 25, 10].map((value) => verdictOf(less, value))).toEqual(['missed', 'must', 'aim']);
  for (const { better, must, aim } of GOALS)
    expect(better === 'more' ? aim : must).toBeGreaterThan(better === 'more' ? must : aim);
});
