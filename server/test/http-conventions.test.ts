// What every answer keeps to: replays, rate limits, failures, headers. Verbs are fakes.
import { describe, expect, test } from 'bun:test';
import { AmbiguousCommit, LedgerUnavailable } from '../src/domain/ledger-facts.ts';
import { NotReady } from '../src/domain/sale-store.ts';
import {
  ALICE,
  fakeWorld,
  JSON_HEADERS,
  ORDER_ID,
  PEER,
  problemOf,
  RECORD,
  RESERVATION_ID,
  reserveWith,
  token,
  VIEW,
} from './http-fakes.ts';

const RESERVE = '/api/v1/inventory/reserve';

describe('replays', () => {
  test('are the first answer byte for byte, whatever became of the reservation', async () => {
    const first = await (await reserveWith(fakeWorld())).text();
    const later = [
      {
        ...VIEW,
        status: 'confirmed',
        orderId: ORDER_ID,
        record: { ...RECORD, state: 'confirmed', attempts: 2 },
      },
      { ...VIEW, record: { ...RECORD, deadlineMs: RECORD.deadlineMs + 60_000 } },
      { ...VIEW, status: 'expired' },
      { ...VIEW, status: 'released', record: { ...RECORD, state: 'released' } },
    ] as const;
    for (const view of later) {
      const world = fakeWorld({
        reservations: { reserve: async () => ({ ok: true, value: { view, replayed: true } }) },
      });
      const replay = await reserveWith(world);
      expect(replay.status).toBe(201);
      expect(replay.headers.get('idempotency-replayed')).toBe('true');
      expect(await replay.text()).toBe(first);
    }
  });

  test('the first answer is not marked', async () => {
    expect((await reserveWith(fakeWorld())).headers.has('idempotency-replayed')).toBe(false);
  });
});

describe('rate limits', () => {
  test('of a reserve come from its verb, with both headers', async () => {
    const refusal = {
      code: 'rate-limited',
      detail: 'At most 10 attempts a minute.',
      retryAfterSeconds: 36.2,
      rateLimit: { name: 'reserve', quota: 10, windowSeconds: 60 },
    } as const;
    const world = fakeWorld({ reservations: { reserve: async () => ({ ok: false, refusal }) } });
    const response = await reserveWith(world);
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('37');
    expect(response.headers.get('ratelimit')).toBe('"reserve";r=0;t=37');
    expect(response.headers.get('ratelimit-policy')).toBe('"reserve";q=10;w=60');
    expect((await problemOf(response)).code).toBe('rate-limited');
    expect(world.reserves).toEqual(['rate-limited']);
    expect(world.asked.map(({ verb }) => verb)).toEqual(['reserve']);
  });

  test('of everything else come before any verb, by customer and by address', async () => {
    for (const window of ['customer', 'address'] as const) {
      const world = fakeWorld({ generalLimit: async () => ({ window, retryAfterSeconds: 5 }) });
      const response = await world.send('/api/v1/orders', { token: await token() });
      expect(response.status).toBe(429);
      expect(response.headers.get('ratelimit')).toBe('"requests";r=0;t=5');
      const quota = window === 'customer' ? 120 : 600;
      expect(response.headers.get('ratelimit-policy')).toBe(`"requests";q=${quota};w=60`);
      expect(world.asked).toEqual([{ verb: 'generalLimit', with: [ALICE.key, PEER] }]);
    }
  });

  test('probing paths under /api runs into the limit of the address; other paths are not counted', async () => {
    const world = fakeWorld({ generalLimit: async () => ({ window: 'address', retryAfterSeconds: 5 }) });
    expect((await world.send('/api/v1//orders')).status).toBe(429);
    expect((await world.send('/wp-login.php')).status).toBe(404);
  });

  test('public operations count by address alone; the process routes do not count', async () => {
    const world = fakeWorld();
    await world.send('/api/v1/inventory/FLASH-SALE-001', { token: await token() });
    await world.send('/api/v1/auth/token', { method: 'POST' });
    for (const path of [
      '/healthz',
      '/readyz',
      '/openapi.json',
      '/docs',
      '/docs.css',
      '/',
      '/console',
      '/nothing',
    ])
      await world.send(path);
    const counted = world.asked.filter(({ verb }) => verb === 'generalLimit');
    expect(counted.map((call) => call.with)).toEqual([
      [null, PEER],
      [null, PEER],
    ]);
  });
});

