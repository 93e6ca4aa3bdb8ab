// Whatever hangs behind it, a request to the API is answered: past its time with 503, Retry-After, and the words that it
// is not known whether it took effect. Its own pages the process answers without a limit, and a slow body is not our time.
import { expect, test } from 'bun:test';
import { LedgerNotAsked } from '../src/domain/ledger-facts.ts';
import { StockNotAsked, StockSilent } from '../src/domain/sale-store.ts';
import { until } from './harness/until.ts';
import { fakeWorld, JSON_HEADERS, problemOf, reserveWith, token } from './http-fakes.ts';

const REQUEST_MS = 60;
const never = () => new Promise<never>(() => undefined);

async function unavailable(response: Response): Promise<string> {
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toMatch(/^[123]$/);
  const problem = await problemOf(response);
  expect(problem.code).toBe('unavailable');
  return problem.detail;
}

test('a request that hangs is answered 503, not known, with Retry-After, and counted', async () => {
  const world = fakeWorld({ requestMs: REQUEST_MS, reservations: { reserve: never } });
  expect(await unavailable(await reserveWith(world))).toContain('not known yet');
  expect(world.timeouts).toHaveLength(1);
  expect(world.reserves).toEqual(['unavailable']);
  expect(world.responses.map(({ status }) => status)).toEqual([503]);
  expect(world.errors).toEqual([]);
});

test('many that hang are each answered in the order they came, those beside them at once', async () => {
  const world = fakeWorld({
    requestMs: REQUEST_MS,
    reservations: { orders: never },
  });
  const auth = await token();
  const ended: string[] = [];
  const send = async (name: string, path: string) => {
    const { status } = await world.send(path, { token: auth });
    ended.push(`${name} ${status}`);
  };
  const hanging = Array.from({ length: 20 }, (_, i) => send(String(i), '/api/v1/orders'));
  await send('beside', '/api/v1/sales');
  expect(ended).toEqual(['beside 200']);
  await Promise.all(hanging);
  expect(ended.slice(1)).toEqual(hanging.map((_, i) => `${i} 503`));
});

test('what comes after the time was over is dropped, an error too', async () => {
  const late = Promise.withResolvers<never>();
  const world = fakeWorld({ requestMs: REQUEST_MS, reservations: { reserve: () => late.promise } });
  expect(await unavailable(await reserveWith(world))).toContain('not known yet');
  late.reject(new Error('too late to matter to the client'));
  // To the operators it matters: a surprise is logged whenever it comes.
  await until('it is logged', () => world.errors.length === 1);
  expect(world.responses).toHaveLength(1);
});

test('a general limit that hangs is within the time too', async () => {
  const world = fakeWorld({ requestMs: REQUEST_MS, generalLimit: never });
  await unavailable(await world.send('/api/v1/orders', { token: await token() }));
  await unavailable(await world.send('/api/v1/no-such-path'));
});

test('liveness has no limit: whoever asks whether the process lives gets its own answer', async () => {
  const world = fakeWorld({ requestMs: 1 });
  for (const path of ['/healthz', '/readyz', '/openapi.json']) {
    expect((await world.send(path)).status).toBe(200);
  }
  expect(world.timeouts).toEqual([]);
});

test('a body that comes slowly is the client’s time; once it is there the request has its own', async () => {
  const world = fakeWorld({ requestMs: REQUEST_MS });
  const chunks = ['{"sku":"FLASH-', 'SALE-001"', ',"quantity":2}'];
  const slow = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = chunks.shift();
      if (chunk === undefined) return controller.close();
      await Bun.sleep(REQUEST_MS);
      controller.enqueue(new TextEncoder().encode(chunk));
    },
  });
  const reply = await reserveWith(world, { body: slow, headers: JSON_HEADERS });
  expect(reply.status).toBe(201);
  expect(world.timeouts).toEqual([]);
});

test('a store that was not asked changed nothing, one that was silent may have; Retry-After is not before the pause', async () => {
  const failing = (error: Error) => fakeWorld({ reservations: { reserve: () => Promise.reject(error) } });
  const answer = async (error: Error) => {
    const response = await reserveWith(failing(error));
    const { detail } = await problemOf(response);
    return { detail, after: Number(response.headers.get('retry-after')) };
  };
  expect((await answer(new StockSilent('s'))).detail).toContain('not known yet');
  const seconds = new Set<number>();
  for (let i = 0; i < 100; i++) {
    for (const error of [new StockNotAsked('s', 1_500), new LedgerNotAsked('s', 1_500)]) {
      const { detail, after } = await answer(error);
      expect(detail).toContain('Nothing was changed');
      seconds.add(after);
    }
  }
  expect([...seconds].sort()).toEqual([2, 3, 4]);
});
