// Who does what in a race: every random choice is made here, before it starts, from its seed. The same seed makes the same
// plans; who gets there first is the machine's business.

/** What a shopper does with a reservation. */
export type Ending =
  | 'confirm'
  | 'confirm twice'
  /** Two browser tabs that disagree. */
  | 'confirm and release'
  | 'release'
  /** Never comes back; the reservation must expire. */
  | 'vanish';

export interface Plan {
  /** How often the reserve is sent at once, all with the same key. */
  readonly sends: number;
  /** Sends the reserve once more, with the same key, right after it was accepted. */
  readonly resends: boolean;
  readonly ending: Ending;
  /** Between the reservation and what is done with it. */
  readonly thinkMs: number;
  /** Asks for one unit more than a customer may have, if there is a cap. */
  readonly greedy: boolean;
  /** Seed for the pauses between tries. */
  readonly patienceSeed: number;
}

/** In a hundred shoppers, most pay, and every way to be difficult is there. */
const ENDINGS: readonly (readonly [percent: number, ending: Ending])[] = [
  [48, 'confirm'],
  [15, 'confirm twice'],
  [12, 'confirm and release'],
  [13, 'release'],
  [12, 'vanish'],
];
const MAX_THINK_MS = 400;
/** With the tries and the resend below ten a minute, which a customer has by default. */
const MAX_SENDS = 3;

/** One plan a shopper. At least one of them means to buy, so that stock that comes back finds a taker. */
export function makePlans(shoppers: number, seed: number): Plan[] {
  const random = randomFrom(seed);
  // Every ending in its share, so that a small race too has one of each that it has room for.
  const endings = Array.from({ length: shoppers }, (_, i) => endingAt(((i + 0.5) / shoppers) * 100));
  for (let i = endings.length - 1; i > 0; i -= 1) {
    const other = Math.floor(random() * (i + 1));
    const [a, b] = [endings[i], endings[other]];
    if (a !== undefined && b !== undefined) [endings[i], endings[other]] = [b, a];
  }
  return endings.map((ending) => ({
    sends: random() < 0.2 ? 2 + Math.floor(random() * (MAX_SENDS - 1)) : 1,
    resends: random() < 0.2,
    ending,
    thinkMs: random() * MAX_THINK_MS,
    greedy: random() < 0.1,
    patienceSeed: Math.floor(random() * 2 ** 32),
  }));
}

function endingAt(percentile: number): Ending {
  let percent = percentile;
  for (const [share, ending] of ENDINGS) {
    percent -= share;
    if (percent < 0) return ending;
  }
  return 'confirm';
}

/** mulberry32: a small generator of numbers in [0, 1), good enough to spread plans. Public domain (T. Ettinger). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
