// A request that is wrong in every way is told one thing at a time, always in the same order: one wrong after another is
// put right, on the real service, down to the one that only the stock can tell.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { Problem } from '@holdfast/contract/problem-body';
import { PROBLEMS } from '@holdfast/contract/problems';
import { minuteForABurst } from './harness/rate-minutes.ts';
import type { RawAnswer } from './hostile/raw-http.ts';
import {
  attack,
  customer,
  type Expected,
  expectProblem,
  operator,
  type Parts,
  unharmed,
} from './hostile/target.ts';

const LIMIT = 4;
const MINUTE_LIMIT_MS = 30_000;
const RESERVE = '/api/v1/inventory/reserve';
const target = attack({ HOLDFAST_RATE_CUSTOMER_PER_MINUTE: String(LIMIT) });
afterAll(() => target.close());

/** Two units, one for each customer, in a sale that is closed in the end; and another sale's item. */
let sku: string;
let saleId: string;
let elsewhere: string;
const first = { token: customer('calm'), key: 'first' };

beforeAll(async () => {
  saleId = 'ordered';
  sku = 'ORDERED';
  await target.sale({ id: saleId, items: [{ sku, stock: 2, max_per_customer: 1 }] });
  ({ sku: elsewhere } = await target.sale());
  await minuteForABurst(target.stage.redis.url);
}, MINUTE_LIMIT_MS);

const send = (parts: Parts) => target.ask(RESERVE, { method: 'POST', ...parts });
const cart = (...skus: string[]) => ({ items: skus.map((one) => ({ sku: one, quantity: 1 })) });

/** Each has every member of a problem, as the catalogue has it, and a sentence that says what to do. */
function expectRefusal(answer: RawAnswer, expected: Expected, about: string): void {
  const { title, detail } = Problem.parse(expectProblem(answer, expected, about));
  expect(title, about).toBe(PROBLEMS[expected[1]].title);
  expect(detail, about).toMatch(/^[A-Z].*[.]$/);
}

test('form: 401, 405, 413, 415, 400, 404, then 422 items-span-sales', async () => {
  const token = customer('anyone');
  const plain = [['Content-Type', 'text/plain']] as const;
  const long = 'x'.repeat(9_000);
  expectRefusal(
    await send({ method: 'PATCH', headers: plain, body: long }),
    [401, 'unauthenticated'],
    'no token',
  );
  expectRefusal(
    await send({ method: 'PATCH', token, headers: plain, body: long }),
    [405, 'method-not-allowed'],
    'method',
  );
  expectRefusal(await send({ token, headers: plain, body: long }), [413, 'body-too-large'], 'size');
  expectRefusal(await send({ token, headers: plain, body: 'x' }), [415, 'unsupported-media-type'], 'type');
  const unknown = cart('NOBODY-HAS-IT', sku, elsewhere);
  const spare = JSON.stringify({ ...unknown, spare: 1 });
  expectRefusal(await send({ token, body: spare }), [400, 'invalid-request'], 'body');
  expectRefusal(
    await send({ token, body: JSON.stringify(unknown) }),
    [400, 'idempotency-key-required'],
    'key',
  );
  expectRefusal(await target.reserve(unknown, { token }), [404, 'unknown-sku'], 'SKU');
  expectRefusal(
    await target.reserve(cart(sku, elsewhere), { token }),
    [422, 'items-span-sales'],
    'two sales',
  );
});

test('the sale: 429, a replay or 422 idempotency-key-reused, 403, 422 limit-exceeded, then 409', async () => {
  const busy = customer('busy');
  const one = { sku, quantity: 1 };
  expect((await target.reserve(one, first)).status).toBe(201);
  expect((await target.reserve(one, { token: busy, key: 'used' })).status).toBe(201);
  // Both units are gone. What is over the cap is told so, though there is nothing left either.
  expectRefusal(await target.reserve(one, { token: first.token }), [422, 'limit-exceeded'], 'the cap');
  expectRefusal(await target.reserve(one, { token: customer('late') }), [409, 'insufficient-stock'], 'stock');
  for (let attempt = 1; attempt < LIMIT; attempt += 1) {
    expectRefusal(await target.reserve(one, { token: busy }), [422, 'limit-exceeded'], 'the cap');
  }

  const closed = await target.ask(`/api/v1/admin/sales/${saleId}/close`, {
    method: 'POST',
    token: operator(),
  });
  expect(closed.status).toBe(200);
  // Past the limit, on a closed sale, with a used key, over the cap.
  const reused = { sku, quantity: 2 };
  const busyAgain = await target.reserve(reused, { token: busy, key: 'used' });
  expectRefusal(busyAgain, [429, 'rate-limited'], 'the limit');
  expectRefusal(
    await target.reserve(cart(sku, elsewhere), { token: busy }),
    [422, 'items-span-sales'],
    'before the limit',
  );
  const replay = await target.reserve(one, first);
  expect(replay.status).toBe(201);
  expect(replay.headers.get('idempotency-replayed')).toBe('true');
  expectRefusal(await target.reserve(reused, first), [422, 'idempotency-key-reused'], 'a used key');
  expectRefusal(await target.reserve(reused, { token: customer('later') }), [403, 'sale-closed'], 'closed');
});

unharmed(target);
