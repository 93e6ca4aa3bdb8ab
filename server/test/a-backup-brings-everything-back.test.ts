// What operators are told in docs/backup.md, done: PostgreSQL is backed up by its own means while a sale goes on, both stores
// are lost, and a new service on what was brought back knows everything up to the chosen moment and nothing after it; Redis
// needs no backup; and an older ledger under a Redis that knows more is the one that counts.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { addsUp, auditHeads, auditVerify, Customers, seals, tell, untilJournaled } from './backup-stage.ts';
import {
  type Backup,
  baseBackup,
  bringBack,
  destroy,
  nameThisMoment,
  startArchive,
  untilArchived,
} from './harness/backups.ts';
import { type Service, startService } from './harness/service.ts';
import { startPostgres, startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';

const MOMENT = 'before-the-disaster';

let redis: TestStore;
let postgres: TestStore;
let service: Service;
let backup: Backup;
const at = { url: () => service.url, databaseUrl: () => postgres.url };
const customers = new Customers(at);
const heads = { before: '', after: '' };

async function start(): Promise<void> {
  service = await startService({ redisUrl: redis.url, databaseUrl: postgres.url, workers: 2 });
}

beforeAll(async () => {
  [redis, postgres] = await Promise.all([startRedis({ appendfsync: 'always' }), startPostgres()]);
  const archive = await startArchive(postgres);
  await start();
  await customers.begin();
  backup = await baseBackup(postgres, archive);
  await customers.momentComes();
  heads.before = await auditHeads(postgres.url);
  await nameThisMoment(postgres, MOMENT);
  await customers.momentIsOver();
  const sealed = await seals(postgres.url);
  await until('what came after is sealed too', async () => (await seals(postgres.url)) > sealed);
  heads.after = await auditHeads(postgres.url);
  await customers.stop();
  await untilArchived(postgres);
}, 180_000);

afterAll(async () => {
  await service?.stop();
  await destroy(redis, postgres);
});

test('both-stores-lost: everything up to the chosen moment is there, and nothing of what came after', async () => {
  await service.killGroup9();
  await destroy(redis, postgres);
  const beganAtMs = performance.now();
  [postgres, redis] = [await bringBack(backup, MOMENT), await startRedis({ appendfsync: 'always' })];
  tell('PostgreSQL brought back', beganAtMs);
  const restoredAtMs = performance.now();
  await start();
  await customers.firstSale();
  tell('a service started on it and on an empty Redis, and the first reservation', restoredAtMs);

  await customers.findEverythingBefore();
  await customers.findNothingAfter();
  await addsUp(at);
  expect(await auditVerify(postgres.url, heads.before)).toBe(0);
  expect(await auditVerify(postgres.url, heads.after)).toBe(1); // a note from after the moment: the ledger is shorter
}, 180_000);

test('redis-lost: every sale is loaded from the ledger, and the service goes on', async () => {
  await untilJournaled(service.url);
  await redis.kill9();
  rmSync(path.join(redis.dir, 'appendonlydir'), { recursive: true });
  const beganAtMs = performance.now();
  await redis.restart();
  await customers.firstSale();
  tell('an empty Redis started under a running service, and the first reservation', beganAtMs);
  expect(service.log()).toContain('"mode":"cold"');
  await customers.findEverythingBefore();
  await addsUp(at);
  expect(await auditVerify(postgres.url, heads.before)).toBe(0);
}, 120_000);

test('an-older-ledger-under-a-redis-that-knows-more: the ledger counts, with an alarm', async () => {
  await service.killGroup9();
  await destroy(postgres);
  postgres = await bringBack(backup, MOMENT);
  const beganAtMs = performance.now();
  await start();
  await customers.firstSale();
  tell('a service started on an older ledger, and the first reservation', beganAtMs);
  expect(service.log()).toContain('the ledger was restored from a backup');
  await customers.findEverythingBefore();
  await customers.findNothingAfter();
  await addsUp(at);
  expect(await auditVerify(postgres.url, heads.before)).toBe(0);
}, 120_000);
