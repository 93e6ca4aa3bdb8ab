// Other people's ids and powers; things done too early, too late or twice. Sent to the real service; each test is a row of
// docs/security.md with its neighbours.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { Operation } from '@holdfast/contract/operation';
import { OPERATIONS } from '@holdfast/contract/operations';
import { until } from './harness/until.ts';
import { attack, customer, expectProblem, operator, signed, unharmed } from './hostile/target.ts';

const target = attack();
afterAll(() => target.close());

describe('what belongs to others', () => {
  let reservation: string;
  let order: string;
  beforeAll(async () => {
    const { sku } = await target.sale();
    const reserve = async () =>
      JSON.parse((await target.reserve({ sku, quantity: 1 })).text).reservation_id as string;
    reservation = await reserve();
    const confirmed = await target.post(
      '/api/v1/checkout/confirm',
      { reservation_id: await reserve() },
      customer('alice'),
    );
    order = JSON.parse(confirmed.text).order_id;
  });

  test("another customer's id is the same 404 as one that does not exist, on every route that takes one", async () => {
    const mallory = customer('mallory');
    const real = { reservation_id: () => reservation, order_id: () => order };
    const never = { reservation_id: `rsv_${'A'.repeat(22)}`, order_id: `ord_${'A'.repeat(22)}` };
    const withoutId = (text: string) => text.replace(/"request_id":"[^"]*"/, '');
    const routes = OPERATIONS.filter(({ access, pathId }) => access === 'customer' && pathId);
    expect(routes.length).toBeGreaterThanOrEqual(3);
    for (const operation of routes) {
      const { id, method, path, pathId } = operation;
      const name = pathId?.name as keyof typeof real;
      const body = exampleBody(operation);
      const as = (token: string, value: string) =>
        target.ask(path.replace(`{${name}}`, value), { method, token, ...(body !== undefined && { body }) });
      const ask = (value: string) => as(mallory, value);
      const [others, nobodys, mistyped] = await Promise.all([ask(real[name]()), ask(never[name]), ask('x')]);
      expectProblem(others, [404, pathId?.unknown ?? 'not-found'], id);
      expect(withoutId(others.text), id).toBe(withoutId(nobodys.text));
      expect(withoutId(others.text), id).toBe(withoutId(mistyped.text));
      // And an operator is nobody's customer either.
      const asOperator = await as(operator(), real[name]());
      expect(asOperator.status, id).toBe(404);
    }
    const confirm = (reservation_id: string) =>
      target.post('/api/v1/checkout/confirm', { reservation_id }, mallory);
    const [others, nobodys] = await Promise.all([confirm(reservation), confirm(never.reservation_id)]);
    expectProblem(others, [404, 'unknown-reservation'], 'confirm');
    expect(withoutId(others.text)).toBe(withoutId(nobodys.text));
    for (const list of ['/api/v1/orders', '/api/v1/reservations']) {
      expect(JSON.parse((await target.ask(list, { token: mallory })).text).data).toEqual([]);
    }
    const still = await target.ask(`/api/v1/reservations/${reservation}`, { token: customer('alice') });
    expect(JSON.parse(still.text).status).toBe('active');
  });

  test('a customer on an operator route is 403, before the body is looked at; a role in a body is 400', async () => {
    const routes = OPERATIONS.filter(({ access }) => access === 'operator');
    expect(routes.length).toBeGreaterThanOrEqual(3);
    for (const { id, method, path } of routes) {
      const at = path.replace(/\{\w+\}/, 'target-1');
      const scopes = [
        undefined,
        '',
        'holdfast:operators',
        'xholdfast:operator',
        'holdfast:operator,a',
        'HOLDFAST:OPERATOR',
        ['holdfast:operator'],
        true,
      ];
      for (const scope of scopes) {
        const token = signed({
          sub: 'mallory',
          scope,
          role: 'operator',
          admin: true,
          scp: 'holdfast:operator',
        });
        const answer = await target.ask(at, { method, token, ...(method !== 'GET' && { body: '{{{' }) });
        expectProblem(answer, [403, 'forbidden'], `${id} with scope ${JSON.stringify(scope)}`);
      }
      expectProblem(await target.ask(at, { method }), [401, 'unauthenticated'], id);
    }
    for (const claim of [{ role: 'operator' }, { scope: 'holdfast:operator' }, { sub: 'olga' }]) {
      const answer = await target.post('/api/v1/auth/token', { customer_id: 'mallory', ...claim }, null);
      expectProblem(answer, [400, 'invalid-request'], JSON.stringify(claim));
    }
  });
});

