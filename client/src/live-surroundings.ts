// Time, chance, and word of the network, as the live feed knows them: passed in, so that tests need not wait for any.

export interface Surroundings {
  /** Milliseconds on a clock that goes on while the machine sleeps. */
  nowMs(): number;
  /** Calls once after the pause; what it returns cancels it. */
  after(ms: number, run: () => void): () => void;
  /** 0 ≤ x < 1. */
  random(): number;
  /** Calls whenever the machine comes back online; what it returns ends that. */
  onOnline(run: () => void): () => void;
}

/** Node and Bun have no window to hear of the network from. */
interface MaybeWindow {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

export const PLATFORM: Surroundings = {
  // The monotonic clock stands still in some browsers while the machine sleeps.
  nowMs: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
  onOnline(run) {
    const page = globalThis as MaybeWindow;
    page.addEventListener?.('online', run);
    return () => page.removeEventListener?.('online', run);
  },
};
