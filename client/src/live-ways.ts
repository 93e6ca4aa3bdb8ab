// A way by which live news comes, as it goes: since when, what was heard of it, and what to make of its end.
import type { Line } from './live-lines.ts';

/** A way that broke sooner than this after its opening counts as one that could not be opened. */
const STEADY_MS = 10_000;
/** No pause before the next opening is longer. */
const MAX_PAUSE_MS = 30_000;

export interface Way {
  readonly kind: 'socket' | 'streams' | 'polls';
  readonly openedAtMs: number;
  line: Line | undefined;
  /** It has brought something. */
  up: boolean;
  /** When the last message came, or it was opened. */
  heardAtMs: number;
  /** The same of beats, and of items newer than what was known: the store itself is heard. */
  freshAtMs: number;
}

export function newWay(kind: Way['kind'], nowMs: number): Way {
  return { kind, openedAtMs: nowMs, line: undefined, up: false, heardAtMs: nowMs, freshAtMs: nowMs };
}

/** What went wrong with the ways of one kind since the last that held. */
export class Setbacks {
  failures = 0;
  #breaks = 0;

  reset(): void {
    this.failures = 0;
    this.#breaks = 0;
  }

  note({ openedAtMs, freshAtMs }: Way, isFailure: boolean): void {
    if (freshAtMs - openedAtMs >= STEADY_MS) this.reset();
    if (isFailure) this.failures += 1;
    this.#breaks += 1;
  }

  /** Before the next opening: of random length, up to a bound that doubles. `random`: 0 ≤ x < 1. */
  pauseMs(firstMs: number, random: number): number {
    return random * Math.min(MAX_PAUSE_MS, firstMs * 2 ** Math.max(0, this.#breaks - 1));
  }
}
