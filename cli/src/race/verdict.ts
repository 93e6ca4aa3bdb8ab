// The verdict: every promise of the race, judged from what the shoppers were told (the history) and from what
// the ledger holds afterwards. Pure: the same history and aftermath give the same verdict.
import { brokenKeys, brokenOutcomes, type Contradiction, earlyExpiries } from '@holdfast/client/answers';
import type { History } from '@holdfast/client/history';
import { possiblyHeld, type Story, soldOutClaims, surelyHeld } from '@holdfast/client/stories';
import { falseSoldOuts, oversells } from '@holdfast/client/sweeps';
import { type Aftermath, EXPIRY_LIMIT_MS } from './aftermath.ts';

export interface PromiseVerdict {
  /** One word for machines. */
  readonly name:
    | 'never-oversold'
    | 'no-false-sold-out'
    | 'one-effect-a-key'
    | 'one-outcome'
    | 'no-order-lost'
    | 'sold-is-confirmed'
    | 'stock-adds-up'
    | 'time-is-kept';
  readonly promise: string;
  readonly held: boolean;
  /** How often it was broken. */
  readonly breaks: number;
  /** The first few breaks in words. */
  readonly findings: readonly string[];
}

export interface Winner {
  readonly shopper: string;
  readonly orderId: string;
}

export interface Verdict {
  readonly held: boolean;
  readonly winners: readonly Winner[];
  /** Units promised at one moment, or sold, beyond what there was. */
  readonly oversold: number;
  readonly duplicates: number;
  readonly falseSoldOuts: number;
  readonly promises: readonly PromiseVerdict[];
}

export interface Evidence {
  readonly sku: string;
  readonly units: number;
  readonly history: History;
  readonly stories: readonly Story[];
  readonly aftermath: Aftermath;
}

const FINDINGS_SHOWN = 5;

export function judge(evidence: Evidence): Verdict {
  const over = findOversells(evidence);
  const keys = words(brokenKeys(evidence.history));
  const soldOuts = findFalseSoldOuts(evidence);
  const promises = [
    ruling('never-oversold', 'never oversold', over.findings),
    ruling('no-false-sold-out', 'nobody was refused while a unit was free', soldOuts),
    ruling('one-effect-a-key', 'one effect and one answer a key', keys),
    ruling('one-outcome', 'one outcome a reservation', findOutcomes(evidence)),
    ruling('no-order-lost', 'every acknowledged order is in the ledger', findLostOrders(evidence)),
    ruling('sold-is-confirmed', 'sold is what was confirmed', findUnexplainedSales(evidence)),
    ruling('stock-adds-up', 'available + reserved + sold = total', findMiscount(evidence)),
    ruling('time-is-kept', 'nothing expired early, nothing lives past its time', findTimeBreaks(evidence)),
  ];
  return {
    held: promises.every(({ held }) => held),
    winners: evidence.aftermath.orders.map(({ shopper, order_id }) => ({ shopper, orderId: order_id })),
    oversold: over.units,
    duplicates: keys.length,
    falseSoldOuts: soldOuts.length,
    promises,
  };
}

function ruling(name: PromiseVerdict['name'], promise: string, findings: readonly string[]): PromiseVerdict {
  const held = findings.length === 0;
  return { name, promise, held, breaks: findings.length, findings: findings.slice(0, FINDINGS_SHOWN) };
}

function words(contradictions: readonly Contradiction[]): string[] {
  return contradictions.map(({ subject, what }) => `${subject} ${what}`);
}

function findOversells({ sku, units, stories, aftermath }: Evidence): { units: number; findings: string[] } {
  const findings: string[] = [];
  const [worst] = oversells(surelyHeld(stories), new Map([[sku, units]]));
  if (worst !== undefined) findings.push(`${worst.promised} of ${units} units were promised at one moment`);
  const ordered = unitsOf(aftermath.orders, sku);
  if (ordered > units) findings.push(`${ordered} of ${units} units are in orders`);
  if (aftermath.item.sold > units)
    findings.push(`the item says that ${aftermath.item.sold} of ${units} units are sold`);
  const most = Math.max(worst?.promised ?? 0, ordered, aftermath.item.sold);
  return { units: Math.max(0, most - units), findings };
}

function findFalseSoldOuts({ sku, units, stories, history }: Evidence): string[] {
  const found = falseSoldOuts(possiblyHeld(stories), soldOutClaims(history), new Map([[sku, units]]));
  return found.map(
    ({ shopper, mostTaken, total }) =>
      `${shopper} was refused while at most ${mostTaken} of ${total} units were taken`,
  );
}

