// The verdict: every promise of a race, judged from what the shoppers were told and from what the ledger holds afterwards.
// Pure. It reports only what no order of events explains: a reservation is surely there from its answer to its holder's next
// deed or its deadline, and possibly there from the first request to the answer that freed it.
import type { RaceCheck } from '@holdfast/contract/race';
import type { Deed } from './shopper.ts';
import { levelsOf, mostWithin, type Span } from './sweep.ts';

export interface LedgerOrder {
  readonly shopper: number;
  readonly orderId: string;
  readonly reservationId: string;
  readonly quantity: number;
}

/** After the race: the store's counts, the ledger's own, and every order that the shoppers have. */
export interface Aftermath {
  readonly stock: {
    readonly available: number;
    readonly reserved: number;
    readonly sold: number;
    readonly total: number;
  };
  readonly ledger: { readonly sold: number; readonly total: number };
  readonly orders: readonly LedgerOrder[];
}

export interface Evidence {
  readonly units: number;
  readonly maxPerCustomer: number | null;
  readonly ttlMs: number;
  readonly deeds: readonly Deed[];
  readonly aftermath: Aftermath;
}

export interface Verdict {
  readonly ok: boolean;
  readonly checks: readonly RaceCheck[];
  readonly winners: number;
  readonly oversold: number;
  readonly duplicates: number;
}

/** Timestamps of the store are whole milliseconds, and its clock is another's. */
const CLOCK_SLACK_MS = 50;

/** What is known of one reservation. */
interface Story {
  readonly quantity: number;
  readonly firstSentAtMs: number;
  readonly acceptedAtMs: number;
  firstActionAtMs: number;
  confirmSent: boolean;
  confirmedAtMs: number;
  freedAtMs: number;
}

export function judge(evidence: Evidence): Verdict {
  const { units, aftermath } = evidence;
  const stories = storiesOf(evidence.deeds);
  const peak = Math.max(0, ...levelsOf(surelyHeld(stories, evidence.ttlMs), 'ends-first').sums);
  const ordered = sum(aftermath.orders.map(({ quantity }) => quantity));
  const oversold = Math.max(0, peak - units, ordered - units, aftermath.ledger.sold - units);
  const duplicates = findDuplicates(evidence);
  const checks = [
    check(
      'never oversold',
      oversold === 0 ? [] : [`${units + oversold} of ${units} units were promised or sold`],
      {
        kept: `at most ${peak} of ${units} units were promised at one moment, ${ordered} are sold`,
      },
    ),
    check('one effect a key', duplicates, {
      kept: 'no key made two reservations, no reservation two orders',
    }),
    check('one outcome a reservation', findOutcomes(stories), {
      kept: 'nothing was both bought and given back',
    }),
    check('nobody refused while a unit was free', findFalseRefusals(evidence, stories), {
      kept: 'every refusal came while the stock was taken',
    }),
    check('every acknowledged order is in the ledger', findLostOrders(evidence, stories), {
      kept: `${aftermath.orders.length} orders, each as it was acknowledged`,
    }),
    check('available + reserved + sold = total', findMiscounts(evidence, ordered), {
      kept: `${aftermath.stock.available} + ${aftermath.stock.reserved} + ${aftermath.stock.sold} = ${units}`,
    }),
    ...(evidence.maxPerCustomer === null
      ? []
      : [
          check('nobody has more than a customer may', findGreed(evidence), {
            kept: `at most ${evidence.maxPerCustomer} each`,
          }),
        ]),
  ];
  return {
    ok: checks.every(({ ok }) => ok),
    checks,
    winners: new Set(aftermath.orders.map(({ shopper }) => shopper)).size,
    oversold,
    duplicates: duplicates.length,
  };
}

function check(promise: string, findings: readonly string[], { kept }: { kept: string }): RaceCheck {
  const [first, ...others] = findings;
  if (first === undefined) return { promise, ok: true, detail: kept };
  const more = others.length === 0 ? '' : `, and ${others.length} more`;
  return { promise, ok: false, detail: `${first}${more}` };
}

