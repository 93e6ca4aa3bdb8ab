// The largest carts, in the largest batches, over the largest sales: no call takes more than the store can unpack, and
// no unit is lost on the way.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';

const SKUS = 1_000;
const LINES = 20;
/** More than one batch of every kind: reserves go by lines, pins and releases by 128, commits by 64. */
const CARTS = 300;

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

/** Twenty different SKUs; as long as SKUs may be. */
const sku = (n: number) => `${'long-'.repeat(10)}${String(n % SKUS).padStart(14, '0')}`;
const cart = (n: number) =>
  Array.from({ length: LINES }, (_, i) => ({ sku: sku(n * 7 + i * 31), quantity: 1 }));

test('three-hundred-carts-of-twenty-lines-at-once-in-a-sale-of-a-thousand-skus', async () => {
  const stock = Object.fromEntries(Array.from({ length: SKUS }, (_, n) => [sku(n), 1_000]));
  const saleNumber = await openSale(rooms, stock, { cap: 100 });
  const customers = Array.from({ length: CARTS }, (_, n) => rooms.customer(`c${n}`));
  const reserved = await Promise.all(
    customers.map((customer, n) =>
      rooms.desk.reserve({ customer, address: '', idempotencyKey: 'k', lines: cart(n), ttlSeconds: null }),
    ),
  );
  const ids = reserved.map((answer) =>
    answer.ok ? answer.value.view.record.reservationId : answer.refusal.code,
  );
  expect(await sums(saleNumber)).toEqual({ reserved: CARTS * LINES, sold: 0, live: CARTS });

  const half = CARTS / 2;
  const ended = await Promise.all(
    customers.map((customer, n) =>
      n < half
        ? rooms.desk.confirm(customer, saleNumber, ids[n] as string, null)
        : rooms.desk.release(customer, saleNumber, ids[n] as string),
    ),
  );
  expect(ended.filter((answer) => !answer.ok)).toEqual([]);
  expect(await sums(saleNumber)).toEqual({ reserved: 0, sold: half * LINES, live: 0 });

  // And back from the journal, after everything was lost.
  const channel = rooms.channels.of(saleNumber);
  await rooms.ledger.appendTransitions(saleNumber, channel.epoch, await channel.store.pending(100_000));
  await rooms.redis.flushall();
  expect(await sums(saleNumber)).toEqual({ reserved: 0, sold: half * LINES, live: 0 });
  expect(await rooms.ledger.verifySale(saleNumber)).toEqual([]);
}, 20_000);

async function sums(saleNumber: number): Promise<{ reserved: number; sold: number; live: number }> {
  const { items, live } = await rooms.channels.of(saleNumber).snapshot();
  let [reserved, sold] = [0, 0];
  for (const item of items) {
    reserved += item.reserved;
    sold += item.sold;
  }
  return { reserved, sold, live };
}
