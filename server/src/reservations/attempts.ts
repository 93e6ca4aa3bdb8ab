// What came of the attempts at each sale, second by second, until a worker writes it into the ledger: the journal knows what
// was reserved, and nothing of those who were refused. Bounded: sales that exist × problem codes × seconds, and the oldest
// second goes first when the ledger is away for long. An attempt costs two look-ups here.
import type { ProblemCode } from '@holdfast/contract/problems';
import { REFUSED } from '../domain/activity.ts';
import { bucketOf, LATENCY_BUCKETS } from '../domain/latency-buckets.ts';
import type { AttemptCell, LatencyCell } from '../ledger/activity.ts';

/** What is kept of one sale and second is one count a kind; of so many there is half an hour of one sale under attack. */
export const CELLS_KEPT_MAX = 10_000;

export type ReserveOutcome = 'reserved' | 'replayed' | ProblemCode;

/** Of one sale in one second. */
interface Tally {
  readonly counts: Map<ReserveOutcome, number>;
  readonly reserveMs: number[];
  readonly confirmMs: number[];
}

export interface AttemptBatch {
  readonly attempts: readonly AttemptCell[];
  readonly latencies: readonly LatencyCell[];
}

export class Attempts {
  /** By second, oldest first; then by sale. */
  private readonly seconds = new Map<number, Map<number, Tally>>();
  private cells = 0;

  /** `nowMs`: the clock that the journal is written by. `onDropped` hears how many attempts will be missing. */
  constructor(
    private readonly nowMs: () => number,
    private readonly onDropped: (attempts: number) => void = () => undefined,
  ) {}

  reserved(saleNumber: number, outcome: ReserveOutcome, tookMs: number): void {
    const tally = this.tallyOf(Math.floor(this.nowMs() / 1000), saleNumber);
    this.count(tally, outcome, 1);
    observe(tally.reserveMs, bucketOf(tookMs), 1);
  }

  confirmed(saleNumber: number, tookMs: number): void {
    const tally = this.tallyOf(Math.floor(this.nowMs() / 1000), saleNumber);
    observe(tally.confirmMs, bucketOf(tookMs), 1);
  }

  /** Everything counted so far; from now on it is the caller's. */
  take(): AttemptBatch {
    const attempts: AttemptCell[] = [];
    const latencies: LatencyCell[] = [];
    for (const [atS, sales] of this.seconds) {
      for (const [saleNumber, { counts, reserveMs, confirmMs }] of sales) {
        for (const [outcome, count] of counts) {
          // What was reserved is in the journal, to the last one.
          if (outcome === 'reserved') continue;
          const kind = outcome === 'replayed' ? outcome : REFUSED + outcome;
          attempts.push({ saleNumber, atS, kind, count });
        }
        if (reserveMs.length > 0)
          latencies.push({ saleNumber, atS, verb: 'reserve', counts: full(reserveMs) });
        if (confirmMs.length > 0)
          latencies.push({ saleNumber, atS, verb: 'confirm', counts: full(confirmMs) });
      }
    }
    this.seconds.clear();
    this.cells = 0;
    return { attempts, latencies };
  }

  /** What could surely not be written: counted again with the rest. */
  putBack({ attempts, latencies }: AttemptBatch): void {
    for (const { saleNumber, atS, kind, count } of attempts) {
      const outcome = (kind.startsWith(REFUSED) ? kind.slice(REFUSED.length) : kind) as ReserveOutcome;
      this.count(this.tallyOf(atS, saleNumber), outcome, count);
    }
    for (const { saleNumber, atS, verb, counts } of latencies) {
      const tally = this.tallyOf(atS, saleNumber);
      const into = verb === 'reserve' ? tally.reserveMs : tally.confirmMs;
      for (const [bucket, count] of counts.entries()) if (count > 0) observe(into, bucket, count);
    }
  }

  /** Not to be written any more: it may be there already. */
  drop({ attempts }: AttemptBatch): void {
    this.onDropped(attempts.reduce((sum, { count }) => sum + count, 0));
  }

  private count({ counts }: Tally, outcome: ReserveOutcome, by: number): void {
    const before = counts.get(outcome);
    if (before === undefined) this.cells += 1;
    counts.set(outcome, (before ?? 0) + by);
  }

  private tallyOf(atS: number, saleNumber: number): Tally {
    let sales = this.seconds.get(atS);
    if (sales === undefined) {
      sales = new Map();
      this.seconds.set(atS, sales);
    }
    let tally = sales.get(saleNumber);
    if (tally === undefined) {
      tally = { counts: new Map(), reserveMs: [], confirmMs: [] };
      sales.set(saleNumber, tally);
      this.cells += 1;
      while (this.cells >= CELLS_KEPT_MAX && this.seconds.size > 1) this.dropOldest(atS);
    }
    return tally;
  }

  private dropOldest(but: number): void {
    // In the order in which they came: what was put back is the exception, and not far off.
    const keys = this.seconds.keys();
    let oldest = keys.next().value ?? but;
    if (oldest === but) oldest = keys.next().value ?? but;
    let attempts = 0;
    for (const { counts } of this.seconds.get(oldest)?.values() ?? []) {
      this.cells -= counts.size + 1;
      for (const [outcome, count] of counts) if (outcome !== 'reserved') attempts += count;
    }
    this.seconds.delete(oldest);
    this.onDropped(attempts);
  }
}

/** Sparse until it is sent: most seconds meet a dozen buckets. */
function observe(counts: number[], bucket: number, by: number): void {
  counts[bucket] = (counts[bucket] ?? 0) + by;
}

function full(sparse: readonly number[]): number[] {
  return Array.from({ length: LATENCY_BUCKETS }, (_, bucket) => sparse[bucket] ?? 0);
}
