// P6: the same key is one effect and the answer as first given, byte for byte; another body is refused.
import { describe, expect, test } from 'bun:test';
import { Caller, makeSale } from './harness/service.ts';
import { sharedService } from './harness/shared-service.ts';
import { until } from './harness/until.ts';

const stage = sharedService({ workers: 2 });

describe('the same key', () => {
  test('100-parallel-requests-give-one-reservation-and-identical-bytes', async () => {
    const { sku } = await makeSale(stage.url, { a: 1000 });
    const shopper = new Caller(stage.url, 'impatient');
    const replies = await Promise.all(
      Array.from({ length: 100 }, () => shopper.reserve({ [sku('a')]: 2 }, 'one-key')),
    );
    expect(new Set(replies.map((reply) => `${reply.status} ${reply.text}`)).size).toBe(1);
    expect(replies[0]?.status).toBe(201);
    const replayed = replies.filter((reply) => reply.headers.get('idempotency-replayed') === 'true');
    expect(replayed).toHaveLength(99);
    const item = await shopper.get(`/api/v1/inventory/${sku('a')}`);
    expect(item.body).toMatchObject({ available: 998, reserved: 2 });
  });

  test('its-answer-stays-byte-for-byte-after-confirm-release-and-expiry', async () => {
    const { sku } = await makeSale(stage.url, { a: 10 }, { ttlSeconds: 1 });
    const shopper = new Caller(stage.url, 'returning');
    const first = await Promise.all(
      ['k-confirm', 'k-release', 'k-expire'].map((key) => shopper.reserve({ [sku('a')]: 1 }, key)),
    );
    await shopper.confirm(first[0]?.body.reservation_id ?? '');
    await shopper.release(first[1]?.body.reservation_id ?? '');
    await until('the third has expired', async () => {
      const reply = await shopper.get(`/api/v1/reservations/${first[2]?.body.reservation_id}`);
      return reply.body.status === 'expired';
    });
    const again = await Promise.all(
      ['k-confirm', 'k-release', 'k-expire'].map((key) => shopper.reserve({ [sku('a')]: 1 }, key)),
    );
    expect(again.map((reply) => reply.text)).toEqual(first.map((reply) => reply.text));
    expect(again.map((reply) => reply.status)).toEqual([201, 201, 201]);
    expect(again.map((reply) => reply.headers.get('idempotency-replayed'))).toEqual(['true', 'true', 'true']);
  });

  test('with-another-body-is-refused-and-the-same-lines-in-another-order-are-the-same-body', async () => {
    const { sku } = await makeSale(stage.url, { a: 10, b: 10 });
    const shopper = new Caller(stage.url, 'changing');
    const first = await shopper.reserve({ [sku('a')]: 1, [sku('b')]: 2 }, 'k');
    const reordered = await shopper.reserve({ [sku('b')]: 2, [sku('a')]: 1 }, 'k');
    expect(reordered.text).toBe(first.text);
    const other = await shopper.reserve({ [sku('a')]: 1, [sku('b')]: 3 }, 'k');
    expect(other.status).toBe(422);
    expect(other.body.code).toBe('idempotency-key-reused');
    const otherTtl = await shopper.reserve({ [sku('a')]: 1, [sku('b')]: 2 }, 'k', 20);
    expect(otherTtl.body.code).toBe('idempotency-key-reused');
  });

  test('of-another-customer-is-another-request', async () => {
    const { sku } = await makeSale(stage.url, { a: 10 });
    const [one, two] = await Promise.all(
      ['ann', 'bob'].map((sub) => new Caller(stage.url, sub).reserve({ [sku('a')]: 1 }, 'same-key')),
    );
    expect(one?.status).toBe(201);
    expect(two?.status).toBe(201);
    expect(one?.body.reservation_id).not.toBe(two?.body.reservation_id);
  });

  test('after-a-refusal-is-tried-afresh', async () => {
    const { sku } = await makeSale(stage.url, { a: 1 });
    const [holder, waiting] = [new Caller(stage.url, 'holder'), new Caller(stage.url, 'waiting')];
    const held = await holder.reserve({ [sku('a')]: 1 });
    expect((await waiting.reserve({ [sku('a')]: 1 }, 'k')).status).toBe(409);
    await holder.release(held.body.reservation_id);
    expect((await waiting.reserve({ [sku('a')]: 1 }, 'k')).status).toBe(201);
  });
});

describe('confirm again', () => {
  test('50-parallel-confirms-give-one-order-and-identical-bytes', async () => {
    const { sku } = await makeSale(stage.url, { a: 5 });
    const shopper = new Caller(stage.url, 'clicking');
    const held = await shopper.reserve({ [sku('a')]: 1 });
    const replies = await Promise.all(
      Array.from({ length: 50 }, () => shopper.confirm(held.body.reservation_id)),
    );
    expect(new Set(replies.map((reply) => `${reply.status} ${reply.text}`)).size).toBe(1);
    expect(replies[0]?.status).toBe(200);
    const orders = await shopper.get('/api/v1/orders');
    expect(orders.body.data).toHaveLength(1);
    const later = await shopper.confirm(held.body.reservation_id);
    expect(later.text).toBe(replies[0]?.text ?? '');
  });

  test('release-again-is-the-same-200', async () => {
    const { sku } = await makeSale(stage.url, { a: 5 });
    const shopper = new Caller(stage.url, 'undecided');
    const held = await shopper.reserve({ [sku('a')]: 1 });
    const first = await shopper.release(held.body.reservation_id);
    const second = await shopper.release(held.body.reservation_id);
    expect(first.status).toBe(200);
    expect(first.body.status).toBe('released');
    expect(second.text).toBe(first.text);
    expect((await shopper.confirm(held.body.reservation_id)).body.code).toBe('reservation-released');
  });
});

describe('a stranger', () => {
  test('gets-the-same-404-for-anothers-id-as-for-none', async () => {
    const { sku } = await makeSale(stage.url, { a: 5 });
    const held = await new Caller(stage.url, 'owner').reserve({ [sku('a')]: 1 });
    const stranger = new Caller(stage.url, 'stranger');
    const id = held.body.reservation_id;
    const none = `rsv_${'A'.repeat(22)}`;
    const without = (text: string) => text.replace(/"request_id":"[^"]*"/, '');
    for (const ask of [
      (of: string) => stranger.get(`/api/v1/reservations/${of}`),
      (of: string) => stranger.release(of),
      (of: string) => stranger.confirm(of),
    ]) {
      const [theirs, nobodys] = await Promise.all([ask(id), ask(none)]);
      expect(theirs.status).toBe(404);
      expect(without(theirs.text)).toBe(without(nobodys.text));
    }
  });
});
