// Browsers of other origins: only those that the configuration names, and never with credentials (a token is sent
// by the page itself, in a header). To all others the service says nothing, and the browser refuses by itself.
import type { ResponseHeaders } from './call.ts';

const ALLOWED_METHODS = 'GET, HEAD, POST, PATCH, DELETE';
const ALLOWED_HEADERS = 'Authorization, Content-Type, Idempotency-Key, X-Idempotency-Key, X-Request-Id';
const EXPOSED_HEADERS = 'Idempotency-Replayed, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id';
/** Long enough to spare most preflights, short enough that a changed list is soon in force. */
const PREFLIGHT_MAX_AGE_SECONDS = 600;

const NONE: ResponseHeaders = {};

export interface Cors {
  /** The headers that any answer to this request carries. */
  headersFor(request: Request): ResponseHeaders;
  /** The headers that answer an allowed origin's preflight; undefined if this is none. */
  preflight(request: Request): ResponseHeaders | undefined;
}

export function createCors(origins: readonly string[]): Cors {
  if (origins.length === 0) return { headersFor: () => NONE, preflight: () => undefined };

  const strangers: ResponseHeaders = { vary: 'Origin' };
  const byOrigin = new Map<string, ResponseHeaders>(
    origins.map((origin) => [
      origin,
      {
        vary: 'Origin',
        'access-control-allow-origin': origin,
        'access-control-expose-headers': EXPOSED_HEADERS,
      },
    ]),
  );
  return {
    headersFor: (request) => byOrigin.get(request.headers.get('origin') ?? '') ?? strangers,
    preflight(request) {
      const { method, headers } = request;
      if (method !== 'OPTIONS' || !headers.has('access-control-request-method')) return undefined;
      if (!byOrigin.has(headers.get('origin') ?? '')) return undefined;
      return {
        'access-control-allow-methods': ALLOWED_METHODS,
        'access-control-allow-headers': ALLOWED_HEADERS,
        'access-control-max-age': String(PREFLIGHT_MAX_AGE_SECONDS),
      };
    },
  };
}
