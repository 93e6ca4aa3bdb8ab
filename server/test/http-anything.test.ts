// Whatever comes in, the room answers: 201 and one verb asked, or a proper problem and none. Bodies and paths are
// random; the seed is printed, and HOLDFAST_TEST_SEED repeats a run.
import { describe, expect, test } from 'bun:test';
import { ReserveBody } from '@holdfast/contract/reservations';
import fc from 'fast-check';
import { fakeWorld, operatorToken, problemOf, reserveWith, token, verbsAsked } from './http-fakes.ts';

const seed = Number(process.env.HOLDFAST_TEST_SEED ?? Date.now() % 2 ** 31);
console.log(`http-anything: HOLDFAST_TEST_SEED=${seed}`);
const RUNS = 400;

const almost = <T>(good: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 6, arbitrary: good }, { weight: 1, arbitrary: fc.jsonValue() });
const sku = almost(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,10}$/));
const quantity = almost(fc.integer({ min: -1, max: 102 }));
const line = fc.record({ sku, quantity }, { noNullPrototype: true });
const body = fc.oneof(
  fc.record(
    { sku, quantity, ttl_seconds: almost(fc.integer({ min: 9, max: 86_401 })) },
    { requiredKeys: ['sku'], noNullPrototype: true },
  ),
  fc.record(
    { items: almost(fc.array(line, { maxLength: 22 })), ttl_seconds: fc.constant(60) },
    { requiredKeys: ['items'], noNullPrototype: true },
  ),
  fc.jsonValue(),
);

describe('whatever comes in', () => {
  test('a reserve body is taken exactly when it fits the schema; else it is a 400 that asks no verb', async () => {
    const bearer = await token();
    const check = fc.asyncProperty(body, async (value) => {
      const world = fakeWorld();
      const text = JSON.stringify(value);
      const response = await reserveWith(world, { token: bearer, body: text });
      const fits = ReserveBody.safeParse(JSON.parse(text)).success;
      expect(response.status).toBe(fits ? 201 : 400);
      expect(verbsAsked(world)).toEqual(fits ? ['reserve'] : []);
      if (!fits) expect((await problemOf(response)).errors?.length).toBeGreaterThan(0);
    });
    await fc.assert(check, { seed, numRuns: RUNS });
  });

  test('bytes that are no body, paths that are no path, and headers that are no header get a proper problem', async () => {
    const bearer = await operatorToken();
    const segment = fc.oneof(
      fc.constantFrom(
        'api',
        'v1',
        'inventory',
        'reserve',
        'admin',
        'sales',
        'orders',
        '..',
        '',
        '%2f',
        '%00',
        '%',
        '%25%32%66',
      ),
      fc.webSegment(),
    );
    const init = fc.record({
      method: fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'OPTIONS'),
      path: fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join('/')}`),
      query: fc.oneof(
        fc.constant(''),
        fc.webQueryParameters().map((query) => `?${query}`),
      ),
      bytes: fc.uint8Array({ maxLength: 200 }),
      type: fc.constantFrom('application/json', 'text/plain', 'application/json;charset=utf-7'),
      token: fc.constantFrom(bearer, null, 'x.y.z'),
    });
    const check = fc.asyncProperty(init, async ({ method, path, query, bytes, type, token: sent }) => {
      const world = fakeWorld();
      const withBody = method === 'GET' ? {} : { body: bytes };
      const response = await world.send(path + query, {
        method,
        token: sent,
        headers: { 'content-type': type },
        ...withBody,
      });
      expect(response.headers.has('x-request-id')).toBe(true);
      expect(response.status).toBeLessThan(500);
      if (response.status >= 400) await problemOf(response);
      expect(world.errors).toEqual([]);
      expect(world.responses.length).toBe(1);
    });
    await fc.assert(check, { seed, numRuns: RUNS });
  });
});
