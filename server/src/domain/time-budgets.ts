// What a request's three seconds are made of, and what may take longer. One page, because the figures only make sense
// together: each bound must end before the one around it does, or the outer one speaks first and knows less.
//
//   request ───────────────────────────────────────────────────────────────────────────── 3 s ─▶ 503, not known
//     │ general limit   Redis  ≤ 250 ms     a store that does not answer lets it pass uncounted
//     │ pin, reserve …  Redis  ≤ 250 ms     twice that for who waited behind a batch that went unanswered
//     │ commit          PostgreSQL ≤ 1.5 s  of it 250 ms for a connection, 500 ms for a lock, 1 s for the statement
//     └ apply or unpin  Redis  ≤ 250 ms     what fails here the relay does later; the order stands
//
// The breaker of each store (breaker.ts) cuts the same short once the store has been silent for a while: then a
// request is answered at once. A call that may change something and went unanswered is never taken for a failure: the
// answer says that it is not known yet, and the same request again finds out.

/** A request, once it is complete: from then on the time is ours. A shopper has gone elsewhere by then. */
export const REQUEST_MS = 3_000;

/**
 * A command that a customer waits for. A batch of 128 takes a millisecond, so 250 is a store that has stopped, or a
 * disk that cannot keep up with `appendfsync always`. Whether it ran is unknown, and every command is safe to repeat.
 */
export const REDIS_COMMAND_MS = 250;

/**
 * A command that no customer waits for: lease renewals, sweeps, the outbox, chunks of a rebuild, loading the library.
 * One slow fsync must not end a lease or begin a rebuild, so these wait out what the hot path gives up on. A connection
 * that stays silent for as long, with commands on the way, is cut and made anew: the other end may be gone.
 */
export const REDIS_PATIENT_MS = 3_000;

/** Opening a connection to Redis. */
export const REDIS_CONNECT_MS = 2_000;

/** Calls of the ledger that a customer waits for, and those as frequent. */
export const LEDGER_HOT = {
  /** For a free connection. All of them busy for this long is a queue that only grows. */
  waitMs: 250,
  /** For opening one: rare, and with TLS a few round trips. */
  connectMs: 1_000,
  /** The call as a whole: the server gives a statement up first, and its word is better than our silence. */
  callMs: 1_500,
  /** A confirm batch takes 3 ms. A stalled server must not hold the process … */
  statementMs: 1_000,
  /** … nor a stalled process the hot row: its queue moves on. */
  lockMs: 500,
  /** A transaction whose process was stopped in the middle of it. */
  idleInTransactionMs: 5_000,
} as const;

/** Analytics and searches: the whole of a request's time, less what it takes to say that it is over. */
export const LEDGER_CURIOUS = {
  waitMs: 1_000,
  connectMs: 1_000,
  callMs: 2_500,
  statementMs: 2_000,
  lockMs: 500,
  idleInTransactionMs: 5_000,
} as const;

/**
 * Rare calls over whole sales: a rebuild's snapshot, an epoch's end, the start. They outwait a stalled holder of the
 * hot row, who is cut off after `LEDGER_HOT.idleInTransactionMs`.
 */
export const LEDGER_PATIENT = {
  waitMs: 30_000,
  connectMs: 2_000,
  callMs: 60_000,
  statementMs: 30_000,
  lockMs: 8_000,
  idleInTransactionMs: 30_000,
} as const;

/** Retry-After in an outage is the pause plus up to this many seconds: who was refused together comes back apart. */
const RETRY_SPREAD_SECONDS = 2;

/**
 * What to tell a client that was refused because a store is out of reach: whole seconds, not before `pauseMs` is over.
 * To be worked out for each answer: a batch fails with one error, and its callers must not share a second.
 */
export function retryAfterSeconds(pauseMs: number, random: () => number = Math.random): number {
  const spread = Math.floor(random() * (RETRY_SPREAD_SECONDS + 1));
  return Math.max(1, Math.ceil(pauseMs / 1000)) + spread;
}
