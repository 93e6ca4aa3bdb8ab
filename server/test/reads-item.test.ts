// An item as anyone reads it reflects every answer already sent, by whichever process; and that many who ask at the
// same time share the work of it.
import { describe, expect, test } from 'bun:test';
import { ask, attempt, patiently } from './harness/ask.ts';
import { tell } from './harness/embedded.ts';
import { alike, sharedFleet } from './harness/fleet.ts';
import { Caller, makeSale, type Reply } from './harness/service.ts';
import { until } from './harness/until.ts';

const PROCESSES = 3;
/** For a thousand requests to come in; well below REDIS_COMMAND_MS, after which nobody waits for the store. */
const STILL_MS = 100;
const fleet = sharedFleet(alike(PROCESSES, {}));

const item = (process: number, sku: string): Promise<Reply> =>
  ask(fleet.url(process), `/api/v1/inventory/${sku}`);

/** The item as every process shows it at this moment, over connections that are in use already or new. */
async function expectEverywhere(sku: string, stock: object): Promise<void> {
  const replies = await Promise.all(Array.from({ length: 3 * PROCESSES }, (_, n) => item(n, sku)));
  for (const reply of replies) expect(reply.body).toMatchObject(stock);
}

const caller = (process: number, sub: string) => new Caller(fleet.url(process), sub);

describe('a read after an answer shows what was answered', () => {
  test('to-a-reserve-a-confirm-and-a-release-through-whichever-process', async () => {
    const TOTAL = 100;
    const { sku } = await makeSale(fleet.url(0), { a: TOTAL });
    let sold = 0;
    for (let round = 0; round < 30; round++) {
      const sub = `shopper-${round}`;
      const held = await caller(round, sub).reserve({ [sku('a')]: 2 });
      expect(held.status).toBe(201);
      await expectEverywhere(sku('a'), { available: TOTAL - sold - 2, reserved: 2, sold });
      const id = held.body.reservation_id;
      if (round % 2 === 0) {
        expect((await caller(round + 1, sub).confirm(id)).status).toBe(200);
        sold += 2;
      } else {
        expect((await caller(round + 1, sub).release(id)).status).toBe(200);
      }
      await expectEverywhere(sku('a'), { available: TOTAL - sold, reserved: 0, sold });
    }
  });

  test('to-an-operator-who-made-the-sale-added-an-item-or-closed-it', async () => {
    const { id, sku } = await makeSale(fleet.url(1), { a: 7 });
    await expectEverywhere(sku('a'), { available: 7, status: 'on_sale' });
    const operator = new Caller(fleet.url(2), 'operator', 'holdfast:operator');
    const body = { items: [{ sku: sku('b'), stock: 3 }] };
    expect((await operator.post(`/api/v1/admin/sales/${id}/items`, body)).status).toBe(201);
    await expectEverywhere(sku('b'), { available: 3, status: 'on_sale' });
    expect((await operator.post(`/api/v1/admin/sales/${id}/close`, {})).status).toBe(200);
    await expectEverywhere(sku('a'), { status: 'closed' });
  });

  test('that-a-reservation-has-expired', async () => {
    // Many, because the gap between the deadline and the sweep that frees the units is a matter of milliseconds.
    const names = Array.from({ length: 20 }, (_, n) => `e${n}`);
    const stock = Object.fromEntries(names.map((name) => [name, 5]));
    const { sku } = await makeSale(fleet.url(0), stock, { ttlSeconds: 1 });
    const held: { name: string; id: string }[] = [];
    for (const name of names) {
      const reply = await caller(0, name).reserve({ [sku(name)]: 5 });
      held.push({ name, id: reply.body.reservation_id });
    }
    const showing = held.map(async ({ name, id }, n) => {
      await until('the customer is told so', async () => {
        const reply = await caller(n, name).get(`/api/v1/reservations/${id}`);
        return reply.body.status === 'expired';
      });
      await expectEverywhere(sku(name), { available: 5, reserved: 0 });
    });
    await Promise.all(showing);
  });

  test('while-hundreds-reserve-and-hundreds-read', async () => {
    const UNITS = 600;
    const { sku } = await makeSale(fleet.url(0), { a: UNITS });
    let answered = 0;
    let reads = 0;
    const reserveAll = Array.from({ length: UNITS }, async (_, n) => {
      const one = { as: `rush-${n}`, key: 'rush' };
      const reply = await patiently(() => attempt(fleet.url(n), sku('a'), one));
      expect(reply.status).toBe(201);
      answered += 1;
    });
    const readAll = Array.from({ length: 24 }, async (_, reader) => {
      let newest = 0;
      while (answered < UNITS) {
        const before = answered;
        const { body } = await item(reader, sku('a'));
        expect(body.reserved).toBeGreaterThanOrEqual(before);
        expect(body.reserved).toBeGreaterThanOrEqual(newest);
        expect(body.available + body.reserved + body.sold).toBe(UNITS);
        newest = body.reserved;
        reads += 1;
      }
    });
    await Promise.all([...reserveAll, ...readAll]);
    expect(reads).toBeGreaterThan(24);
    await expectEverywhere(sku('a'), { available: 0, reserved: UNITS, status: 'all_reserved' });
  });
});

test('a-thousand-who-read-at-once-cost-redis-a-few-looks', async () => {
  const { sku } = await makeSale(fleet.url(0), { a: 10 });
  await item(0, sku('a'));
  const looks = async () => {
    const stats = String(await tell(fleet.redis.url, 'INFO', 'commandstats'));
    // A look at the stock is the only thing that reads the whole of it.
    return Number(/cmdstat_hgetall:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };
  const before = await looks();
  // Until all have asked: a quick Redis would answer many of them before others come.
  await tell(fleet.redis.url, 'CLIENT', 'PAUSE', String(STILL_MS));
  const replies = await Promise.all(Array.from({ length: 1_000 }, () => item(0, sku('a'))));
  expect(replies.filter(({ status }) => status === 200)).toHaveLength(1_000);
  const cost = (await looks()) - before;
  console.log(`1,000 reads of an item at once: ${cost} looks at the stock`);
  expect(cost).toBeGreaterThan(0);
  expect(cost).toBeLessThan(200);
});
