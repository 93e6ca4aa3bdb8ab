// The problem catalogue: every way the API says no, once. Status and title come from here and nowhere
// else; `detail` is written where the refusal is made and says what to do next (RFC 9457).

export const PROBLEM_BASE = 'https://holdfast.dev/problems/';

/** code → HTTP status and title. Codes are part of the wire contract and never change their meaning. */
export const PROBLEMS = {
  'invalid-request': { status: 400, title: 'The request is not valid' },
  'idempotency-key-required': { status: 400, title: 'An Idempotency-Key header is required' },
  unauthenticated: { status: 401, title: 'A valid access token is required' },
  forbidden: { status: 403, title: 'This needs the operator scope' },
  'demo-auth-off': { status: 403, title: 'The built-in token issuer is off' },
  'origin-not-allowed': { status: 403, title: 'Pages of this origin may not watch here' },
  'sale-not-open': { status: 403, title: 'The sale has not opened yet' },
  'sale-closed': { status: 403, title: 'The sale is closed' },
  'not-found': { status: 404, title: 'There is nothing at this path' },
  'unknown-sku': { status: 404, title: 'No item has this SKU' },
  'unknown-sale': { status: 404, title: 'No sale has this id' },
  'unknown-reservation': { status: 404, title: 'You have no reservation with this id' },
  'unknown-order': { status: 404, title: 'You have no order with this id' },
  'method-not-allowed': { status: 405, title: 'The path exists, but not with this method' },
  'insufficient-stock': { status: 409, title: 'Not enough stock is available' },
  'not-active': { status: 409, title: 'The reservation is not active' },
  'stock-in-use': { status: 409, title: 'The stock is reserved or sold' },
  'stale-total': { status: 409, title: 'The total is not what was expected' },
  'already-confirmed': { status: 409, title: 'The reservation is confirmed already' },
  'confirm-in-progress': { status: 409, title: 'The reservation is being confirmed' },
  'reservation-released': { status: 409, title: 'The reservation was released' },
  'reservation-lost': { status: 409, title: 'The reservation was lost in a failure' },
  'sale-exists': { status: 409, title: 'A sale with this id exists already' },
  'sku-in-use': { status: 409, title: 'Another open sale has this SKU' },
  'race-running': { status: 409, title: 'A race is being run already' },
  'reservation-expired': { status: 410, title: 'The reservation has expired' },
  'body-too-large': { status: 413, title: 'The request body is too large' },
  'unsupported-media-type': { status: 415, title: 'The request body must be JSON' },
  'idempotency-key-reused': { status: 422, title: 'The idempotency key was used with another request' },
  'limit-exceeded': { status: 422, title: 'The limit per customer would be exceeded' },
  'extension-limit': { status: 422, title: 'The reservation cannot be extended that far' },
  'items-span-sales': { status: 422, title: 'The items belong to different sales' },
  'upgrade-required': { status: 426, title: 'This is a WebSocket' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  'cooling-down': { status: 429, title: 'Too many reservations expired lately' },
  internal: { status: 500, title: 'Something went wrong on our side' },
  unavailable: { status: 503, title: 'The service cannot answer right now' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof PROBLEMS;

/** One invalid part of a request; `path` is a JSON Pointer, empty for the whole body. */
export interface InvalidPart {
  readonly path: string;
  readonly message: string;
}

/**
 * A refusal as a value: what the verbs return instead of throwing. One function in the HTTP room turns it
 * into a problem response.
 */
export interface Refusal {
  readonly code: ProblemCode;
  /** One sentence that says what happened and what to do next. Never an echo of the input. */
  readonly detail: string;
  /** Seconds (rounded up) until a retry can succeed; becomes Retry-After. */
  readonly retryAfterSeconds?: number;
  /** The rate window that refused: policy name, quota a window, window in seconds. */
  readonly rateLimit?: { readonly name: string; readonly quota: number; readonly windowSeconds: number };
  readonly errors?: readonly InvalidPart[];
  /** Further members of the problem, snake_case, as the contract names them (`available`, `held`, …). */
  readonly members?: Readonly<Record<string, unknown>>;
}
