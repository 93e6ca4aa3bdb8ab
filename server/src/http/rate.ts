// The general limit, for every /api operation but reserve: 120 a minute a customer and 600 a minute an address by
// default. It is counted after a request's form was checked and before any store is asked. Reserve attempts are
// counted inside the stock store, in the same call that decides them; those that reach no sale count here, afterwards.
import type { Refusal } from '@holdfast/contract/problems';

/** Null = go on. `customerKey` is null on public operations, which count by address alone. */
export type GeneralLimit = (
  customerKey: string | null,
  address: string,
) => Promise<null | { readonly window: 'customer' | 'address'; readonly retryAfterSeconds: number }>;

/** Requests a minute, as the answer names them. */
export interface RequestLimits {
  readonly requestsPerCustomer: number;
  readonly requestsPerAddress: number;
}

const WINDOW_SECONDS = 60;

export function tooManyRequests(
  limits: RequestLimits,
  {
    window,
    retryAfterSeconds,
  }: { readonly window: 'customer' | 'address'; readonly retryAfterSeconds: number },
): Refusal {
  const quota = window === 'customer' ? limits.requestsPerCustomer : limits.requestsPerAddress;
  const whose = window === 'customer' ? 'this customer' : 'this address';
  return {
    code: 'rate-limited',
    detail: `At most ${quota} requests a minute are taken from ${whose}. Wait as long as Retry-After says.`,
    retryAfterSeconds,
    rateLimit: { name: 'requests', quota, windowSeconds: WINDOW_SECONDS },
  };
}
