// Who gets in: every forged, stale or foreign token is 401 with WWW-Authenticate, and a
// verified token is remembered no longer than it lives. Sources: RFC 8725, RFC 6750.
import { afterEach, describe, expect, setSystemTime, test } from 'bun:test';
import { exportSPKI, generateKeyPair, SignJWT } from 'jose';
import {
  AUDIENCE,
  fakeWorld,
  ISSUER,
  ids,
  JSON_HEADERS,
  operatorToken,
  problemOf,
  token,
  verbsAsked,
} from './http-fakes.ts';
import { encode, expect401, goodClaims, handMade, nowSeconds, statusWith } from './http-forge.ts';

afterEach(() => {
  setSystemTime();
});

describe('claims', () => {
  const wrong: [name: string, claims: () => Record<string, unknown>][] = [
    ['exp past', () => ({ iat: nowSeconds() - 100, exp: nowSeconds() - 6 })],
    ['exp missing', () => ({ exp: undefined })],
    ['exp a string', () => ({ exp: String(nowSeconds() + 900) })],
    ['exp null', () => ({ exp: null })],
    ['exp absurd', () => ({ exp: Number.MAX_VALUE })],
    ['exp before iat', () => ({ iat: nowSeconds() + 4, exp: nowSeconds() + 3 })],
    ['iat missing', () => ({ iat: undefined })],
    ['iat a string', () => ({ iat: String(nowSeconds()) })],
    ['iat in the future', () => ({ iat: nowSeconds() + 8, exp: nowSeconds() + 300 })],
    ['nbf in the future', () => ({ nbf: nowSeconds() + 8 })],
    ['nbf a string', () => ({ nbf: '0' })],
    ['a life of 15 minutes and a second', () => ({ exp: nowSeconds() + 901 })],
    ['a long life that is nearly over', () => ({ iat: nowSeconds() - 3_600, exp: nowSeconds() + 60 })],
    ['iss wrong', () => ({ iss: 'someone' })],
    ['iss missing', () => ({ iss: undefined })],
    ['iss a list', () => ({ iss: [ISSUER] })],
    ['aud wrong', () => ({ aud: 'another-api' })],
    ['aud missing', () => ({ aud: undefined })],
    ['sub missing', () => ({ sub: undefined })],
    ['sub empty', () => ({ sub: '' })],
    ['sub a number', () => ({ sub: 42 })],
    ['sub of 129 characters', () => ({ sub: 'x'.repeat(129) })],
    ['sub with a newline', () => ({ sub: 'a\nb' })],
    ['sub with NUL', () => ({ sub: 'a\u0000' })],
    ['sub with braces', () => ({ sub: 'a{b}' })],
    ['sub not ASCII', () => ({ sub: 'аlice' })],
  ];
  for (const [name, claims] of wrong) {
    test(`${name}: 401`, async () => {
      await expect401(handMade({ alg: 'HS256' }, { ...goodClaims(), ...claims() }));
    });
  }

  const right: [name: string, claims: () => Record<string, unknown>][] = [
    ['as they should be', () => ({})],
    ['exp past by less than the tolerance', () => ({ iat: nowSeconds() - 100, exp: nowSeconds() - 2 })],
    ['iat ahead by less than the tolerance', () => ({ iat: nowSeconds() + 3 })],
    ['a list of audiences with ours in it', () => ({ aud: ['x', AUDIENCE] })],
    ['a sub with every kind of printable ASCII', () => ({ sub: "auth0|a b.c-d_e@f+g~!'" })],
  ];
  for (const [name, claims] of right) {
    test(`${name}: 200`, async () => {
      expect((await statusWith(handMade({ alg: 'HS256' }, { ...goodClaims(), ...claims() }))).status).toBe(
        200,
      );
    });
  }

  test('the operator scope is a word of the list, not a part of one, and no other claim stands in for it', async () => {
    const world = fakeWorld();
    const close = async (claims: object) => {
      const bearer = await token({ ...claims });
      return (await world.send('/api/v1/admin/sales/s/close', { method: 'POST', token: bearer })).status;
    };
    expect(await close({ scope: 'a holdfast:operator b' })).toBe(200);
    for (const claims of [
      {},
      { scope: 'holdfast:operators' },
      { scope: 'xholdfast:operator' },
      { scope: ['holdfast:operator'] },
      { scp: 'holdfast:operator' },
      { role: 'operator', admin: true },
    ]) {
      expect(await close(claims)).toBe(403);
    }
    expect(verbsAsked(world)).toEqual(['close']);
  });
});

