// How many units were taken at which moment, from spans of time. Pure; O(n log n), and O(log n) a question.

export interface Span {
  readonly quantity: number;
  readonly fromMs: number;
  /** Infinity: for good. */
  readonly untilMs: number;
}

export interface Levels {
  /** Moments at which something began or ended, in order … */
  readonly timesMs: readonly number[];
  /** … and the sum right after each. */
  readonly sums: readonly number[];
  /** maxima[k][i]: the most of the 2^k sums from i on. */
  readonly maxima: readonly (readonly number[])[];
}

/** `ends-first`: a span that ends where another begins does not overlap it, for lower bounds. `starts-first`: for upper ones. */
export function levelsOf(spans: readonly Span[], ties: 'ends-first' | 'starts-first'): Levels {
  const changes = spans.flatMap(({ quantity, fromMs, untilMs }) => [
    { atMs: fromMs, by: quantity },
    ...(untilMs === Number.POSITIVE_INFINITY ? [] : [{ atMs: untilMs, by: -quantity }]),
  ]);
  const sign = ties === 'ends-first' ? 1 : -1;
  changes.sort((a, b) => a.atMs - b.atMs || sign * (a.by - b.by));
  let sum = 0;
  const sums = changes.map(({ by }) => {
    sum += by;
    return sum;
  });
  const maxima: number[][] = [sums];
  for (let length = 2; length <= sums.length; length *= 2) {
    const halves = maxima.at(-1) ?? [];
    maxima.push(
      Array.from({ length: sums.length - length + 1 }, (_, i) =>
        Math.max(halves[i] ?? 0, halves[i + length / 2] ?? 0),
      ),
    );
  }
  return { timesMs: changes.map(({ atMs }) => atMs), sums, maxima };
}

/** The most at any moment from `fromMs` to `toMs`, both included; what ends or begins right then counts. */
export function mostWithin({ timesMs, sums, maxima }: Levels, fromMs: number, toMs: number): number {
  const first = firstAt(timesMs, (atMs) => atMs >= fromMs);
  const end = firstAt(timesMs, (atMs) => atMs > toMs);
  const before = first === 0 ? 0 : (sums[first - 1] ?? 0);
  if (first >= end) return before;
  const power = Math.floor(Math.log2(end - first));
  const row = maxima[power] ?? [];
  return Math.max(before, row[first] ?? 0, row[end - 2 ** power] ?? 0);
}

/** The first index for which it holds; it holds for all after that. */
function firstAt(sorted: readonly number[], holds: (value: number) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(sorted[middle] ?? Number.POSITIVE_INFINITY)) high = middle;
    else low = middle + 1;
  }
  return low;
}
