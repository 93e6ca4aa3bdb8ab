// The way that is always there: asks for each item every few seconds. A few requests at a time, fewer a second the more
// items there are, and further apart while they fail.
import { type Line, type LineEars, readItem } from './live-lines.ts';
import type { Surroundings } from './live-surroundings.ts';
import type { Fetch } from './transport.ts';

/** Between the starts of two rounds. */
const PERIOD_MS = 2_000;
/** A feed's requests a second: with many items the rounds come further apart, so that one page stays within its limits. */
const REQUESTS_PER_SECOND = 5;
const AT_ONCE = 4;
/** One request's time limit, body included. */
const ASK_MS = 5_000;
/** Neither what failing rounds nor what a Retry-After adds to a pause is more. */
const MAX_PAUSE_MS = 60_000;

export interface PollerParts {
  readonly fetch: Fetch;
  /** One an item. */
  readonly urls: readonly string[];
  readonly around: Surroundings;
  readonly ears: Pick<LineEars, 'heard'>;
}

export class Poller implements Line {
  readonly #parts: PollerParts;
  /** What cancels each one's time limit. */
  readonly #asking = new Map<AbortController, () => void>();
  #over = false;
  #failedRounds = 0;
  #retryAfterMs = 0;
  #cancelNext: (() => void) | undefined;

  constructor(parts: PollerParts) {
    this.#parts = parts;
    void this.#round();
  }

  close(): void {
    this.#over = true;
    this.#cancelNext?.();
    for (const [controller, cancelLimit] of this.#asking) {
      cancelLimit();
      controller.abort();
    }
  }

  /** Never throws. */
  async #round(): Promise<void> {
    const { around, urls } = this.#parts;
    const beganAtMs = around.nowMs();
    this.#retryAfterMs = 0;
    const left = [...urls];
    let answers = 0;
    let refused = false;
    const lane = async () => {
      for (let url = left.shift(); url !== undefined && !this.#over; url = left.shift()) {
        const end = await this.#ask(url);
        if (end === 'answered') answers += 1;
        if (end !== 'too-many') continue;
        // The others would fare no better now.
        refused = true;
        left.length = 0;
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, urls.length) }, lane));
    if (this.#over) return;
    this.#failedRounds = refused || answers === 0 ? this.#failedRounds + 1 : 0;
    const pauseMs = this.#pause(Math.max(0, around.nowMs() - beganAtMs));
    this.#cancelNext = around.after(pauseMs, () => void this.#round());
  }

  #pause(tookMs: number): number {
    const { around, urls } = this.#parts;
    const periodMs = Math.max(PERIOD_MS, (urls.length / REQUESTS_PER_SECOND) * 1000);
    if (this.#failedRounds === 0) return Math.max(0, periodMs - tookMs);
    const backoffMs = Math.min(MAX_PAUSE_MS, periodMs * 2 ** (this.#failedRounds - 1));
    const floorMs = Math.max(PERIOD_MS, this.#retryAfterMs);
    return floorMs + around.random() * Math.max(floorMs, backoffMs);
  }

  /** An item that is not there is an answer too. Never throws. */
  async #ask(url: string): Promise<'answered' | 'failed' | 'too-many'> {
    const controller = new AbortController();
    const cancelLimit = this.#parts.around.after(ASK_MS, () => controller.abort());
    this.#asking.set(controller, cancelLimit);
    let body: unknown;
    try {
      const init = { headers: { accept: 'application/json' }, signal: controller.signal };
      const response = await this.#parts.fetch(url, init);
      if (response.ok) body = await response.json();
      else await response.body?.cancel();
      if (response.status === 429 || response.status >= 500) {
        const seconds = Number(response.headers.get('retry-after') ?? 0);
        if (seconds > 0) this.#retryAfterMs = Math.min(MAX_PAUSE_MS, seconds * 1000);
        return response.status === 429 ? 'too-many' : 'failed';
      }
    } catch {
      return 'failed';
    } finally {
      cancelLimit();
      this.#asking.delete(controller);
    }
    const item = readItem(body);
    if (item && !this.#over) this.#parts.ears.heard({ type: 'item', item });
    return 'answered';
  }
}
