// Keys that come from outside: a public key in the configuration, or a JWKS that rotates. Each algorithm is tied to
// its own kind of key, and no token says where its key is.
import { describe, expect, test } from 'bun:test';
import {
  type CryptoKey,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWTHeaderParameters,
  SignJWT,
} from 'jose';
import type { AuthConfig } from '../src/http/access-tokens.ts';
import { AUDIENCE, fakeWorld, ISSUER, problemOf, token } from './http-fakes.ts';
import { expect401, goodClaims, handMade, statusWith } from './http-forge.ts';

describe('public keys', () => {
  const sign = (key: CryptoKey, header: JWTHeaderParameters) =>
    new SignJWT(goodClaims()).setProtectedHeader(header).sign(key);
  const withPem = (publicKeyPem: string): AuthConfig => ({
    publicKeyPem,
    issuer: ISSUER,
    audience: AUDIENCE,
  });

  for (const alg of ['RS256', 'ES256', 'EdDSA']) {
    test(`${alg}: its own tokens pass, no other algorithm does`, async () => {
      const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
      const auth = withPem(await exportSPKI(publicKey));
      expect((await statusWith(await sign(privateKey, { alg }), auth)).status).toBe(200);
      await expect401(await token(), auth);
      const stranger = await generateKeyPair(alg);
      await expect401(await sign(stranger.privateKey, { alg }), auth);
    });
  }

  test('the public key is no HMAC secret', async () => {
    const { publicKey } = await generateKeyPair('RS256', { extractable: true });
    const pem = await exportSPKI(publicKey);
    for (const secret of [pem, pem.trim(), `${pem.trim()}\n`]) {
      await expect401(handMade({ alg: 'HS256' }, goodClaims(), secret), withPem(pem));
    }
  });

  test('a key of another kind, or none at all, does not start', async () => {
    const { publicKey } = await generateKeyPair('ES384', { extractable: true });
    const pem = await exportSPKI(publicKey);
    expect(() => fakeWorld({ auth: withPem(pem) })).toThrow('P-256');
    expect(() => fakeWorld({ auth: { issuer: ISSUER, audience: AUDIENCE } })).toThrow('no key');
  });
});

describe('a JWKS', () => {
  /** Serves whatever `keys` holds, and counts how often it was asked. */
  async function keyServer() {
    const state = { keys: [] as object[], fetches: 0, broken: false };
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch() {
        state.fetches += 1;
        return state.broken ? new Response('', { status: 500 }) : Response.json({ keys: state.keys });
      },
    });
    const auth: AuthConfig = { jwksUrl: server.url.href, issuer: ISSUER, audience: AUDIENCE };
    return { state, auth, stop: () => server.stop(true) };
  }

  async function keyPair(kid: string, alg = 'ES256') {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const signed = () => new SignJWT(goodClaims()).setProtectedHeader({ alg, kid }).sign(privateKey);
    return { jwk: { ...(await exportJWK(publicKey)), kid, alg }, signed };
  }

  test('rotation: a new kid is fetched at once, forged ones share one look a second, a withdrawn one ends', async () => {
    const { state, auth, stop } = await keyServer();
    const [first, second, never] = [await keyPair('1'), await keyPair('2', 'RS256'), await keyPair('3')];
    try {
      state.keys = [first.jwk];
      const world = fakeWorld({ auth });
      const status = async (bearer: string) => (await world.send('/api/v1/orders', { token: bearer })).status;
      expect(await status(await first.signed())).toBe(200);
      expect(state.fetches).toBe(1);
      state.keys = [second.jwk];
      expect(await status(await second.signed())).toBe(200);
      expect(state.fetches).toBe(2);
      const forged = await Promise.all(Array.from({ length: 50 }, () => never.signed()));
      expect(new Set(await Promise.all(forged.map(status)))).toEqual(new Set([401]));
      expect(state.fetches).toBeLessThanOrEqual(4);
      expect(await status(await first.signed())).toBe(401);
    } finally {
      await stop();
    }
  });

  test('a token that names a key of its own makes nobody fetch it', async () => {
    const { state, auth, stop } = await keyServer();
    const trap = await keyServer();
    const pair = await keyPair('1');
    try {
      state.keys = [pair.jwk];
      const url = trap.auth.jwksUrl;
      for (const header of [{ jku: url }, { x5u: url }, { jwk: pair.jwk }]) {
        await expect401(handMade({ alg: 'ES256', kid: '1', ...header }, goodClaims()), auth);
      }
      await expect401(handMade({ alg: 'HS256', kid: '1' }, goodClaims(), JSON.stringify(pair.jwk)), auth);
      expect([state.fetches, trap.state.fetches]).toEqual([0, 0]);
    } finally {
      await stop();
      await trap.stop();
    }
  });

  test('out of reach it is 503, not 401, and the log is told once', async () => {
    const { state, auth, stop } = await keyServer();
    const pair = await keyPair('1');
    try {
      state.broken = true;
      const world = fakeWorld({ auth });
      const response = await world.send('/api/v1/orders', { token: await pair.signed() });
      expect((await problemOf(response)).code).toBe('unavailable');
      await world.send('/api/v1/orders', { token: await pair.signed() });
      expect(world.errors.length).toBe(1);
      expect(JSON.stringify(world.errors)).not.toContain('eyJ');
      state.broken = false;
      state.keys = [pair.jwk];
      expect((await world.send('/api/v1/orders', { token: await pair.signed() })).status).toBe(200);
    } finally {
      await stop();
    }
  });
});
