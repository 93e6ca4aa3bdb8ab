// The process never dies of its stores: a frozen or killed PostgreSQL leaves reserving as it was, a killed Redis leaves
// orders readable, and when they are back everything goes on, in the same processes.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { Caller, makeSale, type Service, startService } from './harness/service.ts';
import { startPostgres, startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';

/** Longer than a lease and than the longest call of the ledger. */
const FROZEN_MS = 5_000;
/** Of a process that has lost Redis: two seconds of them, or three. */
const ATTEMPTS = 20;
/** As often an outage that goes on is told again, less what two clocks may differ. */
const TOLD_AGAIN_MS = 9_900;

let redis: TestStore;
let postgres: TestStore;
let service: Service;

beforeAll(async () => {
  [redis, postgres] = await Promise.all([startRedis(), startPostgres()]);
  service = await startService({ redisUrl: redis.url, databaseUrl: postgres.url, workers: 1 });
}, 60_000);

afterAll(async () => {
  await service.stop();
  await Promise.all([redis.stop(), postgres.stop()]);
});

/** The server and its backends: each is a process of its own. */
function postgresPids(): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => parentOf(name) === postgres.pid);
  return [postgres.pid, ...children.map(Number)];
}

function parentOf(pid: string): number {
  try {
    return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return 0; // It ended while we looked.
  }
}

test('reserving-goes-on-while-postgresql-is-frozen-and-confirming-afterwards', async () => {
  const { sku } = await makeSale(service.url, { a: 1_000 });
  const ann = new Caller(service.url, 'ann');
  const first = await ann.reserve({ [sku('a')]: 1 });
  expect(first.status).toBe(201);
  const frozen = postgresPids();
  for (const pid of frozen) process.kill(pid, 'SIGSTOP');
  const statuses: number[] = [];
  try {
    const endMs = performance.now() + FROZEN_MS;
    const confirm = ann.confirm(first.body.reservation_id);
    await until('it was frozen for long enough', async () => {
      statuses.push((await ann.reserve({ [sku('a')]: 1 })).status);
      return performance.now() > endMs;
    });
    expect((await confirm).status).toBe(503);
  } finally {
    for (const pid of frozen) process.kill(pid, 'SIGCONT');
  }
  expect(new Set(statuses)).toEqual(new Set([201]));
  expect(statuses.length).toBeGreaterThan(50);
  await until(
    'the confirm goes through',
    async () => (await ann.confirm(first.body.reservation_id)).status === 200,
  );
}, 20_000);

test('orders-can-be-read-while-redis-is-gone-and-reserving-comes-back-with-it', async () => {
  const { sku } = await makeSale(service.url, { b: 10 });
  const bob = new Caller(service.url, 'bob');
  const { body } = await bob.reserve({ [sku('b')]: 1 });
  const order = await bob.confirm(body.reservation_id);
  expect(order.status).toBe(200);
  await redis.kill9();
  expect((await bob.get(`/api/v1/orders/${order.body.order_id}`)).text).toBe(order.text);
  const refused = await bob.reserve({ [sku('b')]: 1 });
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
  await redis.restart();
  await until('a reservation is granted', async () => (await bob.reserve({ [sku('b')]: 1 })).status === 201);
  expect(service.log()).not.toContain('ended by an error');
}, 20_000);

test('a-redis-that-is-away-is-told-of-once-not-at-every-attempt-to-connect', async () => {
  const { sku } = await makeSale(service.url, { d: 1 });
  await redis.kill9();
  await attemptsToConnect(redis.port, ATTEMPTS);
  await redis.restart();
  const dora = new Caller(service.url, 'dora');
  await until('a reservation is granted', async () => (await dora.reserve({ [sku('d')]: 1 })).status === 201);
  const told = service
    .log()
    .split('\n')
    .filter((line) => line.includes('"Redis connection"'))
    .map((line): { time: string; error: { message: string } } => JSON.parse(line))
    .map(({ time, error }) => ({ atMs: Date.parse(time), why: error.message }));
  expect(told.length).toBeGreaterThan(0);
  for (const [index, { atMs, why }] of told.entries()) {
    const again = told.slice(index + 1).find((later) => later.why === why);
    if (again) expect(again.atMs - atMs, why).toBeGreaterThan(TOLD_AGAIN_MS);
  }
}, 20_000);

/** Takes so many connections at a port and resets each at once. */
async function attemptsToConnect(port: number, wanted: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let seen = 0;
  const listener = createServer((socket) => {
    socket.on('error', () => undefined).resetAndDestroy();
    seen += 1;
    if (seen === wanted) resolve();
  });
  listener.on('error', reject).listen(port, '127.0.0.1');
  await promise;
  await new Promise((closed) => listener.close(closed));
}

test('both-killed-at-once-come-back-to-what-was-acknowledged', async () => {
  const { sku } = await makeSale(service.url, { c: 10 });
  const cleo = new Caller(service.url, 'cleo');
  const { body } = await cleo.reserve({ [sku('c')]: 2 });
  const order = await cleo.confirm(body.reservation_id);
  const live = await cleo.reserve({ [sku('c')]: 3 });
  expect([order.status, live.status]).toEqual([200, 201]);
  await Promise.all([redis.kill9(), postgres.kill9()]);
  expect((await cleo.reserve({ [sku('c')]: 1 })).status).toBe(503);
  await Promise.all([redis.restart(), postgres.restart()]);
  await until(
    'the reservation is confirmed',
    async () => (await cleo.confirm(live.body.reservation_id)).status === 200,
  );
  expect((await cleo.confirm(body.reservation_id)).text).toBe(order.text);
  const item = await cleo.get(`/api/v1/inventory/${sku('c')}`);
  expect(item.body).toMatchObject({ total: 10, reserved: 0, sold: 5, available: 5 });
  expect(service.log()).not.toContain('ended by an error');
}, 20_000);
