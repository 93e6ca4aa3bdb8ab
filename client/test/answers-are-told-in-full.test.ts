// The promise: what the service said reaches the caller, refusals with all they carry.
import { expect, test } from 'bun:test';
import { HoldfastClient } from '../src/client.ts';
import { HoldfastError, parseRetryAfter } from '../src/error.ts';
import type { EndedRequest, SentRequest } from '../src/transport.ts';
import { problem, RESERVATION, ScriptedServer } from './scripted-server.ts';

async function errorOf(call: Promise<unknown>): Promise<HoldfastError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof HoldfastError)) throw new Error(`expected a HoldfastError, got ${String(error)}`);
  return error;
}

test('a refusal carries code, status, words, request id, Retry-After and every further member', async () => {
  using server = await ScriptedServer.start(() =>
    problem(
      409,
      'insufficient-stock',
      { detail: 'Ask for less.', available: 0, reserved: 3, may_return: true },
      { 'retry-after': '7' },
    ),
  );
  const client = new HoldfastClient({ baseUrl: `${server.url}/`, token: 't' });
  const error = await errorOf(client.reserve({ sku: 'A-1', quantity: 1 }));
  expect(error).toMatchObject({
    name: 'HoldfastError',
    code: 'insufficient-stock',
    status: 409,
    title: 'Title of insufficient-stock',
    detail: 'Ask for less.',
    requestId: 'req-1',
    retryAfterSeconds: 7,
    errors: [],
    isRetryable: false,
    message: 'Title of insufficient-stock: Ask for less.',
  });
  expect(error.problem).toMatchObject({ available: 0, reserved: 3, may_return: true });
});

test('invalid input is told by path', async () => {
  const errors = [{ path: '/quantity', message: 'must be at most 100' }];
  using server = await ScriptedServer.start(() => problem(400, 'invalid-request', { errors }));
  const client = new HoldfastClient({ baseUrl: server.url });
  expect((await errorOf(client.reserve({ sku: 'A-1', quantity: 101 }))).errors).toEqual(errors);
});

test("a proxy's page is not mistaken for the service", async () => {
  using server = await ScriptedServer.start((n) =>
    n === 0 ? new Response('<h1>Bad gateway</h1>', { status: 502 }) : new Response('<h1>Hello</h1>'),
  );
  const client = new HoldfastClient({ baseUrl: server.url });
  expect(await errorOf(client.item('A-1'))).toMatchObject({ code: 'unexpected-answer', status: 502 });
  expect(await errorOf(client.item('A-1'))).toMatchObject({ code: 'unexpected-answer', status: 200 });
});

test('nobody listening is a network error', async () => {
  const client = new HoldfastClient({ baseUrl: 'http://127.0.0.1:1', maxRetries: 1, retryBaseMs: 1 });
  expect(await errorOf(client.item('A-1'))).toMatchObject({ code: 'network', status: 0, isRetryable: true });
});

test('a token source is asked for every request, and public reads go without one', async () => {
  using server = await ScriptedServer.start((n) =>
    n === 0
      ? problem(503, 'unavailable', {}, { 'retry-after': '0' })
      : Response.json(RESERVATION, { status: 201 }),
  );
  let turn = 0;
  const client = new HoldfastClient({
    baseUrl: server.url,
    token: async () => {
      turn += 1;
      return `t${turn}`;
    },
    retryBaseMs: 1,
  });
  await client.reserve({ sku: 'A-1', quantity: 1 });
  await new HoldfastClient({ baseUrl: server.url }).item('A-1');
  expect(server.seen.map((seen) => seen.authorization)).toEqual(['Bearer t1', 'Bearer t2', null]);
});

