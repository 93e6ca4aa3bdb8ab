// Two roles in PostgreSQL: one owns the ledger and migrates it, the other is the service's. As that one everything goes on as
// ever; but what is journaled, decided or ordered it can neither change nor remove, and it can make or drop nothing.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { SQL } from 'bun';
import { migrate } from '../src/ledger/migrate.ts';
import {
  CALLED_FUNCTIONS,
  INLINED_FUNCTIONS,
  OWNERS_FUNCTIONS,
  TABLE_RIGHTS,
} from '../src/ledger/service-role.ts';
import { archivist } from '../src/workers/archivist.ts';
import { purgeActivity } from '../src/workers/purge.ts';
import { ask, patiently } from './harness/ask.ts';
import { openRooms, openSale } from './harness/rooms.ts';
import {
  Caller,
  makeSale,
  operator,
  type Reply,
  type Service,
  startService,
  token,
} from './harness/service.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';
import { asRole, holdfast, OWNER, REFUSED, ROOT, SERVICE, type TwoRoles, twoRoles } from './two-roles.ts';

const LIMIT_MS = 120_000;
/** Workers come round once a second. */
const ROUND_MS = 30_000;

let redis: TestStore;
let roles: TwoRoles;
let admin: TwoRoles['admin'];

beforeAll(async () => {
  [redis, roles] = await Promise.all([startRedis(), twoRoles()]);
  ({ admin } = roles);
}, 60_000);
afterAll(async () => {
  await roles?.close();
  await redis?.stop();
});

const urlOf = (role: string, of: FreshDatabase = roles.database) => asRole(role, of);
const startAs = (role: string) => startService({ redisUrl: redis.url, databaseUrl: urlOf(role) });

describe('before its owner has migrated it', () => {
  const WORDS =
    /role holdfast_service .*run `npx holdfast migrate --service-role holdfast_service` with the DATABASE_URL of the/;

  test('a ledger of nothing is not begun as the service, which says who has to come', async () => {
    await expect(startAs(SERVICE)).rejects.toThrow(WORDS);
    expect([...(await admin`SELECT 1 FROM pg_namespace WHERE nspname = 'holdfast'`)]).toEqual([]);
  });

  test('the command says the same, and refuses roles that are not there or are no other', async () => {
    expect(await holdfast(['migrate'], urlOf(SERVICE))).toMatchObject({
      code: 3,
      out: '',
      err: expect.stringMatching(WORDS),
    });
    const refused = async (role: string) => {
      const { code, err } = await holdfast(['migrate', '--service-role', role], urlOf(OWNER));
      return `${code} ${err}`;
    };
    expect(await refused('nobody')).toMatch(/^3 .*there is no role "nobody".*CREATE ROLE/);
    expect(await refused(OWNER)).toMatch(/^3 .*can do all that the owner of the ledger can/);
  });

  test('and a ledger without rights for it is neither', async () => {
    expect(await holdfast(['migrate'], urlOf(OWNER))).toMatchObject({ code: 0, err: '' });
    await expect(startAs(SERVICE)).rejects.toThrow(WORDS);
  });
});

