// Promises of the settings of the stores: files that they name are read and checked before anything starts, a setting that
// would do nothing is refused, and whoever sends passwords over a network in the open is told.
import { afterAll, describe, expect, test } from 'bun:test';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Config, childEnvironment, describeProblems, readConfig } from '../src/config.ts';
import { openConnections } from '../src/config-stores.ts';
import { makeAuthority } from './harness/certificates.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-settings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string): string => {
  writeFileSync(path.join(folder, name), text);
  return path.join(folder, name);
};

const ours = makeAuthority('ours');
const theirs = makeAuthority('theirs');
const mine = ours.issue(['holdfast']);
const CA = file('ca.pem', `# ours\n${ours.certificate}`);
const CERT = file('mine.crt', mine.certificate);
const KEY = file('mine.key', mine.key);
const REDIS = { REDIS_URL: 'rediss://:hunter2@redis.example' };
const DATABASE = { DATABASE_URL: 'postgres://u:hunter2@db.example/shop?sslmode=verify-full' };

function config(env: Record<string, string>): Config {
  const read = readConfig(env);
  if (!read.ok) throw new Error(describeProblems(read.problems));
  return read.config;
}

function complaint(env: Record<string, string>): string {
  const read = readConfig(env);
  return read.ok ? 'nothing' : describeProblems(read.problems);
}

describe('certificates', () => {
  test('are read from their files, and none are needed', () => {
    expect(config({ ...REDIS, ...DATABASE }).certificates).toEqual({
      redis: { authorities: null, own: null },
      database: { authorities: null, own: null },
    });
    const own = { HOLDFAST_DATABASE_CERT_FILE: CERT, HOLDFAST_DATABASE_KEY_FILE: KEY };
    const { redis, database } = config({
      ...REDIS,
      ...DATABASE,
      ...own,
      HOLDFAST_REDIS_CA_FILE: CA,
    }).certificates;
    expect(redis).toEqual({ authorities: ours.certificate, own: null });
    expect(database).toEqual({ authorities: null, own: { certificate: mine.certificate, key: mine.key } });
  });

  test('may be several in one file', () => {
    const bundle = file('bundle.pem', `${ours.certificate}\n# and\n${theirs.certificate}`);
    const { authorities } = config({ ...REDIS, HOLDFAST_REDIS_CA_FILE: bundle }).certificates.redis;
    expect(authorities).toBe(ours.certificate + theirs.certificate);
  });

  const broken = ours.certificate.replace(/\n[A-Za-z0-9+/]{20}/, '\nAAAAAAAAAAAAAAAAAAAA');
  const aFolder = path.join(folder, 'folder');
  mkdirSync(aFolder);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const locked = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' });
  const cases: readonly [string, Record<string, string>, RegExp][] = [
    [
      'a file that is not there',
      { HOLDFAST_REDIS_CA_FILE: '/nowhere' },
      /_CA_FILE: names a file that cannot be read \(ENOENT\)/,
    ],
    ['a folder', { HOLDFAST_REDIS_CA_FILE: aFolder }, /_CA_FILE: names no file/],
    [
      'a key in place of certificates',
      { HOLDFAST_REDIS_CA_FILE: KEY },
      /_CA_FILE: names a file without a PEM certificate/,
    ],
    [
      'a broken certificate',
      { HOLDFAST_REDIS_CA_FILE: file('broken.pem', broken) },
      /_CA_FILE: names a file with a broken/,
    ],
    [
      'a file that never ends',
      { HOLDFAST_REDIS_CA_FILE: file('large', 'x'.repeat(2 ** 20 + 1)) },
      /names a file over/,
    ],
    [
      'the text itself',
      { HOLDFAST_REDIS_KEY_FILE: mine.key },
      /_KEY_FILE: is a certificate or a key; write it to a file/,
    ],
    [
      'a certificate in place of a key',
      { HOLDFAST_REDIS_CERT_FILE: CERT, HOLDFAST_REDIS_KEY_FILE: CERT },
      /_KEY_FILE: names a file without a PEM private key/,
    ],
    [
      'a key with a passphrase',
      { HOLDFAST_REDIS_CERT_FILE: CERT, HOLDFAST_REDIS_KEY_FILE: file('locked.key', `${locked}`) },
      /_KEY_FILE: .*; name a file with one that has no passphrase/,
    ],
    [
      'the key of another certificate',
      { HOLDFAST_REDIS_CERT_FILE: CERT, HOLDFAST_REDIS_KEY_FILE: file('other.key', theirs.issue(['x']).key) },
      /HOLDFAST_REDIS_KEY_FILE: is not the key of the certificate in HOLDFAST_REDIS_CERT_FILE/,
    ],
    [
      'a key alone',
      { HOLDFAST_REDIS_KEY_FILE: KEY },
      /_KEY_FILE: is of no use without HOLDFAST_REDIS_CERT_FILE/,
    ],
    [
      'a certificate alone',
      { HOLDFAST_REDIS_CERT_FILE: CERT },
      /_CERT_FILE: is of no use without HOLDFAST_REDIS_KEY_FILE/,
    ],
    [
      'any for a connection in the open',
      { REDIS_URL: 'redis://:hunter2@redis.example', HOLDFAST_REDIS_CA_FILE: CA },
      /_CA_FILE: is for an encrypted connection, and REDIS_URL asks for none; .* begin it with rediss/,
    ],
    [
      'any for a private store',
      { REDIS_URL: '', HOLDFAST_REDIS_CA_FILE: CA },
      /_CA_FILE: is for an encrypted connection, and REDIS_URL is not set/,
    ],
    [
      'any for a PostgreSQL in the open',
      { DATABASE_URL: 'postgres://db.example/shop', HOLDFAST_DATABASE_CA_FILE: CA },
      /HOLDFAST_DATABASE_CA_FILE: .*DATABASE_URL asks for none; .* add \?sslmode=verify-full/,
    ],
  ];
  for (const [what, env, expected] of cases) {
    test(`are not ${what}`, () => {
      const said = complaint({ ...REDIS, ...env });
      expect(said).toMatch(expected);
      expect(said).toContain('1 configuration problem.');
      expect(said).not.toContain('hunter2');
      expect(said).not.toContain(mine.key.split('\n')[1] as string);
    });
  }
});

