// What this service tries again by itself, kept within a tenth of the traffic: in an outage every layer that retries
// multiplies the load by its attempts, just when there is least room for it. Each retry is bounded at its place too;
// past the budget the caller gets its 503, and the client's own retry, with a pause and jitter, is the better one.

/** Where something is tried again. The same words as the label of holdfast_retries_total. */
export const RETRY_PLACES = [
  /** A batch that the library refused for want of a lease, once the gate has opened the sale: once. */
  'lease',
  /** A call that found no library: once, after loading it. */
  'library',
  /** A confirm whose epoch was refused: from its pin on, at most three times. */
  'epoch',
  /** A statement that lost a deadlock or a serialization race: at most twice. */
  'transaction',
  /** Units set aside for a change of stock that was undone meanwhile: at most three times. */
  'stock-change',
] as const;

export type RetryPlace = (typeof RETRY_PLACES)[number];

/** Share of the traffic that retries may add. */
const SHARE = 0.1;
/** Always there for a process with little traffic … */
const FLOOR = 50;
/** … and given back so many a second, what its requests put in included. */
const FLOOR_PER_SECOND = 5;
/** What a calm may save up, so that it does not pay for a storm: a tenth of a second's traffic at full speed, doubled. */
const CAP = 200;

/** A token bucket: each request puts in a tenth, each retry takes one out. */
export class RetryBudget {
  private tokens = FLOOR;
  private countedAtMs: number;
  /** What requests put in, less what the floor would have given back meanwhile. */
  private putIn = 0;

  constructor(
    private readonly onRetry: (place: RetryPlace) => void = () => undefined,
    /** Monotonic. */
    private readonly nowMs: () => number = () => performance.now(),
  ) {
    this.countedAtMs = nowMs();
  }

  recordRequest(): void {
    this.tokens = Math.min(CAP, this.tokens + SHARE);
    this.putIn += SHARE;
  }

  /** True if it may be tried again; it is then counted. */
  take(place: RetryPlace): boolean {
    const now = this.nowMs();
    const due = ((now - this.countedAtMs) / 1000) * FLOOR_PER_SECOND;
    const earned = Math.max(0, due - this.putIn);
    this.countedAtMs = now;
    this.putIn = Math.min(FLOOR, Math.max(0, this.putIn - due));
    if (this.tokens < FLOOR) this.tokens = Math.min(FLOOR, this.tokens + earned);
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    this.onRetry(place);
    return true;
  }
}
