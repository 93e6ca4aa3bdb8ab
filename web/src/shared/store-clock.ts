// What time it is at the store, whose clock alone decides when a sale opens and a reservation ends. Counted on the
// browser's monotonic clock, so that a clock that is wrong or is changed here moves nothing.
//
// Everything the store says carries its time. An instant that has arrived is past: a lower bound of the store's time
// now. If we know when we asked, it is also later than that: an upper bound. The bounds of many answers are cut
// together; ones that do not meet mean that this machine slept or the store's clock was set, and the last one counts.
//
//   store = monotonic + offset,   said − received  ≤  offset  ≤  said − asked

/** Two good quartz clocks part by about this much: after an hour a bound is a third of a second looser. */
const DRIFT = 1e-4;
/** A wall clock that went this much further than the monotonic one: the machine slept, or someone set the clock. */
const JUMP_MS = 1_500;
/** How often jumps are looked for. */
const LOOK_MS = 1_000;

export interface Clocks {
  readonly monotonicMs: () => number;
  readonly wallMs: () => number;
}

const BROWSER: Clocks = { monotonicMs: () => performance.now(), wallMs: () => Date.now() };

export class StoreClock {
  readonly #clocks: Clocks;
  #low = Number.NEGATIVE_INFINITY;
  #high = Number.POSITIVE_INFINITY;
  /** Monotonic time up to which the drift has been allowed for. */
  #boundsAtMs: number;
  /** Wall minus monotonic, when it was last looked at. */
  #wallAhead: number;
  readonly #listeners = new Set<() => void>();

  constructor(clocks: Clocks = BROWSER) {
    this.#clocks = clocks;
    this.#boundsAtMs = clocks.monotonicMs();
    this.#wallAhead = clocks.wallMs() - clocks.monotonicMs();
  }

  /** False while only the browser's own clock is known. */
  get known(): boolean {
    return this.#low !== Number.NEGATIVE_INFINITY;
  }

  /** Milliseconds since 1970 at the store, as well as it can be told here. */
  nowMs(): number {
    if (!this.known) return this.#clocks.wallMs();
    const offset = this.#high === Number.POSITIVE_INFINITY ? this.#low : (this.#low + this.#high) / 2;
    return this.#clocks.monotonicMs() + offset;
  }

  monotonicMs(): number {
    return this.#clocks.monotonicMs();
  }

  /** The store said that it is `storeMs`, in an answer that just came; `askedAtMs` is monotonic, if it was asked. */
  hear(storeMs: number, askedAtMs?: number): void {
    if (!Number.isFinite(storeMs)) return;
    const nowMs = this.#clocks.monotonicMs();
    const widening = (nowMs - this.#boundsAtMs) * DRIFT;
    this.#boundsAtMs = nowMs;
    const low = storeMs - nowMs;
    const high = askedAtMs === undefined ? Number.POSITIVE_INFINITY : storeMs - askedAtMs;
    const meetLow = Math.max(low, this.#low - widening);
    const meetHigh = Math.min(high, this.#high + widening);
    const meet = meetLow <= meetHigh;
    this.#low = meet ? meetLow : low;
    this.#high = meet ? meetHigh : high;
    for (const listener of this.#listeners) listener();
  }

  /** Told when the store was heard, so that countdowns look again. @returns stops telling. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** True if this machine slept, or its clock was set, since the last look: then ask the store anew. */
  jumped(): boolean {
    const ahead = this.#clocks.wallMs() - this.#clocks.monotonicMs();
    const jumped = Math.abs(ahead - this.#wallAhead) > JUMP_MS;
    this.#wallAhead = ahead;
    return jumped;
  }
}

/** Calls `ask` whenever the clock can no longer be trusted: after a jump, and when the page is looked at again. */
export function watchForSleep(clock: StoreClock, ask: () => void): () => void {
  const timer = setInterval(() => {
    if (clock.jumped()) ask();
  }, LOOK_MS);
  const seen = () => {
    if (document.visibilityState === 'visible') ask();
  };
  document.addEventListener('visibilitychange', seen);
  window.addEventListener('pageshow', seen);
  window.addEventListener('online', ask);
  return () => {
    clearInterval(timer);
    document.removeEventListener('visibilitychange', seen);
    window.removeEventListener('pageshow', seen);
    window.removeEventListener('online', ask);
  };
}
