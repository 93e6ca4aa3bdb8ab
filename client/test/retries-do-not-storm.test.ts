// The promise: an outage is not multiplied by its clients. Over a long one retries are a tenth of the calls and a small
// floor; each waits at least as long as it was told; and the many who failed in one moment do not come back in one.
// On a clock of the test's own: minutes of outage in milliseconds.
import { expect, test } from 'bun:test';
import { HoldfastError } from '../src/error.ts';
import { pauseBeforeRetry, RetryBudget, type RetryPolicy } from '../src/retry.ts';

const POLICY: RetryPolicy = { maxRetries: 3, baseMs: 100, maxWaitMs: 5_000, retryRateLimited: false };

function unavailable(retryAfterSeconds: number): HoldfastError {
  return new HoldfastError({ code: 'unavailable', status: 503, title: 'Not now', retryAfterSeconds });
}

/** The largest share of the moments that fall into one tenth of a second. */
function largestSpike(momentsMs: readonly number[]): number {
  const tenths = new Map<number, number>();
  for (const ms of momentsMs) tenths.set(Math.floor(ms / 100), (tenths.get(Math.floor(ms / 100)) ?? 0) + 1);
  return Math.max(...tenths.values()) / momentsMs.length;
}

interface Outage {
  readonly calls: number;
  /** When each retry was made. */
  readonly retriesAtMs: readonly number[];
}

/** Shoppers of one client who call once a second each, and are told 503 for as long as it lasts. */
function outage(seconds: number, shoppers: number, retryAfterSeconds: number): Outage {
  let nowMs = 0;
  const budget = new RetryBudget(() => nowMs);
  const retriesAtMs: number[] = [];
  let calls = 0;
  const queue: { atMs: number; retry: number }[] = [];
  for (let shopper = 0; shopper < shoppers; shopper++)
    for (let second = 0; second < seconds; second++)
      queue.push({ atMs: 1_000 * (second + shopper / shoppers), retry: 0 });
  queue.sort((a, b) => a.atMs - b.atMs);
  const retries: typeof queue = [];
  for (;;) {
    retries.sort((a, b) => a.atMs - b.atMs);
    const next =
      (retries[0]?.atMs ?? Infinity) < (queue[0]?.atMs ?? Infinity) ? retries.shift() : queue.shift();
    if (next === undefined) break;
    nowMs = next.atMs;
    if (next.retry === 0) {
      calls += 1;
      budget.recordCall();
    } else {
      retriesAtMs.push(nowMs);
    }
    const pauseMs = pauseBeforeRetry(POLICY, unavailable(retryAfterSeconds), next.retry + 1, Math.random);
    if (pauseMs === undefined || !budget.take()) continue;
    expect(pauseMs).toBeGreaterThanOrEqual(retryAfterSeconds * 1_000);
    retries.push({ atMs: nowMs + pauseMs, retry: next.retry + 1 });
  }
  return { calls, retriesAtMs };
}

for (const retryAfterSeconds of [0, 1, 3]) {
  test(`a minute of 503 with Retry-After ${retryAfterSeconds}: retries stay a tenth of the calls, and make no spike`, () => {
    const seconds = 60;
    const { calls, retriesAtMs } = outage(seconds, 100, retryAfterSeconds);
    expect(calls).toBe(6_000);
    expect(retriesAtMs.length).toBeLessThanOrEqual(calls / 10 + 10);
    expect(retriesAtMs.length).toBeGreaterThan(calls / 20);
    // Spread evenly they would be 1/600 a tenth of a second.
    expect(largestSpike(retriesAtMs)).toBeLessThan(0.05);
  });
}

test('a thousand clients refused in one moment come back over as long as they were told to wait', () => {
  // Multiples of the golden ratio: as even as chance is on the whole, and the same in every run.
  let drawn = 0;
  const evenly = () => (drawn++ * 0.618_033_988_75) % 1;
  for (const retryAfterSeconds of [1, 2, 5]) {
    const backAtMs = Array.from(
      { length: 1_000 },
      () => pauseBeforeRetry(POLICY, unavailable(retryAfterSeconds), 1, evenly) ?? Number.NaN,
    );
    const told = retryAfterSeconds * 1_000;
    expect(Math.min(...backAtMs)).toBeGreaterThanOrEqual(told);
    expect(Math.max(...backAtMs)).toBeLessThan(2 * told);
    // Evenly it would be a tenth of them in a tenth of a second, for a second.
    expect(largestSpike(backAtMs)).toBeLessThan(2 / (10 * retryAfterSeconds));
  }
});

test('without a Retry-After the pauses double, with full jitter, up to the longest', () => {
  const error = new HoldfastError({ code: 'network', status: 0, title: 'Nobody there' });
  const patient: RetryPolicy = { ...POLICY, maxRetries: 8 };
  const longest = Array.from({ length: 8 }, (_, i) => pauseBeforeRetry(patient, error, i + 1, () => 1));
  expect(longest).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  expect(pauseBeforeRetry(patient, error, 8, () => 0)).toBe(0);
  expect(pauseBeforeRetry(patient, error, 9, () => 0)).toBeUndefined();
});
