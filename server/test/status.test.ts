// An operator asks the running service how it is, and how a sale went; and is told, in numbers that agree with what was done.
import { expect, test } from 'bun:test';
import { Analytics } from '@holdfast/contract/analytics';
import { Status } from '@holdfast/contract/status';
import { Caller, makeSale, operator } from './harness/service.ts';
import { sharedService } from './harness/shared-service.ts';
import { until } from './harness/until.ts';

const stage = sharedService();

test('status tells stores, workers, invariants and sales, for operators alone, and no secret', async () => {
  const { id, sku } = await makeSale(stage.url, { a: 3 });
  await new Caller(stage.url, 'ann').reserve({ [sku('a')]: 1 });
  const read = async () => {
    const reply = await operator(stage.url).get('/api/v1/admin/status');
    expect(reply.status).toBe(200);
    for (const secret of [stage.redis.url, 'password', '127.0.0.1', 'postgres://', '.ts:'])
      expect(reply.text).not.toContain(secret);
    return Status.parse(JSON.parse(reply.text));
  };
  await until('the journal has all, and every worker has run', async () => {
    const { sales, workers } = await read();
    const sale = sales.find(({ sale_id }) => sale_id === id);
    return (
      sale?.granting === true && sale.ledger_lag === 0 && workers.some(({ name }) => name === 'summariser')
    );
  });
  const status = await read();
  expect(status).toMatchObject({
    stores: { redis: { breaker: 'closed' }, postgresql: { breaker: 'closed' } },
  });
  const ready = await fetch(`${stage.url}/readyz`);
  expect(status.ready).toBe(ready.status === 200);
  expect(status.reasons.length === 0).toBe(status.ready);
  expect(status.invariants.map(({ violations }) => violations)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  expect(status.workers.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['turn:workers', 'ledger-writer', 'attempts-writer', 'durability-watch']),
  );
  expect((await new Caller(stage.url, 'ann').get('/api/v1/admin/status')).status).toBe(403);
}, 30_000);

test('analytics tell what was reserved, refused, confirmed and released, for operators alone', async () => {
  const { id, sku } = await makeSale(stage.url, { a: 2 });
  const [ann, bob, cleo] = ['ann', 'bob', 'cleo'].map((sub) => new Caller(stage.url, sub));
  if (!ann || !bob || !cleo) throw new Error('three callers');
  const first = await ann.reserve({ [sku('a')]: 1 }, 'key-1');
  await ann.reserve({ [sku('a')]: 1 }, 'key-1');
  const second = await bob.reserve({ [sku('a')]: 1 });
  await cleo.reserve({ [sku('a')]: 1 });
  await ann.confirm(first.body.reservation_id);
  await bob.release(second.body.reservation_id);
  const third = await bob.reserve({ [sku('a')]: 1 });
  await bob.confirm(third.body.reservation_id);
  const path = `/api/v1/admin/sales/${id}/analytics`;
  const read = async () => Analytics.parse(JSON.parse((await operator(stage.url).get(path)).text));
  await until('all of it is counted', async () => {
    const { funnel } = await read();
    return funnel.attempts === 5 && funnel.released === 1 && funnel.live === 0;
  });
  const { funnel, series, sales, latency } = await read();
  expect(funnel).toEqual({
    attempts: 5,
    replayed: 1,
    reserved: 3,
    refused: { 'insufficient-stock': 1 },
    confirmed: 2,
    expired: 0,
    released: 1,
    lost: 0,
    live: 0,
  });
  expect(series.at(-1)?.units).toEqual({ available: 0, reserved: 0, sold: 2 });
  expect(sales.seconds_to_sell_out).toBeGreaterThanOrEqual(0);
  expect(latency.reserve?.p50_ms).toBeGreaterThan(0);
  expect(latency.confirm?.p50_ms).toBeGreaterThan(0);

  expect((await ann.get(path)).status).toBe(403);
  const ask = async (query: string) => {
    const reply = await operator(stage.url).get(path + query);
    return [reply.status, reply.body.code];
  };
  expect(await ask('?step=0')).toEqual([400, 'invalid-request']);
  expect(await ask('?step=86401')).toEqual([400, 'invalid-request']);
  expect(await ask('?from=yesterday')).toEqual([400, 'invalid-request']);
  expect(await ask('?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z')).toEqual([400, 'invalid-request']);
  expect(await ask('?to=2999-01-01T00:00:00Z&step=1')).toEqual([400, 'invalid-request']);
  const unknown = await operator(stage.url).get('/api/v1/admin/sales/no-such-sale/analytics');
  expect([unknown.status, unknown.body.code]).toEqual([404, 'unknown-sale']);
}, 30_000);
