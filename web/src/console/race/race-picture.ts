// Where every shopper of a race stands: waiting, reserved, confirmed, refused or gone. Fed with what shoppers were
// told, in any order that retries, second tabs and lost answers can bring it; counts always add up to the field.

export const PLACES = ['waiting', 'reserved', 'confirmed', 'refused', 'left'] as const;
export type Place = (typeof PLACES)[number];

/** The verbs of a shopper; anything else that a newer service tells is not drawn. */
export type Told =
  | { readonly verb: 'reserve'; readonly ok: boolean }
  | { readonly verb: 'release'; readonly ok: boolean }
  | { readonly verb: 'confirm'; readonly ok: boolean; readonly code: string };

const WAITING = 0;
const RESERVED = 1;
const CONFIRMED = 2;
const REFUSED = 3;
const LEFT = 4;

/** Refusals of a confirm that say the reservation is over. */
const OVER: ReadonlySet<string> = new Set([
  'reservation-expired',
  'reservation-released',
  'reservation-lost',
]);

export class RacePicture {
  readonly #places: Uint8Array;
  readonly #counts = new Uint32Array(PLACES.length);

  constructor(readonly shoppers: number) {
    this.#places = new Uint8Array(shoppers);
    this.#counts[WAITING] = shoppers;
  }

  placeOf(shopper: number): Place {
    return PLACES[this.#places[shopper] ?? WAITING] ?? 'waiting';
  }

  count(place: Place): number {
    return this.#counts[PLACES.indexOf(place)] ?? 0;
  }

  /** @returns true if the shopper moved. */
  tell(shopper: number, told: Told): boolean {
    const from = this.#places[shopper];
    if (from === undefined) return false;
    return this.#move(shopper, from, next(from, told));
  }

  /** Who still holds something when the race is over never came back: the reservation has expired. */
  end(): void {
    for (let shopper = 0; shopper < this.shoppers; shopper += 1) {
      const from = this.#places[shopper] ?? WAITING;
      if (from === RESERVED) this.#move(shopper, from, LEFT);
    }
  }

  reset(): void {
    this.#places.fill(WAITING);
    this.#counts.fill(0);
    this.#counts[WAITING] = this.shoppers;
  }

  #move(shopper: number, from: number, to: number): boolean {
    if (from === to) return false;
    this.#places[shopper] = to;
    this.#counts[from] = (this.#counts[from] ?? 0) - 1;
    this.#counts[to] = (this.#counts[to] ?? 0) + 1;
    return true;
  }
}

/** Confirmed is for good, and so is gone; a refusal is only for now. */
function next(from: number, told: Told): number {
  if (from === CONFIRMED) return CONFIRMED;
  switch (told.verb) {
    case 'reserve':
      if (told.ok) return from === WAITING || from === REFUSED ? RESERVED : from;
      return from === WAITING ? REFUSED : from;
    case 'confirm':
      if (told.ok) return CONFIRMED;
      return from === RESERVED && OVER.has(told.code) ? LEFT : from;
    case 'release':
      return told.ok ? LEFT : from;
  }
}
