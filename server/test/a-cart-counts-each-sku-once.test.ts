// The same SKU twice in one cart oversells where each line is checked by itself. The contract refuses such a cart; the desk,
// whoever calls it, makes one line of the two.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';

let redis: TestStore;
let database: FreshDatabase;
let rooms: Rooms;

beforeAll(async () => {
  [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
  rooms = await openRooms({ redisUrl: redis.url, databaseUrl: database.url });
}, 60_000);

afterAll(async () => {
  await rooms.close();
  await Promise.all([redis.stop(), database.drop()]);
});

test('two-lines-of-one-SKU-are-one-and-slip-past-neither-stock-nor-cap', async () => {
  await openSale(rooms, { scarce: 3 });
  await openSale(rooms, { capped: 9 }, { cap: 3 });
  const cart = (sku: string, quantities: readonly number[], idempotencyKey: string) =>
    rooms.desk.reserve({
      customer: rooms.customer('ann'),
      address: '',
      idempotencyKey,
      lines: quantities.map((quantity) => ({ sku, quantity })),
      ttlSeconds: null,
    });
  for (const [sku, code] of [
    ['scarce', 'insufficient-stock'],
    ['capped', 'limit-exceeded'],
  ] as const) {
    const four = await cart(sku, [2, 2], 'four');
    expect(!four.ok && four.refusal.code).toBe(code);
    const two = await cart(sku, [1, 1], 'two');
    expect(two.ok && two.value.view.record.lines).toEqual([{ sku, quantity: 2 }]);
    const same = await cart(sku, [2], 'two');
    expect(same.ok && same.value.replayed).toBe(true);
  }
});