function storiesOf(deeds: readonly Deed[]): Map<string, Story> {
  const firstSent = new Map<string, number>();
  for (const { what, shopper, key, sentAtMs } of deeds) {
    if (what !== 'reserve') continue;
    const name = `${shopper} ${key}`;
    firstSent.set(name, Math.min(sentAtMs, firstSent.get(name) ?? Number.POSITIVE_INFINITY));
  }
  const stories = new Map<string, Story>();
  for (const { what, shopper, key, quantity, reservationId, answeredAtMs, outcome } of deeds) {
    if (what !== 'reserve' || !outcome.ok || reservationId === null) continue;
    const known = stories.get(reservationId);
    stories.set(reservationId, {
      quantity,
      firstSentAtMs: Math.min(
        firstSent.get(`${shopper} ${key}`) ?? 0,
        known?.firstSentAtMs ?? Number.POSITIVE_INFINITY,
      ),
      acceptedAtMs: Math.min(answeredAtMs, known?.acceptedAtMs ?? Number.POSITIVE_INFINITY),
      firstActionAtMs: Number.POSITIVE_INFINITY,
      confirmSent: false,
      confirmedAtMs: Number.POSITIVE_INFINITY,
      freedAtMs: Number.POSITIVE_INFINITY,
    });
  }
  for (const { what, reservationId, sentAtMs, answeredAtMs, outcome } of deeds) {
    const story = what === 'reserve' || reservationId === null ? undefined : stories.get(reservationId);
    if (!story) continue;
    story.firstActionAtMs = Math.min(story.firstActionAtMs, sentAtMs);
    if (what === 'confirm') story.confirmSent = true;
    if (what === 'confirm' && outcome.ok) story.confirmedAtMs = Math.min(story.confirmedAtMs, answeredAtMs);
    if (provesFreed(what, outcome)) story.freedAtMs = Math.min(story.freedAtMs, answeredAtMs);
  }
  return stories;
}

const FREED: ReadonlySet<string> = new Set([
  'reservation-released',
  'reservation-expired',
  'reservation-lost',
]);

function provesFreed(what: Deed['what'], outcome: Deed['outcome']): boolean {
  return outcome.ok ? what === 'release' : FREED.has(outcome.code);
}

function surelyHeld(stories: ReadonlyMap<string, Story>, ttlMs: number): Span[] {
  return [...stories.values()].flatMap(
    ({ quantity, firstSentAtMs, acceptedAtMs, firstActionAtMs, confirmedAtMs }) => {
      const untilMs = Math.min(firstActionAtMs, firstSentAtMs + ttlMs - CLOCK_SLACK_MS);
      return [
        { quantity, fromMs: acceptedAtMs, untilMs },
        { quantity, fromMs: confirmedAtMs, untilMs: Number.POSITIVE_INFINITY },
      ].filter(({ fromMs, untilMs: end }) => fromMs < end);
    },
  );
}

/** Reserves that were never answered for certain may have taken their units for good. */
function possiblyHeld({ deeds, ttlMs }: Evidence, stories: ReadonlyMap<string, Story>): Span[] {
  const spans = [...stories.values()].map((story) => {
    const deadlineMs = story.acceptedAtMs + ttlMs + CLOCK_SLACK_MS;
    const endMs = story.confirmSent ? Number.POSITIVE_INFINITY : deadlineMs;
    const untilMs =
      story.confirmedAtMs < Number.POSITIVE_INFINITY
        ? Number.POSITIVE_INFINITY
        : Math.min(story.freedAtMs, endMs);
    return { quantity: story.quantity, fromMs: story.firstSentAtMs, untilMs };
  });
  const unknown = deeds.filter(
    ({ what, outcome }) => what === 'reserve' && !outcome.ok && outcome.code === 'unavailable',
  );
  return [
    ...spans,
    ...unknown.map(({ quantity, sentAtMs }) => ({
      quantity,
      fromMs: sentAtMs,
      untilMs: Number.POSITIVE_INFINITY,
    })),
  ];
}

function findDuplicates({ deeds, aftermath }: Evidence): string[] {
  const findings: string[] = [];
  const idsOfKey = new Map<string, Set<string>>();
  const newOfKey = new Map<string, number>();
  const keyOfId = new Map<string, string>();
  const ordersOfId = new Map<string, Set<string>>();
  for (const { what, shopper, key, reservationId, outcome } of deeds) {
    if (!outcome.ok || reservationId === null) continue;
    if (what === 'confirm' && outcome.orderId !== null) into(ordersOfId, reservationId, outcome.orderId);
    if (what !== 'reserve') continue;
    const name = `${key} of shopper ${shopper}`;
    into(idsOfKey, name, reservationId);
    if (!outcome.replayed) newOfKey.set(name, (newOfKey.get(name) ?? 0) + 1);
    const other = keyOfId.get(reservationId);
    if (other !== undefined && other !== name) findings.push(`${name} shares a reservation with ${other}`);
    keyOfId.set(reservationId, name);
  }
  for (const { orderId, reservationId } of aftermath.orders) into(ordersOfId, reservationId, orderId);
  for (const [name, ids] of idsOfKey) {
    if (ids.size > 1) findings.push(`${name} made ${ids.size} reservations`);
    else if ((newOfKey.get(name) ?? 0) > 1) findings.push(`${name} was answered as new more than once`);
  }
  for (const [id, orders] of ordersOfId)
    if (orders.size > 1) findings.push(`${id} was sold in ${orders.size} orders`);
  return findings;
}

