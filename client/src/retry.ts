// When to try again, and when not to. Only what is safe to repeat is repeated: calls without a second
// effect (reads, confirm, release, a reserve with its key), after failures that may pass. The budget keeps
// an outage from being multiplied: retries stay within a tenth of the traffic plus a small floor.
import type { HoldfastError } from './error.ts';

export interface RetryPolicy {
  /** Attempts after the first. */
  readonly maxRetries: number;
  /** Upper end of the first pause; doubles with each retry. */
  readonly baseMs: number;
  /** No backoff is longer, and a Retry-After beyond it goes to the caller instead of being waited for. */
  readonly maxWaitMs: number;
  /** Also wait out 429 answers. Off unless asked for: a shop rather tells its customer. */
  readonly retryRateLimited: boolean;
}

/**
 * How long to wait before trying again, or undefined for "not again". `retry` counts from 1.
 * Exponential with full jitter, so that clients that failed together do not return together. A Retry-After
 * is a floor, and the jitter on top of it as wide as it is long: all who were refused in one moment are told
 * the same whole second, and would otherwise come back in the same tenth of it.
 */
export function pauseBeforeRetry(
  policy: RetryPolicy,
  error: HoldfastError,
  retry: number,
  random: () => number,
): number | undefined {
  if (retry > policy.maxRetries || !mayPass(policy, error)) return undefined;
  const floorMs = (error.retryAfterSeconds ?? 0) * 1000;
  if (floorMs > policy.maxWaitMs) return undefined;
  const backoffMs = Math.min(policy.maxWaitMs, policy.baseMs * 2 ** (retry - 1));
  return floorMs + random() * Math.max(floorMs, backoffMs);
}

function mayPass(policy: RetryPolicy, error: HoldfastError): boolean {
  if (error.code === 'network' || error.code === 'timeout' || error.status === 503) return true;
  return error.status === 429 && policy.retryRateLimited;
}

/** Share of the traffic that retries may add. */
const BUDGET_RATIO = 0.1;
/** Retries that are always there for a client with little traffic; given back one a second, what its calls put in included. */
const BUDGET_FLOOR = 10;
/** What a long calm may save up, so that it does not pay for a storm. */
const BUDGET_CAP = 100;

/** A token bucket: each call puts in a tenth, each retry takes one out. */
export class RetryBudget {
  #tokens = BUDGET_FLOOR;
  #countedAtMs: number;
  /** What calls put in, less what the floor would have given back meanwhile. */
  #putIn = 0;

  constructor(private readonly nowMs: () => number = () => performance.now()) {
    this.#countedAtMs = nowMs();
  }

  recordCall(): void {
    this.#tokens = Math.min(BUDGET_CAP, this.#tokens + BUDGET_RATIO);
    this.#putIn += BUDGET_RATIO;
  }

  /** True if a retry may be made; it is then counted. */
  take(): boolean {
    this.#refillFloor();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #refillFloor(): void {
    const now = this.nowMs();
    const due = (now - this.#countedAtMs) / 1000;
    const earned = Math.max(0, due - this.#putIn);
    this.#countedAtMs = now;
    this.#putIn = Math.min(BUDGET_FLOOR, Math.max(0, this.#putIn - due));
    if (this.#tokens < BUDGET_FLOOR) this.#tokens = Math.min(BUDGET_FLOOR, this.#tokens + earned);
  }
}
