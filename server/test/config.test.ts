// Promises of the configuration: everything is checked before anything starts, every problem is named at once with
// what to write, and no secret is ever shown.
import { describe, expect, test } from 'bun:test';
import { generateKeyPairSync } from 'node:crypto';
import { MAX_TTL_SECONDS, MIN_REQUESTED_TTL_SECONDS } from '@holdfast/contract/vocabulary';
import { type Config, describeProblems, readConfig, TTL_SECONDS } from '../src/config.ts';

function config(env: Record<string, string>): Config {
  const read = readConfig(env);
  if (!read.ok) throw new Error(describeProblems(read.problems));
  return read.config;
}

/** What is said about a variable that is bad. */
function complaint(env: Record<string, string>): string {
  const read = readConfig(env);
  return read.ok ? 'nothing' : describeProblems(read.problems);
}

const SECRET = 'a-secret-of-at-least-thirty-two-bytes!';
const pem = (
  key: { export(options: { type: 'spki' | 'pkcs8'; format: 'pem' }): string | Buffer },
  type: 'spki' | 'pkcs8',
) => `${key.export({ type, format: 'pem' })}`;

describe('an empty environment', () => {
  test('is a private service on loopback with the defaults of the guide', () => {
    expect(config({})).toMatchObject({
      production: false,
      host: '127.0.0.1',
      port: 8080,
      redisUrl: null,
      databaseUrl: null,
      dataDir: `${process.cwd()}/.holdfast`,
      redisFsync: 'always',
      redisReplicas: null,
      workers: 1,
      tokens: { key: null, issuer: 'holdfast', audience: 'holdfast-api', demoIssuer: true },
      reservationTtlSeconds: 300,
      ratesPerMinute: { reserveCustomer: 10, reserveIp: 100, otherCustomer: 120, otherIp: 600 },
      trustedProxies: [],
      corsOrigins: [],
      metrics: { host: '127.0.0.1', port: 9464 },
      demo: false,
      logLevel: 'info',
      parentFd: null,
    });
  });

  test('is the same as one whose variables are all empty, as Compose files write "not given"', () => {
    expect(config({ PORT: '', REDIS_URL: '', HOLDFAST_WORKERS: '', HOLDFAST_JWT_SECRET: '' })).toEqual(
      config({}),
    );
  });
});

describe('a good value is taken as it is', () => {
  const cases: readonly [Record<string, string>, object][] = [
    [
      { PORT: '0', HOST: '0.0.0.0' },
      { port: 0, host: '0.0.0.0' },
    ],
    [{ HOST: '::1' }, { host: '::1' }],
    [{ HOLDFAST_REDIS_REPLICAS: '2' }, { redisReplicas: 2 }],
    [{ HOST: 'holdfast.internal' }, { host: 'holdfast.internal' }],
    [
      { REDIS_URL: 'rediss://user:pw@redis.example:6380/0' },
      { redisUrl: 'rediss://user:pw@redis.example:6380/0' },
    ],
    [
      { DATABASE_URL: 'postgresql:///shop?host=/run/postgresql' },
      { databaseUrl: 'postgresql:///shop?host=/run/postgresql' },
    ],
    [{ HOLDFAST_DATA_DIR: '/srv/holdfast' }, { dataDir: '/srv/holdfast' }],
    [{ HOLDFAST_CACHE_DIR: '/var/cache/holdfast' }, { cacheDir: '/var/cache/holdfast' }],
    [{ XDG_CACHE_HOME: '/tmp/xdg' }, { cacheDir: '/tmp/xdg/holdfast' }],
    [{ HOLDFAST_RATE_IP_PER_MINUTE: '0' }, { ratesPerMinute: { reserveIp: 0 } }],
    [
      { HOLDFAST_TRUSTED_PROXIES: '10.0.0.0/8, ::1 ,192.0.2.7' },
      { trustedProxies: ['10.0.0.0/8', '::1', '192.0.2.7'] },
    ],
    [
      { HOLDFAST_CORS_ORIGINS: 'https://shop.example,http://localhost:5173' },
      { corsOrigins: ['https://shop.example', 'http://localhost:5173'] },
    ],
    [
      { HOLDFAST_JWT_SECRET: SECRET },
      { tokens: { key: { kind: 'secret', secret: SECRET }, demoIssuer: true } },
    ],
    [
      { HOLDFAST_JWT_SECRET: SECRET, NODE_ENV: 'production' },
      { production: true, tokens: { demoIssuer: false } },
    ],
    [
      { HOLDFAST_JWT_SECRET: SECRET, NODE_ENV: 'production', HOLDFAST_DEMO_AUTH: '1' },
      { tokens: { demoIssuer: true } },
    ],
    [
      { HOLDFAST_JWKS_URL: 'https://id.example/jwks' },
      { tokens: { key: { kind: 'jwks' }, demoIssuer: false } },
    ],
    [
      { HOLDFAST_DEMO: 'on', HOLDFAST_LOG_LEVEL: 'debug' },
      { demo: true, logLevel: 'debug' },
    ],
    [
      { HOLDFAST_METRICS_HOST: '0.0.0.0', HOLDFAST_METRICS_PORT: '0' },
      { metrics: { host: '0.0.0.0', port: 0 } },
    ],
    [{ HOLDFAST_BUN_BIN: '/opt/bun', HOLDFAST_TEST_SEED: '7' }, {}],
  ];
  for (const [env, expected] of cases) {
    test(JSON.stringify(env), () => expect(config(env)).toMatchObject(expected));
  }

  test('HOLDFAST_WORKERS=auto is the number of cores', () => {
    expect(config({ HOLDFAST_WORKERS: 'auto' }).workers).toBeGreaterThanOrEqual(1);
    expect(config({ HOLDFAST_WORKERS: '2' }).workers).toBe(2);
  });

  test('a public key is taken with its line breaks, also written as \\n', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const text = pem(publicKey, 'spki');
    const key = { kind: 'public-key', pem: text } as const;
    expect(config({ HOLDFAST_JWT_PUBLIC_KEY: text }).tokens.key).toEqual(key);
    expect(config({ HOLDFAST_JWT_PUBLIC_KEY: text.replaceAll('\n', '\\n') }).tokens.key).toEqual(key);
  });
});

