// The promise: a command that fails says why, and repeats no password, token or key that it was given, wherever it was given.
import { expect, test } from 'bun:test';
import path from 'node:path';

const LAUNCHER = path.join(import.meta.dir, '..', 'bin', 'holdfast.mjs');
const CANARY = 'CANARY-nobody-may-see-this';
/** Nobody listens there. */
const NOWHERE = '127.0.0.1:1';

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = Bun.spawn(['node', LAUNCHER, ...args], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { said: `${out}${err}`, code };
}

const stores = {
  REDIS_URL: `redis://:${CANARY}@${NOWHERE}`,
  DATABASE_URL: `postgres://holdfast:${CANARY}@${NOWHERE}/shop`,
  HOLDFAST_JWT_SECRET: `${CANARY}-of-at-least-thirty-two-bytes`,
};
const tls = { ...stores, DATABASE_URL: `${stores.DATABASE_URL}?sslmode=verify-full` };
const pem = `-----BEGIN PRIVATE KEY-----\n${CANARY}\n-----END PRIVATE KEY-----\n`;

const cases: readonly [string, readonly string[], Readonly<Record<string, string>>, RegExp][] = [
  ['serve without its stores', ['serve'], { ...stores, PORT: '0' }, /no connection to PostgreSQL/],
  ['serve without its stores, over TLS', ['serve'], { ...tls, PORT: '0' }, /no connection to PostgreSQL/],
  [
    'serve with a short secret',
    ['serve'],
    { HOLDFAST_JWT_SECRET: CANARY },
    /HOLDFAST_JWT_SECRET: is shorter/,
  ],
  ['serve with a URL that is none', ['serve'], { REDIS_URL: `http://:${CANARY}@redis` }, /REDIS_URL: is not/],
  ['serve with a password that is no URL', ['serve'], { DATABASE_URL: CANARY }, /DATABASE_URL: is not/],
  ['serve with a broken escape', ['serve'], { REDIS_URL: `redis://:${CANARY}%@redis` }, /REDIS_URL: has a %/],
  [
    'serve with a key in place of its file',
    ['serve'],
    { REDIS_URL: 'rediss://redis', HOLDFAST_REDIS_KEY_FILE: pem },
    /HOLDFAST_REDIS_KEY_FILE: is a certificate or a key/,
  ],
  [
    'serve with a password in the address of keys',
    ['serve'],
    { HOLDFAST_JWKS_URL: `http://user:${CANARY}@id.example/jwks` },
    /HOLDFAST_JWKS_URL: is not an https/,
  ],
  [
    'serve with a password in an origin',
    ['serve'],
    { HOLDFAST_CORS_ORIGINS: `https://user:${CANARY}@shop.example` },
    /HOLDFAST_CORS_ORIGINS: .*is not an origin/,
  ],
  ['audit without its ledger', ['audit', 'verify'], stores, /no connection to PostgreSQL/],
  ['audit without its ledger, over TLS', ['audit', 'head'], tls, /no connection to PostgreSQL/],
  [
    'audit with a URL that is none',
    ['audit', 'head'],
    { DATABASE_URL: `mysql://u:${CANARY}@db` },
    /DATABASE_URL/,
  ],
  [
    'reconcile without a service',
    ['reconcile', '--url', `http://${NOWHERE}`, '--operator-token', CANARY],
    {},
    /did not reconcile/,
  ],
  [
    'reconcile with a password in the URL',
    ['reconcile', '--url', `http://u:${CANARY}@${NOWHERE}`],
    {},
    /--url must have no user/,
  ],
  [
    'token with a password in the URL',
    ['token', '--url', `http://u:${CANARY}@${NOWHERE}`],
    {},
    /--url must have no user/,
  ],
  [
    'race without a service',
    ['race', '--url', `http://${NOWHERE}`, '--operator-token', CANARY, '--shoppers', '1'],
    {},
    /The race could not run/,
  ],
];
for (const [name, args, env, expected] of cases) {
  test.concurrent(name, async () => {
    const { said, code } = await run(args, { HOLDFAST_METRICS_PORT: '0', ...env });
    expect(said).toMatch(expected);
    expect(said).not.toContain(CANARY);
    expect(code).toBeGreaterThan(0);
  });
}
