// deploy/redis/holdfast.acl as a Redis loads it: a service whose user it is does all that it ever does and is refused nothing; and
// nothing is allowed that it did not do. So whoever takes over its connection can neither empty Redis nor set it up anew.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SQL } from 'bun';
import { LedgerUnavailable } from '../src/domain/ledger-facts.ts';
import { connectRedis, type StoreConnection, untilConnected } from '../src/stock/connect.ts';
import { storeFindings } from '../src/stock/durability.ts';
import { saleKey } from '../src/stock/keys.ts';
import { archivist } from '../src/workers/archivist.ts';
import { purge } from '../src/workers/purge.ts';
import { patiently } from './harness/ask.ts';
import { openRooms } from './harness/rooms.ts';
import { Caller, makeSale, operator, type Service, startService, token } from './harness/service.ts';
import { startPostgres, startRedis, type TestStore, temporaryFolder } from './harness/stores.ts';
import { until } from './harness/until.ts';
import { watch } from './harness/watch.ts';

const ROOT = path.join(import.meta.dir, '../..');
const ACL = readFileSync(path.join(ROOT, 'deploy/redis/holdfast.acl'), 'utf8');
const RULES = /^user holdfast (.*)$/m.exec(ACL)?.[1]?.split(' ') ?? [];
const ALLOWED = RULES.flatMap((rule) => (rule.startsWith('+') ? rule.slice(1) : [])).toSorted();
const PASSWORDS = { SERVICE_PASSWORD: 'service-of-the-test', ADMIN_PASSWORD: 'admin-of-the-test' } as const;
const OTHERS_A_MINUTE = 200;
const LIMIT_MS = 180_000;
/** A round of the reconciler comes every five seconds, a ping of a listener too. */
const ROUND_MS = 60_000;

let redis: TestStore;
let postgres: TestStore;
let service: Service;
let admin: StoreConnection;

beforeAll(async () => {
  const aclFile = path.join(temporaryFolder('acl'), 'users.acl');
  writeFileSync(
    aclFile,
    ACL.replace(/\b(?:SERVICE|ADMIN)_PASSWORD\b/g, (name) => passwordOf(name)),
  );
  [redis, postgres] = await Promise.all([
    startRedis({ configLines: [`aclfile ${aclFile}`] }),
    startPostgres({ durable: true }),
  ]);
  admin = await connected('admin');
  service = await startService({
    redisUrl: urlOf('holdfast'),
    databaseUrl: postgres.url,
    env: {
      HOLDFAST_RATE_CUSTOMER_PER_MINUTE: '1000',
      HOLDFAST_RATE_IP_PER_MINUTE: '1000',
      HOLDFAST_RATE_OTHER_CUSTOMER_PER_MINUTE: String(OTHERS_A_MINUTE),
    },
  });
}, 60_000);
afterAll(async () => {
  await service?.stop();
  admin?.disconnect();
  await Promise.all([redis?.stop(), postgres?.stop()]);
});

function passwordOf(name: string): string {
  return PASSWORDS[name as keyof typeof PASSWORDS];
}

function urlOf(user: 'holdfast' | 'admin'): string {
  const url = new URL(redis.url);
  url.username = user;
  url.password = user === 'admin' ? PASSWORDS.ADMIN_PASSWORD : PASSWORDS.SERVICE_PASSWORD;
  return url.href;
}

async function connected(user: 'holdfast' | 'admin'): Promise<StoreConnection> {
  const connection = connectRedis(urlOf(user), () => undefined);
  await untilConnected(connection, 10_000);
  return connection;
}

