// Verified tokens are remembered, so that a shopper's next request costs no signature check: never past their end, and
// no more of them than fit.
import { afterEach, describe, expect, setSystemTime, test } from 'bun:test';
import { createHmac } from 'node:crypto';
import { ask } from './harness/ask.ts';
import { honestClaims, makeKey, startKeyServer } from './harness/issuer.ts';
import { sharedService } from './harness/shared-service.ts';
import { until } from './harness/until.ts';
import { AUDIENCE, fakeWorld, ISSUER } from './http-fakes.ts';

const SECRET = 'the secret of this test file, for HS256';
/** What the service forgives in the issuer's clock: a token is good this long past its `exp`. */
const TOLERANCE_SECONDS = 5;

const stage = sharedService({ workers: 2, env: { HOLDFAST_JWT_SECRET: SECRET } });

function hs256(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part({ alg: 'HS256' })}.${part({ ...honestClaims(), ...claims })}`;
  return `${input}.${createHmac('sha256', SECRET).update(input).digest('base64url')}`;
}

describe('a token in use', () => {
  test('ends-between-two-requests-at-its-exp-and-five-seconds-and-no-later', async () => {
    const nowSeconds = Math.floor(Date.now() / 1000);
    // A life of two seconds, of which most of the tolerance is gone already.
    const exp = nowSeconds - 2;
    const bearer = hs256({ iat: exp - 2, exp });
    const endMs = (exp + TOLERANCE_SECONDS) * 1000;
    let taken = 0;
    const refused = await until('it is refused', async () => {
      const sentMs = Date.now();
      const reply = await ask(stage.url, '/api/v1/orders', { bearer });
      if (reply.status !== 200) return reply;
      expect(sentMs).toBeLessThanOrEqual(endMs);
      taken += 1;
      return undefined;
    });
    expect(Date.now()).toBeGreaterThanOrEqual(endMs);
    expect(taken).toBeGreaterThan(10);
    expect(refused.status).toBe(401);
    expect(refused.text).toContain('has expired');
    for (let n = 0; n < 10; n++)
      expect((await ask(stage.url, '/api/v1/orders', { bearer })).status).toBe(401);
  });

  test("is-its-owner's-alone-however-many-are-remembered", async () => {
    const subs = Array.from({ length: 300 }, (_, n) => `owner-${n}`);
    const bearers = subs.map((sub) => hs256({ sub }));
    const operator = hs256({ sub: 'operator', scope: 'holdfast:operator' });
    const made = await ask(stage.url, '/api/v1/admin/sales', {
      bearer: operator,
      body: { id: 'remembered', name: 'remembered', items: [{ sku: 'remembered-1', stock: 1_000 }] },
    });
    expect(made.status).toBe(201);
    const reserve = (bearer: string) =>
      ask(stage.url, '/api/v1/inventory/reserve', {
        bearer,
        key: 'k',
        body: { sku: 'remembered-1', quantity: 1 },
      });
    const ids = (await Promise.all(bearers.map(reserve))).map(({ body }) => body.reservation_id);
    expect(new Set(ids).size).toBe(subs.length);
    const again = await Promise.all(bearers.map(reserve));
    expect(again.map(({ body }) => body.reservation_id)).toEqual(ids);
  });
});

describe('the memory for tokens', () => {
  afterEach(() => {
    setSystemTime();
  });

  test('is-bounded-in-bytes-the-one-not-used-for-longest-goes-first', async () => {
    // Whether a token is remembered shows once its key is gone: only a remembered one still passes.
    const provider = startKeyServer();
    const [gone, staying] = [await makeKey('gone', 'EdDSA'), await makeKey('staying', 'EdDSA')];
    provider.publish(gone, staying);
    const world = fakeWorld({ auth: { jwksUrl: provider.url, issuer: ISSUER, audience: AUDIENCE } });
    const status = async (bearer: string) => (await world.send('/api/v1/orders', { token: bearer })).status;
    try {
      const [idle, busy] = [await gone.sign({ sub: 'idle' }), await gone.sign({ sub: 'busy' })];
      for (const bearer of [idle, busy]) expect(await status(bearer)).toBe(200);
      provider.publish(staying);
      setSystemTime(Date.now() + 60_000);
      await until('the key is gone', async () => {
        await status(await staying.sign({}, { kid: 'unheard of' })); // makes the service look again
        return (await status(await gone.sign({ sub: 'new' }))) === 401;
      });
      expect(await status(busy)).toBe(200);
      // 32 MiB are kept: 9,000 tokens of nearly 4 KiB are more.
      const note = 'x'.repeat(2_600);
      for (let n = 0; n < 9_000; n += 1) {
        expect(await status(await staying.sign({ sub: `filler-${n}`, note }))).toBe(200);
        if (n % 1_000 === 0) expect(await status(busy)).toBe(200);
      }
      expect(await status(busy)).toBe(200);
      expect(await status(idle)).toBe(401);
    } finally {
      await provider.stop();
    }
  }, 60_000);
});
