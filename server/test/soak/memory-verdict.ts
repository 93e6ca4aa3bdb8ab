// What the series of a run say: which of them are judged, how they lie, and what grows. Pure.
import type { Measure, Series } from './memory-watch.ts';
import { type Trend, trendOf } from './slope.ts';

export interface Judged {
  readonly of: string;
  readonly role: Series['role'];
  readonly measure: Measure;
  readonly lifeMinutes: number;
  /** Undefined: lived too short to be judged. */
  readonly trend: Trend | undefined;
  /** Undefined: told, and held to nothing. */
  readonly limit: Limit | undefined;
  readonly grows: boolean;
}

export type Limit = 'memory' | 'handles';

/** Of the resident memory after the warm-up. */
export const PERCENT_A_MINUTE = 1;
/** So many more or less are people who came or left. */
export const HANDLES_MORE = 10;
const WARM_UP_MAX_MS = 300_000;
const WARM_UP_SHARE = 0.2;
const JUDGED_AT_LEAST_MS = 300_000;

/** A fifth of the run, five minutes at most: of each process from its own first moment. */
export function warmUpOf(runMs: number): number {
  return Math.min(WARM_UP_MAX_MS, runMs * WARM_UP_SHARE);
}

export function judgeSeries(series: readonly Series[], runMs: number): Judged[] {
  return series.map(({ of, role, measure, points }) => {
    const trend = trendOf(points, warmUpOf(runMs), JUDGED_AT_LEAST_MS);
    const limit = limitOf(role, measure);
    const [first, last] = [points[0], points.at(-1)];
    return {
      of,
      role,
      measure,
      lifeMinutes: first === undefined || last === undefined ? 0 : (last.atMs - first.atMs) / 60_000,
      trend,
      limit,
      grows: trend !== undefined && limit !== undefined && doesGrow(trend, limit),
    };
  });
}

/** Of a run that is long enough: what nobody can say anything about, because no process lived long enough. */
export function neverJudged(judged: readonly Judged[]): string[] {
  const roles = ['supervisor', 'worker'] as const;
  return roles.filter(
    (role) => !judged.some((each) => each.role === role && each.limit === 'memory' && each.trend),
  );
}

function limitOf(role: Series['role'], measure: Measure): Limit | undefined {
  const ours = role === 'supervisor' || role === 'worker';
  if (ours && measure === 'resident MiB') return 'memory';
  // Redis keeps what was resolved for a day, in the sale that never closes too; and no Redis lives long enough here to be judged.
  if (ours && measure === 'descriptors') return 'handles';
  return measure === 'connections' ? 'handles' : undefined;
}

function doesGrow({ percentPerMinute, from, to }: Trend, limit: Limit): boolean {
  if (percentPerMinute < PERCENT_A_MINUTE) return false;
  return limit === 'memory' || to - from > HANDLES_MORE;
}
