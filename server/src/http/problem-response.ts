// A refusal as problem+json (RFC 9457): the one place where values become problem responses, and where the
// few errors that mean "not now" become refusals.
import { PROBLEM_BASE, PROBLEMS, type ProblemCode, type Refusal } from '@holdfast/contract/problems';
import { Overloaded } from '../domain/batcher.ts';
import { AmbiguousCommit, LedgerNotAsked, LedgerUnavailable } from '../domain/ledger-facts.ts';
import { NotReady, StockNotAsked, StockUnavailable } from '../domain/sale-store.ts';
import { retryAfterSeconds } from '../domain/time-budgets.ts';
import { BadCursor } from '../ledger/contract.ts';
import { KeysUnavailable } from './key-set.ts';

/**
 * An id that was never issued, a stranger's and a mistyped one must read alike, whoever refuses them: otherwise
 * the difference says which ids exist. So their sentence is fixed here.
 */
const SAME_FOR_ALL: Partial<Record<ProblemCode, string>> = {
  'unknown-reservation': 'You have no reservation with this id. Check the id and whose token was sent.',
  'unknown-order': 'You have no order with this id. Check the id and whose token was sent.',
};

export function problemStatus({ code }: Refusal): number {
  return PROBLEMS[code].status;
}

/** The body of the problem response. */
export function problemText(refusal: Refusal, requestId: string): string {
  const { code } = refusal;
  const { status, title } = PROBLEMS[code];
  const uniform = SAME_FOR_ALL[code];
  const detail = uniform ?? refusal.detail;
  const common = { type: PROBLEM_BASE + code, title, status, detail, code, request_id: requestId };
  if (uniform) return JSON.stringify(common);
  return JSON.stringify({ ...common, ...(refusal.errors && { errors: refusal.errors }), ...refusal.members });
}

/** Headers that the refusal itself calls for. */
export function problemHeaders(refusal: Refusal, request: Request): Record<string, string> {
  const headers: Record<string, string> = {};
  if (refusal.code === 'unauthenticated') {
    const sentOne = request.headers.has('authorization');
    headers['www-authenticate'] = sentOne
      ? 'Bearer realm="holdfast", error="invalid_token"'
      : 'Bearer realm="holdfast"';
  }
  if (refusal.code === 'upgrade-required') headers.upgrade = 'websocket';
  if (refusal.retryAfterSeconds !== undefined) {
    const seconds = Math.max(1, Math.ceil(refusal.retryAfterSeconds));
    headers['retry-after'] = String(seconds);
    if (refusal.rateLimit) {
      const { name, quota, windowSeconds } = refusal.rateLimit;
      headers.ratelimit = `"${name}";r=0;t=${seconds}`;
      headers['ratelimit-policy'] = `"${name}";q=${quota};w=${windowSeconds}`;
    }
  }
  return headers;
}

const NOT_KNOWN =
  'It is not known yet whether this took effect. Ask again with the same request: it cannot happen twice.';
const NOTHING_CHANGED = 'Nothing was changed. Try again in a moment.';

/** Refused before anything was changed, for a reason that passes by itself. */
const PASSING = [LedgerUnavailable, NotReady, Overloaded, KeysUnavailable];

/** What a thrown error answers; undefined for a surprise, which is logged and answered with 500. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof BadCursor) {
    const errors = [{ path: '/cursor', message: 'must be a next_cursor of an earlier answer' }];
    return {
      code: 'invalid-request',
      detail: 'The cursor is not one of ours. Start from the first page.',
      errors,
    };
  }
  if (error instanceof StockNotAsked || error instanceof LedgerNotAsked) {
    const after = retryAfterSeconds(error.pauseMs);
    return { code: 'unavailable', detail: NOTHING_CHANGED, retryAfterSeconds: after };
  }
  if (error instanceof AmbiguousCommit || error instanceof StockUnavailable) {
    return { code: 'unavailable', detail: NOT_KNOWN, retryAfterSeconds: 1 };
  }
  if (PASSING.some((passing) => error instanceof passing)) {
    return { code: 'unavailable', detail: NOTHING_CHANGED, retryAfterSeconds: 1 };
  }
  return undefined;
}

/** For a request that was not answered within its time; what it has begun goes on. */
export function tooLate(): Refusal {
  return { code: 'unavailable', detail: NOT_KNOWN, retryAfterSeconds: retryAfterSeconds(0) };
}

export const INTERNAL: Refusal = {
  code: 'internal',
  detail: 'The error was logged under this request id. A retry with the same idempotency key is safe.',
};
