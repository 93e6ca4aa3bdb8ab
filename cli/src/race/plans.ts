// Who does what: every random choice of a race is made here, before it starts, from its seed. The same seed
// makes the same plans; who gets there first is the machine's business.

/** What a shopper does with a reservation. */
export type Ending =
  | 'confirm'
  | 'confirm twice'
  /** Pays about when the time runs out. */
  | 'confirm late'
  /** Two browser tabs that disagree. */
  | 'confirm and release'
  | 'release'
  /** Never comes back; the reservation must expire. */
  | 'vanish';

export interface ShopperPlan {
  /** The customer it is. */
  readonly name: string;
  /** How often the reserve is sent at once, all with the same key. */
  readonly sends: number;
  /** Sends the reserve once more, with the same key, right after it was accepted. */
  readonly resends: boolean;
  /** Sends it once more when all is over: the answer must still be the first one. */
  readonly replaysLate: boolean;
  readonly ending: Ending;
  /** Between the reservation and what is done with it. */
  readonly thinkMs: number;
  /** Seed for the pauses between tries. */
  readonly patienceSeed: number;
}

/** In a hundred shoppers, most pay, and every way to be difficult is there. */
const ENDINGS: readonly (readonly [percent: number, ending: Ending])[] = [
  [44, 'confirm'],
  [14, 'confirm twice'],
  [5, 'confirm late'],
  [12, 'confirm and release'],
  [13, 'release'],
  [12, 'vanish'],
];

const MAX_THINK_MS = 120;
/** Who pays late does so between these parts of the TTL, most of them close to the deadline. */
const LATE_FROM = 0.7;
const LATE_TO = 1.05;

/** One plan a shopper. At least one of them means to buy, so that stock that comes back finds a taker. */
export function makePlans(shoppers: number, ttlSeconds: number, seed: number): ShopperPlan[] {
  const random = randomFrom(seed);
  return dealEndings(shoppers, random).map((ending, index) => makePlan(index, ending, ttlSeconds, random));
}

/** Every ending in its share, so that a small race too has one of each that it has room for, shuffled. */
function dealEndings(shoppers: number, random: () => number): Ending[] {
  const deck = Array.from({ length: shoppers }, (_, i) => endingAt(((i + 0.5) / shoppers) * 100));
  if (!deck.includes('confirm')) deck[0] = 'confirm';
  for (let i = deck.length - 1; i > 0; i -= 1) {
    const other = Math.floor(random() * (i + 1));
    const [a, b] = [deck[i], deck[other]];
    if (a !== undefined && b !== undefined) [deck[i], deck[other]] = [b, a];
  }
  return deck;
}

function endingAt(percentile: number): Ending {
  let percent = percentile;
  for (const [share, ending] of ENDINGS) {
    percent -= share;
    if (percent < 0) return ending;
  }
  return 'confirm';
}

function makePlan(index: number, ending: Ending, ttlSeconds: number, random: () => number): ShopperPlan {
  const thinkMs =
    ending === 'confirm late'
      ? ttlSeconds * 1000 * (LATE_TO - (LATE_TO - LATE_FROM) * random() ** 2)
      : random() * MAX_THINK_MS;
  return {
    name: `shopper-${String(index + 1).padStart(5, '0')}`,
    sends: random() < 0.2 ? 2 + Math.floor(random() * 3) : 1,
    resends: random() < 0.2,
    replaysLate: random() < 0.1,
    ending,
    thinkMs,
    patienceSeed: Math.floor(random() * 2 ** 32),
  };
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
