// Every algorithm against the real service, each as an operator configures it: its own tokens are taken, nobody else's.
// The forgeries one by one, on the same code without sockets: http-tokens.test.ts, http-keys.test.ts.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { createHmac } from 'node:crypto';
import { ask } from './harness/ask.ts';
import { ALGORITHMS, honestClaims, makeKey, type SigningKey } from './harness/issuer.ts';
import { type Service, startService, token } from './harness/service.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';

let redis: TestStore;
let database: FreshDatabase;
const keys = new Map<string, SigningKey>();

beforeAll(async () => {
  [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
  for (const alg of ALGORITHMS) keys.set(alg, await makeKey('1', alg));
});
afterAll(async () => {
  await Promise.all([redis?.stop(), database?.drop()]);
});

const start = (env: Readonly<Record<string, string>>): Promise<Service> =>
  startService({ redisUrl: redis.url, databaseUrl: database.url, env });
const status = async ({ url }: Service, bearer: string) =>
  (await ask(url, '/api/v1/orders', { bearer })).status;
const key = (alg: string): SigningKey => keys.get(alg) as SigningKey;

describe('a service with a public key', () => {
  for (const [n, alg] of ALGORITHMS.entries()) {
    test(`of ${alg} takes its tokens and nobody else's`, async () => {
      const { pem, sign } = key(alg);
      // As a one-line environment file carries it, for one of them.
      const service = await start({
        HOLDFAST_JWT_SECRET: '',
        HOLDFAST_JWT_PUBLIC_KEY: n === 0 ? pem.replaceAll('\n', '\\n') : pem,
      });
      try {
        expect(await status(service, await sign())).toBe(200);
        expect(await status(service, await sign({}, { kid: 'another' }))).toBe(200); // one key: its name says nothing
        for (const other of ALGORITHMS.filter((name) => name !== alg))
          expect(await status(service, await key(other).sign())).toBe(401);
        expect(await status(service, await (await makeKey('1', alg)).sign())).toBe(401);
        expect(await status(service, token('customer'))).toBe(401);
        for (const secret of [pem, pem.trim()]) expect(await status(service, hmacToken(secret))).toBe(401);
        // Who can only verify cannot issue.
        const issued = await ask(service.url, '/api/v1/auth/token', { method: 'POST' });
        expect([issued.status, issued.body.code]).toEqual([403, 'demo-auth-off']);
      } finally {
        await service.stop();
      }
    });
  }
});

test('a service with a secret takes HS256 alone, and a new secret at the next start ends the tokens of the old one', async () => {
  const secrets = ['the first secret, of more than 32 bytes', 'the second secret, of more than 32 bytes'];
  const [first = '', second = ''] = secrets;
  let service = await start({ HOLDFAST_JWT_SECRET: first });
  try {
    expect(await status(service, hmacToken(first))).toBe(200);
    for (const alg of ALGORITHMS) expect(await status(service, await key(alg).sign())).toBe(401);
    await service.stop();
    service = await start({ HOLDFAST_JWT_SECRET: second });
    expect(await status(service, hmacToken(first))).toBe(401);
    expect(await status(service, hmacToken(second))).toBe(200);
  } finally {
    await service.stop();
  }
});

test('a reservation survives a change of the secret: whose it is does not hang on how tokens are signed', async () => {
  const operator = { ...honestClaims('operator'), scope: 'holdfast:operator' };
  const [first, second] = [
    'one secret of at least thirty-two bytes',
    'another one of at least thirty-two bytes',
  ];
  let service = await start({ HOLDFAST_JWT_SECRET: first });
  try {
    const sale = { id: 'kept', name: 'kept', items: [{ sku: 'kept-1', stock: 5 }] };
    const made = await ask(service.url, '/api/v1/admin/sales', {
      bearer: hmacToken(first, operator),
      body: sale,
    });
    expect(made.status).toBe(201);
    const held = await ask(service.url, '/api/v1/inventory/reserve', {
      bearer: hmacToken(first),
      key: 'k',
      body: { sku: 'kept-1', quantity: 1 },
    });
    const id = held.body.reservation_id;
    await service.stop();
    service = await start({ HOLDFAST_JWT_SECRET: second });
    const confirm = (bearer: string) =>
      ask(service.url, '/api/v1/checkout/confirm', { bearer, body: { reservation_id: id } });
    expect((await confirm(hmacToken(first))).status).toBe(401);
    expect((await confirm(hmacToken(second))).status).toBe(200);
  } finally {
    await service.stop();
  }
});

function hmacToken(secret: string, claims: object = honestClaims()): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}