test('each call meets its route', async () => {
  using server = await ScriptedServer.start(() => Response.json({ data: [], next_cursor: null }));
  const client = new HoldfastClient({ baseUrl: server.url, token: 't' });
  await client.confirm('rsv_1', { paymentReference: 'pay' });
  await client.confirm('rsv_1');
  await client.release('rsv_1');
  await client.reservation('rsv_1');
  await client.order('ord_1');
  await client.item('A/1');
  await client.sale('drop');
  await client.token('ann');
  await client.token();
  await client.createSale({ id: 'drop', name: 'Drop', items: [] });
  await client.addItems('drop', [{ sku: 'A-1', stock: 1 }]);
  await client.closeSale('drop');
  await Array.fromAsync(client.items({ saleId: 'drop', pageSize: 5 }));
  await Array.fromAsync(client.sales());
  await Array.fromAsync(client.orders());
  await Array.fromAsync(client.reservations());
  expect(
    server.seen.map(({ method, path, body }) => [method, path, ...(body === undefined ? [] : [body])]),
  ).toEqual([
    ['POST', '/api/v1/checkout/confirm', { reservation_id: 'rsv_1', payment_reference: 'pay' }],
    ['POST', '/api/v1/checkout/confirm', { reservation_id: 'rsv_1' }],
    ['DELETE', '/api/v1/reservations/rsv_1'],
    ['GET', '/api/v1/reservations/rsv_1'],
    ['GET', '/api/v1/orders/ord_1'],
    ['GET', '/api/v1/inventory/A%2F1'],
    ['GET', '/api/v1/sales/drop'],
    ['POST', '/api/v1/auth/token', { customer_id: 'ann' }],
    ['POST', '/api/v1/auth/token', {}],
    ['POST', '/api/v1/admin/sales', { id: 'drop', name: 'Drop', items: [] }],
    ['POST', '/api/v1/admin/sales/drop/items', { items: [{ sku: 'A-1', stock: 1 }] }],
    ['POST', '/api/v1/admin/sales/drop/close'],
    ['GET', '/api/v1/inventory?sale=drop&limit=5'],
    ['GET', '/api/v1/sales'],
    ['GET', '/api/v1/orders'],
    ['GET', '/api/v1/reservations'],
  ]);
});

test('a list is read page by page, only as far as it is asked for', async () => {
  const pages: Record<string, unknown> = {
    '': { data: [1, 2], next_cursor: 'b' },
    b: { data: [3, 4], next_cursor: 'c' },
    c: { data: [5], next_cursor: null },
  };
  using server = await ScriptedServer.start((_n, seen) =>
    Response.json(pages[new URL(seen.path, 'http://x').searchParams.get('cursor') ?? '']),
  );
  const client = new HoldfastClient({ baseUrl: server.url, token: 't' });
  expect((await Array.fromAsync(client.orders())) as unknown[]).toEqual([1, 2, 3, 4, 5]);
  for await (const order of client.orders()) if ((order as unknown) === 2) break;
  expect(server.seen).toHaveLength(4);
});

test('a list that names the same page again ends in an error, not in a loop', async () => {
  using server = await ScriptedServer.start(() => Response.json({ data: [1], next_cursor: 'a' }));
  const client = new HoldfastClient({ baseUrl: server.url, token: 't' });
  expect((await errorOf(Array.fromAsync(client.orders()))).code).toBe('unexpected-answer');
  expect(server.seen).toHaveLength(2);
});

test('an observer sees every request that goes out and how it ended', async () => {
  using server = await ScriptedServer.start((n) =>
    n === 0 ? 'cut' : Response.json(RESERVATION, { status: 201 }),
  );
  const sent: SentRequest[] = [];
  const ended: EndedRequest[] = [];
  const client = new HoldfastClient({
    baseUrl: server.url,
    token: 't',
    retryBaseMs: 1,
    observe: (request) => {
      sent.push(request);
      return (end) => ended.push(end);
    },
  });
  const { idempotencyKey } = await client.reserve({ sku: 'A-1', quantity: 1 });
  expect(sent.map(({ call, attempt }) => [call.operation, call.idempotencyKey, attempt])).toEqual([
    ['reserve', idempotencyKey, 1],
    ['reserve', idempotencyKey, 2],
  ]);
  expect(ended[0]).toMatchObject({ error: { code: 'network' } });
  expect(ended[1]).toMatchObject({ answer: { status: 201, text: JSON.stringify(RESERVATION) } });
});

test('Retry-After is read as seconds or as a date', () => {
  const nowMs = Date.parse('2026-01-01T00:00:00.000Z');
  expect(parseRetryAfter('37', nowMs)).toBe(37);
  expect(parseRetryAfter('Thu, 01 Jan 2026 00:00:10 GMT', nowMs)).toBe(10);
  expect(parseRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', nowMs)).toBe(0);
  expect(parseRetryAfter('soon', nowMs)).toBeUndefined();
  expect(parseRetryAfter(null, nowMs)).toBeUndefined();
});
