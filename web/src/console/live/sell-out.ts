// When will it be sold out? A projection from what was sold lately, until it is a fact.
import type { LevelTrace } from './level-trace.ts';

export type SellOut =
  | { readonly kind: 'sold out' }
  | { readonly kind: 'projected'; readonly inMs: number; readonly perMinute: number }
  /** Nothing was sold lately, so no moment can be named. */
  | { readonly kind: 'resting' }
  /** Watched for too short a time to say. */
  | { readonly kind: 'unknown' };

/** Long enough to even out the bursts of a drop, short enough to follow it. */
export const RECENT_MS = 60_000;
/** Below this a single order would decide the answer. */
const LEAST_WATCHED_MS = 5_000;
/** Further away than a day is not a projection that anybody should act on. */
const FURTHEST_MS = 86_400_000;

/** `remaining`: units that are not sold, reserved ones included. The trace is of sold units until now. */
export function projectSellOut(trace: LevelTrace, remaining: number, total: number, nowMs: number): SellOut {
  if (total > 0 && remaining === 0) return { kind: 'sold out' };
  if (trace.length === 0) return { kind: 'unknown' };
  const sinceMs = Math.max(trace.timeAt(0), nowMs - RECENT_MS);
  const watchedMs = nowMs - sinceMs;
  if (watchedMs < LEAST_WATCHED_MS) return { kind: 'unknown' };
  const before = trace.soldAt(Math.max(0, trace.indexAt(sinceMs)));
  const soldLately = trace.soldAt(trace.length - 1) - before;
  if (soldLately <= 0) return { kind: 'resting' };
  const inMs = (remaining / soldLately) * watchedMs;
  if (inMs > FURTHEST_MS) return { kind: 'resting' };
  return { kind: 'projected', inMs, perMinute: (soldLately / watchedMs) * 60_000 };
}
