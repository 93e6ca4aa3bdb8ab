// What the customers of a load were told, and when: enough to judge every promise by, and little enough for a million
// attempts. A refusal for want of stock is five numbers; a visit that got a reservation, or may have, is one object.
// Times are monotonic milliseconds of this process (performance.now). A request is noted as sent before its first byte
// leaves and as answered after its last byte came: what truly happened lies inside.
import { earliestDeadlineMs, type Story } from '@holdfast/client/stories';
import type { SoldOutClaim } from '@holdfast/client/sweeps';
import type { Line } from '../../src/domain/reservation.ts';
import type { Answer } from './wire.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** One idempotency key, and all that came of it. */
export interface Visit {
  readonly customer: string;
  readonly key: string;
  readonly lines: readonly Line[];
  /** Undefined until an answer named it: it may exist all the same. */
  id: string | undefined;
  /** The answer that was given first, byte for byte. */
  acceptedText: string;
  ttlMs: number;
  readonly firstSentAtMs: number;
  acceptedAtMs: number;
  firstActionSentAtMs: number;
  firstConfirmSentAtMs: number;
  /** By how much an extension that was sent may have moved its deadline. */
  extendedMs: number;
  confirmedAtMs: number;
  orderText: string;
  /** The first answer that proved it released or expired. */
  freedAtMs: number;
  releasedAtMs: number;
  /** Answered reservation-lost. */
  lostAtMs: number;
  /** The key was accepted anew, as another reservation. */
  rebornAtMs: number;
  /** Refused though it had been accepted: only a loss explains that. */
  forgottenAtMs: number;
  /** A request of its key got no answer, or 503. */
  doubtful: boolean;
  /** Answers 201 that were no replays. */
  fresh: number;
}

export interface Tally {
  /** Reserve requests sent. */
  attempts: number;
  /** New reservations acknowledged. */
  accepted: number;
  /** Acknowledged again, as first given. */
  replayed: number;
  /** Refused for want of stock. */
  soldOut: number;
  /** Refused for another reason: the cap. */
  refused: number;
  /** 503: told to come again. */
  unavailable: number;
  /** No answer within the client's limit, or the connection broke. */
  unanswered: number;
  orders: number;
  releases: number;
  /** Requests that were sent again because the one before had no answer or a 503. */
  retries: number;
  requests: number;
}

export function emptyTally(): Tally {
  return {
    attempts: 0,
    accepted: 0,
    replayed: 0,
    soldOut: 0,
    refused: 0,
    unavailable: 0,
    unanswered: 0,
    orders: 0,
    releases: 0,
    retries: 0,
    requests: 0,
  };
}

/** Of the sale or the customer, not of the stock. */
const REFUSALS: ReadonlySet<string> = new Set([
  'limit-exceeded',
  'rate-limited',
  'cooling-down',
  'sale-not-open',
]);

/** Sentences kept of what broke; beyond it they are counted. */
const BREAKS_KEPT = 50;

export class Diary {
  readonly tally = emptyTally();
  readonly visits: Visit[] = [];
  /** What no loss in a store can excuse, in words. */
  readonly breaks: string[] = [];
  breakCount = 0;
  /** Milliseconds of every answer, by what was asked; for the report's latencies. */
  readonly reserveMs = new Numbers();
  /** (sent, received) of each new acceptance: the recovery clock reads them. */
  readonly acceptances = new Numbers();
  /** (sent, received) of each first order. */
  readonly orders = new Numbers();
  private readonly claims = new Numbers();
  private readonly skus: string[] = [];
  private readonly skuNumbers = new Map<string, number>();

  begin(customer: string, key: string, lines: readonly Line[]): Visit {
    return {
      customer,
      key,
      lines,
      id: undefined,
      acceptedText: '',
      ttlMs: 0,
      firstSentAtMs: performance.now(),
      acceptedAtMs: NEVER,
      firstActionSentAtMs: NEVER,
      firstConfirmSentAtMs: NEVER,
      extendedMs: 0,
      confirmedAtMs: NEVER,
      orderText: '',
      freedAtMs: NEVER,
      releasedAtMs: NEVER,
      lostAtMs: NEVER,
      rebornAtMs: NEVER,
      forgottenAtMs: NEVER,
      doubtful: false,
      fresh: 0,
    };
  }

