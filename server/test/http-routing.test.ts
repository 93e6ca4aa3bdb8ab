// Where a request goes, and in which order it is refused: methods, paths, ids, lists.
import { describe, expect, test } from 'bun:test';
import { OPERATIONS } from '@holdfast/contract/operations';
import type { ProblemCode } from '@holdfast/contract/problems';
import { BadCursor } from '../src/ledger/contract.ts';
import {
  ALICE,
  fakeWorld,
  ids,
  JSON_HEADERS,
  ORDER,
  ORDER_ID,
  operatorToken,
  PEER,
  problemOf,
  RESERVATION_ID,
  SALE_NUMBER,
  token,
  verbsAsked,
} from './http-fakes.ts';

const RESERVE = '/api/v1/inventory/reserve';

describe('the order of refusals', () => {
  const wrongInEveryWay = {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: 'x'.repeat(9_000),
  };

  test('401 stands before everything, 405 included', async () => {
    const world = fakeWorld();
    for (const init of [wrongInEveryWay, { method: 'PATCH' }, { method: 'GET' }]) {
      expect((await problemOf(await world.send(RESERVE, init))).code).toBe('unauthenticated');
    }
  });

  test('403 forbidden stands before 405 and before the body is looked at', async () => {
    const world = fakeWorld();
    const customer = await token();
    for (const init of [wrongInEveryWay, { method: 'PUT' }]) {
      const response = await world.send('/api/v1/admin/sales', { ...init, token: customer });
      expect((await problemOf(response)).code).toBe('forbidden');
    }
  });

  test('413, then 415, then 400, then the general limit, then 404', async () => {
    const full = fakeWorld({ generalLimit: async () => ({ window: 'customer', retryAfterSeconds: 3 }) });
    const open = fakeWorld();
    const steps: [string, Parameters<typeof open.send>[1], ProblemCode][] = [
      [
        RESERVATION_ID,
        { headers: { 'content-type': 'text/plain', 'content-length': '9000' }, body: 'x' },
        'body-too-large',
      ],
      [RESERVATION_ID, { headers: { 'content-type': 'text/plain' }, body: 'x' }, 'unsupported-media-type'],
      [RESERVATION_ID, { headers: JSON_HEADERS, body: '{"why":1}' }, 'invalid-request'],
      [RESERVATION_ID, {}, 'rate-limited'],
      ['nonsense', {}, 'rate-limited'],
    ];
    for (const [id, init, code] of steps) {
      const response = await full.send(`/api/v1/reservations/${id}`, {
        ...init,
        method: 'DELETE',
        token: await token(),
      });
      expect((await problemOf(response)).code).toBe(code);
    }
    const response = await open.send('/api/v1/reservations/nonsense', {
      method: 'DELETE',
      token: await token(),
    });
    expect((await problemOf(response)).code).toBe('unknown-reservation');
    expect(verbsAsked(full)).toEqual([]);
    expect(verbsAsked(open)).toEqual([]);
  });
});

