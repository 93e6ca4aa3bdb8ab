// What a customer wants on a visit: every random choice of a load is drawn here, from the seed. The same seed gives each
// client loop the same list of visits; who gets there first is the machine's business.
import type { Line } from '../../src/domain/reservation.ts';

export type Ending =
  | 'confirm'
  | 'confirm twice'
  /** Does not come back for an answer that did not come: the resolver must end it. */
  | 'confirm once'
  | 'extend and confirm'
  | 'release'
  | 'extend and release'
  /** Never comes back; the reservation must expire. */
  | 'vanish';

export interface VisitPlan {
  readonly lines: readonly Line[];
  readonly ending: Ending;
  /** Sends the reserve once more with the same key after it was accepted. */
  readonly resends: boolean;
}

/** What is on sale, as plans see it. */
export interface Shelf {
  readonly hot: string;
  readonly others: readonly string[];
}

const HOT_SHARE = 0.35;
const CART_SHARE = 0.12;
const CART_MOST_LINES = 4;
const MOST_UNITS = 3;
const RESEND_SHARE = 0.08;
const ENDINGS: readonly (readonly [share: number, ending: Ending])[] = [
  [0.2, 'confirm'],
  [0.05, 'confirm twice'],
  [0.03, 'extend and confirm'],
  [0.42, 'release'],
  [0.03, 'extend and release'],
  [0.27, 'vanish'],
];

export function drawVisit(random: () => number, shelf: Shelf): VisitPlan {
  return { lines: drawLines(random, shelf), ending: drawEnding(random), resends: random() < RESEND_SHARE };
}

function drawLines(random: () => number, { hot, others }: Shelf): Line[] {
  const kind = random();
  if (kind < HOT_SHARE || others.length === 0) return [{ sku: hot, quantity: 1 }];
  const any = () => others[Math.floor(random() * others.length)] as string;
  const units = (most: number) => 1 + Math.floor(random() * most);
  if (kind >= HOT_SHARE + CART_SHARE) return [{ sku: any(), quantity: units(MOST_UNITS) }];
  const wanted = new Map<string, number>();
  const lines = 2 + Math.floor(random() * (CART_MOST_LINES - 1));
  for (let i = 0; i < lines; i += 1) wanted.set(any(), units(2));
  return [...wanted].map(([sku, quantity]) => ({ sku, quantity }));
}

function drawEnding(random: () => number): Ending {
  let left = random();
  for (const [share, ending] of ENDINGS) {
    if (left < share) return ending;
    left -= share;
  }
  return 'vanish';
}
