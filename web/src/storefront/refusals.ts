// Every way the service says no, as a sentence for the shopper: what happened, and what to do next. The map is typed by
// the contract's codes, so a new code without a sentence does not compile.
import { HoldfastError } from '@holdfast/client';
import type { ClientCode, Problem } from '@holdfast/client/error';
import type { ProblemCode } from '@holdfast/contract/problems';
import { wordsText } from '../shared/duration-text.ts';

export interface RefusalText {
  readonly title: string;
  readonly sentence: string;
}

interface Facts {
  readonly problem: Problem | undefined;
  readonly retryAfterSeconds: number | undefined;
  /** The name of a SKU as the page shows it. */
  readonly nameOf: (sku: string) => string;
}

type Words = RefusalText | ((facts: Facts) => RefusalText);

const say = (title: string, sentence: string): RefusalText => ({ title, sentence });

const OURS = say(
  'That went wrong here, not with you',
  'Nothing was reserved or charged by it. Load the page again; if it stays, tell the shop.',
);
const FOR_OPERATORS = say('This is for the shop itself', 'Go back to the sale: shoppers do not need it.');

/** Of routes that shoppers meet only when something is set up wrongly, or never. */
const OF_OTHER_ROUTES = {
  // The live feed's: the page reads the stock every now and then instead.
  'origin-not-allowed': OURS,
  'upgrade-required': OURS,
  'race-running': FOR_OPERATORS,
};

const SENTENCES: Readonly<Record<ProblemCode | ClientCode, Words>> = {
  // Reserving
  'insufficient-stock': tooFew,
  'sale-not-open': say(
    'Not open yet',
    'The sale has not opened. Wait for the countdown: it runs on the store’s clock, so you lose nothing by waiting here.',
  ),
  'sale-closed': say(
    'The sale is closed',
    'Nothing more is sold here. What you have reserved can still be paid for until its time is up.',
  ),
  'limit-exceeded': overTheLimit,
  'rate-limited': tooOften,
  'cooling-down': coolingDown,
  'items-span-sales': say('Two sales in one cart', 'Reserve the items of each sale by themselves.'),
  'idempotency-key-reused': say(
    'The cart has changed since',
    'An earlier try of yours was for another cart. Look at what you have reserved, then reserve again.',
  ),
  'idempotency-key-required': OURS,
  'unknown-sku': say(
    'This item is gone',
    'It is no longer in the sale. Load the page again and choose another.',
  ),

  // What one has
  'reservation-expired': say(
    'Time is up',
    'The units went back to the others. Reserve again if there are any left; nothing was charged.',
  ),
  'reservation-released': say(
    'Given back already',
    'You released this, perhaps in another tab. Reserve again if you still want it.',
  ),
  'reservation-lost': say(
    'We lost your reservation',
    'A failure on our side took it away, and we are sorry. Nothing was charged. Please reserve again.',
  ),
  'already-confirmed': say('It is yours already', 'This is bought. You find it under your orders.'),
  'confirm-in-progress': say(
    'Your order is being made',
    'Someone, perhaps you in another tab, is paying for it right now. Wait a moment and look at your orders.',
  ),
  'not-active': say('No longer held', 'This reservation has ended. Look at your orders, or reserve again.'),
  'extension-limit': say(
    'No more extra time',
    'This sale does not give this reservation any longer. Pay before the countdown ends.',
  ),
  'unknown-reservation': say(
    'Not one of your reservations',
    'It may belong to someone else, or have ended long ago. Look at the sale and reserve again.',
  ),
  'unknown-order': say(
    'Not one of your orders',
    'Check the address, and whether you are signed in as the one who bought it.',
  ),
  'unknown-sale': say('There is no such sale', 'Check the address, or choose one of the sales there are.'),

  // Who one is
  unauthenticated: say(
    'Please sign in again',
    'Your access has run out. What you reserved is still kept for you.',
  ),
  'demo-auth-off': say(
    'Sign in at the shop',
    'This service does not sign shoppers in by itself. Come from your shop, or paste an access token.',
  ),
  forbidden: FOR_OPERATORS,

  // The service itself
  unavailable: (facts) =>
    say(
      'One moment, please',
      `The store cannot answer right now. Try again ${soon(facts)}: it cannot happen twice, and what you have stays yours.`,
    ),
  internal: say(
    'Something went wrong on our side',
    'Try again: it cannot happen twice. If it stays, tell the shop.',
  ),
  network: say(
    'No connection',
    'We could not reach the store. Check your connection and try again: it cannot happen twice.',
  ),
  timeout: say(
    'The store is slow to answer',
    'We do not know yet whether it went through. Try again: it cannot happen twice.',
  ),
  aborted: say('Stopped', 'It was stopped before there was an answer. Try again: it cannot happen twice.'),
  'unexpected-answer': say(
    'Something else answered',
    'What came back was not from the store. You may have to sign in to this network first; then try again.',
  ),
  'invalid-request': OURS,
  'not-found': OURS,
  'method-not-allowed': OURS,
  'body-too-large': OURS,
  'unsupported-media-type': OURS,

  // Operators' alone: no page for shoppers asks for these.
  ...OF_OTHER_ROUTES,
  'sale-exists': FOR_OPERATORS,
  'sku-in-use': FOR_OPERATORS,
  'stock-in-use': FOR_OPERATORS,
  'stale-total': FOR_OPERATORS,
};

