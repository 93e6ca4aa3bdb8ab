// A closed sale leaves Redis a day after its last resolution; from then on the ledger alone answers, and nobody can tell
// but by the sale's state (protocols §2).
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { saleKey, saleKeys } from '../src/stock/keys.ts';
import { archivist } from '../src/workers/archivist.ts';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';

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

const ann = () => rooms.customer('ann');
const quiet = { info() {}, warn() {}, error() {} };

async function closedSale(sku: string): Promise<{ saleNumber: number; sold: string; released: string }> {
  const saleNumber = await openSale(rooms, { [sku]: 10 });
  const sold = await rooms.reserveOne(ann(), sku, 'sold');
  const released = await rooms.reserveOne(ann(), sku, 'released');
  await rooms.desk.confirm(ann(), saleNumber, sold, null);
  await rooms.desk.release(ann(), saleNumber, released);
  const sale = await rooms.ledger.saleByNumber(saleNumber);
  await rooms.sales.close(sale?.id ?? '', 'operator');
  return { saleNumber, sold, released };
}

async function journalAll(saleNumber: number): Promise<void> {
  const { store, epoch } = rooms.channels.of(saleNumber);
  const waiting = await store.pending(1000);
  const last = waiting[waiting.length - 1];
  await rooms.ledger.appendTransitions(saleNumber, epoch, waiting);
  if (last) await store.trim(last.seq, last.epoch);
}

/** As if its last resolution were a day ago. */
async function ageResolutions(saleNumber: number): Promise<void> {
  const key = saleKey(saleNumber, 'done');
  for (const member of await rooms.redis.zrange(key, '0', '-1')) {
    if (member !== '@')
      await rooms.redis.call('ZADD', key, 'XX', String(Date.now() - 24 * 3600 * 1000 - 1), member);
  }
}

test('not-before-everything-is-resolved-journaled-and-a-day-old', async () => {
  const open = await openSale(rooms, { open: 1 });
  expect(await rooms.channels.of(open).store.unload()).toBe(false);
  const { saleNumber } = await closedSale('young');
  const { store } = rooms.channels.of(saleNumber);
  expect(await store.unload()).toBe(false);
  await journalAll(saleNumber);
  expect(await store.unload()).toBe(false);
  await ageResolutions(saleNumber);
  expect(await store.unload()).toBe(true);
});

test('then-the-ledger-answers-as-the-store-did', async () => {
  const { saleNumber, sold, released } = await closedSale('archived');
  await journalAll(saleNumber);
  await ageResolutions(saleNumber);
  const order = await rooms.desk.confirm(ann(), saleNumber, sold, null);
  const before = await rooms.sales.item('archived');

  const worker = archivist({ ...rooms, isOurTurn: () => true, log: quiet, everyMs: 20 });
  worker.start();
  await until('it is unloaded', async () => {
    await rooms.gate.renew();
    return (await rooms.ledger.lineage(saleNumber))?.unloaded;
  });
  await worker.stop();
  expect(await rooms.redis.exists(...saleKeys(saleNumber))).toBe(0);

  const item = await rooms.sales.item('archived');
  expect(before.ok).toBe(true);
  expect(item).toMatchObject({ ok: true, value: { stock: before.ok ? before.value.stock : {} } });
  expect(await rooms.desk.confirm(ann(), saleNumber, sold, null)).toEqual(order);
  const status = async (id: string) => {
    const answer = await rooms.desk.read(ann(), saleNumber, id);
    return answer.ok ? answer.value.status : answer.refusal.code;
  };
  expect(await status(sold)).toBe('confirmed');
  expect(await status(released)).toBe('released');
  const again = await rooms.desk.release(ann(), saleNumber, released);
  expect(again.ok && again.value.status).toBe('released');
  await expect(rooms.reserveOne(ann(), 'archived', 'new')).rejects.toThrow('sale-closed');
  const extend = await rooms.desk.extend(ann(), saleNumber, released, 10);
  expect(!extend.ok && extend.refusal.code).toBe('not-active');

  const saleId = before.ok ? before.value.row.saleId : '';
  const closedAgain = await rooms.sales.close(saleId, 'operator');
  expect(closedAgain.ok && closedAgain.value.row.unloaded).toBe(true);

  for (const delta of [-1, 1]) {
    const change = await rooms.sales.changeStock({
      sku: 'archived',
      delta,
      reason: 'counted',
      reference: null,
      expectedTotal: null,
      operator: 'operator',
      idempotencyKey: `late ${delta}`,
    });
    expect(!change.ok && change.refusal.code).toBe('sale-closed');
  }

  // Its SKU is free for another sale, in which it sells as ever.
  await openSale(rooms, { archived: 1 });
  await rooms.reserveOne(ann(), 'archived', 'new');
  // And no renewal brings the old one back.
  await rooms.gate.renewAndOpen();
  expect(await rooms.redis.exists(...saleKeys(saleNumber))).toBe(0);
});
