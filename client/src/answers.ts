// What the answers alone must show, whatever the stock did: a key has one effect and one answer (I7), a
// reservation one outcome (I3), and nobody is told that time is up before it is (I6).
import { type Exchange, type History, linesOf, succeeded, surelyRefused } from './history.ts';
import { earliestDeadlineMs, groupBy, provesFreed, reservationOf, type Story } from './stories.ts';

export interface Contradiction {
  readonly invariant: 'I3' | 'I6' | 'I7';
  /** The reservation or key it is about. */
  readonly subject: string;
  readonly what: string;
}

/** Refusals that come before the service looks whether the key has an answer. */
const BEFORE_REPLAY: ReadonlySet<number> = new Set([401, 429]);

/** I7. @returns one entry a broken rule and key. */
export function brokenKeys(history: History): Contradiction[] {
  const byKey = groupBy(history.exchanges, (exchange) =>
    exchange.idempotencyKey === undefined ? undefined : `${exchange.shopper} ${exchange.idempotencyKey}`,
  );
  const found: Contradiction[] = [];
  const keyOfReservation = new Map<string, string>();
  for (const [key, attempts] of byKey) {
    const note = (what: string) => found.push({ invariant: 'I7', subject: key, what });
    const accepted = attempts.filter(succeeded);
    const ids = new Set(accepted.map((exchange) => reservationOf(exchange)?.reservation_id));
    if (ids.has(undefined)) note('was answered with something that is not a reservation');
    if (ids.size > 1) note(`made ${ids.size} reservations`);
    else if (differ(accepted)) note('was answered in different bytes');
    if (accepted.filter((exchange) => exchange.received?.replayed === false).length > 1) {
      note('was answered as new more than once');
    }
    if (forgotten(attempts)) note('was refused after it had been accepted');
    for (const id of ids) {
      if (id === undefined) continue;
      const other = keyOfReservation.get(id);
      if (other !== undefined) note(`shares reservation ${id} with ${other}`);
      keyOfReservation.set(id, key);
    }
  }
  return found;
}

function differ(answers: readonly Exchange[]): boolean {
  const first = answers[0]?.received;
  return answers.some(({ received }) => received?.text !== first?.text || received?.status !== first?.status);
}

function forgotten(attempts: readonly Exchange[]): boolean {
  const acceptedAtMs = attempts
    .filter(succeeded)
    .reduce((least, { received }) => Math.min(least, received?.atMs ?? least), Number.POSITIVE_INFINITY);
  return attempts.some(
    (exchange) =>
      exchange.sentAtMs > acceptedAtMs &&
      surelyRefused(exchange) &&
      !BEFORE_REPLAY.has(exchange.received?.status ?? 0),
  );
}

/** I3, as far as answers show it: one outcome a reservation, one order, with the lines that were reserved. */
export function brokenOutcomes(history: History, stories: readonly Story[]): Contradiction[] {
  const actions = groupBy(history.exchanges, (exchange) => exchange.reservationId);
  const found: Contradiction[] = [];
  for (const story of stories) {
    const { reservationId } = story;
    if (reservationId === undefined) continue;
    const note = (what: string) => found.push({ invariant: 'I3', subject: reservationId, what });
    const about = actions.get(reservationId) ?? [];
    const orders = about.filter((exchange) => exchange.operation === 'confirm' && succeeded(exchange));
    if (orders.length > 0 && about.some(provesFreed)) note('was both confirmed and given back');
    if (differ(orders)) note('was confirmed with different answers');
    if (orders.some((exchange) => !sameLines(linesOf(exchange.received?.body), story.lines))) {
      note('was confirmed with other lines than were reserved');
    }
  }
  return found;
}

function sameLines(a: ReturnType<typeof linesOf>, b: ReturnType<typeof linesOf>): boolean {
  const quantities = new Map(a.map((line) => [line.sku, line.quantity]));
  return a.length === b.length && b.every((line) => quantities.get(line.sku) === line.quantity);
}

/** I6, second half: nothing is said to have expired before its deadline can have passed. */
export function earlyExpiries(history: History, stories: readonly Story[]): Contradiction[] {
  const byId = new Map(stories.map((story) => [story.reservationId, story]));
  return history.exchanges.flatMap((exchange): Contradiction[] => {
    const { received, reservationId } = exchange;
    const story = reservationId === undefined ? undefined : byId.get(reservationId);
    if (received === undefined || story === undefined || !saysExpired(exchange)) return [];
    const earlyMs = earliestDeadlineMs(story) - received.atMs;
    if (earlyMs <= 0) return [];
    const what = `was said to have expired at least ${Math.ceil(earlyMs)} ms before its deadline`;
    return [{ invariant: 'I6', subject: story.reservationId ?? '', what }];
  });
}

function saysExpired(exchange: Exchange): boolean {
  if (exchange.received?.code === 'reservation-expired') return true;
  return (
    exchange.operation === 'reservation' &&
    succeeded(exchange) &&
    reservationOf(exchange)?.status === 'expired'
  );
}
