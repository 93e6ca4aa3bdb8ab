// RFC 8725 (JSON Web Token Best Current Practices), section by section, against the real service. What is proven
// elsewhere is named here, so that this list is the whole of it:
//
//   3.1  algorithm verification                 here; http-tokens › signatures and headers; http-keys › public keys
//   3.2  appropriate algorithms                 here; tokens-algorithms
//   3.3  every cryptographic operation checked  here; http-tokens › a flipped bit, a swapped payload
//   3.4  cryptographic inputs checked           here
//   3.5  keys of sufficient entropy             here (RSA in a JWKS); config › secrets, public keys
//   3.6  no compression before encryption       here: nothing encrypted is taken at all
//   3.7  UTF-8                                  here
//   3.8  issuer and subject                     here; http-tokens › claims
//   3.9  audience                               here; http-tokens › claims
//   3.10 received claims are not trusted        here; http-keys › a token that names a key of its own
//   3.11 explicit typing                        here
//   3.12 kinds of tokens exclude each other     here
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { constants, createHmac, generateKeyPairSync, KeyObject, sign as signBytes } from 'node:crypto';
import { CompactEncrypt, exportJWK, SignJWT } from 'jose';
import { ask } from './harness/ask.ts';
import { honestClaims, type KeyServer, makeKey, type SigningKey, startKeyServer } from './harness/issuer.ts';
import { type Service, startService } from './harness/service.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';

const SECRET = 'the secret of this test file, for HS256';

/** The order of P-256's group (SEC 2, 2.4.2). */
const P256_ORDER = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';

let redis: TestStore;
let database: FreshDatabase;
let provider: KeyServer;
let withSecret: Service;
let withJwks: Service;
let es256: SigningKey;
let rs256: SigningKey;

beforeAll(async () => {
  [redis, database, es256, rs256] = await Promise.all([
    startRedis(),
    freshDatabase(),
    makeKey('ec'),
    makeKey('rsa', 'RS256'),
  ]);
  provider = startKeyServer();
  const stores = { redisUrl: redis.url, databaseUrl: database.url };
  withSecret = await startService({ ...stores, env: { HOLDFAST_JWT_SECRET: SECRET } });
  withJwks = await startService({
    ...stores,
    env: { HOLDFAST_JWT_SECRET: '', HOLDFAST_JWKS_URL: provider.url },
  });
  provider.publish(es256, rs256, ...(await oddKeys()));
});
afterAll(async () => {
  await Promise.all([withSecret?.stop(), withJwks?.stop(), provider?.stop()]);
  await Promise.all([redis?.stop(), database?.drop()]);
});

/** Keys that a careless provider might publish. */
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
const encrypting = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const large = generateKeyPairSync('ec', { namedCurve: 'P-384' });
async function oddKeys(): Promise<Readonly<Record<string, unknown>>[]> {
  return [
    { ...(await exportJWK(weak.publicKey)), kid: 'weak', alg: 'RS256' },
    { ...(await exportJWK(encrypting.publicKey)), kid: 'encrypting', use: 'enc' },
    { ...(await exportJWK(large.publicKey)), kid: 'large' },
    { ...es256.jwk, kid: 'off-curve', y: es256.jwk.x },
    { kty: 'oct', k: Buffer.from(SECRET).toString('base64url'), kid: 'symmetric', alg: 'HS256' },
    { kty: 'EC', crv: 'P-256', kid: 'half', alg: 'ES256' },
  ];
}

/** Bytes and text as they are, anything else as JSON. */
type Part = string | object | Uint8Array;
const part = (value: Part) =>
  Buffer.from(
    typeof value === 'string' || value instanceof Uint8Array ? value : JSON.stringify(value),
  ).toString('base64url');
