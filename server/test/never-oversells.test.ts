// The promise the service exists for (P1): the last unit has one winner, every time, however many processes decide.
import { describe, expect, test } from 'bun:test';
import { Caller, makeSale } from './harness/service.ts';
import { type Stage, sharedService } from './harness/shared-service.ts';

const SHOPPERS = 200;
const SEEDS = 50;

/** 200 shoppers ask for the one unit at once; whoever has it pays. */
async function raceForOne(stage: Stage, seed: number): Promise<void> {
  const { sku } = await makeSale(stage.url, { one: 1 });
  const shoppers = Array.from({ length: SHOPPERS }, (_, i) => new Caller(stage.url, `shopper-${seed}-${i}`));
  const replies = await Promise.all(shoppers.map((shopper) => shopper.reserve({ [sku('one')]: 1 })));
  const won = replies.flatMap((reply, i) =>
    reply.status === 201 ? [{ reply, shopper: shoppers[i] as Caller }] : [],
  );
  expect(won).toHaveLength(1);
  const refused = replies.filter((reply) => reply.status !== 201);
  expect(new Set(refused.map((reply) => reply.body.code))).toEqual(new Set(['insufficient-stock']));
  const [winner] = won as [{ reply: (typeof replies)[number]; shopper: Caller }];
  const order = await winner.shopper.confirm(winner.reply.body.reservation_id);
  expect(order.status).toBe(200);
  const item = await winner.shopper.get(`/api/v1/inventory/${sku('one')}`);
  expect(item.body).toMatchObject({ total: 1, available: 0, reserved: 0, sold: 1, status: 'sold_out' });
}

describe('one process', () => {
  const stage = sharedService();

  test('200-shoppers-for-1-unit-have-one-winner-50-times', async () => {
    for (let seed = 0; seed < SEEDS; seed++) await raceForOne(stage, seed);
  }, 120_000);

  test('units-sold-never-exceed-the-stock-with-carts-in-any-order', async () => {
    const { sku } = await makeSale(stage.url, { a: 30, b: 20, c: 10 });
    const carts = [{ a: 1, b: 1 }, { b: 1, a: 2 }, { c: 1, b: 1, a: 1 }, { c: 2 }, { b: 3 }] as const;
    const sold = { a: 0, b: 0, c: 0 };
    await Promise.all(
      Array.from({ length: 120 }, async (_, i) => {
        const cart = carts[i % carts.length] as Partial<typeof sold>;
        const shopper = new Caller(stage.url, `cart-${i}`);
        const lines = Object.fromEntries(Object.entries(cart).map(([name, units]) => [sku(name), units]));
        const reply = await shopper.reserve(lines);
        if (reply.status !== 201) return;
        expect((await shopper.confirm(reply.body.reservation_id)).status).toBe(200);
        for (const name of ['a', 'b', 'c'] as const) sold[name] += cart[name] ?? 0;
      }),
    );
    const reader = new Caller(stage.url, 'reader');
    for (const [name, units] of Object.entries(sold)) {
      const { body } = await reader.get(`/api/v1/inventory/${sku(name)}`);
      expect(body.sold).toBe(units);
      expect(body.sold).toBeLessThanOrEqual(body.total);
      expect(body.available + body.reserved + body.sold).toBe(body.total);
    }
  });

  test('no-customer-gets-more-than-the-cap-reserved-and-bought-together', async () => {
    const { sku } = await makeSale(stage.url, { capped: 100 }, { cap: 3 });
    const shopper = new Caller(stage.url, 'greedy');
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => shopper.reserve({ [sku('capped')]: 1 })),
    );
    const got = replies.filter((reply) => reply.status === 201);
    expect(got).toHaveLength(3);
    for (const reply of replies.filter((one) => one.status !== 201)) {
      expect(reply.body).toMatchObject({ status: 422, code: 'limit-exceeded', limit: 3, held: 3 } as object);
    }
    await shopper.confirm(got[0]?.body.reservation_id ?? '');
    expect((await shopper.reserve({ [sku('capped')]: 1 })).body.code).toBe('limit-exceeded');
    await shopper.release(got[1]?.body.reservation_id ?? '');
    expect((await shopper.reserve({ [sku('capped')]: 1 })).status).toBe(201);
  });
});

describe('several processes', () => {
  const stage = sharedService({ workers: 3 });

  test('200-shoppers-for-1-unit-have-one-winner-over-3-processes-10-times', async () => {
    for (let seed = 0; seed < 10; seed++) await raceForOne(stage, 1000 + seed);
  }, 60_000);

  test('a-sale-made-by-one-process-is-known-to-all-at-once', async () => {
    const { sku } = await makeSale(stage.url, { shared: 50 });
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, i) => new Caller(stage.url, `all-${i}`).reserve({ [sku('shared')]: 1 })),
    );
    expect(replies.map((reply) => reply.status)).toEqual(Array(50).fill(201));
  });
});
