// Where secrets could get out beside answers, log and metrics: what `ps` shows of every process, what processes inherit, and
// what libraries print when a variable tells them to.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { processTree } from './harness/process-tree.ts';
import { Caller, makeSale, type Service, startService, stopServices } from './harness/service.ts';
import {
  type FreshDatabase,
  freshDatabase,
  startRedis,
  type TestStore,
  temporaryFolder,
} from './harness/stores.ts';

setDefaultTimeout(60_000);

const SECRET = 'a secret for the tests, long enough for HS256'; // harness/service.ts signs with it
let redis: TestStore;
let database: FreshDatabase;
beforeAll(async () => {
  [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
});
afterAll(async () => {
  await stopServices();
  await Promise.all([redis.stop(), database.drop()]);
});

const passwordOf = (url: string): string => decodeURIComponent(new URL(url).password);

async function buy(service: Service): Promise<void> {
  const { sku } = await makeSale(service.url, { a: 1 });
  const alice = new Caller(service.url, 'alice');
  const { reservation_id } = (await alice.reserve({ [sku('a')]: 1 })).body;
  expect((await alice.confirm(reservation_id)).status).toBe(200);
}

/** Fails where one of them stands in what everybody, or every child, can see. */
function expectNone(secrets: readonly string[], service: Service): void {
  const tree = processTree(service.pid);
  for (const { pid, command, environment } of tree) {
    for (const secret of secrets) {
      expect(command.includes(secret), `the command line of: ${command}`).toBe(false);
      // The service's own environment is where they were put; nobody else inherits it.
      if (pid !== service.pid && environment !== null)
        expect(environment.includes(secret), `the environment of: ${command}`).toBe(false);
    }
  }
}

describe('no command line and no inherited environment has a secret in it', () => {
  test('with stores of somebody else', async () => {
    const service = await startService({ redisUrl: redis.url, databaseUrl: database.url, workers: 2 });
    await buy(service);
    const tree = processTree(service.pid);
    expect(tree.filter(({ command }) => command.includes('--role=worker'))).toHaveLength(2);
    expectNone([SECRET, passwordOf(redis.url), passwordOf(database.url)], service);
    await service.stop();
  });

  test('with private stores: guardian, Redis and PostgreSQL included', async () => {
    const folder = path.join(temporaryFolder('private'), 'data');
    const env = { HOLDFAST_DATA_DIR: folder };
    const service = await startService({ redisUrl: '', databaseUrl: '', env });
    await buy(service);
    const commands = processTree(service.pid).map(({ command }) => command);
    for (const part of ['guardian.ts', 'redis.conf', 'postgres -D'])
      expect(
        commands.some((command) => command.includes(part)),
        part,
      ).toBe(true);
    const passwords: string[] = Object.values(
      JSON.parse(readFileSync(path.join(folder, 'passwords.json'), 'utf8')),
    );
    expect(passwords.length).toBeGreaterThanOrEqual(2);
    expectNone([SECRET, ...passwords], service);
    for (const password of passwords) expect(service.log()).not.toContain(password);
    await service.stop();
  });
});

describe('no library prints one', () => {
  test('whatever DEBUG says, at the level that logs everything', async () => {
    const env = { DEBUG: '*', NODE_DEBUG: 'net,tls,http,crypto', HOLDFAST_LOG_LEVEL: 'trace' };
    const service = await startService({ redisUrl: redis.url, databaseUrl: database.url, env });
    await buy(service);
    const log = service.log();
    for (const secret of [SECRET, passwordOf(redis.url), passwordOf(database.url), 'eyJ'])
      expect(log.includes(secret), secret.slice(0, 12)).toBe(false);
    await service.stop();
  });
});
