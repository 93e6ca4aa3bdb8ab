// Limits as they are set: off is off, what is off is not counted, and what was counted outlives the store's restart.
import { afterEach, describe, expect, test } from 'bun:test';
import { saleNumberOf } from '../src/domain/ids.ts';
import { type Ask, ask, attempt, count } from './harness/ask.ts';
import { tell } from './harness/embedded.ts';
import { expectRefusalHeaders, minuteForABurst } from './harness/rate-minutes.ts';
import { makeSale, startService, stopServices } from './harness/service.ts';
import { freshDatabase, startRedis } from './harness/stores.ts';
import { until } from './harness/until.ts';

const ended: (() => Promise<void>)[] = [];
afterEach(async () => {
  await stopServices();
  await Promise.all(ended.splice(0).map((end) => end()));
}, 30_000);

async function stage() {
  const [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
  ended.push(redis.stop, database.drop);
  const service = (env: Readonly<Record<string, string>>) =>
    startService({ redisUrl: redis.url, databaseUrl: database.url, env });
  return { redis, service };
}

/** Everyone counted in these windows. */
async function counted(redisUrl: string, tag: string | number): Promise<string[]> {
  const fields = await Promise.all(
    [0, 1].map((n) => tell(redisUrl, 'HKEYS', `hf:{${tag}}:win${n}`) as Promise<string[]>),
  );
  return [...new Set(fields.flat())].filter((name) => name !== '@');
}

const who: Ask = { as: 'somebody' };

describe('a limit that is off', () => {
  test('for-reserving-is-neither-counted-nor-named', async () => {
    const { redis, service } = await stage();
    const [byAddress, byCustomer] = [
      await service({ HOLDFAST_RATE_IP_PER_MINUTE: '3' }),
      await service({ HOLDFAST_RATE_CUSTOMER_PER_MINUTE: '2' }),
    ];
    const { sku } = await makeSale(byAddress.url, { a: 100 });
    await minuteForABurst(redis.url);
    const replies = [];
    for (let n = 0; n < 4; n++) replies.push(await attempt(byAddress.url, sku('a'), who));
    expect(count(replies, 201)).toBe(3);
    const [first, , , last] = replies;
    if (!first || !last) throw new Error('four were asked');
    expectRefusalHeaders(last, 'reserve', 3);
    // One name was counted, the address; so the customer still has the whole of a window that is on elsewhere.
    expect(await counted(redis.url, saleNumberOf(first.body.reservation_id))).toHaveLength(1);
    const elsewhere = [];
    for (let n = 0; n < 3; n++) elsewhere.push(await attempt(byCustomer.url, sku('a'), who));
    expect(elsewhere.map(({ status }) => status)).toEqual([201, 201, 429]);
    for (const reply of elsewhere.slice(2)) expectRefusalHeaders(reply, 'reserve', 2);
  });

  test('for-everything-else-is-neither-counted-nor-named', async () => {
    const { redis, service } = await stage();
    const [off, byAddress, byCustomer] = [
      await service({}),
      await service({ HOLDFAST_RATE_OTHER_IP_PER_MINUTE: '3' }),
      await service({ HOLDFAST_RATE_OTHER_CUSTOMER_PER_MINUTE: '2' }),
    ];
    await minuteForABurst(redis.url);
    const statuses = async (url: string, times: number) => {
      const replies = [];
      for (let n = 0; n < times; n++) replies.push(await ask(url, '/api/v1/orders', who));
      return replies;
    };
    expect(count(await statuses(off.url, 20), 200)).toBe(20);
    expect(await counted(redis.url, 'general')).toEqual([]);
    const ofAddress = await statuses(byAddress.url, 4);
    expect(count(ofAddress, 200)).toBe(3);
    for (const reply of ofAddress.slice(3)) expectRefusalHeaders(reply, 'requests', 3);
    expect(await counted(redis.url, 'general')).toHaveLength(1);
    const ofCustomer = await statuses(byCustomer.url, 3);
    expect(count(ofCustomer, 200)).toBe(2);
    for (const reply of ofCustomer.slice(2)) expectRefusalHeaders(reply, 'requests', 2);
    // Public routes know no customer, so with addresses off they are not counted at all.
    for (let n = 0; n < 10; n++) expect((await ask(byCustomer.url, '/api/v1/inventory')).status).toBe(200);
  }, 60_000);
});

describe('windows', () => {
  test('outlive-a-restart-of-redis-and-are-forgiven-where-the-sale-is-rebuilt-from-the-ledger', async () => {
    const { redis, service } = await stage();
    const { url } = await service({ HOLDFAST_RATE_CUSTOMER_PER_MINUTE: '10' });
    const { sku } = await makeSale(url, { a: 100 });
    const answered = () =>
      until('the sale is open again', async () => {
        const reply = await attempt(url, sku('a'), who);
        return reply.status !== 503 && reply;
      });
    // A cold start of this file's services takes seconds: restart, answer and flush must fall into one minute.
    await minuteForABurst(redis.url, RESTARTS_MS);
    for (let n = 0; n < 10; n++) expect((await attempt(url, sku('a'), who)).status).toBe(201);
    await redis.kill9();
    await redis.restart();
    expect((await answered()).status).toBe(429);
    await tell(redis.url, 'FLUSHALL');
    expect((await answered()).status).toBe(201);
  }, 90_000);
});

/** Two recoveries of the store, each with its old leases waited out. */
const RESTARTS_MS = 15_000;
