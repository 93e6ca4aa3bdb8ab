// Restock and write-off by operators (protocols §5): once by their key, never below what is reserved or sold, the store and
// the ledger always of one mind in the end, wherever a process stops between its steps.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { randomUUID } from 'node:crypto';
import { AmbiguousCommit, LedgerUnavailable } from '../src/domain/ledger-facts.ts';
import type { LedgerContract } from '../src/ledger/contract.ts';
import type { ChangeStockRequest } from '../src/sales/sales.ts';
import { saleKey } from '../src/stock/keys.ts';
import { resolver } from '../src/workers/resolver.ts';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { seed, seededRandom } from './harness/seeded-random.ts';
import { Caller, makeSale, operator } from './harness/service.ts';
import { sharedService } from './harness/shared-service.ts';
import { until } from './harness/until.ts';

const stage = sharedService({ workers: 2 });

/** One item of a fresh sale, and what to do with it. */
async function itemOf(units: number) {
  const { id, sku } = await makeSale(stage.url, { a: units });
  const by = operator(stage.url);
  return {
    id,
    sku: sku('a'),
    change: (body: object, key: string = randomUUID()) =>
      by.post(`/api/v1/admin/items/${sku('a')}/stock`, body, key),
    read: async () => (await by.get(`/api/v1/inventory/${sku('a')}`)).body,
    reserve: (sub: string, quantity = 1) => new Caller(stage.url, sub).reserve({ [sku('a')]: quantity }),
  };
}

describe('over HTTP', () => {
  test('more-and-less-are-seen-by-the-very-next-read-and-reserve', async () => {
    const item = await itemOf(1);
    expect((await item.reserve('ann')).status).toBe(201);
    expect((await item.reserve('bob')).status).toBe(409);
    const more = await item.change({
      delta: 2,
      reason: 'second delivery',
      reference: 'PO-7',
      expected_total: 1,
    });
    expect(more.status).toBe(200);
    expect(more.body as object).toMatchObject({
      delta: 2,
      total_before: 1,
      total: 3,
      reference: 'PO-7',
      operator: 'operator',
    });
    expect(await item.read()).toMatchObject({ total: 3, available: 2, reserved: 1 });
    expect((await item.reserve('bob')).status).toBe(201);
    expect((await item.change({ delta: -1, reason: 'broken' })).status).toBe(200);
    expect(await item.read()).toMatchObject({ total: 2, available: 0, reserved: 2 });
    expect((await item.reserve('cleo')).body.code).toBe('insufficient-stock');
  });

  test('units-that-are-reserved-or-sold-are-never-taken-out', async () => {
    const item = await itemOf(5);
    const held = await item.reserve('ann', 2);
    await new Caller(stage.url, 'ann').confirm(held.body.reservation_id);
    await item.reserve('bob', 2);
    const refused = await item.change({ delta: -2, reason: 'too many' });
    expect(refused.status).toBe(409);
    expect(refused.body as object).toMatchObject({ code: 'stock-in-use', available: 1, reserved: 2 });
    expect((await item.change({ delta: -1, reason: 'one' })).status).toBe(200);
    expect(await item.read()).toMatchObject({ total: 4, available: 0, reserved: 2, sold: 2 });
  });

  test('the-same-key-is-one-change-with-identical-bytes-and-another-body-is-refused', async () => {
    const item = await itemOf(10);
    for (const delta of [3, -3]) {
      const key = randomUUID();
      const replies = await Promise.all(
        Array.from({ length: 20 }, () => item.change({ delta, reason: 'again' }, key)),
      );
      expect(new Set(replies.map((reply) => `${reply.status} ${reply.text}`)).size).toBe(1);
      expect(replies[0]?.status).toBe(200);
      const later = await item.change({ delta, reason: 'again' }, key);
      expect(later.text).toBe(replies[0]?.text ?? '');
      expect(later.headers.get('idempotency-replayed')).toBe('true');
      const other = await item.change({ delta, reason: 'another' }, key);
      expect(other.body.code).toBe('idempotency-key-reused');
    }
    await until('both are done', async () => (await item.read()).total === 10);
    expect(await item.read()).toMatchObject({ total: 10, available: 10 });
  });

  test('a-stale-total-a-closed-sale-and-an-unknown-item-are-refused', async () => {
    const item = await itemOf(10);
    const stale = await item.change({ delta: -1, reason: 'r', expected_total: 9 });
    expect(stale.body as object).toMatchObject({ code: 'stale-total', total: 10 });
    expect(await item.read()).toMatchObject({ total: 10, available: 10 });
    expect((await item.change({ delta: 100_000_000, reason: 'r' })).status).toBe(400);
    await operator(stage.url).post(`/api/v1/admin/sales/${item.id}/close`, {});
    expect((await item.change({ delta: 1, reason: 'r' })).body.code).toBe('sale-closed');
    const nowhere = await operator(stage.url).post(
      '/api/v1/admin/items/no-such-item/stock',
      { delta: 1, reason: 'r' },
      'k',
    );
    expect(nowhere.body.code).toBe('unknown-sku');
    const shopper = await new Caller(stage.url, 'ann').post(
      `/api/v1/admin/items/${item.sku}/stock`,
      { delta: 1, reason: 'r' },
      'k',
    );
    expect(shopper.body.code).toBe('forbidden');
  });

  test('write-offs-race-reserves-and-no-unit-is-both-reserved-and-gone', async () => {
    const item = await itemOf(60);
    const [reserves, changes] = await Promise.all([
      Promise.all(Array.from({ length: 60 }, (_, i) => item.reserve(`racer-${i}`))),
      Promise.all(Array.from({ length: 30 }, () => item.change({ delta: -1, reason: 'broken' }))),
    ]);
    const granted = reserves.filter((reply) => reply.status === 201).length;
    const gone = changes.filter((reply) => reply.status === 200).length;
    expect(granted + gone).toBe(60);
    expect(await item.read()).toMatchObject({ total: 60 - gone, reserved: granted, available: 0 });
  });
});

