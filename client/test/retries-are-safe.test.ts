// The promise: this client repeats only what has no second effect, with the same key, within a budget.
import { describe, expect, test } from 'bun:test';
import { HoldfastClient, type HoldfastClientOptions } from '../src/client.ts';
import { HoldfastError } from '../src/error.ts';
import { RetryBudget } from '../src/retry.ts';
import { problem, RESERVATION, type Reply, ScriptedServer } from './scripted-server.ts';

function clientOf(server: ScriptedServer, options: Partial<HoldfastClientOptions> = {}) {
  return new HoldfastClient({ baseUrl: server.url, token: 'token-1', retryBaseMs: 1, ...options });
}

async function errorOf(call: Promise<unknown>): Promise<HoldfastError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof HoldfastError)) throw new Error(`expected a HoldfastError, got ${String(error)}`);
  return error;
}

const created = () => Response.json(RESERVATION, { status: 201 });

describe('a reserve', () => {
  for (const [name, failure] of [
    ['503', () => problem(503, 'unavailable', {}, { 'retry-after': '0' })],
    ['a broken connection', (): Reply => 'cut'],
    ['no answer in time', (): Reply => 'hang'],
  ] as const) {
    test(`is tried again after ${name}, with the same key and body`, async () => {
      using server = await ScriptedServer.start((n) => (n < 2 ? failure() : created()));
      const done = await clientOf(server, { timeoutMs: 60 }).reserve({ sku: 'A-1', quantity: 1 });
      expect(server.seen).toHaveLength(3);
      expect(new Set(server.seen.map((seen) => seen.key))).toEqual(new Set([done.idempotencyKey]));
      expect(server.seen.map((seen) => seen.body)).toEqual(Array(3).fill({ sku: 'A-1', quantity: 1 }));
    });
  }

  test('shows its key to the caller before the first byte leaves, and waits until it is stored', async () => {
    using server = await ScriptedServer.start(created);
    const client = clientOf(server);
    const shown = Promise.withResolvers<string>();
    const stored = Promise.withResolvers<void>();
    const reserving = client.reserve(
      { items: [{ sku: 'A-1', quantity: 1 }] },
      {
        ttlSeconds: 60,
        onKey: (key) => {
          shown.resolve(key);
          return stored.promise;
        },
      },
    );
    const key = await shown.promise;
    // A whole exchange fits into the time the caller takes to store the key.
    await client.item('A-1');
    expect(server.seen.map((seen) => seen.key)).toEqual([null]);
    stored.resolve();
    expect((await reserving).idempotencyKey).toBe(key);
    expect(server.seen[1]).toMatchObject({
      key,
      body: { items: [{ sku: 'A-1', quantity: 1 }], ttl_seconds: 60 },
    });
  });

  test('uses the key it is given, and says when the answer is a replay', async () => {
    using server = await ScriptedServer.start(() =>
      Response.json(RESERVATION, { status: 201, headers: { 'idempotency-replayed': 'true' } }),
    );
    const done = await clientOf(server).reserve({ sku: 'A-1', quantity: 1 }, { idempotencyKey: 'mine' });
    expect(done).toEqual({ reservation: RESERVATION, idempotencyKey: 'mine', replayed: true } as never);
    expect(server.seen[0]?.key).toBe('mine');
  });

  test('that fails for good tells its key, so that a later try can have no second effect', async () => {
    using server = await ScriptedServer.start(() => problem(503, 'unavailable'));
    const error = await errorOf(clientOf(server, { maxRetries: 1 }).reserve({ sku: 'A-1', quantity: 1 }));
    expect(error.idempotencyKey).toBe(server.seen[0]?.key as string);
    expect(error.isRetryable).toBe(true);
  });

  test('makes a new key for each new call', async () => {
    using server = await ScriptedServer.start(created);
    const client = clientOf(server);
    await client.reserve({ sku: 'A-1', quantity: 1 });
    await client.reserve({ sku: 'A-1', quantity: 1 });
    expect(new Set(server.seen.map((seen) => seen.key)).size).toBe(2);
  });
});

describe('never tried again:', () => {
  for (const [status, code] of [
    [400, 'invalid-request'],
    [401, 'unauthenticated'],
    [403, 'sale-not-open'],
    [404, 'unknown-sku'],
    [409, 'insufficient-stock'],
    [410, 'reservation-expired'],
    [422, 'idempotency-key-reused'],
    [429, 'rate-limited'],
    [500, 'internal'],
  ] as const) {
    test(`${status} ${code}`, async () => {
      using server = await ScriptedServer.start(() => problem(status, code));
      const error = await errorOf(clientOf(server).confirm(RESERVATION.reservation_id));
      expect(error.code).toBe(code);
      expect(server.seen).toHaveLength(1);
    });
  }

  test('creating a sale, whatever the failure: the first may have created it', async () => {
    using server = await ScriptedServer.start(() => problem(503, 'unavailable', {}, { 'retry-after': '0' }));
    await errorOf(clientOf(server).createSale({ id: 's', name: 's', items: [] }));
    await errorOf(clientOf(server).addItems('s', []));
    expect(server.seen).toHaveLength(2);
  });

  test('what asks for more patience than allowed', async () => {
    using server = await ScriptedServer.start(() => problem(503, 'unavailable', {}, { 'retry-after': '30' }));
    const error = await errorOf(clientOf(server, { maxWaitMs: 1000 }).item('A-1'));
    expect(error.retryAfterSeconds).toBe(30);
    expect(server.seen).toHaveLength(1);
  });
});

