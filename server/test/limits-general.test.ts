// Everything but reserving shares one pair of windows a customer and an address, exact over processes and routes.
import { describe, expect, test } from 'bun:test';
import { type Ask, ask, attempt } from './harness/ask.ts';
import { alike, sharedFleet } from './harness/fleet.ts';
import {
  expectRateLimited,
  expectRefusalHeaders,
  minuteForABurst,
  storeClockMs,
} from './harness/rate-minutes.ts';
import { makeSale, type Reply } from './harness/service.ts';

const CUSTOMER_LIMIT = 120;
const ADDRESS_LIMIT = 600;

const fleet = sharedFleet(
  alike(4, {
    HOLDFAST_RATE_OTHER_CUSTOMER_PER_MINUTE: String(CUSTOMER_LIMIT),
    HOLDFAST_RATE_OTHER_IP_PER_MINUTE: String(ADDRESS_LIMIT),
    HOLDFAST_TRUSTED_PROXIES: '127.0.0.1',
  }),
);

type Route = readonly [path: string, ask?: Ask];
const NO_RESERVATION = `/api/v1/reservations/rsv_${'A'.repeat(22)}`;
/** Every route of a customer but reserve. What it answers matters to no window. */
const CUSTOMER_ROUTES: readonly Route[] = [
  ['/api/v1/orders'],
  ['/api/v1/reservations?limit=1'],
  [NO_RESERVATION],
  [NO_RESERVATION, { method: 'DELETE' }],
  [`/api/v1/orders/ord_${'A'.repeat(22)}`],
  ['/api/v1/checkout/confirm', { body: { reservation_id: `rsv_${'A'.repeat(22)}` } }],
];
/** Every route that anyone may call, and paths that are none. */
const PUBLIC_ROUTES: readonly Route[] = [
  ['/api/v1/inventory'],
  ['/api/v1/inventory/no-such-sku'],
  ['/api/v1/sales'],
  ['/api/v1/sales/no-such-sale'],
  ['/api/v1/auth/token', { method: 'POST' }],
  ['/api/v1/nothing'],
  ['/api/v1/%6frders'],
  ['/api//v1/orders'],
];

function burst(count: number, routes: readonly Route[], who: (n: number) => Ask): Promise<Reply[]> {
  return Promise.all(
    Array.from({ length: count }, (_, n) => {
      const [path, how] = routes[n % routes.length] as Route;
      return ask(fleet.url(Math.floor(n / routes.length)), path, { ...how, ...who(n) });
    }),
  );
}

const refused = (replies: readonly Reply[]) => replies.filter(({ status }) => status === 429);

describe('the general limits', () => {
  test('let-120-of-a-customer-pass-over-all-routes-and-processes', async () => {
    const minute = await minuteForABurst(fleet.redis.url);
    const sentMs = await storeClockMs(fleet.redis.url);
    const replies = await burst(240, CUSTOMER_ROUTES, (n) => ({ as: 'busy', from: `198.51.100.${n}` }));
    const answeredMs = await storeClockMs(fleet.redis.url);
    expect(replies.length - refused(replies).length).toBe(CUSTOMER_LIMIT);
    for (const reply of refused(replies))
      expectRateLimited({ reply, sentMs, answeredMs }, { name: 'requests', limit: CUSTOMER_LIMIT, minute });
  });

  test('let-600-of-an-address-pass-whoever-asks-and-whatever-for', async () => {
    const minute = await minuteForABurst(fleet.redis.url);
    const sentMs = await storeClockMs(fleet.redis.url);
    const from = '203.0.113.50';
    const replies = (
      await Promise.all([
        burst(400, CUSTOMER_ROUTES, (n) => ({ as: `neighbour-${n % 8}`, from })),
        burst(400, PUBLIC_ROUTES, () => ({ from })),
      ])
    ).flat();
    const answeredMs = await storeClockMs(fleet.redis.url);
    expect(replies.length - refused(replies).length).toBe(ADDRESS_LIMIT);
    for (const reply of refused(replies))
      expectRateLimited({ reply, sentMs, answeredMs }, { name: 'requests', limit: ADDRESS_LIMIT, minute });
    // Nobody else is kept waiting, and what a load balancer asks is never refused.
    expect((await ask(fleet.url(0), '/api/v1/inventory', { from: '203.0.113.51' })).status).toBe(200);
    for (const path of ['/healthz', '/readyz', '/openapi.json'])
      expect((await ask(fleet.url(1), path, { from })).status, path).not.toBe(429);
  });

  test('come-after-the-form-of-a-request-and-before-its-ids', async () => {
    await minuteForABurst(fleet.redis.url);
    const who = { as: 'precise', from: '203.0.113.60' };
    await burst(CUSTOMER_LIMIT, CUSTOMER_ROUTES, () => who);
    const [stale, badBody, badId] = await Promise.all([
      ask(fleet.url(0), '/api/v1/orders', { ...who, bearer: 'no.good.token' }),
      ask(fleet.url(1), '/api/v1/checkout/confirm', { ...who, body: { reservation_id: 5 } }),
      ask(fleet.url(2), '/api/v1/orders/not-an-id', who),
    ]);
    expect([stale.status, badBody.status, badId.status]).toEqual([401, 400, 429]);
    expectRefusalHeaders(badId, 'requests', CUSTOMER_LIMIT);
  });

  test('leave-attempts-that-reach-a-sale-to-the-sale', async () => {
    const { sku } = await makeSale(fleet.url(0), { a: 1_000 });
    await minuteForABurst(fleet.redis.url);
    const who = { as: 'reserving', from: '203.0.113.70' };
    const attempts = await Promise.all(
      Array.from({ length: CUSTOMER_LIMIT + 10 }, (_, n) => attempt(fleet.url(n), sku('a'), who)),
    );
    expect(refused(attempts)).toEqual([]);
    expect(refused(await burst(CUSTOMER_LIMIT, CUSTOMER_ROUTES, () => who))).toEqual([]);
  });

  test('count-attempts-that-reach-no-sale', async () => {
    await minuteForABurst(fleet.redis.url);
    const who = { as: 'guessing', from: '203.0.113.80' };
    const attempts = await Promise.all(
      Array.from({ length: CUSTOMER_LIMIT + 10 }, (_, n) => attempt(fleet.url(n), `guess-${n}`, who)),
    );
    expect(refused(attempts)).toHaveLength(10);
  });
});