describe('signatures and headers', () => {
  const forged: [name: string, make: () => Promise<string> | string][] = [
    ['alg none', () => `${encode({ alg: 'none' })}.${encode(goodClaims())}.`],
    ['alg none with a signature', () => handMade({ alg: 'none' }, goodClaims())],
    ['alg None', () => `${encode({ alg: 'None' })}.${encode(goodClaims())}.AA`],
    ['alg missing', () => handMade({ typ: 'JWT' }, goodClaims())],
    ['alg hs256', () => handMade({ alg: 'hs256' }, goodClaims())],
    [
      'alg HS384',
      () => new SignJWT(goodClaims()).setProtectedHeader({ alg: 'HS384' }).sign(Buffer.alloc(48, 42)),
    ],
    ['an empty signature', async () => (await token()).replace(/[^.]+$/, '')],
    ['no signature', async () => (await token()).replace(/\.[^.]+$/, '')],
    [
      'a flipped bit',
      async () =>
        (await token()).replace(/\.(.)([^.]+)$/, (_, a, rest) => `.${a === 'A' ? 'B' : 'A'}${rest}`),
    ],
    [
      'a swapped payload',
      async () => (await token()).replace(/\..+\./, `.${encode({ ...goodClaims(), sub: 'bob' })}.`),
    ],
    ['another secret', () => handMade({ alg: 'HS256' }, goodClaims(), 'x'.repeat(32))],
    ['an empty secret', () => handMade({ alg: 'HS256' }, goodClaims(), '')],
    ['a jku header', () => handMade({ alg: 'HS256', jku: 'http://127.0.0.1:1/' }, goodClaims())],
    ['an x5u header', () => handMade({ alg: 'HS256', x5u: 'http://127.0.0.1:1/' }, goodClaims())],
    ['a jwk header', () => handMade({ alg: 'HS256', jwk: { kty: 'oct', k: 'AA' } }, goodClaims())],
    ['a crit header', () => handMade({ alg: 'HS256', crit: ['exp'] }, goodClaims())],
    ['an unencoded payload', () => handMade({ alg: 'HS256', crit: ['b64'], b64: false }, goodClaims())],
    ['more than 4 KiB', () => token({ note: 'x'.repeat(4_096) })],
    ['a payload that is no object', () => handMade({ alg: 'HS256' }, ['alice'])],
    ['a payload of 1 MiB', () => token({ sub: 'x'.repeat(1024 * 1024) })],
    ['nonsense', () => 'nonsense'],
    ['five parts', async () => `${await token()}.a.b`],
    ['nothing', () => ''],
  ];
  for (const [name, make] of forged) {
    test(`${name}: 401`, async () => {
      await expect401(await make());
    });
  }

  const headers: [authorization: string | undefined, challenge: string][] = [
    [undefined, 'Bearer realm="holdfast"'],
    ['', 'Bearer realm="holdfast", error="invalid_token"'],
    ['Basic YWxpY2U6c2VjcmV0', 'Bearer realm="holdfast", error="invalid_token"'],
    ['Bearer', 'Bearer realm="holdfast", error="invalid_token"'],
    ['Bearer Bearer', 'Bearer realm="holdfast", error="invalid_token"'],
  ];
  for (const [authorization, challenge] of headers) {
    test(`Authorization ${JSON.stringify(authorization)}: 401`, async () => {
      const init = { headers: authorization === undefined ? {} : { authorization } };
      const response = await fakeWorld().send('/api/v1/orders', init);
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toBe(challenge);
    });
  }

  test('two Authorization headers are 401, even with the same good token', async () => {
    const bearer = `Bearer ${await token()}`;
    const response = await fakeWorld().send('/api/v1/orders', {
      headers: { authorization: `${bearer}, ${bearer}` },
    });
    expect(response.status).toBe(401);
  });

  test('the scheme is read in any case', async () => {
    const headers = { authorization: `bearer ${await token()}` };
    expect((await fakeWorld().send('/api/v1/orders', { headers })).status).toBe(200);
  });

  test('typ is not enforced', async () => {
    expect((await statusWith(handMade({ alg: 'HS256', typ: 'at+jwt' }, goodClaims()))).status).toBe(200);
  });
});