describe('stopped between its steps', () => {
  let rooms: Rooms;
  /** What happens to the next decision of the ledger. */
  let next:
    | ((decide: () => ReturnType<LedgerContract['changeStock']>) => ReturnType<LedgerContract['changeStock']>)
    | undefined;
  /** The ledger is out of reach for refusals too. */
  let refusalsFail = false;
  /** The next look for a change under a key was before the one that made it. */
  let lookedTooEarly = false;
  let made = 0;

  beforeAll(async () => {
    rooms = await openRooms({
      redisUrl: stage.redis.url,
      databaseUrl: stage.database.url,
      instead: (real) => ({
        changeStock: (...args) => {
          const decide = () => real.changeStock(...args);
          const now = next;
          next = undefined;
          return now ? now(decide) : decide();
        },
        stockChange: (...args) => {
          const blind = lookedTooEarly;
          lookedTooEarly = false;
          return blind ? Promise.resolve(null) : real.stockChange(...args);
        },
        refuseStockOperation: (...args) =>
          refusalsFail
            ? Promise.reject(new LedgerUnavailable('out of reach'))
            : real.refuseStockOperation(...args),
      }),
    });
  });
  afterAll(() => rooms.close());

  const request = (sku: string, delta: number): ChangeStockRequest => ({
    sku,
    delta,
    reason: 'counted',
    reference: null,
    expectedTotal: null,
    operator: 'operator',
    idempotencyKey: `key-${++made}`,
  });

  async function totals(saleNumber: number) {
    const { items } = await rooms.channels.of(saleNumber).snapshot();
    const [row] = await rooms.ledger.itemsOfSale(saleNumber);
    return { store: items[0]?.total, ledger: row?.total };
  }

  /** Lets every pend of the sale be due, and the resolver find them. */
  async function resolvePends(saleNumber: number): Promise<void> {
    const key = saleKey(saleNumber, 'stock');
    for (const [field, value] of Object.entries(await rooms.redis.hgetall(key))) {
      if (field.startsWith('@pend ')) await rooms.redis.hset(key, field, value.replace(/\d+$/, '1'));
    }
    rooms.gate.ledgerFailedAtMs = Number.NEGATIVE_INFINITY;
    const quiet = { info() {}, warn() {}, error() {} };
    const worker = resolver({ ...rooms, isOurTurn: () => true, log: quiet });
    worker.start();
    await until('no pend is left', async () => {
      await rooms.gate.renew();
      return rooms.gate.watches.get(saleNumber)?.pends === 0;
    });
    await worker.stop();
  }

  test('before-the-ledger-decided-the-units-come-back-by-the-resolver', async () => {
    const saleNumber = await openSale(rooms, { 'stop-pend': 10 });
    await rooms.channels.of(saleNumber).pend({ operationId: 'A'.repeat(22), sku: 'stop-pend', quantity: 4 });
    expect(await totals(saleNumber)).toEqual({ store: 6, ledger: 10 });
    await resolvePends(saleNumber);
    expect(await totals(saleNumber)).toEqual({ store: 10, ledger: 10 });
  });

  test('after-the-commit-is-503-and-the-retry-gets-the-one-change', async () => {
    const saleNumber = await openSale(rooms, { 'stop-commit': 10 });
    next = async (decide) => {
      await decide();
      throw new AmbiguousCommit('cut after COMMIT');
    };
    const asked = request('stop-commit', -4);
    const first = await rooms.sales.changeStock(asked);
    expect(!first.ok && first.refusal.code).toBe('unavailable');
    const again = await rooms.sales.changeStock(asked);
    expect(again.ok && again.value).toMatchObject({ replayed: true, change: { total: 6 } });
    await resolvePends(saleNumber);
    expect(await totals(saleNumber)).toEqual({ store: 6, ledger: 6 });
    expect(await rooms.ledger.verifySale(saleNumber)).toEqual([]);
  });

  test('a-late-retry-that-sets-the-units-aside-again-gives-them-back', async () => {
    const saleNumber = await openSale(rooms, { 'stop-again': 10 });
    const asked = request('stop-again', -4);
    expect((await rooms.sales.changeStock(asked)).ok).toBe(true);
    lookedTooEarly = true;
    const retried = await rooms.sales.changeStock(asked);
    expect(retried.ok && retried.value.replayed).toBe(true);
    expect(await totals(saleNumber)).toEqual({ store: 6, ledger: 6 });
    // And the same where its process is stopped after that.
    lookedTooEarly = true;
    refusalsFail = true;
    await rooms.sales.changeStock(asked);
    expect(await totals(saleNumber)).toEqual({ store: 2, ledger: 6 });
    refusalsFail = false;
    await resolvePends(saleNumber);
    expect(await totals(saleNumber)).toEqual({ store: 6, ledger: 6 });
  });

  test('a-ledger-out-of-reach-changes-nothing-and-the-key-may-try-again', async () => {
    const saleNumber = await openSale(rooms, { 'stop-down': 10 });
    const asked = request('stop-down', -4);
    next = () => Promise.reject(new LedgerUnavailable('out of reach'));
    refusalsFail = true;
    await expect(rooms.sales.changeStock(asked)).rejects.toThrow('out of reach');
    expect(await totals(saleNumber)).toEqual({ store: 6, ledger: 10 }); // the pend stands until the ledger is back
    refusalsFail = false;
    await resolvePends(saleNumber);
    expect(await totals(saleNumber)).toEqual({ store: 10, ledger: 10 });
    expect((await rooms.sales.changeStock(asked)).ok).toBe(true);
    expect(await totals(saleNumber)).toEqual({ store: 6, ledger: 6 });
  });

  test('a-process-that-wakes-after-its-units-were-given-back-takes-nothing-out', async () => {
    const saleNumber = await openSale(rooms, { 'stop-zombie': 10 });
    const [began, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    next = async (decide) => {
      began.resolve();
      await goOn.promise; // stopped between the pend and the ledger
      return await decide();
    };
    const zombie = rooms.sales.changeStock(request('stop-zombie', -4));
    await began.promise;
    await resolvePends(saleNumber);
    const all = await rooms.desk.reserve({
      customer: rooms.customer('ann'),
      address: '',
      idempotencyKey: 'all',
      lines: [{ sku: 'stop-zombie', quantity: 10 }],
      ttlSeconds: null,
    });
    expect(all.ok).toBe(true);
    goOn.resolve();
    const answer = await zombie;
    expect(!answer.ok && answer.refusal.code).toBe('stock-in-use');
    expect(await totals(saleNumber)).toEqual({ store: 10, ledger: 10 });
  });

  test('a-store-that-forgets-everything-in-between-ends-with-the-ledgers-total', async () => {
    for (const when of ['before', 'after'] as const) {
      const sku = `stop-flush-${when}`;
      const saleNumber = await openSale(rooms, { [sku]: 10 });
      next = async (decide) => {
        if (when === 'before') await rooms.redis.flushall();
        const result = await decide();
        if (when === 'after') await rooms.redis.flushall();
        return result;
      };
      const answer = await rooms.sales.changeStock(request(sku, -4));
      expect(answer.ok && answer.value.change.total).toBe(6);
      expect(await totals(saleNumber)).toEqual({ store: 6, ledger: 6 });
    }
  });

  test(`at-random-steps-the-store-and-the-ledger-end-with-one-total (HOLDFAST_TEST_SEED=${seed})`, async () => {
    const random = seededRandom(seed);
    const saleNumber = await openSale(rooms, { 'stop-random': 100 });
    let expected = 100;
    for (let i = 0; i < 60; i++) {
      const delta = Math.floor(random() * 21) - 10 || 1;
      const asked = request('stop-random', delta);
      const fate = Math.floor(random() * 4);
      if (fate === 1) next = () => Promise.reject(new LedgerUnavailable('out of reach'));
      if (fate === 2) {
        next = async (decide) => {
          await decide();
          throw new AmbiguousCommit('cut after COMMIT');
        };
      }
      if (fate === 3 && random() < 0.3) await rooms.redis.flushall();
      await rooms.sales.changeStock(asked).catch(() => undefined);
      const settled = await rooms.sales.changeStock(asked); // the operator's retry with the same key
      if (settled.ok) expected += delta;
    }
    await resolvePends(saleNumber);
    await rooms.relay.catchUpFromStore(rooms.channels.of(saleNumber));
    expect(await totals(saleNumber)).toEqual({ store: expected, ledger: expected });
    expect(await rooms.ledger.verifySale(saleNumber)).toEqual([]);
  });
});
