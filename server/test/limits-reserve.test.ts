// Reserve attempts are counted exactly, per sale, whichever process they reach: four services on one Redis.
import { describe, expect, test } from 'bun:test';
import { saleNumberOf } from '../src/domain/ids.ts';
import { ask, attempt, count } from './harness/ask.ts';
import { tell } from './harness/embedded.ts';
import { alike, sharedFleet } from './harness/fleet.ts';
import {
  expectRateLimited,
  expectRefusalHeaders,
  minuteForABurst,
  storeClockMs,
} from './harness/rate-minutes.ts';
import { makeSale, type Reply } from './harness/service.ts';
import { until } from './harness/until.ts';

const CUSTOMER_LIMIT = 10;
const ADDRESS_LIMIT = 100;
const MINUTE_MS = 60_000;
/** Customers and addresses share the windows; their keyed hashes differ in length. */
const CUSTOMER_KEY_CHARACTERS = 22;

const fleet = sharedFleet(
  alike(4, {
    HOLDFAST_RATE_CUSTOMER_PER_MINUTE: String(CUSTOMER_LIMIT),
    HOLDFAST_RATE_IP_PER_MINUTE: String(ADDRESS_LIMIT),
    HOLDFAST_TRUSTED_PROXIES: '127.0.0.1',
  }),
);
/** A fresh sale with a window of its own, and a minute with room for a burst. */
async function newSale(units = 1_000) {
  const { sku } = await makeSale(fleet.url(0), { a: units });
  return { sku: sku('a'), minute: await minuteForABurst(fleet.redis.url) };
}

describe("one customer's attempts in a sale", () => {
  test('of-200-in-parallel-over-four-processes-exactly-10-pass', async () => {
    const { sku, minute } = await newSale();
    const sentMs = await storeClockMs(fleet.redis.url);
    const replies = await Promise.all(
      // From everywhere: another address is no way around the customer's window.
      Array.from({ length: 200 }, (_, n) =>
        attempt(fleet.url(n), sku, { as: 'eager', from: `198.51.100.${n}` }),
      ),
    );
    const answeredMs = await storeClockMs(fleet.redis.url);
    expect(count(replies, 201)).toBe(CUSTOMER_LIMIT);
    expect(count(replies, 429)).toBe(200 - CUSTOMER_LIMIT);
    // However many were refused, the wait is the one that ten counted attempts make: refused ones do not count.
    for (const reply of replies.filter(({ status }) => status === 429)) {
      expectRateLimited({ reply, sentMs, answeredMs }, { name: 'reserve', limit: CUSTOMER_LIMIT, minute });
    }
    const item = await ask(fleet.url(1), `/api/v1/inventory/${sku}`);
    expect(item.body).toMatchObject({ reserved: CUSTOMER_LIMIT });
  });

  test('replays-count-and-past-the-limit-a-replay-is-refused-too', async () => {
    const { sku } = await newSale();
    const replies: Reply[] = [];
    for (let n = 0; n < 12; n++)
      replies.push(await attempt(fleet.url(n), sku, { as: 'retrying', key: 'one-key' }));
    expect(replies.map(({ status }) => status)).toEqual([...Array(10).fill(201), 429, 429]);
    expect(replies.filter(({ headers }) => headers.get('idempotency-replayed') === 'true')).toHaveLength(9);
  });

  test('those-that-reach-the-sale-and-fail-count-those-that-never-reach-it-do-not', async () => {
    const { sku } = await newSale(1);
    const reserve = (body: unknown, key: string) =>
      ask(fleet.url(0), '/api/v1/inventory/reserve', { as: 'clumsy', key, body });
    for (let n = 0; n < 20; n++) {
      expect((await reserve({ sku, quantity: 0 }, `bad-${n}`)).status).toBe(400);
      expect((await reserve({ sku: 'no-such-sku', quantity: 1 }, `none-${n}`)).status).toBe(404);
    }
    expect((await reserve({ sku, quantity: 1 }, 'k')).status).toBe(201);
    expect((await reserve({ sku, quantity: 2 }, 'k')).body.code).toBe('idempotency-key-reused');
    for (let n = 2; n < CUSTOMER_LIMIT; n++)
      expect((await reserve({ sku, quantity: 1 }, `short-${n}`)).body.code).toBe('insufficient-stock');
    expectRefusalHeaders(await reserve({ sku, quantity: 1 }, 'last'), 'reserve', CUSTOMER_LIMIT);
  });

  test('each-sale-has-windows-of-its-own', async () => {
    const [one, other] = [await newSale(), await newSale()];
    const both = [one, other].map(async ({ sku }) => {
      const replies = await Promise.all(
        Array.from({ length: 15 }, (_, n) => attempt(fleet.url(n), sku, { as: 'two-sales' })),
      );
      return count(replies, 201);
    });
    expect(await Promise.all(both)).toEqual([CUSTOMER_LIMIT, CUSTOMER_LIMIT]);
  });
});

