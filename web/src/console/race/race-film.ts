// What was told during a race, kept so that it can be watched again in slow motion: a race of 200 is over in less
// time than it takes to look up. Bounded: what does not fit is counted in the picture while it happens, and not kept.

/** 2,000 shoppers who ask, pay and change their minds a few times each. */
export const MAX_KEPT_EVENTS = 65_536;
/** 20 a second for the 30 s that a race may take, and as many again. */
export const MAX_KEPT_LEVELS = 1_200;

const VERBS = ['reserve', 'confirm', 'release'] as const;
export type Verb = (typeof VERBS)[number];

export interface FilmEvent {
  readonly shopper: number;
  readonly verb: Verb;
  readonly ok: boolean;
  /** The refusal; empty when it was none. */
  readonly code: string;
  readonly answeredAtMs: number;
}

export interface FilmLevels {
  readonly atMs: number;
  readonly available: number;
  readonly reserved: number;
  readonly sold: number;
}

export class RaceFilm {
  readonly #shopper = new Uint16Array(MAX_KEPT_EVENTS);
  readonly #verb = new Uint8Array(MAX_KEPT_EVENTS);
  /** 0: it was no refusal; else the place in the list of codes, plus one. */
  readonly #code = new Uint8Array(MAX_KEPT_EVENTS);
  readonly #answeredAtMs = new Float32Array(MAX_KEPT_EVENTS);
  readonly #codes: string[] = [];
  readonly #levels: FilmLevels[] = [];
  #length = 0;
  #dropped = 0;
  #lastedMs = 0;

  get length(): number {
    return this.#length;
  }

  /** Events that were not kept. */
  get dropped(): number {
    return this.#dropped;
  }

  get lastedMs(): number {
    return this.#lastedMs;
  }

  /** In the order of their answers, as far as the service told them so: time on film never goes back. */
  add({ shopper, verb, ok, code, answeredAtMs }: FilmEvent): void {
    this.#lastedMs = Math.max(this.#lastedMs, answeredAtMs);
    if (this.#length >= MAX_KEPT_EVENTS) {
      this.#dropped += 1;
      return;
    }
    this.#shopper[this.#length] = shopper;
    this.#verb[this.#length] = VERBS.indexOf(verb);
    this.#code[this.#length] = ok ? 0 : this.#codeNumber(code);
    this.#answeredAtMs[this.#length] = this.#lastedMs;
    this.#length += 1;
  }

  addLevels(levels: FilmLevels): void {
    this.#lastedMs = Math.max(this.#lastedMs, levels.atMs);
    if (this.#levels.length < MAX_KEPT_LEVELS) this.#levels.push(levels);
  }

  at(index: number): FilmEvent {
    const code = this.#code[index] ?? 0;
    return {
      shopper: this.#shopper[index] ?? 0,
      verb: VERBS[this.#verb[index] ?? 0] ?? 'reserve',
      ok: code === 0,
      code: this.#codes[code - 1] ?? '',
      answeredAtMs: this.timeAt(index),
    };
  }

  timeAt(index: number): number {
    return this.#answeredAtMs[index] ?? Number.POSITIVE_INFINITY;
  }

  /** The levels that held then; undefined before the first were told. */
  levelsAt(atMs: number): FilmLevels | undefined {
    return this.#levels.findLast((levels) => levels.atMs <= atMs);
  }

  #codeNumber(code: string): number {
    const known = this.#codes.indexOf(code);
    if (known >= 0) return known + 1;
    // The contract has some thirty codes; the number is a byte.
    if (this.#codes.length < 250) this.#codes.push(code);
    return this.#codes.length;
  }
}
