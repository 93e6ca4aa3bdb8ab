// The service compiled into one program (scripts/one-binary.ts) finds what it reads inside itself: the function library, the
// migrations, the documented API and its pages, its own worker processes.
import { afterAll, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { Caller, makeSale, startService, stopServices } from './harness/service.ts';
import { freshDatabase, startRedis, temporaryFolder } from './harness/stores.ts';

afterAll(stopServices);

test('one program without a file beside it migrates, loads its library, sells and serves its pages', async () => {
  const program = path.join(temporaryFolder('one-binary'), 'holdfast');
  const script = path.join(import.meta.dir, '../../scripts/one-binary.ts');
  const built = spawnSync(process.execPath, [script, program], { encoding: 'utf8' });
  expect(`${built.status} ${built.stderr}`).toBe('0 ');

  const [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
  const service = await startService({ redisUrl: redis.url, databaseUrl: database.url, workers: 2, program });
  const sale = await makeSale(service.url, { a: 1 });
  const shopper = new Caller(service.url, 'shopper');
  const { body } = await shopper.reserve({ [sale.sku('a')]: 1 });
  expect((await shopper.confirm(body.reservation_id)).status).toBe(200);
  for (const page of ['/', '/docs', '/docs.css', '/openapi.json', '/healthz'])
    expect(`${page} ${(await fetch(service.url + page)).status}`).toBe(`${page} 200`);
  expect(await service.stop()).toBe(0);
});
