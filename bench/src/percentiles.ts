// What a set of measured times comes down to. Nearest rank: each figure is a time that was really measured.

export interface Summary {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** Times as they come in; grows by doubling. */
export class Times {
  private values = new Float64Array(1024);
  private used = 0;

  add(ms: number): void {
    if (this.used === this.values.length) {
      const grown = new Float64Array(this.used * 2);
      grown.set(this.values);
      this.values = grown;
    }
    this.values[this.used++] = ms;
  }

  get count(): number {
    return this.used;
  }

  summary(): Summary {
    return summarise(this.values.slice(0, this.used));
  }
}

export function summarise(values: Float64Array): Summary {
  const sorted = values.slice().sort();
  let sum = 0;
  for (const value of sorted) sum += value;
  const at = (share: number) => percentile(sorted, share);
  return {
    count: sorted.length,
    meanMs: sorted.length === 0 ? 0 : sum / sorted.length,
    p50Ms: at(0.5),
    p90Ms: at(0.9),
    p99Ms: at(0.99),
    p999Ms: at(0.999),
    maxMs: sorted.at(-1) ?? 0,
  };
}

/** The smallest value that at least this share of all do not exceed; 0 of none. */
export function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/** The middle one; of an even number the mean of the middle two. Undefined of none. */
export function median(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] as number)) / 2;
}
