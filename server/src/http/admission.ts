// How many requests of a route may be in flight, by the time that they take together. It follows from Little's law:
// in flight = answered a second × time in flight. So a route admits as many as it answers within `queueMs`. What it answers is measured only while it is at its bound, since
// an idle one shows nothing of what it could; until then, and again once the rush is over, the bound is `startPerSecond`'s.
//
// A request counts once it is complete: a body that trickles in takes nobody's place.

export interface Bounds {
  /** The longest that those in flight shall take together. */
  readonly queueMs: number;
  /** Answers a second that a route is taken for until a rush has shown better. */
  readonly startPerSecond: number;
  /** Fewer are never too many: a store that stalls for a moment must not shut the door. */
  readonly atLeast: number;
  /** More are always too many: the memory that they may take. */
  readonly atMost: number;
}

/** Of what changes something. */
export const CHANGES: Bounds = { queueMs: 250, startPerSecond: 8_000, atLeast: 512, atMost: 4_000 };
/** A confirm waits for a transaction of the ledger; the reserve before it has waited already. */
export const CONFIRMS: Bounds = { queueMs: 80, startPerSecond: 3_000, atLeast: 256, atMost: 4_000 };
/** Those who watch an item share looks at the stock, so thousands of them are answered together. */
export const READS: Bounds = { queueMs: 500, startPerSecond: 24_000, atLeast: 2_000, atMost: 16_000 };

/** Long enough for several batches. */
const WINDOW_MS = 100;
/** Share of the bound that must have been in flight all through a window for it to count as a rush. */
const RUSH = 0.5;
/** Of the newest window in what a route is taken for. */
const NEWEST = 0.5;

export class Admission {
  private inFlight = 0;
  private answered = 0;
  private fewest = 0;
  private windowEndsMs = 0;
  private windowBeganMs = 0;
  private perSecond: number;
  private bound: number;

  constructor(
    private readonly bounds: Bounds,
    private readonly nowMs: () => number = () => performance.now(),
  ) {
    this.perSecond = bounds.startPerSecond;
    this.bound = this.boundOf(this.perSecond);
  }

  /** Who comes now would wait too long. */
  get isFull(): boolean {
    return this.inFlight >= this.bound;
  }

  /** There is no room for who comes now, however patient. */
  get isCrammed(): boolean {
    return this.inFlight >= this.bounds.atMost;
  }

  enter(): void {
    this.inFlight += 1;
  }

  /** Once for every `enter`, whatever the answer was. */
  leave(): void {
    this.inFlight -= 1;
    this.answered += 1;
    if (this.inFlight < this.fewest) this.fewest = this.inFlight;
    const nowMs = this.nowMs();
    if (nowMs >= this.windowEndsMs) this.learn(nowMs);
  }

  private learn(nowMs: number): void {
    const seconds = (nowMs - this.windowBeganMs) / 1000;
    // The one that has just left may have been the one that filled it.
    const rush = this.fewest + 1 >= this.bound * RUSH;
    const seen = rush ? this.answered / seconds : this.bounds.startPerSecond;
    this.perSecond += NEWEST * (seen - this.perSecond);
    this.bound = this.boundOf(this.perSecond);
    this.answered = 0;
    this.fewest = this.inFlight;
    this.windowBeganMs = nowMs;
    this.windowEndsMs = nowMs + WINDOW_MS;
  }

  private boundOf(perSecond: number): number {
    const { queueMs, atLeast, atMost } = this.bounds;
    return Math.min(atMost, Math.max(atLeast, Math.round((perSecond * queueMs) / 1000)));
  }
}