/** Words for whatever was thrown. `nameOf` puts an item's name for its SKU. */
export function refusalText(error: unknown, nameOf: (sku: string) => string = (sku) => sku): RefusalText {
  if (!(error instanceof HoldfastError)) return OURS;
  const words = (SENTENCES as Readonly<Record<string, Words | undefined>>)[error.code];
  const { problem, retryAfterSeconds } = error;
  // A code of a newer service: its own words are better than none.
  if (words === undefined) return say(error.title, error.detail ?? OURS.sentence);
  return typeof words === 'function' ? words({ problem, retryAfterSeconds, nameOf }) : words;
}

interface Shortage {
  readonly sku?: string;
  readonly available: number;
  readonly mayReturn: boolean;
}

/** Reserved by others is not sold: the two must not read alike. */
function tooFew({ problem, nameOf }: Facts): RefusalText {
  const short = shortagesIn(problem);
  const [first] = short;
  if (!first) return say('Not enough left', 'Someone was faster. Look at what is left and choose again.');
  if (short.length > 1 || first.sku !== undefined) return someShort(short, nameOf);
  if (first.available > 0) {
    return say(`Only ${first.available} left`, `Choose ${first.available} or fewer and reserve again.`);
  }
  return first.mayReturn
    ? say(
        'All reserved, some may return',
        'Every unit left is in someone’s reservation. What they do not pay for comes back within minutes: stay, the page is live.',
      )
    : say('Sold out', 'Every unit is paid for. None will come back by itself; choose something else.');
}

function someShort(short: readonly Shortage[], nameOf: (sku: string) => string): RefusalText {
  const parts = short.map(({ sku = '', available, mayReturn }) => {
    const what = available > 0 ? `${available} left` : mayReturn ? 'all reserved, may return' : 'sold out';
    return `${nameOf(sku)}: ${what}`;
  });
  const hope = short.some(({ available, mayReturn }) => available === 0 && mayReturn);
  return say(
    'Nothing was reserved: not all of it is there',
    `${parts.join('; ')}. Change the cart and reserve again${hope ? ', or wait for what may return' : ''}.`,
  );
}

function shortagesIn(problem: Problem | undefined): Shortage[] {
  const read = (part: unknown): Shortage[] => {
    if (typeof part !== 'object' || part === null || !('available' in part)) return [];
    const { available, may_return, sku } = part as {
      available: unknown;
      may_return?: unknown;
      sku?: unknown;
    };
    if (typeof available !== 'number') return [];
    return [{ available, mayReturn: may_return === true, ...(typeof sku === 'string' && { sku }) }];
  };
  return Array.isArray(problem?.items) ? problem.items.flatMap(read) : read(problem);
}

function overTheLimit({ problem }: Facts): RefusalText {
  const limit = problem?.limit;
  const held = problem?.held;
  if (typeof limit !== 'number' || typeof held !== 'number') {
    return say('More than one shopper may have', 'Choose fewer and reserve again.');
  }
  const left = limit - held;
  if (held === 0) return say(`At most ${limit} a shopper`, `Choose ${limit} or fewer and reserve again.`);
  if (left > 0) {
    return say(
      `At most ${limit} a shopper`,
      `You have ${held} already. Choose ${left} or fewer and reserve again.`,
    );
  }
  return say(
    `You have all ${limit} you may have`,
    'Pay for what you hold, or release it to choose anew. What you bought counts too.',
  );
}

function tooOften(facts: Facts): RefusalText {
  return say(
    'A little slower, please',
    `That were many tries in a short time. Try again ${soon(facts)}; trying sooner does not help.`,
  );
}

function coolingDown(facts: Facts): RefusalText {
  return say(
    'A pause for you',
    `Several of your reservations ran out unpaid, while others waited for them. Reserve again ${soon(facts)}; next time, release what you do not want: that does not count.`,
  );
}

function soon({ retryAfterSeconds }: Facts): string {
  return retryAfterSeconds ? `in ${wordsText(retryAfterSeconds * 1000)}` : 'in a moment';
}
