// P3 and P4, the whole of it: the process group is killed with -9 in the middle of a rush, the stores too, and everything is
// started again. Every acknowledged order is there, every acknowledged live reservation is there with its deadline, and
// available + reserved + sold = total.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { Ledger } from '../src/ledger/ledger.ts';
import { Caller, makeSale, type Service, startService } from './harness/service.ts';
import { startPostgres, startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';

const SHOPPERS = 400;
const KILL_AFTER_ACKNOWLEDGED = 150;

let redis: TestStore;
let postgres: TestStore;
let service: Service;

beforeAll(async () => {
  [redis, postgres] = await Promise.all([
    startRedis({ appendfsync: 'always' }),
    startPostgres({ durable: true }),
  ]);
}, 60_000);

afterAll(async () => {
  await service?.stop();
  await Promise.all([redis.stop(), postgres.stop()]);
});

const start = () => startService({ redisUrl: redis.url, databaseUrl: postgres.url, workers: 2 });

interface Acknowledged {
  readonly sub: string;
  readonly reservationId: string;
  readonly expiresAt: string;
  orderText?: string;
  /** A confirm was sent and no answer came: it may be either. */
  uncertain?: boolean;
}

test('every-acknowledged-order-and-reservation-survives-kill-9-of-everything', async () => {
  service = await start();
  const { sku } = await makeSale(service.url, { a: SHOPPERS });
  const acknowledged: Acknowledged[] = [];
  const enough = Promise.withResolvers<void>();

  const shop = async (sub: string, pays: boolean) => {
    const caller = new Caller(service.url, sub);
    const held = await caller.reserve({ [sku('a')]: 1 }, 'key');
    if (held.status !== 201) return;
    const mine: Acknowledged = {
      sub,
      reservationId: held.body.reservation_id,
      expiresAt: held.body.expires_at,
    };
    acknowledged.push(mine);
    if (acknowledged.length >= KILL_AFTER_ACKNOWLEDGED) enough.resolve();
    if (!pays) return;
    mine.uncertain = true;
    const order = await caller.confirm(mine.reservationId);
    mine.uncertain = false;
    if (order.status === 200) mine.orderText = order.text;
  };
  const shopping = Array.from({ length: SHOPPERS }, (_, i) =>
    shop(`shopper-${i}`, i % 2 === 0).catch(() => undefined),
  );
  await enough.promise;
  await Promise.all([service.killGroup9(), redis.kill9(), postgres.kill9()]);
  await Promise.all(shopping);
  await Promise.all([redis.restart(), postgres.restart()]);
  service = await start();

  expect(acknowledged.length).toBeGreaterThanOrEqual(KILL_AFTER_ACKNOWLEDGED);
  for (const { sub, reservationId, expiresAt, orderText, uncertain } of acknowledged) {
    const caller = new Caller(service.url, sub);
    const read = await caller.get(`/api/v1/reservations/${reservationId}`);
    expect(read.status).toBe(200);
    expect(read.body.expires_at).toBe(expiresAt);
    if (orderText !== undefined) {
      expect(read.body.status).toBe('confirmed');
      expect((await caller.get(`/api/v1/orders/${read.body.order_id}`)).text).toBe(orderText);
    } else if (uncertain) {
      expect(['active', 'confirming', 'confirmed']).toContain(read.body.status);
      // The retry ends the doubt: the one order, whether the first attempt made it or this one.
      expect((await caller.confirm(reservationId)).status).toBe(200);
    } else {
      expect(read.body.status).toBe('active');
    }
    // The same key still leads to the same reservation.
    expect((await caller.reserve({ [sku('a')]: 1 }, 'key')).body.reservation_id).toBe(reservationId);
  }
  const item = await new Caller(service.url, 'reader').get(`/api/v1/inventory/${sku('a')}`);
  const { available, reserved, sold, total } = item.body;
  expect(available + reserved + sold).toBe(total);

  const ledger = new Ledger({ databaseUrl: postgres.url });
  try {
    await until('the journal has everything', async () => {
      const [sale] = await ledger.lineages();
      return sale !== undefined && (await ledger.lastTransition(sale.saleNumber)) >= reserved + sold;
    });
    for (const { saleNumber } of await ledger.lineages())
      expect(await ledger.verifySale(saleNumber)).toEqual([]);
  } finally {
    await ledger.close();
  }
}, 60_000);
