// A JWKS whose keys change while shoppers keep coming: nobody with an honest token is turned away, and the identity
// provider is neither hammered nor needed at every moment.
import { afterAll, afterEach, beforeAll, describe, expect, setSystemTime, test } from 'bun:test';
import { ask } from './harness/ask.ts';
import { type KeyServer, makeKey, startKeyServer } from './harness/issuer.ts';
import { type Service, startService, stopServices } from './harness/service.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';
import { AUDIENCE, fakeWorld, ISSUER } from './http-fakes.ts';

let redis: TestStore;
let database: FreshDatabase;
let provider: KeyServer;

beforeAll(async () => {
  [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
});
afterEach(async () => {
  setSystemTime();
  await stopServices();
  await provider.stop();
});
afterAll(async () => {
  await Promise.all([redis?.stop(), database?.drop()]);
});

function start(workers: number): Promise<Service> {
  provider = startKeyServer();
  return startService({
    redisUrl: redis.url,
    databaseUrl: database.url,
    workers,
    env: { HOLDFAST_JWT_SECRET: '', HOLDFAST_JWKS_URL: provider.url },
  });
}

/** 200 for a good token. Asked of an operator's route, where its owner is forbidden before any store is asked. */
const statusOf = async (url: string, bearer: string) => {
  const { status } = await ask(url, '/api/v1/admin/reconcile', { method: 'POST', bearer });
  return status === 403 ? 200 : status;
};

describe('a service with a JWKS', () => {
  test('fails-no-request-while-keys-rotate-under-load', async () => {
    const WORKERS = 2;
    const keys = await Promise.all([makeKey('1'), makeKey('2', 'RS256'), makeKey('3', 'EdDSA')]);
    const [first, second, third] = keys as [(typeof keys)[0], (typeof keys)[0], (typeof keys)[0]];
    const { url } = await start(WORKERS);
    provider.publish(first);
    let signer = first;
    let asked = 0;
    let over = false;
    const statuses: number[] = [];
    const shop = async (shopper: number) => {
      while (!over) {
        asked += 1;
        // A token of its own each time: none is remembered, so every request needs its key.
        statuses.push(await statusOf(url, await signer.sign({ sub: `shopper ${shopper} ${asked}` })));
      }
    };
    const more = (count: number) => {
      const goal = asked + count;
      return until(`${count} more requests`, () => asked >= goal);
    };
    const old = await first.sign();
    const shoppers = Array.from({ length: 16 }, (_, n) => shop(n));
    await more(300);
    // As a provider rotates: the new key beside the old one, then new tokens, then the old key goes.
    provider.publish(first, second);
    signer = second;
    await more(300);
    expect(await statusOf(url, old)).toBe(200);
    provider.publish(second, third);
    signer = third;
    await more(300);
    over = true;
    await Promise.all(shoppers);
    const failed = statuses.filter((status) => status !== 200).length;
    console.log(
      `${statuses.length} requests over two rotations, ${failed} failed; the JWKS was asked ${provider.asked()} times`,
    );
    expect(failed).toBe(0);
    expect(provider.asked()).toBeLessThanOrEqual(WORKERS * 10);
  }, 60_000);

  test('refuses-a-kid-that-was-never-published-and-is-not-made-to-hammer-the-provider-by-it', async () => {
    const [known, forged] = [await makeKey('known'), await makeKey('forged')];
    const { url } = await start(1);
    provider.publish(known);
    expect(await statusOf(url, await known.sign())).toBe(200);
    const replies = await Promise.all(
      Array.from({ length: 100 }, async (_, n) =>
        statusOf(url, await forged.sign({}, { kid: `forged-${n}` })),
      ),
    );
    expect(new Set(replies)).toEqual(new Set([401]));
    expect(provider.asked()).toBeLessThanOrEqual(5);
    // Nor do forgeries stand in the way of honest shoppers.
    expect(await statusOf(url, await known.sign({ sub: 'next' }))).toBe(200);
  });

  test('goes-on-with-the-keys-it-has-while-the-provider-is-down', async () => {
    const key = await makeKey('1');
    const { url } = await start(1);
    provider.publish(key);
    expect(await statusOf(url, await key.sign())).toBe(200);
    provider.fail();
    const unknown = await makeKey('2');
    const strangers = Array.from({ length: 20 }, async (_, n) =>
      statusOf(url, await unknown.sign({ sub: `other ${n}` })),
    );
    for (let n = 0; n < 20; n++) expect(await statusOf(url, await key.sign({ sub: `new ${n}` }))).toBe(200);
    for (const status of await Promise.all(strangers)) expect([401, 503]).toContain(status);
  });

  test('starts-without-the-provider-answers-503-until-it-is-there-and-then-at-once-200', async () => {
    const key = await makeKey('1');
    const { url } = await start(1);
    const reply = await ask(url, '/api/v1/orders', { bearer: await key.sign() });
    expect([reply.status, reply.body.code, reply.headers.get('retry-after')]).toEqual([
      503,
      'unavailable',
      '1',
    ]);
    expect((await ask(url, '/api/v1/inventory')).status).toBe(200);
    provider.publish(key);
    expect(await statusOf(url, await key.sign())).toBe(200);
  });
});

test('keys-that-have-grown-old-are-good-until-the-provider-can-be-asked-again', async () => {
  provider = startKeyServer();
  const [key, next] = [await makeKey('1'), await makeKey('2')];
  provider.publish(key);
  const world = fakeWorld({ auth: { jwksUrl: provider.url, issuer: ISSUER, audience: AUDIENCE } });
  const status = async (bearer: string) => (await world.send('/api/v1/orders', { token: bearer })).status;
  expect(await status(await key.sign())).toBe(200);
  provider.fail();
  for (const hours of [1, 2, 3]) {
    setSystemTime(Date.now() + hours * 3_600_000);
    expect(await status(await key.sign({ sub: `after ${hours}` }))).toBe(200);
  }
  provider.publish(next);
  setSystemTime(Date.now() + 3_600_000);
  expect(await status(await next.sign())).toBe(200);
  await until(
    'the withdrawn key is refused',
    async () => (await status(await key.sign({ sub: 'late' }))) === 401,
  );
});
