// The story of each reservation as its customer lived it, gathered from the history: when it was asked for,
// first acknowledged, first acted upon, and when an answer proved that it was sold or free again. From a
// story follow the two bounds the sweeps work with: when it surely held its units, and when it possibly did.

import type { Line, Reservation } from '@holdfast/contract/reservations';
import { type Exchange, type History, linesOf, succeeded, surelyRefused } from './history.ts';
import type { SoldOutClaim, Span } from './sweeps.ts';

export interface Story {
  readonly shopper: string;
  readonly idempotencyKey: string;
  /** Undefined while no answer named one: it may exist all the same. */
  readonly reservationId: string | undefined;
  readonly lines: readonly Line[];
  /** The first request with its key: it cannot have begun before. */
  readonly firstSentAtMs: number;
  readonly accepted: { readonly firstAtMs: number; readonly ttlMs: number } | undefined;
  /** The first confirm or release sent for it; Infinity = never. From then on its unit is not surely there. */
  readonly firstActionSentAtMs: number;
  /** The first confirm sent for it; Infinity = never. From then on its deadline does not surely free it. */
  readonly firstConfirmSentAtMs: number;
  /** The first answer that acknowledged its order; Infinity = none did. */
  readonly confirmedAtMs: number;
  /** The first answer that proved it released, expired or lost; Infinity = none did. */
  readonly freedAtMs: number;
}

/** Codes that say: this reservation holds nothing any more. */
const FREED_CODES: ReadonlySet<string> = new Set([
  'reservation-released',
  'reservation-expired',
  'reservation-lost',
]);
const FREED_STATUSES: ReadonlySet<string> = new Set(['released', 'expired', 'lost']);

export function storiesOf(history: History): Story[] {
  const actions = groupBy(history.exchanges, (exchange) => exchange.reservationId);
  const reserves = groupBy(history.exchanges, (exchange) =>
    exchange.idempotencyKey === undefined ? undefined : `${exchange.shopper} ${exchange.idempotencyKey}`,
  );
  return [...reserves.values()].flatMap((attempts) => storiesOfKey(attempts, actions));
}

/** One story a reservation: a key that broke its promise has several. Definite refusals leave none. */
function storiesOfKey(
  attempts: readonly Exchange[],
  actions: ReadonlyMap<string, readonly Exchange[]>,
): Story[] {
  const accepted = groupBy(attempts.filter(succeeded), (exchange) => reservationOf(exchange)?.reservation_id);
  if (accepted.size > 0) {
    return [...accepted].map(([id, answers]) => tell(attempts, id, answers, actions.get(id) ?? []));
  }
  return attempts.every(surelyRefused) ? [] : [tell(attempts, undefined, [], [])];
}

function tell(
  attempts: readonly Exchange[],
  reservationId: string | undefined,
  accepting: readonly Exchange[],
  actions: readonly Exchange[],
): Story {
  const first = attempts[0];
  if (first?.idempotencyKey === undefined) throw new Error('a story begins with a reserve');
  const reservation = accepting[0] === undefined ? undefined : reservationOf(accepting[0]);
  const confirms = actions.filter((exchange) => exchange.operation === 'confirm');
  const releases = actions.filter((exchange) => exchange.operation === 'release');
  return {
    shopper: first.shopper,
    idempotencyKey: first.idempotencyKey,
    reservationId,
    lines: reservation === undefined ? first.lines : linesOf(reservation),
    firstSentAtMs: earliest(attempts, (exchange) => exchange.sentAtMs),
    accepted:
      reservation === undefined
        ? undefined
        : { firstAtMs: earliest(accepting, receivedAtMs), ttlMs: reservation.ttl_seconds * 1000 },
    firstActionSentAtMs: earliest([...confirms, ...releases], (exchange) => exchange.sentAtMs),
    firstConfirmSentAtMs: earliest(confirms, (exchange) => exchange.sentAtMs),
    confirmedAtMs: earliest(confirms.filter(succeeded), receivedAtMs),
    freedAtMs: earliest(actions.filter(provesFreed), receivedAtMs),
  };
}

/** True if the answer says that the reservation was released, expired or lost. */
export function provesFreed(exchange: Exchange): boolean {
  const { received, operation } = exchange;
  if (received === undefined) return false;
  if (received.code !== undefined) return FREED_CODES.has(received.code);
  if (operation === 'release') return true;
  return operation === 'reservation' && FREED_STATUSES.has(reservationOf(exchange)?.status ?? '');
}