function into(sets: Map<string, Set<string>>, name: string, value: string): void {
  const set = sets.get(name);
  if (set) set.add(value);
  else sets.set(name, new Set([value]));
}

function findOutcomes(stories: ReadonlyMap<string, Story>): string[] {
  return [...stories].flatMap(([id, { confirmedAtMs, freedAtMs }]) =>
    confirmedAtMs < Number.POSITIVE_INFINITY && freedAtMs < Number.POSITIVE_INFINITY
      ? [`${id} was both confirmed and given back`]
      : [],
  );
}

function findFalseRefusals(evidence: Evidence, stories: ReadonlyMap<string, Story>): string[] {
  const { units, deeds, aftermath } = evidence;
  const levels = levelsOf(possiblyHeld(evidence, stories), 'starts-first');
  return deeds.flatMap(({ what, shopper, quantity, sentAtMs, answeredAtMs, outcome }) => {
    if (what !== 'reserve' || outcome.ok || outcome.code !== 'insufficient-stock') return [];
    const taken = mostWithin(levels, sentAtMs, answeredAtMs);
    if (taken + quantity <= units)
      return [`shopper ${shopper} was refused while at most ${taken} of ${units} units were taken`];
    // All of it sold, it was said; and what is sold does not come back.
    if (outcome.mayReturn === false && aftermath.stock.available >= quantity)
      return [
        `shopper ${shopper} was told that nothing comes back, and ${aftermath.stock.available} are free`,
      ];
    return [];
  });
}

function findLostOrders({ aftermath, deeds }: Evidence, stories: ReadonlyMap<string, Story>): string[] {
  const byReservation = new Map(aftermath.orders.map((order) => [order.reservationId, order]));
  const lost = deeds.flatMap(({ what, shopper, reservationId, outcome }) => {
    if (what !== 'confirm' || !outcome.ok || reservationId === null) return [];
    const order = byReservation.get(reservationId);
    if (!order || order.shopper !== shopper) return [`the order of shopper ${shopper} is not there`];
    return order.orderId === outcome.orderId ? [] : [`the order of shopper ${shopper} has another id`];
  });
  const unasked = aftermath.orders.filter(({ reservationId }) => !stories.get(reservationId)?.confirmSent);
  return [
    ...lost,
    ...unasked.map(({ shopper }) => `shopper ${shopper} has an order that it never confirmed`),
  ];
}

function findMiscounts({ units, aftermath }: Evidence, ordered: number): string[] {
  const { stock, ledger } = aftermath;
  const { available, reserved, sold, total } = stock;
  const findings: string[] = [];
  if (total !== units || ledger.total !== units)
    findings.push(`the total is ${total}, in the ledger ${ledger.total}, and was ${units}`);
  if (available + reserved + sold !== total || Math.min(available, reserved, sold) < 0)
    findings.push(`${available} available + ${reserved} reserved + ${sold} sold is not ${total}`);
  if (reserved > 0) findings.push(`${reserved} units are still reserved after every deadline`);
  if (sold !== ledger.sold || sold !== ordered)
    findings.push(`${sold} units are sold, ${ledger.sold} by the ledger, ${ordered} in orders`);
  return findings;
}

function findGreed({ maxPerCustomer, aftermath }: Evidence): string[] {
  const bought = new Map<number, number>();
  for (const { shopper, quantity } of aftermath.orders)
    bought.set(shopper, (bought.get(shopper) ?? 0) + quantity);
  return [...bought].flatMap(([shopper, quantity]) =>
    maxPerCustomer !== null && quantity > maxPerCustomer
      ? [`shopper ${shopper} has bought ${quantity} units`]
      : [],
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
