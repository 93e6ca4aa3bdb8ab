// One race from its first line to its verdict: picture, dots and film together, fed by the service's lines, and played
// again from the film. Components look at it when it says that something changed.
import type { RaceLine, RaceVerdict } from '@holdfast/contract/race';
import { DotField } from './dot-field.ts';
import { type FilmEvent, type FilmLevels, RaceFilm, type Verb } from './race-film.ts';
import { RacePicture, type Told } from './race-picture.ts';

/** A replay takes this long, however short the race was. */
export const REPLAY_MS = 12_000;
/** A reservation id in place of a problem code: it was done. */
const DONE = /^(?:rsv|ord)_/;

export type RaceState =
  | { readonly kind: 'running' }
  | { readonly kind: 'judged'; readonly verdict: RaceVerdict }
  | { readonly kind: 'broken'; readonly sentence: string };

export class RaceStage {
  readonly picture: RacePicture;
  readonly field: DotField;
  readonly film = new RaceFilm();
  readonly seed: number;
  #state: RaceState = { kind: 'running' };
  #levels: FilmLevels;
  /** Events of the film that are in the picture; null while it happens. */
  #played: number | null = null;
  #playedMs = 0;
  readonly #listeners = new Set<() => void>();

  constructor(
    readonly saleId: string,
    readonly shoppers: number,
    readonly units: number,
    seed: number,
  ) {
    this.seed = seed;
    this.picture = new RacePicture(shoppers);
    this.field = new DotField(shoppers);
    this.#levels = { atMs: 0, available: units, reserved: 0, sold: 0 };
  }

  get state(): RaceState {
    return this.#state;
  }

  get levels(): FilmLevels {
    return this.#levels;
  }

  get replaying(): boolean {
    return this.#played !== null;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  take(line: RaceLine): void {
    switch (line.type) {
      case 'started':
        return;
      case 'events':
        for (const [shopper, verb, , answeredAtMs, result] of line.events) {
          const ok = DONE.test(result);
          this.#happen({ shopper, verb, ok, code: ok ? '' : result, answeredAtMs });
        }
        break;
      case 'stock':
        this.#levels = {
          atMs: line.at_ms,
          available: line.available,
          reserved: line.reserved,
          sold: line.sold,
        };
        this.film.addLevels(this.#levels);
        break;
      case 'verdict':
        this.#end(line);
        break;
      case 'failed':
        this.breakOff(line.detail);
        break;
    }
    this.#changed();
  }

  /** It came to no verdict. After one nothing can break it any more. */
  breakOff(sentence: string): void {
    if (this.#state.kind !== 'running') return;
    this.#state = { kind: 'broken', sentence };
    this.#changed();
  }

  /** Everybody back to the start. */
  replay(): void {
    this.picture.reset();
    this.field.reset();
    this.#levels = { atMs: 0, available: this.units, reserved: 0, sold: 0 };
    this.#played = 0;
    this.#playedMs = 0;
    this.#changed();
  }

  /** Lets the replay go on; at its end the picture is the race's last again. */
  play(elapsedMs: number): void {
    if (this.#played === null) return;
    this.#playedMs += elapsedMs * Math.min(1, Math.max(1, this.film.lastedMs) / REPLAY_MS);
    while (this.#played < this.film.length && this.film.timeAt(this.#played) <= this.#playedMs) {
      this.#show(this.film.at(this.#played));
      this.#played += 1;
    }
    this.#levels = this.film.levelsAt(this.#playedMs) ?? this.#levels;
    if (this.#playedMs >= this.film.lastedMs) {
      this.#played = null;
      if (this.#state.kind === 'judged') this.#settle(this.#state.verdict);
    }
    this.#changed();
  }

  #happen(event: FilmEvent): void {
    this.film.add(event);
    if (this.#played === null) this.#show(event);
  }

  #show({ shopper, verb, ok, code }: FilmEvent): void {
    if (this.picture.tell(shopper, toldOf(verb, ok, code))) {
      this.field.move(shopper, this.picture.placeOf(shopper));
    }
  }

  #end(verdict: RaceVerdict): void {
    this.#state = { kind: 'judged', verdict };
    this.#settle(verdict);
  }

  /** The last word is the ledger's. */
  #settle({ ledger, duration_ms }: RaceVerdict): void {
    this.picture.end();
    for (let shopper = 0; shopper < this.shoppers; shopper += 1) {
      this.field.move(shopper, this.picture.placeOf(shopper));
    }
    this.#levels = {
      atMs: duration_ms,
      available: ledger.available,
      reserved: ledger.reserved,
      sold: ledger.sold,
    };
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function toldOf(verb: Verb, ok: boolean, code: string): Told {
  return verb === 'confirm' ? { verb, ok, code } : { verb, ok };
}