  reserved(visit: Visit, sentAtMs: number, answer: Answer | undefined): void {
    this.count(answer);
    this.tally.attempts += 1;
    if (answer === undefined) {
      this.keepDoubtful(visit);
      return;
    }
    this.reserveMs.push(answer.atMs - sentAtMs);
    if (answer.status === 201) this.accepted(visit, sentAtMs, answer);
    else if (answer.status === 503) this.keepDoubtful(visit);
    else this.refused(visit, sentAtMs, answer);
  }

  confirmed(visit: Visit, sentAtMs: number, answer: Answer | undefined): void {
    this.count(answer);
    visit.firstConfirmSentAtMs = Math.min(visit.firstConfirmSentAtMs, sentAtMs);
    visit.firstActionSentAtMs = Math.min(visit.firstActionSentAtMs, sentAtMs);
    if (answer?.status !== 200) {
      this.ended(visit, answer);
      return;
    }
    if (visit.orderText === '') {
      visit.orderText = answer.text;
      visit.confirmedAtMs = answer.atMs;
      this.tally.orders += 1;
      this.orders.push(sentAtMs);
      this.orders.push(answer.atMs);
      if (visit.freedAtMs < NEVER) this.break(`${visit.id} was confirmed after it had been given back`);
    } else if (visit.orderText !== answer.text) {
      this.break(`${visit.id} was confirmed with different answers`);
    }
  }

  released(visit: Visit, sentAtMs: number, answer: Answer | undefined): void {
    this.count(answer);
    visit.firstActionSentAtMs = Math.min(visit.firstActionSentAtMs, sentAtMs);
    if (answer?.status === 200) {
      this.tally.releases += visit.releasedAtMs === NEVER ? 1 : 0;
      visit.releasedAtMs = Math.min(visit.releasedAtMs, answer.atMs);
      this.freed(visit, answer.atMs);
    } else this.ended(visit, answer);
  }

  extended(visit: Visit, _sentAtMs: number, byMs: number, answer: Answer | undefined): void {
    this.count(answer);
    visit.extendedMs = Math.max(visit.extendedMs, byMs);
    if (answer?.status !== 200) this.ended(visit, answer);
  }

  /** As many claims as lines were named short. */
  *soldOutClaims(): Generator<SoldOutClaim> {
    const { values } = this.claims;
    for (let at = 0; at < this.claims.length; at += 4) {
      yield {
        shopper: '',
        sku: this.skus[values[at] as number] as string,
        quantity: values[at + 1] as number,
        sentAtMs: values[at + 2] as number,
        receivedAtMs: values[at + 3] as number,
      };
    }
  }

  break(sentence: string): void {
    this.breakCount += 1;
    if (this.breaks.length < BREAKS_KEPT) this.breaks.push(sentence);
  }

  private count(answer: Answer | undefined): void {
    this.tally.requests += 1;
    if (answer === undefined) this.tally.unanswered += 1;
    else if (answer.status === 503) this.tally.unavailable += 1;
    else if (answer.status >= 500) this.break(`an answer ${answer.status}: ${answer.text.slice(0, 200)}`);
  }

  private accepted(visit: Visit, sentAtMs: number, answer: Answer): void {
    if (answer.replayed) this.tally.replayed += 1;
    else {
      visit.fresh += 1;
      this.tally.accepted += 1;
      this.acceptances.push(sentAtMs);
      this.acceptances.push(answer.atMs);
    }
    if (visit.id === undefined) {
      const body = JSON.parse(answer.text) as { reservation_id: string; ttl_seconds: number };
      visit.id = body.reservation_id;
      visit.acceptedText = answer.text;
      visit.ttlMs = body.ttl_seconds * 1000;
      visit.acceptedAtMs = answer.atMs;
      if (!visit.doubtful) this.visits.push(visit);
    } else if (visit.acceptedText !== answer.text || visit.fresh > 1) visit.rebornAtMs = answer.atMs;
  }

