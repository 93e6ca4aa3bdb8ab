// PostgreSQL was restored from a backup while Redis ran on: the store has applied decisions that the ledger has forgotten, and
// would skip the new ones that get their numbers. The ledger is the original: the sale is loaded anew from it, with an alarm.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { SQL } from 'bun';
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

/** The ledger as it was before the sale's last decision. */
async function restore(saleNumber: number): Promise<void> {
  const sql = new SQL(database.url, { max: 1 });
  await sql.begin(async (tx) => {
    await tx`ALTER TABLE holdfast.journal DISABLE TRIGGER append_only`;
    await tx`DELETE FROM holdfast.journal WHERE sale = ${saleNumber} AND kind = 'confirmed'`;
    await tx`ALTER TABLE holdfast.journal ENABLE TRIGGER append_only`;
    await tx`DELETE FROM holdfast.order_lines WHERE order_id IN (SELECT order_id FROM holdfast.orders WHERE sale = ${saleNumber})`;
    await tx`DELETE FROM holdfast.orders WHERE sale = ${saleNumber}`;
    await tx`DELETE FROM holdfast.outcome WHERE sale = ${saleNumber}`;
    await tx`DELETE FROM holdfast.customer_item WHERE sale = ${saleNumber}`;
    await tx`UPDATE holdfast.item SET sold = 0 WHERE sale = ${saleNumber}`;
    await tx`UPDATE holdfast.sale SET entry_seq = entry_seq - 1 WHERE number = ${saleNumber}`;
  });
  await sql.close();
}

test('a-store-that-knows-more-than-the-ledger-is-rebuilt-from-it-with-an-alarm', async () => {
  const saleNumber = await openSale(rooms, { restored: 2 });
  const [ann, bob] = [rooms.customer('ann'), rooms.customer('bob')];
  const forgotten = await rooms.reserveOne(ann, 'restored', 'k');
  expect((await rooms.desk.confirm(ann, saleNumber, forgotten, null)).ok).toBe(true);
  await rooms.gate.renewAndOpen();
  expect((await rooms.ledger.lineage(saleNumber))?.epoch).toBe(1); // both are of one mind

  await restore(saleNumber);
  await rooms.gate.renewAndOpen();
  expect((await rooms.ledger.lineage(saleNumber))?.epoch).toBe(2);
  expect(rooms.logged.map(([message]) => message).join()).toContain('restored from a backup');
  // By the ledger Ann is still confirming: she may go on, and the unit is nobody else's.
  const bobs = await rooms.reserveOne(bob, 'restored', 'k');
  expect((await rooms.desk.confirm(ann, saleNumber, forgotten, null)).ok).toBe(true);
  expect((await rooms.desk.confirm(bob, saleNumber, bobs, null)).ok).toBe(true);
  const { items } = await rooms.channels.of(saleNumber).snapshot();
  expect(items[0]).toMatchObject({ total: 2, reserved: 0, sold: 2 });
  expect(await rooms.ledger.verifySale(saleNumber)).toEqual([]);
});