describe('too early, too late, twice', () => {
  const confirm = (reservation_id: string) =>
    target.post('/api/v1/checkout/confirm', { reservation_id }, customer('alice'));
  const release = (id: string) =>
    target.ask(`/api/v1/reservations/${id}`, { method: 'DELETE', token: customer('alice') });
  const reserved = async (sku: string) =>
    JSON.parse((await target.reserve({ sku, quantity: 1 })).text).reservation_id;

  test('confirming what has expired is 410, what was released 409, again the same 200; releasing what was bought 409', async () => {
    const { sku } = await target.sale({ reservation_ttl_seconds: 1 });
    const late = await reserved(sku);
    await until('it has expired', async () => {
      const { text } = await target.ask(`/api/v1/reservations/${late}`, { token: customer('alice') });
      return JSON.parse(text).status === 'expired';
    });
    expectProblem(await confirm(late), [410, 'reservation-expired'], 'confirm');
    expectProblem(await release(late), [410, 'reservation-expired'], 'release');

    const { sku: lasting } = await target.sale();
    const given = await reserved(lasting);
    const released = await release(given);
    expect(released.status).toBe(200);
    expect((await release(given)).text).toBe(released.text);
    expectProblem(await confirm(given), [409, 'reservation-released'], 'confirm');

    const bought = await reserved(lasting);
    const first = await confirm(bought);
    expect(first.status).toBe(200);
    expect((await confirm(bought)).text).toBe(first.text);
    expectProblem(await release(bought), [409, 'already-confirmed'], 'release');
    expect(await target.stock(lasting)).toEqual({ total: 100, available: 99, reserved: 0, sold: 1 });
  });

  test("before a sale opens, the server's clock decides, whatever date the client names", async () => {
    const { sku } = await target.sale({ opens_at: new Date(Date.now() + 3_600_000).toISOString() });
    const later = new Date(Date.now() + 7_200_000).toUTCString();
    const dates: [string, string][] = [
      ['Date', later],
      ['X-Date', later],
      ['If-Modified-Since', later],
      ['X-Request-Start', '0'],
    ];
    for (const header of dates) {
      const answer = await target.reserve({ sku, quantity: 1 }, { headers: [header] });
      expectProblem(answer, [403, 'sale-not-open'], header[0]);
    }
    for (const field of ['now', 'date', 'opens_at', 'created_at']) {
      expectProblem(
        await target.reserve({ sku, quantity: 1, [field]: later }),
        [400, 'invalid-request'],
        field,
      );
    }
    expect(await target.stock(sku)).toEqual({ total: 100, available: 100, reserved: 0, sold: 0 });
  });

  test('a closed sale sells nothing more, and closing it twice is the same answer', async () => {
    const { id, sku } = await target.sale();
    const close = () => target.post(`/api/v1/admin/sales/${id}/close`, {}, operator());
    const closed = await close();
    expect(closed.status).toBe(200);
    expect((await close()).text).toBe(closed.text);
    expectProblem(await target.reserve({ sku, quantity: 1 }), [403, 'sale-closed'], 'reserve');
  });
});

unharmed(target);

/** The first body that the contract gives as an example, for routes that take one. */
function exampleBody({ body }: Operation): string | undefined {
  const [example] = (body?.schema.meta()?.examples ?? []) as readonly unknown[];
  return example === undefined ? undefined : JSON.stringify(example);
}
