// An operator asks the running service whether everything adds up, and is told; and without being asked the service finds
// and mends the same by itself, and says so in its metrics.
import { expect, test } from 'bun:test';
import { ReconcileReport } from '@holdfast/contract/reconcile';
import { Redis } from 'ioredis';
import { saleKey } from '../src/stock/keys.ts';
import { Caller, makeSale, operator } from './harness/service.ts';
import { sharedService } from './harness/shared-service.ts';
import { until } from './harness/until.ts';

const stage = sharedService({ workers: 2 });
/** A round comes every five seconds; on a busy machine a few of them. */
const ROUNDS_MS = 40_000;

async function report(body: object = {}): Promise<ReconcileReport> {
  const reply = await operator(stage.url).post('/api/v1/admin/reconcile', body);
  expect(reply.status).toBe(200);
  return ReconcileReport.parse(JSON.parse(reply.text));
}

/** One unit too many counted, of "total reserved sold cap". */
async function damage(saleNumber: number, sku: string, what: 'total' | 'reserved'): Promise<void> {
  const redis = new Redis(stage.redis.url);
  const key = saleKey(saleNumber, 'stock');
  const counters = ((await redis.hget(key, sku)) ?? '').split(' ');
  const at = what === 'total' ? 0 : 1;
  counters[at] = String(Number(counters[at]) + 1);
  await redis.call('HSET', key, sku, counters.join(' '));
  redis.disconnect();
}

async function item(sku: string) {
  return (await operator(stage.url).get(`/api/v1/inventory/${sku}`)).body;
}

test('by hand: found, repaired, and gone; for operators alone', async () => {
  const { id, sku } = await makeSale(stage.url, { a: 10 });
  const ann = new Caller(stage.url, 'ann');
  await ann.reserve({ [sku('a')]: 2 });
  expect((await report()).sales.find(({ sale_id }) => sale_id === id)).toMatchObject({
    complete: true,
    differences: [],
  });
  await damage(1, sku('a'), 'reserved');
  expect((await item(sku('a'))).reserved).toBe(3);
  const { sales, next_cursor } = await report({ sale_id: id });
  expect(next_cursor).toBeNull();
  expect(sales).toMatchObject([
    { sale_id: id, differences: [{ invariant: 'I5', sku: sku('a'), repaired: true }] },
  ]);
  expect((await item(sku('a'))).reserved).toBe(2);
  expect(await report({ sale_id: id })).toMatchObject({ sales: [{ differences: [] }] });

  const refused = async (who: Caller, body: object) => {
    const reply = await who.post('/api/v1/admin/reconcile', body);
    return [reply.status, reply.body.code];
  };
  expect(await refused(ann, {})).toEqual([403, 'forbidden']);
  expect(await refused(operator(stage.url), { sale_id: 'no-such-sale' })).toEqual([404, 'unknown-sale']);
  expect(await refused(operator(stage.url), { cursor: 'not-ours' })).toEqual([400, 'invalid-request']);
}, 30_000);

test('by itself: found and repaired within a few rounds', async () => {
  const { sku } = await makeSale(stage.url, { b: 10 });
  await new Caller(stage.url, 'bob').reserve({ [sku('b')]: 2 });
  await damage(2, sku('b'), 'total');
  await until('the worker has repaired it', async () => (await item(sku('b'))).total === 10, ROUNDS_MS);
  expect(await item(sku('b'))).toMatchObject({ reserved: 2, available: 8 });
  const logged = stage.service.log();
  expect(logged).toContain('the store is wrong about a sale: it is loaded anew from the ledger');
  expect(logged).toContain('a difference was found and repaired');
}, 60_000);