describe('as the role that was granted it', () => {
  let service: Service;
  beforeAll(async () => {
    for (const words of ['The ledger is up to date.', 'The ledger is up to date.']) {
      const granted = await holdfast(['migrate', '--service-role', SERVICE], urlOf(OWNER));
      expect(granted).toMatchObject({ code: 0, err: '' });
      expect(granted.out).toContain(words);
    }
    service = await startAs(SERVICE);
  }, 60_000);
  afterAll(async () => {
    await service?.stop();
  });

  test(
    'a sale is sold, changed, looked at, reconciled, sealed and closed',
    async () => {
      const by = operator(service.url);
      const { id, sku } = await makeSale(service.url, { a: 20, b: 5 });
      const ann = new Caller(service.url, 'ann');
      const ok = async (send: () => Promise<Reply>) => {
        const { status, text, body } = await patiently(send);
        expect(status < 300 ? 'done' : text).toBe('done');
        return body;
      };
      const reserved = async (suffix: string, ttlSeconds?: number) => {
        const key = crypto.randomUUID();
        return (await ok(() => ann.reserve({ [sku(suffix)]: 1 }, key, ttlSeconds))).reservation_id;
      };
      const told = (to: string, body: object) => {
        const key = crypto.randomUUID();
        return ok(() => by.post(`/api/v1/admin/${to}`, body, key));
      };
      const bought = await reserved('a');
      for (const _ of ['first', 'again']) await ok(() => ann.confirm(bought));
      const [given, held, late] = [await reserved('b'), await reserved('b'), await reserved('a', 10)];
      await ok(() => ann.release(given));
      await ok(() => ann.post(`/api/v1/reservations/${held}/extend`, { seconds: 10 }));
      await told(`reservations/${held}/release`, { reason: 'asked for it' });
      for (const delta of [5, -3]) await told(`items/${sku('a')}/stock`, { delta, reason: 'counted' });
      await told(`sales/${id}/items`, { items: [{ sku: sku('c'), stock: 1 }] });
      const bearer = token('operator', 'holdfast:operator');
      const body = { name: 'Another name' };
      await ok(() => ask(service.url, `/api/v1/admin/sales/${id}`, { method: 'PATCH', bearer, body }));
      const state = async () => (await ok(() => ann.get(`/api/v1/reservations/${late}`))).status;
      await until('it expires', async () => (await state()) === 'expired', ROUND_MS);
      for (const page of [
        'orders',
        'reservations',
        'sales',
        'inventory?limit=10',
        'admin/orders?customer=ann',
        `admin/reservations?sale=${id}`,
        `admin/reservations/${bought}`,
        `admin/audit?sale=${id}`,
        `admin/sales/${id}/analytics`,
        'admin/status',
      ])
        await ok(() => (page.startsWith('admin/') ? by : ann).get(`/api/v1/${page}`));
      expect((await told('reconcile', {})).sales).toMatchObject([{ differences: [] }]);
      await told(`sales/${id}/close`, {});
      await until(
        'all is sealed and summed up',
        async () => {
          const [{ unsealed, unsummed }] = await admin`
          SELECT (SELECT max(seq) FROM holdfast.journal WHERE source = 'l')
                   - coalesce((SELECT max(to_seq) FROM holdfast.seal WHERE source = 'l'), 0) AS unsealed,
                 (SELECT max(seq) FROM holdfast.journal WHERE source = 'l')
                   - coalesce((SELECT max(seq) FROM holdfast.activity_mark WHERE source = 'l'), 0) AS unsummed`;
          return unsealed === '0' && unsummed === '0';
        },
        ROUND_MS,
      );
      await until('refusals are counted', async () => {
        await ann.reserve({ [sku('a')]: 1 });
        return (await admin`SELECT FROM holdfast.activity WHERE kind LIKE 'refused:%' LIMIT 1`).length > 0;
      });
      expect(service.log()).not.toContain('42501');
    },
    LIMIT_MS,
  );

  test(
    'what Redis lost comes back',
    async () => {
      const { sku } = await makeSale(service.url, { a: 2 });
      const ann = new Caller(service.url, 'ann');
      const bought = (await patiently(() => ann.reserve({ [sku('a')]: 1 }))).body.reservation_id;
      expect((await patiently(() => ann.confirm(bought))).status).toBe(200);
      await redis.kill9();
      await redis.restart();
      await until(
        'a reservation',
        async () => (await ann.reserve({ [sku('a')]: 1 })).status === 201,
        ROUND_MS,
      );
      expect((await patiently(() => ann.get(`/api/v1/inventory/${sku('a')}`))).body).toMatchObject({
        sold: 1,
        available: 0,
      });
    },
    LIMIT_MS,
  );

  test('the workers that remove and unload go on', async () => {
    const rooms = await openRooms({ redisUrl: redis.url, databaseUrl: urlOf(SERVICE) });
    try {
      const saleNumber = await openSale(rooms, { old: 1 });
      await admin`INSERT INTO holdfast.activity VALUES (${saleNumber}, 60, 0, 'reserved', 1, 1)`;
      await purgeActivity(rooms.ledger, Date.now());
      expect([...(await admin`SELECT 1 FROM holdfast.activity WHERE at_s = 0`)]).toEqual([]);
      const sale = await rooms.ledger.saleByNumber(saleNumber);
      await rooms.sales.close(sale?.id ?? '', 'operator');
      const worker = archivist({
        ...rooms,
        isOurTurn: () => true,
        log: { info() {}, warn() {}, error() {} },
        everyMs: 20,
      });
      worker.start();
      await until('it is unloaded', async () => {
        await rooms.gate.renew();
        return (await rooms.ledger.lineage(saleNumber))?.unloaded;
      });
      await worker.stop();
      await rooms.ledger.endActivity();
    } finally {
      await rooms.close();
    }
  });

  test(
    'the journal can be verified, and customers are forgotten by the owner alone',
    async () => {
      expect(await holdfast(['audit', 'verify'], urlOf(SERVICE))).toMatchObject({ code: 0, err: '' });
      const forget = ['audit', 'forget', '--customer', 'ann', '--operator', 'eve'];
      expect(await holdfast(forget, urlOf(SERVICE))).toMatchObject({
        code: 3,
        err: expect.stringMatching(/may not do this in the ledger.*its owner may/),
      });
      expect(await holdfast(forget, urlOf(OWNER))).toMatchObject({ code: 0, err: '' });
    },
    LIMIT_MS,
  );

  test('everything else is refused', async () => {
    const sql = new SQL(urlOf(SERVICE), { max: 1 });
    const answers: string[] = [];
    for (const statement of REFUSED) {
      const code = await sql.unsafe(statement).then(
        () => 'done',
        (error: { errno?: string }) => error.errno,
      );
      answers.push(`${code} ${statement}`);
    }
    await sql.close();
    expect(answers).toEqual(REFUSED.map((statement) => `42501 ${statement}`));
  });

  test('the journal and its seals are rewritten by nobody, their owner included', async () => {
    const sql = new SQL(urlOf(OWNER), { max: 1 });
    for (const table of ['journal', 'seal'])
      for (const rewriting of [`DELETE FROM holdfast.${table}`, `TRUNCATE holdfast.${table}`])
        await expect(sql.unsafe(rewriting)).rejects.toThrow(/append-only/);
    await expect(sql.unsafe('UPDATE holdfast.journal SET lines = lines')).rejects.toThrow(/append-only/);
    await sql.close();
  });

  test('what writes runs with the rights of its owner, and finds no object of anybody else under a name of the ledger', async () => {
    const writers = await admin<{ name: string; settings: string[] | null; definer: boolean }[]>`
      SELECT proname AS name, proconfig AS settings, prosecdef AS definer FROM pg_proc
      WHERE pronamespace = 'holdfast'::regnamespace AND prosrc ~ '\\m(INSERT INTO|UPDATE holdfast|DELETE FROM)\\M'`;
    const granted = writers.filter(({ name }) => CALLED_FUNCTIONS.includes(name));
    expect(granted.length).toBeGreaterThanOrEqual(15);
    const exposed = granted.filter(
      ({ definer, settings }) => !definer || !settings?.includes('search_path=pg_catalog, pg_temp'),
    );
    expect(
      exposed.map(({ name }) => `${name}: say SECURITY DEFINER SET search_path = pg_catalog, pg_temp`),
    ).toEqual([]);
  });
});

