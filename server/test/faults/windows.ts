// Stretches of time that a fault explains, and what they excuse.
import type { Visit } from './diary.ts';

export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
  readonly why: string;
}

/** Whether the reservation was, or may have been, granted in one of them. */
export function acknowledgedIn(
  windows: readonly Window[],
  { acceptedAtMs, firstSentAtMs }: Pick<Visit, 'acceptedAtMs' | 'firstSentAtMs'>,
): boolean {
  return windows.some(({ fromMs, toMs }) => acceptedAtMs >= fromMs && firstSentAtMs <= toMs);
}

/** The journal writer and the clocks of both sides are within this of each other. */
const SLACK_MS = 1_000;

/** Whether what was acknowledged at that moment may have been lost in one of them. */
export function endedIn(windows: readonly Window[], atMs: number): boolean {
  return windows.some(({ fromMs, toMs }) => atMs >= fromMs && atMs <= toMs + SLACK_MS);
}

/**
 * Until when something that was due at a moment may be late, if all it has otherwise is `graceMs`: an outage that began before
 * that was over excuses it to its end, and so on with the next.
 */
export function excusedUntil(dueMs: number, outages: readonly Window[], graceMs: number): number {
  let untilMs = dueMs;
  for (const { fromMs, toMs } of [...outages].sort((a, b) => a.fromMs - b.fromMs)) {
    if (fromMs <= untilMs + graceMs) untilMs = Math.max(untilMs, toMs);
  }
  return untilMs;
}
