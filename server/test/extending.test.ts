// An extension moves the deadline on, as often and as far as the sale allows, and survives what Redis forgets.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { Caller, operator } from './harness/service.ts';
import { sharedService } from './harness/shared-service.ts';
import { until } from './harness/until.ts';

const stage = sharedService();

describe('an extension', () => {
  async function sale(more: object): Promise<string> {
    const sku = `extend-${crypto.randomUUID()}`;
    const body = { id: sku, name: 'extending', items: [{ sku, stock: 3 }], ...more };
    expect((await operator(stage.url).post('/api/v1/admin/sales', body)).status).toBe(201);
    return sku;
  }

  test('moves-the-deadline-on-and-the-reservation-lives-until-then', async () => {
    const sku = await sale({ reservation_ttl_seconds: 1, max_extensions: 2, max_lifetime_seconds: 60 });
    const ann = new Caller(stage.url, 'ann');
    const held = await ann.reserve({ [sku]: 1 }, 'key');
    const id = held.body.reservation_id;
    const extended = await ann.post(`/api/v1/reservations/${id}/extend`, { seconds: 20 });
    expect(extended.status).toBe(200);
    expect(Date.parse(extended.body.expires_at)).toBe(Date.parse(held.body.expires_at) + 20_000);
    await until('the first deadline has passed', () => Date.now() > Date.parse(held.body.expires_at) + 200);
    expect((await ann.get(`/api/v1/reservations/${id}`)).body.status).toBe('active');
    // The answer to the key stays as first given, first deadline and all.
    expect((await ann.reserve({ [sku]: 1 }, 'key')).text).toBe(held.text);
    expect((await ann.confirm(id)).status).toBe(200);
    expect((await ann.post(`/api/v1/reservations/${id}/extend`, { seconds: 5 })).body.code).toBe(
      'not-active',
    );
  });

  test('is-refused-past-the-sales-bounds-for-strangers-and-for-what-is-over', async () => {
    const sku = await sale({ reservation_ttl_seconds: 100, max_lifetime_seconds: 150 });
    const ann = new Caller(stage.url, 'ann');
    const { body } = await ann.reserve({ [sku]: 1 });
    const extend = (seconds: unknown, as = ann) =>
      as.post(`/api/v1/reservations/${body.reservation_id}/extend`, { seconds });
    const tooLong = await extend(51);
    expect(tooLong.status).toBe(422);
    expect(tooLong.body as object).toMatchObject({
      code: 'extension-limit',
      max_extensions: 1,
      max_lifetime_seconds: 150,
    });
    expect((await extend(50)).status).toBe(200);
    expect((await extend(1)).body.code).toBe('extension-limit');
    for (const wrong of [0, -1, 1.5, '2', null, 86_401]) expect((await extend(wrong)).status).toBe(400);
    expect((await extend(1, new Caller(stage.url, 'bob'))).status).toBe(404);
    await ann.release(body.reservation_id);
    expect((await extend(1)).body.code).toBe('not-active');
  });

  test('of-an-expired-one-is-410', async () => {
    const sku = await sale({ reservation_ttl_seconds: 1 });
    const ann = new Caller(stage.url, 'ann');
    const { body } = await ann.reserve({ [sku]: 1 });
    await until('it has expired', () => Date.now() > Date.parse(body.expires_at) + 50);
    const late = await ann.post(`/api/v1/reservations/${body.reservation_id}/extend`, { seconds: 10 });
    expect(late.status).toBe(410);
  });
});

describe('what Redis forgot', () => {
  let rooms: Rooms;
  beforeAll(async () => {
    rooms = await openRooms({ redisUrl: stage.redis.url, databaseUrl: stage.database.url });
  });
  afterAll(() => rooms.close());

  for (const how of ['cold', 'warm'] as const) {
    test(`comes-back-with-its-extended-deadline-${how}`, async () => {
      const sku = `extended-${how}`;
      const saleNumber = await openSale(rooms, { [sku]: 3 });
      const ann = rooms.customer('ann');
      const id = await rooms.reserveOne(ann, sku, 'k');
      const extended = await rooms.desk.extend(ann, saleNumber, id, 100);
      expect(extended.ok).toBe(true);
      const channel = rooms.channels.of(saleNumber);
      if (how === 'cold') {
        await rooms.ledger.appendTransitions(saleNumber, channel.epoch, await channel.store.pending(100));
        await rooms.redis.flushall();
      } else {
        await stage.redis.kill9();
        await stage.redis.restart();
      }
      await until('the sale is open again', async () => {
        const answer = await rooms.desk.read(ann, saleNumber, id).catch(() => null);
        return answer !== null && Bun.deepEquals(answer, extended);
      });
      const again = await rooms.desk.extend(ann, saleNumber, id, 1);
      expect(!again.ok && again.refusal.code).toBe('extension-limit');
    });
  }
});
