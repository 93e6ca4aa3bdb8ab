// Both stores over TLS and nothing else: everything works, on every connection of the service; and a server that cannot
// prove who it is, or that cannot be spoken to in private, is told nothing and named in the log with what to do.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { SQL } from 'bun';
import { connectRedis, untilConnected } from '../src/stock/connect.ts';
import { makeAuthority } from './harness/certificates.ts';
import type { Encryption } from './harness/encryption.ts';
import {
  Caller,
  makeSale,
  operator,
  type Service,
  startService,
  stopServices,
  token,
} from './harness/service.ts';
import { startPostgres, startRedis, type TestStore, temporaryFolder } from './harness/stores.ts';
import { until } from './harness/until.ts';
import { watch } from './harness/watch.ts';

setDefaultTimeout(60_000);

const ours = makeAuthority('Stores of the test');
const theirs = makeAuthority('Somebody else');
/** Redis has a certificate for its name, PostgreSQL one for its address: each is a stranger under the other's. */
const REDIS_NAME = 'localhost';
const POSTGRES_NAME = '127.0.0.1';
const good = { redis: ours.issue([REDIS_NAME]), postgres: ours.issue([POSTGRES_NAME]) };
const expired = {
  redis: ours.issue([REDIS_NAME], { expired: true }),
  postgres: ours.issue([POSTGRES_NAME], { expired: true }),
};
const mine = ours.issue(['holdfast']);

let shown: { redis: Encryption; postgres: Encryption } = {
  redis: { own: good.redis },
  postgres: { own: good.postgres },
};
let redis: TestStore;
let postgres: TestStore;

const folder = temporaryFolder('certificates');
const file = (name: string, text: string): string => {
  writeFileSync(path.join(folder, name), text);
  return path.join(folder, name);
};
const OURS = file('ours.pem', ours.certificate);
const THEIRS = file('theirs.pem', theirs.certificate);
const TRUST = { HOLDFAST_REDIS_CA_FILE: OURS, HOLDFAST_DATABASE_CA_FILE: OURS };
const SHOW = {
  HOLDFAST_REDIS_CERT_FILE: file('mine.crt', mine.certificate),
  HOLDFAST_REDIS_KEY_FILE: file('mine.key', mine.key),
  HOLDFAST_DATABASE_CERT_FILE: file('mine.crt', mine.certificate),
  HOLDFAST_DATABASE_KEY_FILE: file('mine.key', mine.key),
};

beforeAll(async () => {
  const configLines = ['maxmemory-policy noeviction'];
  [redis, postgres] = await Promise.all([
    startRedis({ appendfsync: 'always', configLines, encryption: () => shown.redis }),
    startPostgres({ encryption: () => shown.postgres }),
  ]);
});
afterAll(async () => {
  await stopServices();
  await Promise.all([redis.stop(), postgres.stop()]);
});

const redisAt = (host = REDIS_NAME): string => redis.url.replace('127.0.0.1', host);
const postgresAt = (host = POSTGRES_NAME, mode = 'verify-full'): string =>
  `${postgres.url.replace('127.0.0.1', host)}${mode && `?sslmode=${mode}`}`;

function start(
  env: Readonly<Record<string, string>> = TRUST,
  { redisUrl = redisAt(), databaseUrl = postgresAt(), workers = 1 } = {},
): Promise<Service> {
  return startService({ redisUrl, databaseUrl, workers, env: { NODE_ENV: 'production', ...env } });
}

/** Its last words; without any of the stores' passwords. */
async function whyNotStarted(...how: Parameters<typeof start>): Promise<string> {
  const words = await start(...how).then(
    () => 'it started',
    (error: Error) => error.message,
  );
  for (const { url } of [redis, postgres]) expect(words).not.toContain(new URL(url).password);
  return words;
}

async function restartWith(certificates: typeof shown): Promise<void> {
  shown = certificates;
  await Promise.all([redis.restart(), postgres.restart()]);
}

const isReady = async (service: Service): Promise<boolean> => (await fetch(`${service.url}/readyz`)).ok;

async function lifeOfASale(service: Service): Promise<void> {
  const { sku } = await makeSale(service.url, { a: 3 });
  const alice = new Caller(service.url, 'alice');
  const watching = watch(service.url, sku('a'), {
    say: JSON.stringify({ type: 'auth', token: token('alice') }),
  });
  await until('the watcher is let in', () => watching.heard.some(({ type }) => type === 'ready'));
  const bought = (await alice.reserve({ [sku('a')]: 1 })).body.reservation_id;
  expect((await alice.confirm(bought)).status).toBe(200);
  await until('the order is told', () =>
    watching.heard.some(({ order }) => order?.reservation_id === bought),
  );
  const given = (await alice.reserve({ [sku('a')]: 2 })).body.reservation_id;
  expect((await alice.release(given)).status).toBe(200);
  const item = (await alice.get(`/api/v1/inventory/${sku('a')}`)).body;
  expect(item).toMatchObject({ total: 3, available: 2, reserved: 0, sold: 1 });
  const { sales } = (await operator(service.url).post('/api/v1/admin/reconcile', {})).body;
  expect(sales.flatMap(({ differences }) => differences)).toEqual([]);
}