describe('paths and methods', () => {
  const nowhere: [path: string, status: number, code: ProblemCode][] = [
    ['/api/v1/inventory//FLASH-SALE-001', 404, 'not-found'],
    ['/api//v1/inventory/FLASH-SALE-001', 404, 'not-found'],
    ['//api/v1/inventory/FLASH-SALE-001', 404, 'not-found'],
    ['/api/v1/inventory/FLASH-SALE-001/', 404, 'not-found'],
    ['/api/v1/inventory/', 404, 'not-found'],
    ['/api/v1/%69nventory/FLASH-SALE-001', 404, 'not-found'],
    ['/API/v1/inventory/FLASH-SALE-001', 404, 'not-found'],
    ['/api/v1/inventory/..%2f..%2fetc%2fpasswd', 404, 'unknown-sku'],
    ['/api/v1/inventory/A%00', 404, 'unknown-sku'],
    ['/api/v1/inventory/A%2fB', 404, 'unknown-sku'],
    ['/api/v1/inventory/A%252fB', 404, 'unknown-sku'],
    ['/api/v1/inventory/%ff', 404, 'unknown-sku'],
    ['/api/v1/inventory/%', 404, 'unknown-sku'],
    [`/api/v1/inventory/${'x'.repeat(65)}`, 404, 'unknown-sku'],
    ['/api/v1/inventory/__proto__', 404, 'unknown-sku'],
    ['/api/v1/sales/Flash', 404, 'unknown-sale'],
    ['/api/v1/sales/__proto__', 404, 'unknown-sale'],
    ['/api/v1/waitlist', 404, 'not-found'],
    ['/graphql', 404, 'not-found'],
    ['/docs/', 404, 'not-found'],
    ['/.env', 404, 'not-found'],
    ['/constructor', 404, 'not-found'],
  ];
  for (const [path, status, code] of nowhere) {
    test(`${path.slice(0, 60)} is ${status} ${code}`, async () => {
      const world = fakeWorld();
      const response = await world.send(path);
      expect(response.status).toBe(status);
      expect((await problemOf(response)).code).toBe(code);
      expect(verbsAsked(world)).toEqual([]);
      // Odd spellings are no way around the limit: they count against the same address.
      const counted =
        path.includes('/api/') && !path.startsWith('//')
          ? [{ verb: 'generalLimit', with: [null, PEER] }]
          : [];
      expect(world.asked).toEqual(counted);
    });
  }

  test('a percent-encoded id is the id', async () => {
    const world = fakeWorld();
    expect((await world.send('/api/v1/inventory/FLASH%2DSALE%2D001')).status).toBe(200);
    expect(world.asked.at(-1)).toEqual({ verb: 'item', with: ['FLASH-SALE-001'] });
  });

  const wrongMethods: [method: string, path: string, allow: string][] = [
    ['GET', RESERVE, 'POST'],
    ['HEAD', RESERVE, 'POST'],
    ['PUT', RESERVE, 'POST'],
    ['DELETE', RESERVE, 'POST'],
    ['OPTIONS', RESERVE, 'POST'],
    ['POST', '/api/v1/inventory/FLASH-SALE-001', 'GET, HEAD'],
    ['PATCH', `/api/v1/reservations/${RESERVATION_ID}`, 'GET, HEAD, DELETE'],
    ['DELETE', '/api/v1/reservations', 'GET, HEAD'],
    ['GET', '/api/v1/checkout/confirm', 'POST'],
    ['GET', '/api/v1/auth/token', 'POST'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['PROPFIND', '/', 'GET, HEAD'],
    ['POST', '/docs', 'GET, HEAD'],
  ];
  for (const [method, path, allow] of wrongMethods) {
    test(`${method} ${path} is 405 with Allow: ${allow}`, async () => {
      const world = fakeWorld();
      const response = await world.send(path, { method, token: await token() });
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe(allow);
      if (method !== 'HEAD') expect((await problemOf(response)).code).toBe('method-not-allowed');
      expect(world.asked).toEqual([]);
      expect(world.reserves).toEqual([]);
    });
  }

  test('HEAD is GET without the body', async () => {
    const response = await fakeWorld().send('/api/v1/inventory/FLASH-SALE-001', { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.text()).toBe('');
  });

  test('every operation of the contract has its route', async () => {
    const world = fakeWorld();
    const bearer = await operatorToken();
    for (const { method, path } of OPERATIONS) {
      await world.send(path.replace(/\{\w+\}/, 'X'), { method, token: bearer });
      expect(world.responses.at(-1)?.route).toBe(`${method} ${path}`);
    }
  });
});

describe('ids of others', () => {
  const mallory = ids.customerKey('mallory');
  const strangers = ids.reservationId(SALE_NUMBER, mallory, 'key-1');
  const strangersOrder = ids.orderId(strangers, 5, mallory);
  const never = `rsv_${'A'.repeat(22)}`;
  const neverOrder = `ord_${'A'.repeat(22)}`;

  const same404 = async (send: (id: string) => Promise<Response>, unknownIds: readonly string[]) => {
    const bodies = new Set<string>();
    for (const id of unknownIds) {
      const response = await send(id);
      expect(response.status).toBe(404);
      bodies.add((await response.text()).replace(/"request_id":"[^"]*"/, ''));
    }
    expect(bodies.size).toBe(1);
  };

  test("a stranger's, a nonexistent and a mistyped reservation id read alike, and no verb is asked", async () => {
    const world = fakeWorld();
    const bearer = await token();
    for (const method of ['GET', 'DELETE']) {
      const send = (id: string) => world.send(`/api/v1/reservations/${id}`, { method, token: bearer });
      await same404(send, [strangers, never, 'nonsense', ORDER_ID]);
    }
    const confirm = (id: string) => {
      const body = JSON.stringify({ reservation_id: id });
      return world.send('/api/v1/checkout/confirm', {
        method: 'POST',
        headers: JSON_HEADERS,
        body,
        token: bearer,
      });
    };
    await same404(confirm, [strangers, never]);
    expect((await problemOf(await confirm('nonsense'))).errors?.[0]?.path).toBe('/reservation_id');
    const order = (id: string) => world.send(`/api/v1/orders/${id}`, { token: bearer });
    await same404(order, [strangersOrder, neverOrder, RESERVATION_ID, '..%2f']);
    expect(verbsAsked(world)).toEqual([]);
  });

  test('one that the stores do not know reads like one that was never issued', async () => {
    const refusal = { code: 'unknown-reservation', detail: 'Other words.', members: { hint: 1 } } as const;
    const world = fakeWorld({ reservations: { read: async () => ({ ok: false, refusal }) } });
    const bearer = await token();
    const send = (id: string) => world.send(`/api/v1/reservations/${id}`, { token: bearer });
    await same404(send, [RESERVATION_ID, never]);
    expect(verbsAsked(world)).toEqual(['read']);
  });

  test("an order that turns out to be another customer's is not shown", async () => {
    const order = async () => ({ ok: true, value: { ...ORDER, customer: mallory } }) as const;
    const world = fakeWorld({ reservations: { order } });
    expect((await world.send(`/api/v1/orders/${ORDER_ID}`, { token: await token() })).status).toBe(404);
  });
});

describe('lists', () => {
  test.each(['0', '-1', '201', '1.5', '1e1', 'ten', '', '%00', '0x10', ' 5', '1&limit=2'])(
    '?limit=%s is 400',
    async (limit) => {
      const world = fakeWorld();
      const response = await world.send(`/api/v1/orders?limit=${limit}`, { token: await token() });
      expect((await problemOf(response)).errors?.[0]?.path).toBe('/limit');
      expect(world.asked).toEqual([]);
    },
  );

  test('limit and cursor are passed on; 50 entries by default; other parameters are left alone', async () => {
    const world = fakeWorld();
    const response = await world.send('/api/v1/orders?limit=200&cursor=abc&utm_source=x', {
      token: await token(),
    });
    expect(Object.keys((await response.json()) as object)).toEqual(['data', 'next_cursor']);
    await world.send('/api/v1/inventory?sale=flash-sale');
    const verbs = world.asked.filter(({ verb }) => verb !== 'generalLimit');
    expect(verbs.map((call) => call.with)).toEqual([
      [{ ...ALICE, operator: false }, 200, 'abc'],
      ['flash-sale', 50, null],
    ]);
  });

  test('a cursor that the ledger did not make is 400; a malformed sale id too', async () => {
    const orders = async () => {
      throw new BadCursor();
    };
    const world = fakeWorld({ reservations: { orders } });
    const response = await world.send('/api/v1/orders?cursor=forged', { token: await token() });
    expect((await problemOf(response)).errors?.[0]?.path).toBe('/cursor');
    expect((await world.send('/api/v1/inventory?sale=A%20B')).status).toBe(400);
    expect(world.errors).toEqual([]);
  });
});