test('Retry-After is waited out before the next attempt', async () => {
  const at: number[] = [];
  using server = await ScriptedServer.start((n) => {
    at.push(performance.now());
    return n === 0 ? problem(503, 'unavailable', {}, { 'retry-after': '1' }) : Response.json({ sku: 'A-1' });
  });
  await clientOf(server).item('A-1');
  expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(990);
});

test('429 is waited out when that was asked for', async () => {
  using server = await ScriptedServer.start((n) =>
    n === 0 ? problem(429, 'rate-limited', {}, { 'retry-after': '0' }) : Response.json({ sku: 'A-1' }),
  );
  await clientOf(server, { retryRateLimited: true }).item('A-1');
  expect(server.seen).toHaveLength(2);
});

test('attempts are capped', async () => {
  using server = await ScriptedServer.start(() => 'cut');
  const error = await errorOf(clientOf(server, { maxRetries: 2 }).release(RESERVATION.reservation_id));
  expect(error.code).toBe('network');
  expect(server.seen).toHaveLength(3);
});

test('in a long outage retries stay within a tenth of the traffic and a small floor', async () => {
  using server = await ScriptedServer.start(() => problem(503, 'unavailable'));
  const client = clientOf(server, { maxRetries: 3 });
  const startedAtMs = performance.now();
  const calls = 300;
  for (let i = 0; i < calls; i += 1) await errorOf(client.as({ token: `t${i}` }).item('A-1'));
  const seconds = (performance.now() - startedAtMs) / 1000;
  const retries = server.seen.length - calls;
  expect(retries).toBeLessThanOrEqual(10 + Math.ceil(seconds) + calls / 10);
  expect(retries).toBeGreaterThan(calls / 10);
});

test('a calm hour does not save up retries for a storm, and the floor comes back one a second', () => {
  let nowMs = 0;
  const budget = new RetryBudget(() => nowMs);
  for (let i = 0; i < 100_000; i += 1) budget.recordCall();
  const takeAll = () => {
    let taken = 0;
    while (budget.take()) taken += 1;
    return taken;
  };
  expect(takeAll()).toBe(100);
  // What the calls put in counts as given back: ten seconds of the floor.
  nowMs += 10_000;
  expect(takeAll()).toBe(0);
  nowMs += 3000;
  expect(takeAll()).toBe(3);
  nowMs += 3_600_000;
  expect(takeAll()).toBe(10);
});

describe('a signal', () => {
  test('ends a call that is waiting for its answer', async () => {
    const controller = new AbortController();
    using server = await ScriptedServer.start(() => {
      controller.abort();
      return 'hang';
    });
    const error = await errorOf(clientOf(server).item('A-1', { signal: controller.signal }));
    expect(error.code).toBe('aborted');
    expect(error.isRetryable).toBe(false);
    expect(server.seen).toHaveLength(1);
  });

  test('ends a call that is pausing before a retry', async () => {
    const controller = new AbortController();
    using server = await ScriptedServer.start(() => {
      setTimeout(() => controller.abort(), 20);
      return problem(503, 'unavailable', {}, { 'retry-after': '4' });
    });
    const error = await errorOf(clientOf(server, { signal: controller.signal }).item('A-1'));
    expect(error.code).toBe('aborted');
    expect(server.seen).toHaveLength(1);
  });

  test('that was aborted before sends nothing', async () => {
    using server = await ScriptedServer.start(() => Response.json({}));
    const error = await errorOf(clientOf(server).item('A-1', { signal: AbortSignal.abort() }));
    expect(error.code).toBe('aborted');
    expect(server.seen).toHaveLength(0);
  });
});

test('a time limit strikes each request on its own, also when many share the timer', async () => {
  using server = await ScriptedServer.start((_n, seen) =>
    seen.path.endsWith('slow') ? 'hang' : Response.json({ sku: 'x' }),
  );
  const client = clientOf(server, { timeoutMs: 80, maxRetries: 0 });
  const calls = Array.from({ length: 40 }, (_, i) => client.item(i % 2 === 0 ? 'slow' : 'fast'));
  const results = await Promise.allSettled(calls);
  expect(results.map((result) => result.status)).toEqual(
    results.map((_, i) => (i % 2 === 0 ? 'rejected' : 'fulfilled')),
  );
  for (const result of results) if (result.status === 'rejected') expect(result.reason.code).toBe('timeout');
});
