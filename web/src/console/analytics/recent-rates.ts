// What happens each second right now, from the last minutes of the series. The newest seconds are left out: attempts
// are told by each process about two seconds later, and a dip at the right end that is none would be looked at most.
import type { AnalyticsPoint } from '@holdfast/contract/analytics';
import { totalRefused } from './funnel.ts';

/** The contract says about two seconds; one more for a process that is late. */
const UNSETTLED_MS = 3_000;
/** Evens out single requests, and still follows a rush. */
const RATE_OVER_POINTS = 10;

export interface RecentRates {
  readonly attemptsPerSecond: number;
  readonly acceptedPerSecond: number;
  readonly refusedPerSecond: number;
  /** Over all settled points. */
  readonly refused: Readonly<Record<string, number>>;
}

/** The points whose counts do not change any more; `asOf` is the answer's. */
export function settled(
  series: readonly AnalyticsPoint[],
  asOf: string,
  stepSeconds: number,
): AnalyticsPoint[] {
  const until = Date.parse(asOf) - UNSETTLED_MS;
  return series.filter((point) => Date.parse(point.at) + stepSeconds * 1000 <= until);
}

export function recentRates(points: readonly AnalyticsPoint[], stepSeconds: number): RecentRates {
  const last = points.slice(-RATE_OVER_POINTS);
  const seconds = Math.max(1, last.length * stepSeconds);
  const perSecond = (count: (point: AnalyticsPoint) => number) =>
    last.reduce((sum, point) => sum + count(point), 0) / seconds;
  return {
    attemptsPerSecond: perSecond((point) => point.attempts),
    acceptedPerSecond: perSecond((point) => point.reserved),
    refusedPerSecond: perSecond((point) => totalRefused(point.refused)),
    refused: sumRefused(points),
  };
}

function sumRefused(points: readonly AnalyticsPoint[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { refused } of points) {
    for (const [code, count] of Object.entries(refused)) sums[code] = (sums[code] ?? 0) + count;
  }
  return sums;
}
