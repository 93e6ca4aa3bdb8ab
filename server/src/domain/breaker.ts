// A circuit breaker for one store. While the store does not answer, asking it again costs every caller its time limit
// and gives the store a queue to wake up to; so after a while nobody asks, and everybody is answered at once.
//
//   closed ──silent for a while, or half of all calls──▶ open ──pause, jittered──▶ half-open ──answers──▶ closed
//                                                          ▲                          │
//                                                          └────silent: longer pause──┘
//
// Only silence counts: a time limit that ran out, a connection lost or refused. A refusal is an answer, and so is a
// lock that others hold. Pure: the clock and the dice are passed in. See docs/decisions/0008.

export type BreakerState = 'closed' | 'half-open' | 'open';

export interface BreakerSettings {
  /** Opens after this many failures without an answer in between … */
  readonly failuresToOpen: number;
  /** … and not before they have gone on for this long: many calls that fail at once are one stall, not an outage. */
  readonly failingForMs: number;
  /** Opens too when of at least `windowCallsMin` calls in about this time … */
  readonly windowMs: number;
  readonly windowCallsMin: number;
  /** … this share has failed. */
  readonly windowFailureShare: number;
  /** Middle of the first pause; doubles with each probe that fails, up to the longest. */
  readonly pauseFirstMs: number;
  readonly pauseMaxMs: number;
  /** Calls let through at the same time while half-open. */
  readonly probesAtOnce: number;
  /** Answers that close it. */
  readonly answersToClose: number;
}

/** For a store that is asked thousands of times a second and answers within milliseconds. */
export const STORE_BREAKER: BreakerSettings = {
  failuresToOpen: 5,
  failingForMs: 250,
  windowMs: 5_000,
  windowCallsMin: 40,
  windowFailureShare: 0.5,
  pauseFirstMs: 500,
  pauseMaxMs: 2_000,
  probesAtOnce: 3,
  answersToClose: 2,
};

export interface BreakerOptions {
  readonly settings?: BreakerSettings;
  readonly onChange?: (state: BreakerState) => void;
  /** Monotonic. */
  readonly nowMs?: () => number;
  readonly random?: () => number;
}

/** What `enter` gave instead of a pass. */
export const REFUSED = 0;

interface Window {
  beganAtMs: number;
  calls: number;
  failures: number;
}

export class Breaker {
  private current: BreakerState = 'closed';
  /** Changes with the state: a call that began under another one has nothing to say about this one. */
  private pass = 1;
  private failures = 0;
  private failingSinceMs = 0;
  private window: Window;
  private windowBefore: Window;
  private pauseMs: number;
  private opensAgainAtMs = 0;
  private probes = 0;
  private answers = 0;
  private readonly settings: BreakerSettings;
  private readonly nowMs: () => number;
  private readonly random: () => number;
  private readonly onChange: (state: BreakerState) => void;

  constructor(options: BreakerOptions = {}) {
    this.settings = options.settings ?? STORE_BREAKER;
    this.nowMs = options.nowMs ?? (() => performance.now());
    this.random = options.random ?? Math.random;
    this.onChange = options.onChange ?? (() => undefined);
    this.pauseMs = this.settings.pauseFirstMs;
    this.window = emptyWindow(this.nowMs());
    this.windowBefore = emptyWindow(Number.NEGATIVE_INFINITY);
  }

  get state(): BreakerState {
    return this.current;
  }

  /** How long until it is worth asking again, as far as it can be said; 0 while closed. */
  get pauseLeftMs(): number {
    if (this.current === 'closed') return 0;
    return this.current === 'open' ? Math.max(0, this.opensAgainAtMs - this.nowMs()) : this.pauseMs;
  }

  /** A pass to be given to `leave` when the call has ended, or REFUSED: the caller fails at once. */
  enter(): number {
    if (this.current === 'closed') return this.pass;
    if (this.current === 'open') {
      if (this.nowMs() < this.opensAgainAtMs) return REFUSED;
      this.halfOpen();
    }
    if (this.probes >= this.settings.probesAtOnce) return REFUSED;
    this.probes += 1;
    return this.pass;
  }

  /** `answered` is null for a call that has learnt nothing: it never got as far as the store. */
  leave(pass: number, answered: boolean | null): void {
    if (pass !== this.pass) return;
    if (this.current === 'half-open') this.probes -= 1;
    if (answered !== null) this.count(answered);
  }

  /**
   * What a call that nobody may refuse has met: a worker's, a lease renewal's. They go on while the breaker is open, so
   * that it learns of the store's return without a customer, and before the pause is over.
   */
  heard(answered: boolean): void {
    if (this.current === 'open') {
      if (!answered) return;
      this.halfOpen();
    }
    this.count(answered);
  }

  private count(answered: boolean): void {
    if (this.current === 'closed') {
      this.countClosed(answered);
    } else if (!answered) {
      this.pauseMs = Math.min(this.settings.pauseMaxMs, this.pauseMs * 2);
      this.open();
    } else {
      this.answers += 1;
      if (this.answers >= this.settings.answersToClose) this.close();
    }
  }

  private countClosed(answered: boolean): void {
    const window = this.currentWindow();
    window.calls += 1;
    if (answered) {
      this.failures = 0;
      return;
    }
    window.failures += 1;
    if (this.failures === 0) this.failingSinceMs = this.nowMs();
    this.failures += 1;
    if (this.isSilent() || this.failsTooOften()) this.open();
  }

  private isSilent(): boolean {
    const { failuresToOpen, failingForMs } = this.settings;
    return this.failures >= failuresToOpen && this.nowMs() - this.failingSinceMs >= failingForMs;
  }

  private failsTooOften(): boolean {
    const { windowCallsMin, windowFailureShare } = this.settings;
    const calls = this.window.calls + this.windowBefore.calls;
    const failures = this.window.failures + this.windowBefore.failures;
    // Not by one burst: an answer must have come in between, or `isSilent` is the one to say so.
    return failures > this.failures && calls >= windowCallsMin && failures >= calls * windowFailureShare;
  }

  /** Two windows of which the older one is whole: together they look back between one and two lengths. */
  private currentWindow(): Window {
    const now = this.nowMs();
    const age = now - this.window.beganAtMs;
    if (age < this.settings.windowMs) return this.window;
    this.windowBefore = age < 2 * this.settings.windowMs ? this.window : emptyWindow(now);
    this.window = emptyWindow(now);
    return this.window;
  }

  private open(): void {
    // Half to one and a half of the pause: breakers that opened together do not probe together.
    this.opensAgainAtMs = this.nowMs() + this.pauseMs * (0.5 + this.random());
    this.become('open');
  }

  private halfOpen(): void {
    this.probes = 0;
    this.answers = 0;
    this.become('half-open');
  }

  private close(): void {
    this.failures = 0;
    this.pauseMs = this.settings.pauseFirstMs;
    this.window = emptyWindow(this.nowMs());
    this.windowBefore = emptyWindow(this.nowMs());
    this.become('closed');
  }

  private become(state: BreakerState): void {
    this.current = state;
    this.pass += 1;
    this.onChange(state);
  }
}

function emptyWindow(beganAtMs: number): Window {
  return { beganAtMs, calls: 0, failures: 0 };
}
