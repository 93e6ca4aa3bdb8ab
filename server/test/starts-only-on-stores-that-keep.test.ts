// A store that may forget what it acknowledged breaks every promise: production refuses to start on one and says why;
// elsewhere the service starts, and says in /readyz that it should take no traffic.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { SQL } from 'bun';
import { connectRedis } from '../src/stock/connect.ts';
import { PRIMARY_LINES, startReplica } from './harness/replicas.ts';
import { startService, stopServices } from './harness/service.ts';
import { freshDatabase, startPostgres, startRedis, type TestStore } from './harness/stores.ts';

let redis: TestStore;
let postgres: TestStore;

beforeAll(async () => {
  [redis, postgres] = await Promise.all([
    startRedis({ appendfsync: 'always', configLines: ['maxmemory-policy noeviction'] }),
    startPostgres({ durable: true }),
  ]);
}, 60_000);
afterAll(async () => {
  await stopServices();
  await Promise.all([redis.stop(), postgres.stop()]);
});

async function readiness(url: string): Promise<{ status: number; text: string }> {
  const reply = await fetch(`${url}/readyz`);
  return { status: reply.status, text: await reply.text() };
}

describe('on stores that keep what they are told', () => {
  test('production-starts-and-is-ready', async () => {
    const env = { NODE_ENV: 'production' };
    const service = await startService({ redisUrl: redis.url, databaseUrl: postgres.url, env });
    expect(await readiness(service.url)).toMatchObject({ status: 200 });
    expect(await service.stop()).toBe(0);
  });
});

describe('on a store that may forget', () => {
  const FORGETFUL: readonly [string, readonly string[], RegExp][] = [
    ['a-Redis-without-an-append-only-file', ['appendonly no'], /without an append-only file/],
    ['a-Redis-that-evicts', ['maxmemory-policy allkeys-lru'], /evicts keys/],
  ];
  for (const [name, configLines, words] of FORGETFUL) {
    test(`${name}-is-refused-in-production-and-not-ready-elsewhere`, async () => {
      const forgetful = await startRedis({ configLines });
      try {
        const stores = { redisUrl: forgetful.url, databaseUrl: postgres.url };
        await expect(startService({ ...stores, env: { NODE_ENV: 'production' } })).rejects.toThrow(words);
        const service = await startService(stores);
        const { status, text } = await readiness(service.url);
        expect(status).toBe(503);
        expect(text).toMatch(words);
        await service.stop();
      } finally {
        await forgetful.stop();
      }
    });
  }

  test('a-Redis-that-goes-on-without-its-replicas-is-warned-of-and-not-refused', async () => {
    const words = /takes writes without them.*Set min-replicas-to-write/;
    const primary = await startRedis({ configLines: PRIMARY_LINES });
    const replica = await startReplica(primary);
    const stores = { redisUrl: primary.url, databaseUrl: postgres.url };
    const admin = connectRedis(primary.url, () => undefined);
    try {
      const service = await startService({ ...stores, env: { NODE_ENV: 'production' } });
      expect(await readiness(service.url)).toMatchObject({ status: 200 });
      expect(service.log()).toMatch(words);
      await service.stop();
      await admin.config('SET', 'min-replicas-to-write', '1');
      const careful = await startService({ ...stores, env: { NODE_ENV: 'production' } });
      expect(await readiness(careful.url)).toMatchObject({ status: 200 });
      expect(careful.log()).not.toMatch(words);
      await careful.stop();
    } finally {
      admin.disconnect();
      await Promise.all([primary.stop(), replica.stop()]);
    }
  });

  test('a-PostgreSQL-with-fsync-off-is-refused-in-production-and-not-ready-elsewhere', async () => {
    const database = await freshDatabase(); // in the shared server, which runs without
    const sql = new SQL(database.url, { max: 1 });
    const [setting] = await sql`SHOW fsync`;
    await sql.close();
    expect(setting).toEqual({ fsync: 'off' });
    const stores = { redisUrl: redis.url, databaseUrl: database.url };
    await expect(startService({ ...stores, env: { NODE_ENV: 'production' } })).rejects.toThrow(/fsync off/);
    const service = await startService(stores);
    expect(await readiness(service.url)).toMatchObject({
      status: 503,
      text: expect.stringMatching(/fsync off/),
    });
    await service.stop();
    await database.drop();
  });
});
