// Forged, stale and foreign tokens, sent to the real service. Each test is a row of docs/security.md with its neighbours.
import { afterAll, describe, expect, test } from 'bun:test';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { startService } from './harness/service.ts';
import {
  attack,
  customer,
  type Expected,
  expectProblem,
  SECRET,
  signed,
  Target,
  unharmed,
} from './hostile/target.ts';
import { encode, goodClaims, handMade, nowSeconds } from './http-forge.ts';

const target = attack();
const UNAUTHENTICATED: Expected = [401, 'unauthenticated'];
afterAll(() => target.close());

async function expect401(authorization: string | null, about: string, at: Target = target): Promise<void> {
  const headers = authorization === null ? [] : ([['Authorization', authorization]] as const);
  const answer = await at.ask('/api/v1/orders', { headers });
  const mark = authorization !== null && authorization.length > 30 ? authorization.slice(-24) : undefined;
  expectProblem(answer, UNAUTHENTICATED, about, mark);
  expect(answer.headers.get('www-authenticate'), about).toStartWith('Bearer realm="holdfast"');
}

describe('tokens', () => {
  test('no token, a malformed one, two Authorization headers or another scheme are 401', async () => {
    const good = customer('alice');
    expect((await target.ask('/api/v1/orders', { token: good })).status).toBe(200);
    await expect401(null, 'none');
    const malformed = [
      '',
      'Bearer',
      'Bearer ',
      'Bearer x',
      'Bearer a.b',
      'Bearer ..',
      'Bearer a.b.c.d',
      good,
      `Bearer: ${good}`,
      `Bearer ${good} `.concat('x'),
      `Bearer "${good}"`,
      `Bearer ${good}=`,
      `Token ${good}`,
      'Basic YWxpY2U6eA==',
      'Digest x',
      `Basic ${good}`,
      `Bearer ${good}, Bearer ${good}`,
    ];
    for (const authorization of malformed) await expect401(authorization, JSON.stringify(authorization));
    for (const second of [`Bearer ${good}`, 'Basic YTpi', '']) {
      const headers: [string, string][] = [
        ['Authorization', `Bearer ${good}`],
        ['Authorization', second],
      ];
      expectProblem(await target.ask('/api/v1/orders', { headers }), UNAUTHENTICATED, `two: ${second}`);
    }
    // A token in the URL or in a body is no token.
    expectProblem(
      await target.ask(`/api/v1/orders?access_token=${good}`),
      UNAUTHENTICATED,
      'in the query',
      good,
    );
    const headers: [string, string][] = [
      ['Cookie', `token=${good}`],
      ['X-Authorization', `Bearer ${good}`],
    ];
    expectProblem(await target.ask('/api/v1/orders', { headers }), UNAUTHENTICATED, 'elsewhere', good);
  });

  test('an algorithm of none, a broken signature, a swapped payload or a foreign key are 401', async () => {
    const good = customer('alice');
    const [header = '', payload = '', signature = ''] = good.split('.');
    const flipped = `${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}`;
    const swapped = encode({ ...goodClaims(), sub: 'bob', scope: 'holdfast:operator' });
    const forged = {
      ...Object.fromEntries(
        [
          'none',
          'None',
          'NONE',
          'nOnE',
          '',
          'HS256 ',
          'hs256',
          'HS1',
          'HS384',
          'HS512',
          'RS256',
          'ES256',
          'EdDSA',
          'dir',
          null,
          0,
        ].flatMap((alg) => [
          [`alg ${alg}, unsigned`, `${encode({ alg })}.${payload}.`],
          [`alg ${alg}, signed`, handMade({ alg }, goodClaims(), SECRET)],
        ]),
      ),
      'no alg': handMade({ typ: 'JWT' }, goodClaims(), SECRET),
      'an empty signature': `${header}.${payload}.`,
      'no signature': `${header}.${payload}`,
      'a flipped bit': `${header}.${payload}.${flipped}`,
      'a cut signature': `${header}.${payload}.${signature.slice(0, -1)}`,
      'a longer signature': `${good}A`,
      'a swapped payload': `${header}.${swapped}.${signature}`,
      'another secret': handMade({ alg: 'HS256' }, goodClaims(), 'x'.repeat(64)),
      'an empty secret': handMade({ alg: 'HS256' }, goodClaims(), ''),
      'the secret, cut': handMade({ alg: 'HS256' }, goodClaims(), SECRET.slice(0, 32)),
      'a critical header': signed({}, { alg: 'HS256', crit: ['exp'], exp: 1 }),
      'an unencoded payload': signed({}, { alg: 'HS256', crit: ['b64'], b64: false }),
      'an encrypted token': `${encode({ alg: 'dir', enc: 'A256GCM' })}..AA.AA.AA`,
      'a payload that is a list': handMade({ alg: 'HS256' }, [], SECRET),
    };
    for (const [name, token] of Object.entries(forged)) await expect401(`Bearer ${token}`, name);
  });

  test('a token that is expired, not yet good, lives too long or is for somebody else is 401', async () => {
    const now = nowSeconds();
    const claims = {
      'exp past': { iat: now - 600, exp: now - 6 },
      'exp missing': { exp: undefined },
      'exp a string': { exp: String(now + 900) },
      'exp null': { exp: null },
      'exp a list': { exp: [now + 900] },
      'exp absurd': { exp: Number.MAX_SAFE_INTEGER },
      'exp beyond numbers': { exp: 1e308 },
      'exp negative': { iat: -900, exp: -1 },
      'nbf in the future': { nbf: now + 60 },
      'nbf a string': { nbf: '0' },
      'iat in the future': { iat: now + 60, exp: now + 900 },
      'iat missing': { iat: undefined },
      'iat a string': { iat: String(now) },
      'a second over 15 minutes': { iat: now, exp: now + 901 },
      'a year': { exp: now + 31_536_000 },
      'a long life that is nearly over': { iat: now - 3_600, exp: now + 30 },
      'exp before iat': { iat: now + 4, exp: now + 3 },
      'iss wrong': { iss: 'holdfast.evil.test' },
      'iss missing': { iss: undefined },
      'iss in other case': { iss: 'Holdfast' },
      'iss a list': { iss: ['holdfast'] },
      'aud wrong': { aud: 'another-api' },
      'aud missing': { aud: undefined },
      'aud a list without ours': { aud: ['a', 'b'] },
      'aud an object': { aud: { 0: 'holdfast-api' } },
    };
    for (const [name, wrong] of Object.entries(claims)) await expect401(`Bearer ${signed(wrong)}`, name);
  });

  test('a subject with a newline, braces or 1 MiB, a token over 4 KiB and headers of 16 KiB are 401 or 431', async () => {
    const subjects = [
      '',
      ' \n',
      'a\nb',
      'a\r\nX: 1',
      'a\u0000',
      'a{b}',
      '{',
      'a\u007f',
      'аlice',
      'x'.repeat(129),
      5,
      null,
      ['alice'],
      { toString: 'alice' },
      undefined,
    ];
    for (const sub of subjects) await expect401(`Bearer ${signed({ sub })}`, `sub ${JSON.stringify(sub)}`);
    await expect401(`Bearer ${signed({ note: 'x'.repeat(3_000) })}`, 'a token over 4 KiB');
    await expect401(`Bearer ${'x'.repeat(12_000)}`, 'a long word');
    for (const bytes of [16 * 1024, 64 * 1024, 1024 * 1024]) {
      const answer = await target.ask('/api/v1/orders', { token: signed({ sub: 'x'.repeat(bytes) }) });
      expect(answer.status, `sub of ${bytes} bytes`).toBe(431);
    }
    const many = Array.from({ length: 1_000 }, (_, index) => [`X-${index}`, 'x'.repeat(20)] as const);
    expect((await target.ask('/healthz', { headers: many })).status).toBe(431);
  });

  test('a public key is no HMAC secret, and a key that the token names is not fetched', async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
    const stranger = await generateKeyPair('RS256', { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256' };
    const strangerJwk = await exportJWK(stranger.publicKey);
    let fetches = 0;
    const issuer = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => Response.json({ keys: [jwk] }) });
    const trap = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => {
        fetches += 1;
        return Response.json({ keys: [strangerJwk] });
      },
    });
    const { redis, database } = target.stage;
    const env = { HOLDFAST_JWKS_URL: issuer.url.href, HOLDFAST_JWT_SECRET: '' };
    const service = await startService({ redisUrl: redis.url, databaseUrl: database.url, env });
    const byKeySet = new Target({ ...target.stage, service, url: service.url });
    try {
      const token = (header: object, key = privateKey) =>
        new SignJWT(goodClaims()).setProtectedHeader({ alg: 'RS256', kid: 'one', ...header }).sign(key);
      expect((await byKeySet.ask('/api/v1/orders', { token: await token({}) })).status).toBe(200);
      const pem = await exportSPKI(publicKey);
      for (const secret of [pem, pem.trim(), JSON.stringify(jwk), String(jwk.n)]) {
        await expect401(
          `Bearer ${handMade({ alg: 'HS256', kid: 'one' }, goodClaims(), secret)}`,
          'as a secret',
          byKeySet,
        );
      }
      const where = trap.url.href;
      const named = [
        { jku: where },
        { x5u: where },
        { jwk: strangerJwk },
        { kid: 'unknown' },
        { kid: where },
        { kid: '../../dev/null' },
        { kid: "' OR 1=1--" },
        { x5c: ['AA'] },
      ];
      for (const header of named) {
        await expect401(
          `Bearer ${await token(header, stranger.privateKey)}`,
          JSON.stringify(header),
          byKeySet,
        );
      }
      expect(fetches).toBe(0);
    } finally {
      byKeySet.close();
      await service.stop();
      await Promise.all([issuer.stop(true), trap.stop(true)]);
    }
  });
});

unharmed(target);
