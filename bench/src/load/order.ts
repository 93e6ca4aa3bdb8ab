// What the bench asks of its load process, and what it gets back. Plain data: it travels as messages between the two.
import type { Summary } from '../percentiles.ts';

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** What is requested. Customers, tokens and keys are all different, and are made before the clock starts. */
export type Visits =
  /** A reserve of one unit of one of the items; with `confirms`, those accepted are bought at once. */
  | {
      readonly kind: 'reserve';
      readonly count: number;
      readonly skus: readonly string[];
      /** `turns`: so many in a row for the first item, then for the second; `any`: by chance. */
      readonly choice: { readonly by: 'any' } | { readonly by: 'turns'; readonly each: number };
      readonly confirms: boolean;
      /** When all of them are to end, instead of after the sale's own time. Ms since 1970. */
      readonly expireAtMs?: number;
      /** How long each is to last, instead of that; two digits. */
      readonly ttlSeconds?: number;
    }
  /** Readers: an item, a page of items, their own reservations. */
  | {
      readonly kind: 'read';
      readonly count: number;
      readonly sale: string;
      readonly skus: readonly string[];
    }
  /** The opening of a ticket sale, by its own schedule. */
  | { readonly kind: 'hot-sale'; readonly sku: string; readonly pace: number };

export type Pace =
  /** So many customers, each followed by the next: finds out how much can be served. */
  | { readonly kind: 'closed'; readonly connections: number; readonly seconds: number }
  /** Customers arrive at a rate, whatever becomes of those before them: finds out how long they wait. */
  | {
      readonly kind: 'open';
      readonly perSecond: number;
      readonly seconds: number;
      readonly connections: number;
    }
  /** As the visits say themselves. */
  | { readonly kind: 'scheduled'; readonly connections: number };

export interface Order {
  readonly place: Place;
  readonly visits: Visits;
  readonly pace: Pace;
  readonly seed: number;
}

export interface Outcome {
  readonly seconds: number;
  /** By request (item, page, own, reserve, confirm; pair for both) and status, as in `reserve 201`: times from the intended moment of sending. */
  readonly answers: Readonly<Record<string, Summary>>;
  /** Sent, and no answer came. */
  readonly unanswered: number;
  /** Due, and never sent, because all connections were taken until the end. */
  readonly notSent: number;
}

export type ToLoad =
  | { readonly say: 'prepare'; readonly order: Order }
  | { readonly say: 'go' }
  | { readonly say: 'end' };
export type FromLoad =
  | { readonly say: 'here' | 'prepared' }
  | { readonly say: 'done'; readonly outcome: Outcome }
  | { readonly say: 'failed'; readonly message: string };

/** Answers of one request with one of these statuses. */
export function countOf(outcome: Outcome, request: string, statuses: readonly number[]): number {
  return statuses.reduce((sum, status) => sum + (outcome.answers[`${request} ${status}`]?.count ?? 0), 0);
}
