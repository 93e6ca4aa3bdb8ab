// P5: stock comes back within a second of the deadline, never before it, and the very next reserve counts it.
import { describe, expect, test } from 'bun:test';
import { Caller, makeSale } from './harness/service.ts';
import { sharedService } from './harness/shared-service.ts';
import { until } from './harness/until.ts';

const stage = sharedService();

describe('at the deadline', () => {
  test('stock-is-free-again-and-never-before', async () => {
    const { sku } = await makeSale(stage.url, { a: 1 }, { ttlSeconds: 1 });
    const [holder, next] = [new Caller(stage.url, 'holder'), new Caller(stage.url, 'next')];
    const held = await holder.reserve({ [sku('a')]: 1 });
    const deadlineMs = Date.parse(held.body.expires_at);
    // Refusals until the deadline, then the unit: by the store's clock, which is this machine's.
    const won = await until('the unit comes back', async () => {
      const reply = await next.reserve({ [sku('a')]: 1 });
      return reply.status === 201 && reply;
    });
    const wonAtMs = Date.parse(won.body.created_at);
    expect(wonAtMs).toBeGreaterThanOrEqual(deadlineMs);
    expect(wonAtMs).toBeLessThan(deadlineMs + 1000);
    expect((await holder.confirm(held.body.reservation_id)).body.code).toBe('reservation-expired');
    expect((await holder.release(held.body.reservation_id)).body.code).toBe('reservation-expired');
    expect((await holder.get(`/api/v1/reservations/${held.body.reservation_id}`)).body.status).toBe(
      'expired',
    );
  });

  test('the-worker-frees-it-where-nobody-asks', async () => {
    const { sku } = await makeSale(stage.url, { a: 300 }, { ttlSeconds: 1 });
    await Promise.all(
      Array.from({ length: 300 }, (_, i) => new Caller(stage.url, `gone-${i}`).reserve({ [sku('a')]: 1 })),
    );
    const reader = new Caller(stage.url, 'reader');
    const item = await until('all units are free', async () => {
      const reply = await reader.get(`/api/v1/inventory/${sku('a')}`);
      return reply.body.available === 300 && reply;
    });
    expect(item.body).toMatchObject({ reserved: 0, sold: 0 });
  });

  test('a-refusal-says-whether-units-may-return', async () => {
    const { sku } = await makeSale(stage.url, { a: 1, b: 1 });
    const [first, second] = [new Caller(stage.url, 'first'), new Caller(stage.url, 'second')];
    const held = await first.reserve({ [sku('a')]: 1 });
    expect((await second.reserve({ [sku('a')]: 1 })).body as object).toMatchObject({
      code: 'insufficient-stock',
      available: 0,
      reserved: 1,
      may_return: true,
      waitlist_open: false,
    });
    await first.confirm(held.body.reservation_id);
    expect((await second.reserve({ [sku('a')]: 1 })).body as object).toMatchObject({
      reserved: 0,
      may_return: false,
    });
    const cart = await second.reserve({ [sku('a')]: 1, [sku('b')]: 2 });
    expect(cart.body.items as readonly object[]).toEqual([
      { sku: sku('a'), available: 0, reserved: 0, may_return: false },
      { sku: sku('b'), available: 1, reserved: 0, may_return: false },
    ]);
  });
});