describe('a remembered token', () => {
  test('is refused once it has expired', async () => {
    const world = fakeWorld();
    const bearer = await token();
    const ask = () => world.send('/api/v1/orders', { token: bearer });
    expect((await ask()).status).toBe(200);
    setSystemTime(Date.now() + 904_000);
    expect((await ask()).status).toBe(200);
    setSystemTime(Date.now() + 2_000);
    expect((await problemOf(await ask())).detail).toContain('expired');
  });

  test("of a customer stays a customer's on operator routes", async () => {
    const world = fakeWorld();
    const bearer = await token();
    expect((await world.send('/api/v1/orders', { token: bearer })).status).toBe(200);
    expect((await world.send('/api/v1/admin/sales/s/close', { method: 'POST', token: bearer })).status).toBe(
      403,
    );
    const operator = await operatorToken();
    expect(
      (await world.send('/api/v1/admin/sales/s/close', { method: 'POST', token: operator })).status,
    ).toBe(200);
    expect(world.asked.at(-1)).toEqual({ verb: 'close', with: ['s', 'olga'] });
  });
});

describe('the built-in issuer', () => {
  const issue = (world: ReturnType<typeof fakeWorld>, body?: object) =>
    world.send('/api/v1/auth/token', {
      method: 'POST',
      ...(body && { headers: JSON_HEADERS, body: JSON.stringify(body) }),
    });

  test('gives a token that this service takes, for the customer that was named', async () => {
    const world = fakeWorld();
    const answer = (await (await issue(world, { customer_id: 'customer-42' })).json()) as Record<
      string,
      unknown
    >;
    expect(answer).toMatchObject({ token_type: 'Bearer', expires_in: 900 });
    expect((await world.send('/api/v1/orders', { token: String(answer.access_token) })).status).toBe(200);
    const customer = { sub: 'customer-42', key: ids.customerKey('customer-42'), operator: false };
    expect(world.asked.at(-1)?.with[0]).toEqual(customer);
  });

  test('makes up a guest when none was named, each time another', async () => {
    const world = fakeWorld();
    const sub = async () => {
      const { access_token } = (await (await issue(world)).json()) as { access_token: string };
      return JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString()).sub as string;
    };
    const [one, other] = [await sub(), await sub()];
    expect(one).toMatch(/^guest-/);
    expect(one).not.toBe(other);
  });

  test('gives no scope, whatever is asked for', async () => {
    const world = fakeWorld();
    for (const extra of [{ scope: 'holdfast:operator' }, { role: 'operator' }, { expires_in: 9e9 }]) {
      expect((await issue(world, { customer_id: 'a', ...extra })).status).toBe(400);
    }
    for (const customer_id of ['', 'a\nb', 'x'.repeat(129), 5, null]) {
      expect((await issue(world, { customer_id })).status).toBe(400);
    }
  });

  test('is off when it is switched off, and where there is no secret to sign with', async () => {
    expect((await problemOf(await issue(fakeWorld({ demoAuth: false })))).code).toBe('demo-auth-off');
    const { publicKey } = await generateKeyPair('ES256', { extractable: true });
    const auth = { publicKeyPem: await exportSPKI(publicKey), issuer: ISSUER, audience: AUDIENCE };
    expect((await problemOf(await issue(fakeWorld({ auth })))).code).toBe('demo-auth-off');
  });
});
