// Does something grow? The slope of a series by Theil–Sen: the median of the slopes between all pairs of points. A third of
// the points may lie anywhere (a collection just before or after the look, a buffer of a fault) and the answer is the same.

export interface Point {
  readonly atMs: number;
  readonly value: number;
}

export interface Trend {
  /** Medians of the first and the last fifth of what was judged. */
  readonly from: number;
  readonly to: number;
  readonly perMinute: number;
  /** Of the median. */
  readonly percentPerMinute: number;
  readonly minutes: number;
}

/** Points are gathered into so many medians at most: pairs grow with the square. */
const POINTS_MAX = 240;
const SHARE_AT_ENDS = 0.2;
const MS_A_MINUTE = 60_000;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >>> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Per millisecond; NaN for fewer than two moments. */
export function theilSen(points: readonly Point[]): number {
  const slopes: number[] = [];
  for (const [i, a] of points.entries()) {
    for (const b of points.slice(i + 1)) {
      if (b.atMs !== a.atMs) slopes.push((b.value - a.value) / (b.atMs - a.atMs));
    }
  }
  return median(slopes);
}

/** Of the points from the end of the warm-up on; undefined: too few, or over too short a time, to say anything. */
export function trendOf(
  points: readonly Point[],
  warmUpMs: number,
  judgedAtLeastMs: number,
): Trend | undefined {
  const [first] = points;
  if (first === undefined) return undefined;
  const judged = thinned(points.filter(({ atMs }) => atMs >= first.atMs + warmUpMs));
  const [begin, end] = [judged[0], judged.at(-1)];
  if (begin === undefined || end === undefined || end.atMs - begin.atMs < judgedAtLeastMs) return undefined;
  const perMinute = theilSen(judged) * MS_A_MINUTE;
  const atEnds = Math.max(1, Math.floor(judged.length * SHARE_AT_ENDS));
  const valuesOf = (some: readonly Point[]) => some.map(({ value }) => value);
  return {
    from: median(valuesOf(judged.slice(0, atEnds))),
    to: median(valuesOf(judged.slice(-atEnds))),
    perMinute,
    percentPerMinute: (perMinute / median(valuesOf(judged))) * 100,
    minutes: (end.atMs - begin.atMs) / MS_A_MINUTE,
  };
}

function thinned(points: readonly Point[]): Point[] {
  const together = Math.ceil(points.length / POINTS_MAX);
  const thin: Point[] = [];
  for (let at = 0; at < points.length; at += together) {
    const some = points.slice(at, at + together);
    thin.push({
      atMs: median(some.map(({ atMs }) => atMs)),
      value: median(some.map(({ value }) => value)),
    });
  }
  return thin;
}