describe('when something breaks', () => {
  const notNow = { LedgerUnavailable, AmbiguousCommit, NotReady };
  for (const [name, NotNow] of Object.entries(notNow)) {
    test(`${name} is 503 with Retry-After: 1, and no surprise`, async () => {
      const confirm = async () => {
        throw new NotNow('pg at 10.0.0.9');
      };
      const world = fakeWorld({ reservations: { confirm } });
      const body = JSON.stringify({ reservation_id: RESERVATION_ID });
      const init = { method: 'POST', headers: JSON_HEADERS, body, token: await token() };
      const response = await world.send('/api/v1/checkout/confirm', init);
      expect(response.headers.get('retry-after')).toBe('1');
      const problem = await problemOf(response);
      expect(problem.code).toBe('unavailable');
      expect(JSON.stringify(problem)).not.toContain('10.0.0.9');
      expect(world.errors).toEqual([]);
    });
  }

  test('a surprise is 500, told to the log with its request id and to nobody else', async () => {
    const surprise = new Error('SELECT secret FROM password');
    const reserve = async () => {
      throw surprise;
    };
    const world = fakeWorld({ reservations: { reserve } });
    const response = await reserveWith(world, { headers: { 'x-request-id': 'req-1' } });
    const text = await response.clone().text();
    expect((await problemOf(response)).code).toBe('internal');
    expect(text).not.toContain('password');
    const fields = { err: surprise, request_id: 'req-1', route: `POST ${RESERVE}` };
    expect(world.errors).toEqual([{ fields, message: 'unexpected error' }]);
    expect(world.reserves).toEqual(['internal']);
  });

  test('a refusal that the contract does not list for the operation is answered, and logged as our mistake', async () => {
    const refusal = { code: 'sku-in-use', detail: 'What?' } as const;
    const world = fakeWorld({ reservations: { reserve: async () => ({ ok: false, refusal }) } });
    expect((await reserveWith(world)).status).toBe(409);
    expect(world.errors.map(({ fields }) => fields.code)).toEqual(['sku-in-use']);
  });

  test('not ready is 503 with the reasons', async () => {
    const world = fakeWorld({ ready: () => ({ ok: false, reasons: ['redis is rebuilding'] }) });
    const response = await world.send('/readyz');
    expect(response.status).toBe(503);
    expect((await problemOf(response)).reasons).toEqual(['redis is rebuilding']);
    expect((await world.send('/healthz')).status).toBe(200);
  });
});

describe('headers', () => {
  test('a good X-Request-Id is kept, any other is replaced', async () => {
    const world = fakeWorld();
    const idFor = async (given: string) =>
      (await world.send('/healthz', { headers: { 'x-request-id': given } })).headers.get('x-request-id');
    expect(await idFor('Ab_9-z')).toBe('Ab_9-z');
    for (const bad of ['', 'a b', 'a, b', 'x'.repeat(65), '<b>', 'é']) {
      expect(await idFor(bad)).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test('every response is not to be sniffed nor stored', async () => {
    const world = fakeWorld();
    for (const path of ['/docs', '/healthz', '/api/v1/sales', '/nothing', RESERVE]) {
      const { headers } = await world.send(path);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.has('x-request-id')).toBe(true);
    }
  });

  test('origins on the list are told they may; others are told nothing; credentials never', async () => {
    const world = fakeWorld({ corsOrigins: ['https://shop.example'] });
    const ask = (origin: string, init: object = {}) =>
      world.send('/api/v1/sales', { headers: { origin, 'access-control-request-method': 'GET' }, ...init });
    const friend = await ask('https://shop.example');
    expect(friend.headers.get('access-control-allow-origin')).toBe('https://shop.example');
    expect(friend.headers.get('vary')).toBe('Origin');
    const preflight = await ask('https://shop.example', { method: 'OPTIONS' });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('Idempotency-Key');
    for (const origin of [
      'null',
      'https://evil.example',
      'https://shop.example.evil.example',
      'http://shop.example',
    ]) {
      for (const method of ['GET', 'OPTIONS']) {
        const { headers } = await ask(origin, { method });
        expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
      }
    }
    expect(friend.headers.has('access-control-allow-credentials')).toBe(false);
    expect(preflight.headers.has('access-control-allow-credentials')).toBe(false);
  });
});
