// The tests' own stores: quick to make, whole after a restart, and gone after a killed run.
import { expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { recordOf } from '../src/embedded/processes.ts';
import { ask, tell } from './harness/embedded.ts';
import { freshDatabase, sharedPostgres, startPostgres, startRedis } from './harness/stores.ts';
import { until } from './harness/until.ts';

test('every fresh database is empty and apart from the others', async () => {
  const [one, two] = await Promise.all([freshDatabase(), freshDatabase()]);
  await ask(one.url, 'CREATE TABLE only_here (n int)');
  expect(await ask(two.url, "SELECT to_regclass('only_here')")).toBeNull();
  await one.drop();
  await one.drop();
  await expect(ask(one.url, 'SELECT 1')).rejects.toThrow(/does not exist/);
  expect(await sharedPostgres()).toBe(await sharedPostgres());
  await two.drop();
});

test('a Redis that is killed or stopped comes back at the same place with its data', async () => {
  const redis = await startRedis({ appendfsync: 'always' });
  await tell(redis.url, 'SET', 'kept', 'yes');
  const { url, pid } = redis;
  await redis.kill9();
  expect(redis.pid).toBe(0);
  await redis.restart();
  expect(redis.pid).not.toBe(pid);
  expect(redis.url).toBe(url);
  expect(await tell(url, 'GET', 'kept')).toBe('yes');
  await redis.stop();
  await redis.stop();
  expect(redis.pid).toBe(0);
});

test('a durable PostgreSQL of a test’s own comes back with its data', async () => {
  const postgres = await startPostgres();
  expect(await ask(postgres.url, 'SHOW fsync')).toBe('on');
  await ask(postgres.url, 'CREATE TABLE kept AS SELECT 7 AS n');
  await postgres.kill9();
  await postgres.restart();
  expect(await ask(postgres.url, 'SELECT n FROM kept')).toBe(7);
  await postgres.stop();
});

test('a killed test run leaves no store and no folder', async () => {
  const script = `const { sharedPostgres, startRedis } = await import(${JSON.stringify(path.join(import.meta.dir, 'harness/stores.ts'))});
    const stores = await Promise.all([sharedPostgres(), startRedis()]);
    console.log(JSON.stringify(stores.map(({ pid, dir }) => ({ pid, dir }))));`;
  const run = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [text] = await once(run.stdout, 'data');
  const stores: { pid: number; dir: string }[] = JSON.parse(String(text));
  for (const { pid } of stores) expect(recordOf(pid)).not.toBeNull();
  run.kill('SIGKILL');
  for (const { pid, dir } of stores) {
    await until(`store ${pid} and ${dir} are gone`, () => recordOf(pid) === null && !existsSync(dir));
  }
});
