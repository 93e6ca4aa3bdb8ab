import { expect, test } from 'bun:test';
import { RETRY_PLACES, RetryBudget } from './retry-budget.ts';
import { retryAfterSeconds } from './time-budgets.ts';

test('over a long outage retries are a tenth of the traffic and a small floor, whatever asks for them', () => {
  let nowMs = 0;
  const counted = new Map<string, number>();
  const budget = new RetryBudget(
    (place) => counted.set(place, (counted.get(place) ?? 0) + 1),
    () => nowMs,
  );
  const seconds = 60;
  const perSecond = 1_000;
  let retries = 0;
  for (let i = 0; i < seconds * perSecond; i++) {
    nowMs += 1_000 / perSecond;
    budget.recordRequest();
    // Each request would be tried again at every place.
    for (const place of RETRY_PLACES) if (budget.take(place)) retries += 1;
  }
  const traffic = seconds * perSecond;
  expect(retries).toBeGreaterThan(traffic * 0.09);
  expect(retries).toBeLessThanOrEqual(traffic * 0.1 + 50);
  expect([...counted.values()].reduce((sum, count) => sum + count, 0)).toBe(retries);
});

test('a calm hour pays for no storm, and the floor comes back', () => {
  let nowMs = 0;
  const budget = new RetryBudget(undefined, () => nowMs);
  const takeAll = () => {
    let taken = 0;
    while (budget.take('lease')) taken += 1;
    return taken;
  };
  for (let i = 0; i < 1_000_000; i++) budget.recordRequest();
  expect(takeAll()).toBe(200);
  // What the requests put in counts as given back: ten seconds of the floor.
  nowMs += 10_000;
  expect(takeAll()).toBe(0);
  nowMs += 2_000;
  expect(takeAll()).toBe(10);
  nowMs += 3_600_000;
  expect(takeAll()).toBe(50);
});

test('Retry-After is never before the pause is over, never zero, and spreads over three seconds', () => {
  const dice = [0, 0.34, 0.67, 0.999];
  expect(dice.map((one) => retryAfterSeconds(0, () => one))).toEqual([1, 2, 3, 3]);
  expect(dice.map((one) => retryAfterSeconds(1_001, () => one))).toEqual([2, 3, 4, 4]);
});