describe('over encrypted connections', () => {
  test('a sale lives from reserve to reconcile, and no connection of the service is in the open', async () => {
    const service = await start(TRUST, { workers: 2 });
    await lifeOfASale(service);
    expect(await isReady(service)).toBe(true);
    expect(service.log()).not.toContain('a store could be safer');

    const sql = new SQL(postgresAt(), { max: 1, tls: { ca: ours.certificate } });
    const backends: { ssl: boolean; version: string }[] = await sql`
      SELECT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'holdfast'`;
    await sql.close();
    expect(backends.length).toBeGreaterThanOrEqual(2);
    expect(backends.every(({ ssl, version }) => ssl && /^TLSv1\.[23]$/.test(version))).toBe(true);

    const admin = connectRedis(redisAt(), () => undefined, { authorities: ours.certificate, own: null });
    await untilConnected(admin, 5_000);
    const clients = String(await admin.client('LIST'))
      .trim()
      .split('\n');
    expect(await admin.config('GET', 'port')).toEqual(['port', '0']);
    admin.disconnect();
    // One of each worker and one on which somebody listens for hints, at least; all on the one port that there is.
    expect(clients.filter((line) => line.includes('name=holdfast')).length).toBeGreaterThanOrEqual(3 + 1);
    expect(clients.every((line) => line.includes(`laddr=127.0.0.1:${redis.port} `))).toBe(true);
    expect(await service.stop()).toBe(0);
  });

  test('the audit verifies the ledger', async () => {
    const main = path.join(import.meta.dir, '../src/audit-main.ts');
    const audit = async (authority: string) => {
      const env = {
        PATH: process.env.PATH,
        DATABASE_URL: postgresAt(),
        HOLDFAST_DATABASE_CA_FILE: authority,
      };
      const child = Bun.spawn([process.execPath, main, 'head'], { env, stdout: 'pipe', stderr: 'pipe' });
      return { code: await child.exited, said: await new Response(child.stderr).text() };
    };
    expect(await audit(OURS)).toEqual({ code: 0, said: '' });
    const { code, said } = await audit(THEIRS);
    expect(code).toBe(3);
    expect(said).toMatch(/nobody who is trusted here issued its certificate; .*HOLDFAST_DATABASE_CA_FILE/);
    expect(said).not.toContain(new URL(postgres.url).password);
  });
});

