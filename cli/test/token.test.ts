// The promise: a token is what the service accepts, from the secret the service has, and stands alone on stdout.
import { afterAll, expect, test } from 'bun:test';
import { createHmac } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { token } from '../src/token.ts';
import { FakeService } from './fake-service.ts';

const SECRET = 'a secret of at least thirty-two bytes';
const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-token-'));
afterAll(() => rm(folder, { recursive: true }));

async function run(args: string[], env: Record<string, string>) {
  let out = '';
  let err = '';
  const code = await token.run(args, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    rewritable: false,
    env,
    signal: new AbortController().signal,
  });
  return { out, err, code };
}

/** The claims, if the signature is the secret's. */
function verified(text: string, secret: string): Record<string, unknown> {
  const [header = '', claims = '', signature] = text.trim().split('.');
  expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'HS256', typ: 'JWT' });
  expect(signature).toBe(createHmac('sha256', secret).update(`${header}.${claims}`).digest('base64url'));
  return JSON.parse(Buffer.from(claims, 'base64url').toString());
}

test("a customer's token has what the service asks for, and lives 15 minutes", async () => {
  const { out, code } = await run(['--customer', 'ann'], { HOLDFAST_JWT_SECRET: SECRET });
  const { iat, exp, ...claims } = verified(out, SECRET) as { iat: number; exp: number };
  expect(claims as unknown).toEqual({ iss: 'holdfast', aud: 'holdfast-api', sub: 'ann' });
  expect(exp - iat).toBe(900);
  expect(Math.abs(iat - Date.now() / 1000)).toBeLessThan(60);
  expect(code).toBe(0);
});

test("an operator's token carries the scope, for the issuer and audience that are set", async () => {
  const env = { HOLDFAST_JWT_SECRET: SECRET, HOLDFAST_JWT_ISSUER: 'shop', HOLDFAST_JWT_AUDIENCE: 'stock' };
  const { out } = await run(['--operator'], env);
  expect(verified(out, SECRET)).toMatchObject({
    iss: 'shop',
    aud: 'stock',
    sub: 'operator',
    scope: 'holdfast:operator',
  });
});

test('without a secret in the environment it is the data folder’s', async () => {
  await mkdir(path.join(folder, 'secrets'));
  await writeFile(path.join(folder, 'secrets', 'jwt'), `${SECRET} of the folder\n`);
  const { out } = await run([], { HOLDFAST_DATA_DIR: folder });
  expect(verified(out, `${SECRET} of the folder`)).toMatchObject({ sub: 'demo-customer' });
});

test('without any secret it says where it looked, and exits with 1', async () => {
  const missing = path.join(folder, 'nothing');
  const { out, err, code } = await run([], { HOLDFAST_DATA_DIR: missing });
  expect(err).toContain(path.join(missing, 'secrets', 'jwt'));
  expect({ out, code }).toEqual({ out: '', code: 1 });
});

test('with --url the service there is asked', async () => {
  await using service = new FakeService();
  expect(await run(['--url', service.url, '--customer', 'bob'], {})).toEqual({
    out: 'bob\n',
    err: '',
    code: 0,
  });
});

test('a service that gives none is quoted', async () => {
  await using service = new FakeService('limits every token');
  const { err, code } = await run(['--url', service.url], {});
  expect(err).toContain('gave no token: rate-limited');
  expect(code).toBe(1);
});