describe('nothing is forgotten', () => {
  test('every table and function has its word on who may what', async () => {
    const tables = await admin<{ name: string }[]>`
      SELECT relname AS name FROM pg_class WHERE relnamespace = 'holdfast'::regnamespace AND relkind IN ('r', 'v', 'm', 'p')`;
    expect(tables.map(({ name }) => name).toSorted()).toEqual(Object.keys(TABLE_RIGHTS).toSorted());
    const functions = await admin<{ name: string; called: boolean }[]>`
      SELECT proname AS name, has_function_privilege(${SERVICE}, oid, 'EXECUTE') AS called FROM pg_proc
      WHERE pronamespace = 'holdfast'::regnamespace`;
    expect(
      functions
        .filter(({ called }) => called)
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual([...CALLED_FUNCTIONS, ...INLINED_FUNCTIONS].toSorted());
  });

  test('the service has the rights that its sources ask for, and no other', () => {
    const sources = [...new Bun.Glob('server/src/{ledger,reservations,sales,workers}/*.ts').scanSync(ROOT)]
      .map((file) => readFileSync(path.join(ROOT, file), 'utf8'))
      .join('\n');
    const named = (pattern: RegExp) => [
      ...new Set([...sources.matchAll(pattern)].map(([, name]) => name ?? '')),
    ];
    const functions = named(/\bholdfast\.(\w+)\(/g).filter((name) => !OWNERS_FUNCTIONS.includes(name));
    expect(functions.toSorted()).toEqual([...CALLED_FUNCTIONS]);
    const tables = named(/\bholdfast\.(\w+)\b(?!\()/g);
    const granted = Object.keys(TABLE_RIGHTS).filter((name) => TABLE_RIGHTS[name]?.length !== 0);
    // Read by last_granted_epoch, which runs with its caller's rights.
    expect(granted.filter((name) => !tables.includes(name))).toEqual(['epoch_end']);
  });

  test('a later migration grants again what was granted, without being told the role', async () => {
    const other = await freshDatabase();
    const asService = new SQL(urlOf(SERVICE, other), { max: 1 });
    try {
      await migrate(other.url, { serviceRole: SERVICE });
      const later = {
        name: '9999-later.sql',
        checksum: 'of it',
        statements: `ALTER TABLE holdfast.turn RENAME TO former;
          CREATE TABLE holdfast.turn (LIKE holdfast.former INCLUDING ALL); DROP TABLE holdfast.former`,
      };
      expect((await migrate(other.url, { more: [later] })).applied).toEqual([later.name]);
      expect([...(await asService`DELETE FROM holdfast.turn RETURNING name`)]).toEqual([]);
    } finally {
      await asService.close();
      await other.drop();
    }
  });
});
