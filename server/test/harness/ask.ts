// One request with every header the test's own choice: who asks, and through which proxies.
import { type Reply, token } from './service.ts';
import { until } from './until.ts';

export interface Ask {
  /** GET, or POST where there is a body. */
  readonly method?: string;
  /** The customer; nobody if left out. */
  readonly as?: string;
  /** A token of the test's own making, instead of the customer's. */
  readonly bearer?: string;
  /** X-Forwarded-For, as a proxy would send it. */
  readonly from?: string;
  readonly body?: unknown;
  /** Idempotency-Key. */
  readonly key?: string;
}

export async function ask(url: string, path: string, options: Ask = {}): Promise<Reply> {
  const { as, from, body, key, bearer = as === undefined ? undefined : tokenOf(as) } = options;
  const response = await fetch(url + path, {
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      ...(from !== undefined && { 'x-forwarded-for': from }),
      ...(key !== undefined && { 'idempotency-key': key }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json') ?? false;
  return {
    status: response.status,
    text,
    headers: response.headers,
    body: json && text !== '' ? JSON.parse(text) : null,
  };
}

/** One unit, with a key of its own unless one is given. */
export function attempt(url: string, sku: string, options: Omit<Ask, 'method' | 'body'>): Promise<Reply> {
  return ask(url, '/api/v1/inventory/reserve', {
    key: crypto.randomUUID(),
    ...options,
    body: { sku, quantity: 1 },
  });
}

const PATIENCE_MS = 60_000;

/** What is answered once the stores are not silent, as they may be for a moment on a busy machine. Sends again: for what may be. */
export async function patiently(send: () => Promise<Reply>): Promise<Reply> {
  return await until(
    'an answer other than 503',
    async () => {
      const reply = await send();
      return reply.status !== 503 && reply;
    },
    PATIENCE_MS,
  );
}

export function count(replies: readonly Reply[], status: number): number {
  return replies.filter((reply) => reply.status === status).length;
}

const tokens = new Map<string, string>();
/** Tokens are good for a quarter of an hour, longer than any test file runs. */
function tokenOf(customer: string): string {
  let known = tokens.get(customer);
  if (known === undefined) {
    known = token(customer);
    tokens.set(customer, known);
  }
  return known;
}