/** Whatever it says, signed with the secret that the service believes. */
function handMade(header: Part, claims: Part, hash = 'sha256'): string {
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${createHmac(hash, SECRET).update(signed).digest('base64url')}`;
}
const hs256 = (claims: object = {}, header: object = {}) =>
  handMade({ alg: 'HS256', typ: 'JWT', ...header }, { ...honestClaims(), ...claims });
/** A header of the test's own over honest claims, signed as `sign` does. */
function signedBy(header: object, sign: (input: Buffer) => Uint8Array): string {
  const input = `${part(header)}.${part(honestClaims())}`;
  return `${input}.${Buffer.from(sign(Buffer.from(input))).toString('base64url')}`;
}
/** In the name of the JWKS's EC key, with a signature of the test's own. */
const asEc = (sign: (input: Buffer) => Uint8Array) => signedBy({ alg: 'ES256', kid: 'ec' }, sign);
/** In the name of its RSA key, under an algorithm that was not agreed on. */
const asRsa = (alg: string, sign: (input: Buffer) => Uint8Array) => signedBy({ alg, kid: 'rsa' }, sign);
const rsaKey = () => KeyObject.from(rs256.privateKey);
const byPrivateKey = (privateKey: Parameters<SignJWT['sign']>[0], alg: string, kid: string) =>
  new SignJWT(honestClaims()).setProtectedHeader({ alg, kid }).sign(privateKey);
const utf16 = (value: object) => Buffer.from(JSON.stringify(value), 'utf16le');
const latin1 = (value: object) => Buffer.from(JSON.stringify(value), 'latin1');
const encrypted = (payload: string, more: object = {}) =>
  new CompactEncrypt(Buffer.from(payload))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', ...more })
    .encrypt(Buffer.from(SECRET).subarray(0, 32));

type Case = readonly [section: string, name: string, make: () => string | Promise<string>];

const REFUSED_WITH_SECRET: readonly Case[] = [
  ['3.1', 'HS512, which was not agreed on', () => handMade({ alg: 'HS512' }, honestClaims(), 'sha512')],
  ['3.3', 'a token within a token', () => handMade({ alg: 'HS256', cty: 'JWT' }, hs256())],
  [
    '3.3',
    'the signature of another token',
    () => hs256().replace(/[^.]+$/, hs256({ sub: 'b' }).split('.')[2] ?? ''),
  ],
  ['3.3', 'a signature cut short', () => hs256().slice(0, -2)],
  ['3.3', 'a signature with more behind it', () => `${hs256()}AA`],
  ['3.6', 'an encrypted token', () => encrypted(JSON.stringify(honestClaims()))],
  ['3.6', 'an encrypted token around a signed one', () => encrypted(hs256(), { cty: 'JWT' })],
  ['3.7', 'claims in UTF-16', () => handMade({ alg: 'HS256' }, utf16(honestClaims()))],
  ['3.7', 'a header in UTF-16', () => handMade(utf16({ alg: 'HS256' }), honestClaims())],
  ['3.7', 'a subject in Latin-1', () => handMade({ alg: 'HS256' }, latin1(honestClaims('Zoë')))],
  ['3.8', "another issuer's token, signed with our secret", () => hs256({ iss: 'https://other.example' })],
  ['3.8', 'an issuer that only begins like ours', () => hs256({ iss: 'holdfast.evil.example' })],
  ['3.8', 'no subject', () => hs256({ sub: undefined })],
  ['3.9', "a token for another service of the issuer's", () => hs256({ aud: 'billing-api' })],
  ['3.9', 'an empty list of audiences', () => hs256({ aud: [] })],
  ['3.10', 'a certificate of its own', () => hs256({}, { alg: 'RS256', x5c: ['MIIB'] })],
  ['3.10', 'a kid that would be a path', () => hs256({}, { alg: 'RS256', kid: '../../../dev/null' })],
  ['3.10', 'an extension that must be understood', () => hs256({}, { crit: ['urn:x'], 'urn:x': true })],
  [
    '3.12',
    'an ID token: it is meant for the client',
    () => hs256({ aud: 'shop-web-client', nonce: 'n', at_hash: 'x' }),
  ],
  ['3.12', 'a refresh token that lives for a month', () => hs256({ exp: honestClaims().iat + 2_592_000 })],
  ...['secevent+jwt', 'logout+jwt', 'dpop+jwt', 'token-introspection+jwt', 'JOSE'].map(
    (typ): Case => ['3.11', `typ ${typ}: a token of another kind`, () => hs256({}, { typ })],
  ),
  ['3.11', 'a typ that is no word', () => hs256({}, { typ: ['JWT'] })],
];

const REFUSED_WITH_JWKS: readonly Case[] = [
  [
    '3.1',
    'PS256 by a key that was published for RS256',
    () =>
      asRsa('PS256', (input) =>
        signBytes('sha256', input, {
          key: rsaKey(),
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: 32,
        }),
      ),
  ],
  ['3.1', "the name of one key with another's algorithm", () => es256.sign({}, { kid: 'rsa' })],
  ['3.1', 'HS256 by a symmetric key that was published', () => hs256({}, { kid: 'symmetric' })],
  ['3.2', 'ES384', () => byPrivateKey(large.privateKey, 'ES384', 'large')],
  ['3.2', 'RS512', () => asRsa('RS512', (input) => signBytes('sha512', input, rsaKey()))],
  [
    '3.2',
    'a key that was published for encrypting',
    () => byPrivateKey(encrypting.privateKey, 'ES256', 'encrypting'),
  ],
  ['3.4', 'an ECDSA signature of nothing but zeros', () => asEc(() => new Uint8Array(64))],
  [
    '3.4',
    'an ECDSA signature of the group order, which is zero',
    () => asEc(() => Buffer.from(P256_ORDER.repeat(2), 'hex')),
  ],
  [
    '3.4',
    'an ECDSA signature in DER',
    () => asEc((input) => signBytes('sha256', input, KeyObject.from(es256.privateKey))),
  ],
  ['3.4', 'an empty ECDSA signature', () => asEc(() => new Uint8Array(0))],
  ['3.4', 'a published point that is not on its curve', () => es256.sign({}, { kid: 'off-curve' })],
  ['3.4', 'a published key that lacks a half', () => es256.sign({}, { kid: 'half' })],
  [
    '3.5',
    'an RSA key of 1,024 bits',
    () => signedBy({ alg: 'RS256', kid: 'weak' }, (input) => signBytes('sha256', input, weak.privateKey)),
  ],
  ['3.10', 'no kid where there are several keys', () => es256.sign({}, { kid: undefined } as object)],
  ['3.10', 'a kid that is no text', () => es256.sign({}, { kid: 5 } as object)],
  ['3.10', 'a kid with a quote and a comment', () => es256.sign({}, { kid: "ec' OR 1=1 --" })],
];

const TAKEN: readonly Case[] = [
  ['3.7', 'a sub with every kind of printable ASCII', () => hs256({ sub: "auth0|a b.c-d_e@f+g~!'" })],
  ['3.9', 'ours among several audiences', () => hs256({ aud: ['billing-api', 'holdfast-api'] })],
  ...['JWT', 'jwt', 'at+jwt', 'application/at+jwt', 'AT+JWT'].map(
    (typ): Case => ['3.11', `typ ${typ}`, () => hs256({}, { typ })],
  ),
  ['3.11', 'no typ', () => hs256({}, { typ: undefined })],
];

async function status(service: Service, bearer: string): Promise<number> {
  const reply = await ask(service.url, '/api/v1/orders', { bearer });
  if (reply.status === 401) {
    expect(reply.body.code).toBe('unauthenticated');
    expect(reply.headers.get('www-authenticate')).toBe('Bearer realm="holdfast", error="invalid_token"');
  }
  return reply.status;
}

describe('refused, where a secret is configured', () => {
  for (const [section, name, make] of REFUSED_WITH_SECRET) {
    test(`${section} ${name}`, async () => {
      expect(await status(withSecret, await make())).toBe(401);
    });
  }
});

describe('refused, where a JWKS is configured', () => {
  for (const [section, name, make] of REFUSED_WITH_JWKS) {
    test(`${section} ${name}`, async () => {
      expect(await status(withJwks, await make())).toBe(401);
      // And the odd key harms nobody with an honest one.
      expect(await status(withJwks, await es256.sign({ sub: name }))).toBe(200);
    });
  }
});

describe('taken', () => {
  for (const [section, name, make] of TAKEN) {
    test(`${section} ${name}`, async () => {
      expect(await status(withSecret, await make())).toBe(200);
    });
  }
  test('3.2 RS256 and ES256 from one JWKS', async () => {
    for (const key of [es256, rs256]) expect(await status(withJwks, await key.sign())).toBe(200);
  });
});

test('nothing that was refused was written to the log, and nothing failed', () => {
  for (const { log } of [withSecret, withJwks]) {
    expect(log()).not.toContain('eyJ');
    expect(log()).not.toContain('unexpected error');
    expect(log()).not.toContain('JWKS cannot be fetched');
  }
});
