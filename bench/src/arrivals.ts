// When customers come: schedules that do not wait for the service. Times are offsets in ms from the start, ascending, and
// depend on the seed alone.
import { seededRandom } from '../../server/test/harness/seeded-random.ts';

/** So many a second on average, each independent of the others (Poisson): bursts included, as crowds are. */
export function poissonArrivals(perSecond: number, seconds: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  const times: number[] = [];
  const meanGapMs = 1_000 / perSecond;
  for (let at = gap(random, meanGapMs); at < seconds * 1_000; at += gap(random, meanGapMs)) times.push(at);
  return Float64Array.from(times);
}

function gap(random: () => number, meanMs: number): number {
  return -Math.log(1 - random()) * meanMs;
}

/** A look at one item, at a page of them, at one's own reservations; a try to reserve, and one to buy. */
export type VisitKind = 'item' | 'page' | 'own' | 'reserve' | 'pair';

export interface HotSale {
  /** Units that the sale has: sold out when the last wave of buyers is through. */
  readonly stock: number;
  readonly atMs: Float64Array;
  readonly kinds: readonly VisitKind[];
}

const OPENING_ARRIVALS = 5_000;
const BUYERS_PER_SECOND = 134;
const SOLD_OUT_AFTER_SECONDS = 15;
/** How often who waits looks again. */
const POLL_EVERY_SECONDS = 5;
/** The tail thins out with this time constant. */
const TAIL_SECONDS = 10;
export const HOT_SALE_SECONDS = 40;

/**
 * A real ticket sale's shape: 5,000 look at the item in the opening second, 134 a second buy until the stock is gone
 * after 15 s, those who wait keep looking, and after the sell-out they try and are refused, fewer and fewer.
 * @param pace 1 = real time; 3 plays it in a third of the time, with as many shoppers. The opening second stays one.
 */
export function hotSale(seed: number, pace: number): HotSale {
  const random = seededRandom(seed);
  const stock = BUYERS_PER_SECOND * SOLD_OUT_AFTER_SECONDS;
  const visits: { at: number; kind: VisitKind }[] = [];
  const add = (seconds: number, kind: VisitKind) => {
    if (seconds < HOT_SALE_SECONDS) visits.push({ at: (seconds * 1_000) / pace, kind });
  };
  for (let shopper = 0; shopper < OPENING_ARRIVALS; shopper++) {
    const came = random();
    add(came * pace, 'item');
    if (shopper < stock) {
      add((shopper + random()) / BUYERS_PER_SECOND, 'pair');
      continue;
    }
    for (let look = came * pace + wait(random); look < SOLD_OUT_AFTER_SECONDS; look += wait(random))
      add(look, 'item');
    const tried = SOLD_OUT_AFTER_SECONDS + 1 - Math.log(1 - random()) * TAIL_SECONDS;
    add(tried, 'reserve');
    add(tried + wait(random), 'item');
  }
  visits.sort((a, b) => a.at - b.at);
  return {
    stock,
    atMs: Float64Array.from(visits, ({ at }) => at),
    kinds: visits.map(({ kind }) => kind),
  };
}

function wait(random: () => number): number {
  return POLL_EVERY_SECONDS * (0.5 + random());
}