describe('a URL', () => {
  const cases: readonly [string, RegExp][] = [
    [
      'postgres://u:hunter2@db/shop?sslmode=prefer',
      /DATABASE_URL: has an sslmode that promises nothing; write disable, require/,
    ],
    ['postgres://u:hunter2@db/shop?sslmode=allow', /DATABASE_URL: has an sslmode that promises nothing/],
    [
      'postgres://u:hunter2@db/shop?sslmode=verify_full',
      /DATABASE_URL: has an sslmode that promises nothing/,
    ],
    [
      'postgres://u:hunter2@db/shop?sslmode=verify-full&sslrootcert=/ca.pem',
      /says more about TLS .*HOLDFAST_DATABASE_CA_FILE/,
    ],
    ['postgres://u:hunter2@db/shop?ssl=true', /DATABASE_URL: says more about TLS than sslmode/],
    [
      'postgres://u:hunter2%zz@db/shop',
      /DATABASE_URL: has a % in its user name or password that is no escape/,
    ],
    ['rediss://:hunter2@redis?tls=whatever', /REDIS_URL: has a parameter tls; begin it with rediss/],
    [
      'redis://:hunter2%@redis',
      /REDIS_URL: has a % in its user name or password that is no escape; write it as %25/,
    ],
  ];
  for (const [url, expected] of cases) {
    test(`is refused: ${url}`, () => {
      const said = complaint({ [url.startsWith('redis') ? 'REDIS_URL' : 'DATABASE_URL']: url });
      expect(said).toMatch(expected);
      expect(said).not.toContain('hunter2');
    });
  }
});

describe('a connection over a network', () => {
  const advice = (env: Record<string, string>) => openConnections(config(env)).join('\n');

  test('in the open is told of, one on this machine is not', () => {
    const open = advice({
      REDIS_URL: 'redis://:hunter2@10.0.0.7',
      DATABASE_URL: 'postgres://u:hunter2@db.example/shop',
    });
    expect(open).toMatch(/^REDIS_URL crosses a network without encryption: .*rediss:/);
    expect(open).toMatch(/\nDATABASE_URL crosses a network without encryption: .*sslmode=verify-full/);
    expect(open).not.toContain('hunter2');
    for (const host of ['localhost', '127.0.0.1', '127.8.8.8', '[::1]']) {
      expect(advice({ REDIS_URL: `redis://${host}`, DATABASE_URL: `postgres://${host}/shop` })).toBe('');
    }
    expect(advice({})).toBe('');
    expect(advice({ ...REDIS, ...DATABASE })).toBe('');
  });

  test('that is encrypted for whoever answers is told of', () => {
    const required = { DATABASE_URL: 'postgres://u@db.example/shop?sslmode=require' };
    expect(advice(required)).toMatch(
      /sslmode=require: encrypted for whoever answers.*HOLDFAST_DATABASE_CA_FILE/,
    );
    expect(advice({ ...required, HOLDFAST_DATABASE_CA_FILE: CA })).toBe('');
  });
});

test('the processes that the service starts inherit no setting, and nothing that makes libraries talk', () => {
  const kept = {
    PATH: '/bin',
    HOME: '/root',
    NODE_ENV: 'production',
    NODE_EXTRA_CA_CERTS: '/ca.pem',
    HOLDFAST_TEST_RUN: '1',
  };
  const env = {
    ...kept,
    ...REDIS,
    ...DATABASE,
    HOLDFAST_JWT_SECRET: 'hunter2',
    HOLDFAST_REDIS_KEY_FILE: KEY,
    DEBUG: '*',
  };
  expect(childEnvironment(env)).toEqual(kept);
});