/** The reservation in a successful answer; undefined if the body is not one. */
export function reservationOf(exchange: Exchange): Reservation | undefined {
  const body = exchange.received?.body;
  return isReservation(body) ? body : undefined;
}

function isReservation(body: unknown): body is Reservation {
  if (typeof body !== 'object' || body === null) return false;
  if (!('reservation_id' in body && 'ttl_seconds' in body && 'status' in body && 'items' in body))
    return false;
  return (
    typeof body.reservation_id === 'string' &&
    typeof body.ttl_seconds === 'number' &&
    Array.isArray(body.items)
  );
}

/**
 * How far the service's clock and this one may drift apart over a TTL: milliseconds cut off in timestamps,
 * and twice the 500 ppm by which NTP slews a clock at most.
 */
function clockSlackMs(ttlMs: number): number {
  return 2 + ttlMs * 0.001;
}

/** The earliest moment its first deadline can have passed. */
export function earliestDeadlineMs(story: Story): number {
  if (story.accepted === undefined) return story.firstSentAtMs;
  return story.firstSentAtMs + story.accepted.ttlMs - clockSlackMs(story.accepted.ttlMs);
}

/** The latest moment by which its first deadline has passed. */
function latestDeadlineMs(accepted: { readonly firstAtMs: number; readonly ttlMs: number }): number {
  return accepted.firstAtMs + accepted.ttlMs + clockSlackMs(accepted.ttlMs);
}

/**
 * I9's spans. A reservation surely exists from its 201 received to the first of its confirm or release sent
 * or its deadline; a confirmed one for good from its 200 received.
 */
export function surelyHeld(stories: readonly Story[]): Span[] {
  const spans: Span[] = [];
  for (const story of stories) {
    if (story.accepted === undefined) continue;
    const untilMs = Math.min(story.firstActionSentAtMs, earliestDeadlineMs(story));
    for (const line of story.lines) {
      if (untilMs > story.accepted.firstAtMs)
        spans.push({ ...line, fromMs: story.accepted.firstAtMs, untilMs });
      if (story.confirmedAtMs < Number.POSITIVE_INFINITY) {
        spans.push({ ...line, fromMs: story.confirmedAtMs, untilMs: Number.POSITIVE_INFINITY });
      }
    }
  }
  return spans;
}

/**
 * I10's spans. A reservation may exist from its first request sent until an answer proved it free; or until
 * its deadline, if no confirm was sent that may have pinned or sold it. One that was never answered may
 * exist for good.
 */
export function possiblyHeld(stories: readonly Story[]): Span[] {
  return stories.flatMap((story) => {
    const untilMs =
      story.confirmedAtMs < Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : latestEndMs(story);
    return story.lines.map((line) => ({ ...line, fromMs: story.firstSentAtMs, untilMs }));
  });
}

function latestEndMs(story: Story): number {
  if (story.accepted === undefined) return Number.POSITIVE_INFINITY;
  const deadlineMs = latestDeadlineMs(story.accepted);
  return Math.min(
    story.freedAtMs,
    story.firstConfirmSentAtMs < deadlineMs ? Number.POSITIVE_INFINITY : deadlineMs,
  );
}

/** Every refusal for want of stock: the whole request if it was one line, else the lines named as short. */
export function soldOutClaims(history: History): SoldOutClaim[] {
  return history.exchanges.flatMap((exchange) => {
    const { received, shopper, lines, sentAtMs, operation } = exchange;
    if (operation !== 'reserve' || received?.code !== 'insufficient-stock') return [];
    const short = lines.length === 1 ? lines : lines.filter((line) => namedShort(received.body, line.sku));
    return short.map((line) => ({ ...line, shopper, sentAtMs, receivedAtMs: received.atMs }));
  });
}

function namedShort(problem: unknown, sku: string): boolean {
  if (typeof problem !== 'object' || problem === null || !('items' in problem)) return false;
  return (
    Array.isArray(problem.items) && problem.items.some((item: { sku?: unknown } | null) => item?.sku === sku)
  );
}

function receivedAtMs(exchange: Exchange): number {
  return exchange.received?.atMs ?? Number.POSITIVE_INFINITY;
}

function earliest(exchanges: readonly Exchange[], timeOf: (exchange: Exchange) => number): number {
  return exchanges.reduce((least, exchange) => Math.min(least, timeOf(exchange)), Number.POSITIVE_INFINITY);
}

/** Groups in order of first appearance; entries without a key are left out. */
export function groupBy<T>(entries: readonly T[], keyOf: (entry: T) => string | undefined): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const entry of entries) {
    const key = keyOf(entry);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return groups;
}
