// When a worker that ended by itself is started again: soon after the first time, later after each further one, and
// not at all once it happens so often that starting again cures nothing.

/** This many crashes within the window mean that the service cannot run here. */
export const MAX_CRASHES = 10;
export const CRASH_WINDOW_MS = 60_000;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;

/** One for all workers of a service: what breaks one usually breaks all. */
export class RestartPolicy {
  private crashesAtMs: number[] = [];

  /** Notes a crash; how long to wait before the next start, or null to give up. */
  afterCrash(nowMs: number): number | null {
    this.crashesAtMs = [...this.crashesAtMs.filter((atMs) => nowMs - atMs < CRASH_WINDOW_MS), nowMs];
    const crashes = this.crashesAtMs.length;
    return crashes >= MAX_CRASHES ? null : Math.min(FIRST_DELAY_MS * 2 ** (crashes - 1), MAX_DELAY_MS);
  }

  /** The stores were out of reach: no fault of the worker, so it is tried for as long as it takes. */
  afterStoresUnreachable(): number {
    return MAX_DELAY_MS;
  }

  /** The code has changed: what happened before says nothing about it. */
  forget(): void {
    this.crashesAtMs = [];
  }
}