/** What answers say among themselves, and what they say against the reservation as it stands now. */
function findOutcomes({ history, stories, aftermath }: Evidence): string[] {
  const findings = words(brokenOutcomes(history, stories));
  for (const story of stories) {
    if (story.reservationId === undefined) continue;
    const status = aftermath.reservations.get(story.reservationId);
    const told = toldOutcome(story);
    if (status === undefined || (told !== undefined && !told.includes(status))) {
      findings.push(
        `${story.reservationId} was told ${told?.join(' or ') ?? 'nothing final'} and is ${status ?? 'gone'}`,
      );
    } else if (status.startsWith('refused')) {
      findings.push(`${story.reservationId} was acknowledged, and to ask for it is ${status}`);
    }
  }
  return findings;
}

/** What the shopper knows that its reservation must be; undefined if anything final is possible. */
function toldOutcome(story: Story): readonly string[] | undefined {
  if (story.confirmedAtMs < Number.POSITIVE_INFINITY) return ['confirmed'];
  if (story.freedAtMs < Number.POSITIVE_INFINITY) return ['released', 'expired', 'lost'];
  if (story.firstActionSentAtMs === Number.POSITIVE_INFINITY && story.accepted !== undefined)
    return ['expired'];
  return undefined;
}

function findLostOrders({ stories, aftermath }: Evidence): string[] {
  const byReservation = new Map(aftermath.orders.map((order) => [order.reservation_id, order]));
  return stories.flatMap((story) => {
    if (story.reservationId === undefined || story.confirmedAtMs === Number.POSITIVE_INFINITY) return [];
    const order = byReservation.get(story.reservationId);
    if (order === undefined) return [`the order of ${story.shopper} for ${story.reservationId} is not there`];
    if (order.shopper !== story.shopper) return [`the order of ${story.shopper} is ${order.shopper}'s`];
    const same = story.lines.every((line) => unitsOf([order], line.sku) === line.quantity);
    return same ? [] : [`the order of ${story.shopper} has other lines than were acknowledged`];
  });
}

/** Orders that nobody asked for, and sales that no order explains. */
function findUnexplainedSales({ sku, stories, aftermath }: Evidence): string[] {
  const findings: string[] = [];
  const asked = new Set(
    stories
      .filter((story) => story.firstConfirmSentAtMs < Number.POSITIVE_INFINITY)
      .map((story) => story.reservationId),
  );
  const seen = new Set<string>();
  for (const order of aftermath.orders) {
    if (!asked.has(order.reservation_id))
      findings.push(`${order.shopper} has an order that it never confirmed`);
    if (seen.has(order.reservation_id))
      findings.push(`${order.shopper} has two orders for ${order.reservation_id}`);
    seen.add(order.reservation_id);
  }
  const ordered = unitsOf(aftermath.orders, sku);
  const { sold } = aftermath.item;
  if (sold !== ordered)
    findings.push(`the item says that ${sold} units are sold, the orders hold ${ordered}`);
  return findings;
}

function findMiscount({ units, aftermath }: Evidence): string[] {
  const { total, available, reserved, sold } = aftermath.item;
  const findings: string[] = [];
  if (total !== units) findings.push(`the total is ${total} and was ${units}`);
  if (available + reserved + sold !== total) {
    findings.push(`${available} available + ${reserved} reserved + ${sold} sold is not ${total}`);
  }
  if (available < 0 || reserved < 0 || sold < 0) findings.push('a count is below zero');
  return findings;
}

function findTimeBreaks({ history, stories, aftermath }: Evidence): string[] {
  const findings = words(earlyExpiries(history, stories));
  if (aftermath.overdueMs > EXPIRY_LIMIT_MS) {
    const seconds = (aftermath.overdueMs / 1000).toFixed(1);
    findings.push(`units were still reserved ${seconds} s past the last deadline`);
  }
  for (const [id, status] of aftermath.reservations) {
    if (status === 'active' || status === 'confirming') findings.push(`${id} is still ${status}`);
  }
  return findings;
}

function unitsOf(orders: Aftermath['orders'], sku: string): number {
  return orders
    .flatMap((order) => order.items)
    .reduce((sum, line) => (line.sku === sku ? sum + line.quantity : sum), 0);
}
