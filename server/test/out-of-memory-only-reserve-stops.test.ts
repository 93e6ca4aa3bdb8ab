// Redis is full (protocols §2): only what makes it fuller is refused. What frees, resolves or repairs goes on, else nothing
// would ever make room again.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { StockUnavailable } from '../src/domain/sale-store.ts';
import { writeSale } from '../src/workers/ledger-writer.ts';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';

let redis: TestStore;
let database: FreshDatabase;
let rooms: Rooms;
let nowMs = Date.now() + 3_600_000;

beforeAll(async () => {
  [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
  rooms = await openRooms({ redisUrl: redis.url, databaseUrl: database.url, clock: () => nowMs });
}, 60_000);

afterAll(async () => {
  await rooms.close();
  await Promise.all([redis.stop(), database.drop()]);
});

test('reserve-is-refused-and-everything-else-goes-on-rebuild-and-renewal-included', async () => {
  const saleNumber = await openSale(rooms, { full: 10 });
  const ann = rooms.customer('ann');
  const channel = rooms.channels.of(saleNumber);
  const [bought, released, expiring, kept] = await Promise.all(
    ['bought', 'released', 'expiring', 'kept'].map((key) => rooms.reserveOne(ann, 'full', key)),
  );
  await rooms.redis.config('SET', 'maxmemory', '1mb'); // it holds more than that already
  try {
    await expect(rooms.reserveOne(ann, 'full', 'one more')).rejects.toBeInstanceOf(StockUnavailable);
    await rooms.gate.renew();
    expect((await rooms.desk.read(ann, saleNumber, kept ?? '')).ok).toBe(true);
    expect((await rooms.desk.extend(ann, saleNumber, kept ?? '', 30)).ok).toBe(true);
    expect((await rooms.desk.confirm(ann, saleNumber, bought ?? '', null)).ok).toBe(true);
    expect((await rooms.desk.release(ann, saleNumber, released ?? '')).ok).toBe(true);
    expect(await writeSale({ ledger: rooms.ledger, onWritten: () => undefined }, channel)).toBeGreaterThan(0);
    expect(await channel.store.pending(10)).toEqual([]);
    const [later] = await channel.store.read([expiring ?? '']);
    if (later?.kind !== 'found') throw new Error('it is there');
    nowMs = later.record.deadlineMs;
    expect(await channel.store.expire(10)).toEqual({ expired: 1, more: false });
    await rooms.redis.unlink(`hf:{${saleNumber}}:dead`);
    expect(await rooms.gate.open(saleNumber)).toBe('open');
    expect((await channel.snapshot()).items[0]).toMatchObject({ reserved: 1, sold: 1 });
  } finally {
    await rooms.redis.config('SET', 'maxmemory', '0');
  }
  await rooms.reserveOne(ann, 'full', 'one more');
});