describe('a bad value is refused with what to write', () => {
  const cases: readonly [Record<string, string>, RegExp][] = [
    [{ PORT: '65536' }, /PORT: "65536" is not .*; write one from 0 to 65535/],
    [{ PORT: '-1' }, /PORT: /],
    [{ PORT: '80.5' }, /PORT: /],
    [{ PORT: '0x50' }, /PORT: /],
    [{ HOST: 'http://localhost' }, /HOST: /],
    [{ HOST: '127.0.0.256' }, /HOST: /],
    [{ REDIS_URL: 'localhost:6379' }, /REDIS_URL: is not the URL of a Redis; write redis:\/\//],
    [
      { REDIS_URL: 'redis+cluster://a:1,b:2' },
      /REDIS_URL: names a Redis Cluster .* does not support yet; write/,
    ],
    [{ REDIS_URL: 'redis+sentinel://a:1,b:2/main' }, /REDIS_URL: .*Sentinel.* does not support yet/],
    [
      { DATABASE_URL: 'mysql://db/shop' },
      /DATABASE_URL: is not the URL of a PostgreSQL; write postgres:\/\//,
    ],
    [{ HOLDFAST_REDIS_FSYNC: 'no' }, /HOLDFAST_REDIS_FSYNC: "no" .*; write always or everysec/],
    [{ HOLDFAST_WORKERS: '0' }, /HOLDFAST_WORKERS: .*; write one from 1 to 64, or auto/],
    [{ HOLDFAST_WORKERS: '65' }, /HOLDFAST_WORKERS: /],
    [{ HOLDFAST_RESERVATION_TTL_SECONDS: '9' }, /HOLDFAST_RESERVATION_TTL_SECONDS: .* from 10 to 86400/],
    [{ HOLDFAST_RATE_CUSTOMER_PER_MINUTE: '-5' }, /HOLDFAST_RATE_CUSTOMER_PER_MINUTE: /],
    [{ HOLDFAST_RATE_OTHER_IP_PER_MINUTE: 'none' }, /HOLDFAST_RATE_OTHER_IP_PER_MINUTE: /],
    [{ HOLDFAST_TRUSTED_PROXIES: '10.0.0.0/33' }, /HOLDFAST_TRUSTED_PROXIES: .*"10.0.0.0\/33"/],
    [{ HOLDFAST_TRUSTED_PROXIES: 'proxy' }, /HOLDFAST_TRUSTED_PROXIES: .*is not an address/],
    [{ HOLDFAST_CORS_ORIGINS: '*' }, /HOLDFAST_CORS_ORIGINS: .*is not an origin/],
    [{ HOLDFAST_CORS_ORIGINS: 'https://shop.example/' }, /HOLDFAST_CORS_ORIGINS: /],
    [{ HOLDFAST_CORS_ORIGINS: 'null' }, /HOLDFAST_CORS_ORIGINS: /],
    [{ HOLDFAST_METRICS_PORT: '8080' }, /HOLDFAST_METRICS_PORT: is the same as PORT/],
    [{ HOLDFAST_DEMO: 'maybe' }, /HOLDFAST_DEMO: "maybe" is neither on nor off/],
    [{ HOLDFAST_LOG_LEVEL: 'loud' }, /HOLDFAST_LOG_LEVEL: /],
    [{ HOLDFAST_PARENT_FD: '999' }, /HOLDFAST_PARENT_FD: .*is not an open pipe/],
    [{ HOLDFAST_JWT_SECRET: 'short' }, /HOLDFAST_JWT_SECRET: is shorter than 32 bytes/],
    [{ HOLDFAST_JWKS_URL: 'http://id.example/jwks' }, /HOLDFAST_JWKS_URL: .*is not an https/],
    [{ HOLDFAST_JWT_PUBLIC_KEY: 'ssh-rsa AAAA' }, /HOLDFAST_JWT_PUBLIC_KEY: is not a public key/],
    [{ HOLDFAST_JWT_ISSUER: 'a b' }, /HOLDFAST_JWT_ISSUER: /],
    [
      { HOLDFAST_JWT_SECRET: SECRET, HOLDFAST_JWKS_URL: 'https://id.example' },
      /HOLDFAST_JWT_SECRET: is one of several/,
    ],
    [
      { HOLDFAST_JWKS_URL: 'https://id.example', HOLDFAST_DEMO_AUTH: 'on' },
      /HOLDFAST_DEMO_AUTH: needs a key/,
    ],
    [
      { NODE_ENV: 'production' },
      /HOLDFAST_JWT_SECRET: is not set, and production makes no secret of its own/,
    ],
    [
      { NODE_ENV: 'production', HOLDFAST_JWT_SECRET: 'x'.repeat(31) },
      /1 configuration problem\.\n.*shorter than 32/,
    ],
    [
      { HOLDFAST_WORKER: '2' },
      /HOLDFAST_WORKER: is not a variable of Holdfast; did you mean HOLDFAST_WORKERS\?/,
    ],
    [{ HOLDFAST_QUITE_SOMETHING_ELSE: '2' }, /HOLDFAST_QUITE_SOMETHING_ELSE: .*; remove it/],
  ];
  for (const [env, expected] of cases) {
    test(JSON.stringify(env), () => expect(complaint(env)).toMatch(expected));
  }

  test('a private key, a weak key and a key of another kind are not public keys to verify with', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const wrongCurve = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
    const key = (text: string) => complaint({ HOLDFAST_JWT_PUBLIC_KEY: text });
    expect(key(pem(rsa.privateKey, 'pkcs8'))).toMatch(/is a private key/);
    expect(key(pem(rsa.publicKey, 'spki'))).toMatch(/is a key of another kind/);
    expect(key(pem(wrongCurve.publicKey, 'spki'))).toMatch(/is a key of another kind/);
  });

  test('all at once, one a line', () => {
    const env = Object.assign({}, ...cases.slice(0, 20).map(([bad]) => bad));
    const read = readConfig(env);
    const named = read.ok ? [] : read.problems.map(({ variable }) => variable);
    expect(new Set(named)).toEqual(new Set(Object.keys(env)));
    expect(complaint(env).split('\n')).toHaveLength(1 + named.length);
  });
});

test('no secret is shown, whatever is wrong with it', () => {
  const said = complaint({
    HOLDFAST_JWT_SECRET: 'hunter2',
    REDIS_URL: 'http://user:hunter2@redis',
    DATABASE_URL: 'hunter2',
    HOLDFAST_JWT_PUBLIC_KEY: 'hunter2',
  });
  expect(said).toContain('4 configuration problems');
  expect(said).not.toContain('hunter2');
});

test('a value is shown on one line, cut and without control characters', () => {
  const said = complaint({ PORT: `1\n\u001b[31m${'9'.repeat(500)}` });
  expect(said.split('\n')).toHaveLength(2);
  expect(said).not.toContain('\u001b');
  expect(said.length).toBeLessThan(250);
});

test('the default time of a reservation has the bounds of the contract', () => {
  expect(TTL_SECONDS).toEqual({ min: MIN_REQUESTED_TTL_SECONDS, max: MAX_TTL_SECONDS });
});
