// Latencies as counts in fixed buckets: they add up over processes and seconds, and quantiles are read from the sums. Each
// bound is a quarter above the one before, so that a quantile is at most a quarter above the true value. Pure. The
// bounds are what stored counts mean: a change of them needs a new table.

const FIRST_BOUND_MS = 0.25;
const GROWTH = 1.25;
/** The last bound is 5.7 s, past which no request is waited for. */
export const LATENCY_BUCKETS = 46;

const BOUNDS_MS: readonly number[] = Array.from(
  { length: LATENCY_BUCKETS },
  (_, i) => FIRST_BOUND_MS * GROWTH ** i,
);
const LOG_GROWTH = Math.log(GROWTH);

/** The bucket whose bound is the first not below; what is slower than all of them is in the last. */
export function bucketOf(ms: number): number {
  if (ms <= FIRST_BOUND_MS) return 0;
  const guess = Math.min(LATENCY_BUCKETS - 1, Math.ceil(Math.log(ms / FIRST_BOUND_MS) / LOG_GROWTH));
  // The logarithm may be off by a hair at a bound.
  if (guess > 0 && ms <= boundOf(guess - 1)) return guess - 1;
  return guess < LATENCY_BUCKETS - 1 && ms > boundOf(guess) ? guess + 1 : guess;
}

export interface LatencyQuantiles {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** Null if nothing was counted. */
export function quantilesOf(counts: readonly number[]): LatencyQuantiles | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  const at = (share: number) => {
    let left = Math.ceil(total * share);
    for (const [bucket, count] of counts.entries()) {
      left -= count;
      if (left <= 0) return Math.round(boundOf(bucket) * 100) / 100;
    }
    return boundOf(LATENCY_BUCKETS - 1);
  };
  return { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}

function boundOf(bucket: number): number {
  return BOUNDS_MS[bucket] ?? Number.POSITIVE_INFINITY;
}