describe('a start is refused in words, before anything was said,', () => {
  const REDIS = 'no connection to Redis could be opened: ';
  const POSTGRES = 'no connection to PostgreSQL could be opened: ';
  const untrusted = (variable: string) =>
    `nobody who is trusted here issued its certificate; give the authority's in ${variable} `;
  const anotherHost = 'its certificate is for another host; write ';
  const cases: readonly [string, () => Parameters<typeof start>, string][] = [
    [
      'to a Redis of another authority',
      () => [{ ...TRUST, HOLDFAST_REDIS_CA_FILE: THEIRS }],
      REDIS + untrusted('HOLDFAST_REDIS_CA_FILE'),
    ],
    [
      'to a Redis of a private authority that nobody named',
      () => [{ HOLDFAST_DATABASE_CA_FILE: OURS }],
      REDIS + untrusted('HOLDFAST_REDIS_CA_FILE'),
    ],
    [
      'to a Redis with a certificate for another host',
      () => [TRUST, { redisUrl: redisAt('127.0.0.1') }],
      `${REDIS}${anotherHost}REDIS_URL`,
    ],
    [
      'without TLS to a Redis that demands it',
      () => [{ HOLDFAST_DATABASE_CA_FILE: OURS }, { redisUrl: redisAt().replace('rediss:', 'redis:') }],
      'Redis was not reachable within 10000 ms (ECONNRESET); if it demands TLS, write REDIS_URL with rediss://',
    ],
    [
      'to a PostgreSQL of another authority',
      () => [{ ...TRUST, HOLDFAST_DATABASE_CA_FILE: THEIRS }],
      POSTGRES + untrusted('HOLDFAST_DATABASE_CA_FILE'),
    ],
    [
      'to a PostgreSQL of another authority, under verify-ca',
      () => [
        { ...TRUST, HOLDFAST_DATABASE_CA_FILE: THEIRS },
        { databaseUrl: postgresAt('localhost', 'verify-ca') },
      ],
      POSTGRES + untrusted('HOLDFAST_DATABASE_CA_FILE'),
    ],
    [
      'to a PostgreSQL of another authority, under require once one is named',
      () => [
        { ...TRUST, HOLDFAST_DATABASE_CA_FILE: THEIRS },
        { databaseUrl: postgresAt('localhost', 'require') },
      ],
      POSTGRES + untrusted('HOLDFAST_DATABASE_CA_FILE'),
    ],
    [
      'to a PostgreSQL with a certificate for another host',
      () => [TRUST, { databaseUrl: postgresAt('localhost') }],
      `${POSTGRES}${anotherHost}DATABASE_URL`,
    ],
    [
      'without TLS to a PostgreSQL that demands it',
      () => [{ HOLDFAST_REDIS_CA_FILE: OURS }, { databaseUrl: postgresAt(POSTGRES_NAME, '') }],
      `${POSTGRES}it does not admit this connection (28000); if it demands TLS, add ?sslmode=verify-full to DATABASE_URL`,
    ],
  ];
  for (const [name, how, words] of cases) {
    test(name, async () => {
      const said = await whyNotStarted(...how());
      expect(said).toStartWith('exited with 75:');
      expect(said).toContain(`Holdfast cannot start: ${words}`);
    });
  }

  test('but one in the open to another machine is only warned of, in production, before anything else', async () => {
    const databaseUrl = postgresAt('0.0.0.0', ''); // a name of this machine that is not known as one
    const said = await whyNotStarted({ HOLDFAST_REDIS_CA_FILE: OURS }, { databaseUrl });
    expect(said).toMatch(
      /"advice":"DATABASE_URL crosses a network without encryption.*a store could be safer/,
    );
    expect(said).toContain('no connection to PostgreSQL could be opened');
  });

  test('while a service that demands less starts: verify-ca and another host, require and no authority', async () => {
    const demands: readonly [string, Readonly<Record<string, string>>][] = [
      ['verify-ca', TRUST],
      ['require', { HOLDFAST_REDIS_CA_FILE: OURS }],
    ];
    for (const [mode, env] of demands) {
      const service = await start(env, { databaseUrl: postgresAt('localhost', mode) });
      expect(await isReady(service)).toBe(true);
      await service.stop();
    }
  });
});

describe('a certificate that expires while the service runs', () => {
  test('ends readiness, is named in the log and refused at a start; with a new one the same service goes on', async () => {
    const service = await start();
    await restartWith({ redis: { own: expired.redis }, postgres: { own: expired.postgres } });
    const hasExpired = 'its certificate has expired; renew it on the server (CERT_HAS_EXPIRED)';
    await until('Redis is told of', () => service.log().includes(`"message":"${hasExpired}"`));
    const postgresTold = `no connection to PostgreSQL could be opened: ${hasExpired}`;
    await until('PostgreSQL is told of', () => service.log().includes(postgresTold));
    await until('it is not ready any more', async () => !(await isReady(service)));
    expect(await whyNotStarted()).toContain(`Holdfast cannot start: ${postgresTold}`);

    await restartWith({ redis: { own: good.redis }, postgres: { own: good.postgres } });
    const takesSales = () => makeSale(service.url, { a: 1 }).then(Boolean, () => false);
    await until('it is ready again', () => isReady(service), 30_000);
    await until('both breakers let through', takesSales, 30_000);
    await lifeOfASale(service);
    for (const { url } of [redis, postgres]) expect(service.log()).not.toContain(new URL(url).password);
    await service.stop();
  });
});

describe('stores that ask for a certificate', () => {
  beforeAll(() =>
    restartWith({
      redis: { own: good.redis, clientsOf: ours.certificate },
      postgres: { own: good.postgres, clientsOf: ours.certificate },
    }),
  );

  test('are shown the one of the settings', async () => {
    const service = await start({ ...TRUST, ...SHOW });
    await lifeOfASale(service);
    await service.stop();
  });

  test('refuse who has none, in words', async () => {
    const { HOLDFAST_REDIS_CERT_FILE: _c, HOLDFAST_REDIS_KEY_FILE: _k, ...database } = SHOW;
    expect(await whyNotStarted({ ...TRUST, ...database })).toContain(
      'set HOLDFAST_REDIS_CERT_FILE and HOLDFAST_REDIS_KEY_FILE',
    );
    expect(await whyNotStarted(TRUST)).toContain(
      'if it demands a certificate, set HOLDFAST_DATABASE_CERT_FILE',
    );
  });
});
