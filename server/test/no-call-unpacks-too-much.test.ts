// Lua hands a command at most some 8,000 elements; one more fails, and in the middle of a change it would leave the earlier
// writes behind (protocols §2). So the library hands over bounded pieces, however much one call was asked to do.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';

/** Twice as many elements of each kind: an id and a record, a time and an id. */
const RESERVATIONS = 4_500;
const BATCH = 128;

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

test('thousands-of-reservations-released-and-read-in-one-call-are-all-of-them', async () => {
  const saleNumber = await openSale(rooms, { many: RESERVATIONS });
  const { store } = rooms.channels.of(saleNumber);
  const { key: customer } = rooms.customer('ann');
  const refs = Array.from({ length: RESERVATIONS }, (_, n) => ({
    reservationId: `rsv_${String(n).padStart(21, '0')}A`,
    customer,
  }));
  for (let from = 0; from < RESERVATIONS; from += BATCH) {
    await rooms.gate.renew();
    const commands = refs.slice(from, from + BATCH).map((ref) => ({
      ...ref,
      address: '',
      lines: [{ sku: 'many', quantity: 1 }],
      ttlSeconds: 300,
      fingerprint: 'f',
    }));
    await store.reserve(commands, { perCustomer: 0, perAddress: 0 });
  }
  await rooms.gate.renew();
  const released = await store.release(refs);
  expect(new Set(released.map(({ kind }) => kind))).toEqual(new Set(['released']));
  const ids = refs.map(({ reservationId }) => reservationId);
  const found = await store.read([...ids, ...ids]);
  expect(found.every((reply) => reply.kind === 'found' && reply.record.state === 'released')).toBe(true);
  const { items, live } = await store.snapshot();
  expect([items[0]?.reserved, live]).toEqual([0, 0]);
});