  private refused(visit: Visit, sentAtMs: number, answer: Answer): void {
    const code = codeOf(answer);
    if (visit.id !== undefined) visit.forgottenAtMs = answer.atMs;
    if (code === 'insufficient-stock') {
      this.tally.soldOut += 1;
      for (const line of shortLines(visit.lines, answer.text)) {
        this.claims.push(this.numberOf(line.sku));
        this.claims.push(line.quantity);
        this.claims.push(sentAtMs);
        this.claims.push(answer.atMs);
      }
    } else if (REFUSALS.has(code)) this.tally.refused += 1;
    else if (code === 'reservation-lost') visit.lostAtMs = answer.atMs;
    else this.break(`a reserve was answered ${answer.status} ${code}`);
  }

  private keepDoubtful(visit: Visit): void {
    if (visit.doubtful) return;
    visit.doubtful = true;
    if (visit.id === undefined) this.visits.push(visit);
  }

  /** A refusal of confirm, release or extend says how the reservation ended, or that it must be asked again. */
  private ended(visit: Visit, answer: Answer | undefined): void {
    if (answer === undefined || answer.status === 503) return;
    const code = codeOf(answer);
    switch (code) {
      case 'reservation-expired':
        if (earliestDeadlineMs(storyOf(visit)) > answer.atMs) {
          this.break(`${visit.id} was said to have expired before its deadline`);
        }
        this.freed(visit, answer.atMs);
        return;
      case 'reservation-released':
        this.freed(visit, answer.atMs);
        return;
      case 'reservation-lost':
        visit.lostAtMs = Math.min(visit.lostAtMs, answer.atMs);
        if (visit.confirmedAtMs < NEVER) this.break(`${visit.id} was confirmed and then said to be lost`);
        return;
      case 'already-confirmed':
      case 'confirm-in-progress':
      case 'not-active':
      case 'extension-limit':
        return;
      default:
        if (answer.status < 500) this.break(`${visit.id} was answered ${answer.status} ${code}`);
    }
  }

  private freed(visit: Visit, atMs: number): void {
    visit.freedAtMs = Math.min(visit.freedAtMs, atMs);
    if (visit.confirmedAtMs < NEVER) this.break(`${visit.id} was given back after it had been confirmed`);
  }

  private numberOf(sku: string): number {
    let number = this.skuNumbers.get(sku);
    if (number === undefined) {
      number = this.skus.push(sku) - 1;
      this.skuNumbers.set(sku, number);
    }
    return number;
  }
}

/** The visit as the sweeps read it. */
export function storyOf(visit: Visit, extraTtlMs = 0): Story {
  return {
    shopper: visit.customer,
    idempotencyKey: visit.key,
    reservationId: visit.id,
    lines: visit.lines,
    firstSentAtMs: visit.firstSentAtMs,
    accepted:
      visit.id === undefined ? undefined : { firstAtMs: visit.acceptedAtMs, ttlMs: visit.ttlMs + extraTtlMs },
    firstActionSentAtMs: visit.firstActionSentAtMs,
    firstConfirmSentAtMs: visit.firstConfirmSentAtMs,
    confirmedAtMs: visit.confirmedAtMs,
    freedAtMs: visit.freedAtMs,
  };
}

export function codeOf({ text }: Answer): string {
  return /"code":"([a-z-]+)"/.exec(text)?.[1] ?? '';
}

function shortLines(lines: readonly Line[], text: string): readonly Line[] {
  return lines.length === 1 ? lines : lines.filter(({ sku }) => text.includes(`"sku":"${sku}"`));
}

/** A list of numbers that grows without an object for each. */
export class Numbers {
  values = new Float64Array(1 << 12);
  length = 0;

  push(value: number): void {
    if (this.length === this.values.length) {
      const larger = new Float64Array(this.values.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.length++] = value;
  }
}