/** What anybody was given an answer to since the server's start. */
async function used(): Promise<string[]> {
  const lines = (await admin.info('commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
  return [...lines].flatMap(([, name, calls]) => (calls === '0' ? [] : (name ?? '')));
}

async function wasUsed(command: string): Promise<boolean> {
  return (await used()).includes(command);
}

/** What the service's user was refused, as Redis noted it. */
async function refusals(): Promise<string[]> {
  const entries = (await admin.call('ACL', 'LOG', '128')) as (string | number)[][];
  return entries.flatMap((entry) => {
    const of = new Map(entry.flatMap((word, i) => (i % 2 === 0 ? [[word, entry[i + 1]] as const] : [])));
    return of.get('username') === 'holdfast' ? [`${of.get('reason')} ${of.get('object')}`] : [];
  });
}

describe('a service as that user', () => {
  let sku: (suffix: string) => string;
  let saleId: string;
  const ann = () => new Caller(service.url, 'ann');
  const reserved = async (suffix: string, ttlSeconds?: number) => {
    const key = crypto.randomUUID();
    const reply = await patiently(() => ann().reserve({ [sku(suffix)]: 1 }, key, ttlSeconds));
    expect(reply.status).toBe(201);
    return reply.body.reservation_id;
  };
  const told = async (to: string, body: object) => {
    const key = crypto.randomUUID();
    const reply = await patiently(() => operator(service.url).post(`/api/v1/admin/${to}`, body, key));
    expect(reply.status).toBe(200);
    return reply.body;
  };
  const confirmed = async (id: string) => expect((await patiently(() => ann().confirm(id))).status).toBe(200);
  const released = async (id: string) => expect((await patiently(() => ann().release(id))).status).toBe(200);

  test('is ready, though nobody comes in by the default user', async () => {
    await until('ready', async () => (await fetch(`${service.url}/readyz`)).ok);
    const anonymous = connectRedis(`redis://127.0.0.1:${redis.port}`, () => undefined);
    await until(
      'it is turned away',
      () => anonymous.status !== 'connecting' && anonymous.status !== 'connect',
    );
    expect(anonymous.status).not.toBe('ready');
    anonymous.disconnect();
  });

  test(
    'reserves, confirms, releases, extends and expires; changes stock; tells who watches',
    async () => {
      ({ sku, id: saleId } = await makeSale(service.url, { a: 5_000, b: 5 }));
      await released(await reserved('b'));
      await until('it is asked who listens, while nobody does', () => wasUsed('pubsub|numsub'));
      const live = watch(service.url, sku('a'), {
        say: JSON.stringify({ type: 'auth', token: token('ann') }),
      });
      await until('it is told the item', () => live.heard.some(({ item }) => item?.available === 5_000));
      const bought = await reserved('a');
      await confirmed(bought);
      await until('its own order', () => live.heard.some(({ order }) => order?.reservation_id === bought));
      await released(await reserved('b'));
      const extended = await reserved('b');
      const extend = () => ann().post(`/api/v1/reservations/${extended}/extend`, { seconds: 10 });
      expect((await patiently(extend)).status).toBe(200);
      for (const delta of [5, -3]) await told(`items/${sku('a')}/stock`, { delta, reason: 'counted' });
      const late = await reserved('a', 10);
      await until(
        'it expires, and is told',
        () => live.heard.some(({ reservation: r }) => r?.reservation_id === late && r.status === 'expired'),
        ROUND_MS,
      );
      await until('its listener is pinged', () => wasUsed('ping'));
    },
    LIMIT_MS,
  );

  test(
    'counts what is asked, past the limit too',
    async () => {
      const greedy = new Caller(service.url, 'greedy');
      for (let asked = 0; asked < OTHERS_A_MINUTE; asked += 1) await greedy.get('/api/v1/reservations');
      // A minute that ends meanwhile lets a few more pass.
      await until('it is refused', async () => (await greedy.get('/api/v1/reservations')).status === 429);
    },
    LIMIT_MS,
  );

  test(
    'reconciles, while a stream waits too',
    async () => {
      expect((await told('reconcile', {})).sales.flatMap(({ differences }) => differences)).toEqual([]);
      const ledger = new SQL(postgres.url, { max: 1 });
      await ledger.begin(async (holding) => {
        // Nothing can be journaled meanwhile: the stream waits.
        await holding.unsafe('LOCK TABLE holdfast.journal IN SHARE MODE');
        await reserved('a');
        await told('reconcile', {});
      });
      await ledger.close();
      expect(await wasUsed('xrevrange')).toBe(true);
    },
    LIMIT_MS,
  );

  test('waits for replicas while the ledger is away', async () => {
    const away = { lineages: () => Promise.reject(new LedgerUnavailable('away')) };
    const rooms = await openRooms({
      redisUrl: urlOf('holdfast'),
      databaseUrl: postgres.url,
      replicas: 1,
      instead: () => away,
    });
    await rooms.gate.renew();
    await rooms.close();
    for (const command of ['set', 'wait']) expect(await wasUsed(command)).toBe(true);
  });

  test(
    'rebuilds what was lost, its functions too',
    async () => {
      await admin.call('FLUSHALL');
      await admin.call('FUNCTION', 'FLUSH');
      await until(
        'a reservation',
        async () => (await ann().reserve({ [sku('b')]: 1 })).status === 201,
        ROUND_MS,
      );
      expect((await ann().get(`/api/v1/inventory/${sku('a')}`)).body).toMatchObject({
        sold: 1,
        total: 5_002,
      });
    },
    LIMIT_MS,
  );

  test(
    'closes a sale, forgets what is a day old and unloads it',
    async () => {
      const other = await makeSale(service.url, { c: 1 });
      const reply = await patiently(() => ann().reserve({ [other.sku('c')]: 1 }));
      await released(reply.body.reservation_id);
      for (const { id } of [other, { id: saleId }]) await told(`sales/${id}/close`, {});
      const rooms = await openRooms({ redisUrl: urlOf('holdfast'), databaseUrl: postgres.url });
      try {
        const saleNumber = (await rooms.ledger.saleById(other.id))?.number ?? 0;
        const done = saleKey(saleNumber, 'done');
        await until('it is journaled', async () => {
          const [seq, trimmed] = await admin.hmget(saleKey(saleNumber, 'stock'), '@seq', '@trimmed');
          return seq === trimmed;
        });
        for (const member of await rooms.redis.zrange(done, '0', '-1'))
          if (member !== '@') await rooms.redis.zadd(done, 'XX', Date.now() - 24 * 3600 * 1000 - 1, member);
        await rooms.gate.renewAndOpen();
        const parts = { ...rooms, isOurTurn: () => true, log: { info() {}, warn() {}, error() {} } };
        for (const worker of [purge(parts), archivist({ ...parts, everyMs: 20 })]) {
          worker.start();
          await until(`${worker.name} is through`, async () =>
            worker.name === 'purge'
              ? (await admin.zcard(done)) <= 1
              : (await rooms.ledger.lineage(saleNumber))?.unloaded,
          );
          await worker.stop();
        }
      } finally {
        await rooms.close();
      }
    },
    LIMIT_MS,
  );

  test('ends, and was refused nothing all the while', async () => {
    expect(await service.stop()).toBe(0);
    expect(await refusals()).toEqual([]);
    expect(service.log()).not.toContain('NOPERM');
  });

  test('used everything that it is allowed', async () => {
    const asked = await used();
    expect(ALLOWED.filter((command) => !asked.includes(command))).toEqual([]);
  });
});

describe('the file', () => {
  /** What ioredis sends by itself; AUTH everybody may. */
  const CONNECTING = ['client|setname', 'info'];
  /** Of what bears such a name, what is no command. */
  const NO_COMMANDS = ['call', 'disconnect', 'duplicate', 'indexof', 'off', 'on', 'once', 'pubsub', 'slice'];

  function matches(folder: string, pattern: RegExp): string[] {
    const files = readdirSync(path.join(ROOT, folder)).filter((name) => !name.endsWith('.test.ts'));
    return files.flatMap((name) =>
      [...readFileSync(path.join(ROOT, folder, name), 'utf8').matchAll(pattern)].map((found) =>
        found.slice(1).filter(Boolean).join('|').toLowerCase(),
      ),
    );
  }

  test('allows every command that stands in the sources, and no other', () => {
    const inLua = matches('server/lua', /\b(?:redis\.call|fetch|send)\('([A-Z]+)'/g);
    const inMethods = matches('server/src/stock', /\b(?:redis|line)\.(\w+)\(/g);
    const inCalls = matches('server/src/stock', /\.call\('(?:(FCALL)|([A-Z]+)', '([A-Z]+))'/g);
    const inPubSub = matches('server/src/stock', /\.(pubsub)\('([A-Z]+)'/g);
    const methods = inMethods.filter((name) => !NO_COMMANDS.includes(name));
    const named = new Set([...inLua, ...methods, ...inCalls, ...inPubSub, ...CONNECTING]);
    expect([...named].toSorted()).toEqual(ALLOWED);
  });

  test('tells the service what its start asks of Redis without CONFIG', async () => {
    const user = await connected('holdfast');
    expect((await storeFindings(user)).risks).toEqual([]);
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await admin.config('SET', 'appendonly', 'no');
    expect((await storeFindings(user)).risks).toEqual([
      expect.stringMatching(/append-only file/),
      expect.stringMatching(/evicts keys/),
    ]);
    user.disconnect();
  });

  const REFUSED = [
    'FLUSHALL',
    'FLUSHDB',
    'KEYS *',
    'SCAN 0',
    'RANDOMKEY',
    'CONFIG GET maxmemory',
    'CONFIG SET appendonly no',
    'DEBUG SLEEP 0',
    'SHUTDOWN NOSAVE',
    'EVAL return 0',
    'SCRIPT FLUSH',
    'FUNCTION FLUSH',
    'FUNCTION DELETE holdfast',
    'ACL LIST',
    'ACL SETUSER holdfast +@all',
    'CLIENT LIST',
    'CLIENT KILL TYPE normal',
    'MONITOR',
    'SAVE',
    'BGREWRITEAOF',
    'REPLICAOF NO ONE',
    'SWAPDB 0 1',
    'SELECT 1',
    'DEL hf:{1}:stock',
    'HSET other field value',
    'SET other value',
    'UNLINK other',
    'HMGET other field',
    'PUBLISH other word',
    'SUBSCRIBE other',
    'FCALL hf_beat 1 other',
  ];
  for (const command of REFUSED) {
    test(`refuses the service ${command}`, async () => {
      const user = await connected('holdfast');
      const [name = '', ...args] = command.split(' ');
      await expect(user.call(name, ...args)).rejects.toThrow(/NOPERM/);
      user.disconnect();
    });
  }
});