test('of-150-customers-behind-one-address-exactly-100-pass-and-another-address-is-free', async () => {
  const { sku, minute } = await newSale();
  const sentMs = await storeClockMs(fleet.redis.url);
  const replies = await Promise.all(
    Array.from({ length: 150 }, (_, n) =>
      attempt(fleet.url(n), sku, { as: `guest-${n}`, from: '203.0.113.9' }),
    ),
  );
  const answeredMs = await storeClockMs(fleet.redis.url);
  expect(count(replies, 201)).toBe(ADDRESS_LIMIT);
  for (const reply of replies.filter(({ status }) => status !== 201))
    expectRateLimited({ reply, sentMs, answeredMs }, { name: 'reserve', limit: ADDRESS_LIMIT, minute });
  // Whom the address refused has lost nothing: the whole of its own window is there elsewhere.
  const refused = replies.findIndex(({ status }) => status === 429);
  const elsewhere = await Promise.all(
    Array.from({ length: 12 }, (_, n) =>
      attempt(fleet.url(n), sku, { as: `guest-${refused}`, from: '203.0.113.10' }),
    ),
  );
  expect(count(elsewhere, 201)).toBe(CUSTOMER_LIMIT);
});

test('retry-after-is-true-the-next-attempt-passes-then-and-not-a-moment-sooner', async () => {
  const { sku, minute } = await newSale();
  const as = 'patient';
  const counted = await attempt(fleet.url(0), sku, { as });
  // The last minute's count, written by hand so that the wait is seconds: the smallest one that refuses now.
  const sale = saleNumberOf(counted.body.reservation_id);
  const window = (ofMinute: number) => `hf:{${sale}}:win${ofMinute % 2}`;
  const thisMinute = minute.startMs / MINUTE_MS;
  const names = (await tell(fleet.redis.url, 'HKEYS', window(thisMinute))) as string[];
  const nowMs = await storeClockMs(fleet.redis.url);
  const passesAt = (previous: number) =>
    minute.startMs + Math.ceil(MINUTE_MS - ((CUSTOMER_LIMIT - 2) * MINUTE_MS) / previous);
  let previous = CUSTOMER_LIMIT - 1;
  while (passesAt(previous) < nowMs + 1_000) previous += 1;
  const lastMinute = window(thisMinute - 1);
  await tell(fleet.redis.url, 'HSET', lastMinute, '@', String(thisMinute - 1));
  for (const name of names.filter((field) => field.length === CUSTOMER_KEY_CHARACTERS))
    await tell(fleet.redis.url, 'HSET', lastMinute, name, String(previous));

  let refusals = 0;
  const passed = await until(
    'the next attempt passes',
    async () => {
      const sentMs = Date.now();
      const reply = await attempt(fleet.url(refusals), sku, { as });
      if (reply.status === 201) return reply;
      expectRefusalHeaders(reply, 'reserve', CUSTOMER_LIMIT);
      const saidSeconds = Number(reply.headers.get('retry-after'));
      const waitSeconds = (atMs: number) => Math.max(1, Math.ceil((passesAt(previous) - atMs) / 1000));
      expect(saidSeconds).toBeLessThanOrEqual(waitSeconds(sentMs));
      expect(saidSeconds).toBeGreaterThanOrEqual(waitSeconds(Date.now()));
      expect(sentMs).toBeLessThan(passesAt(previous));
      refusals += 1;
      return undefined;
    },
    15_000,
  );
  expect(refusals).toBeGreaterThan(0);
  expect(Date.parse(passed.body.created_at)).toBeGreaterThanOrEqual(passesAt(previous));
});
