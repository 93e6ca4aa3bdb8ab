// A store that is frozen, gone or stuck costs nobody more than its time budget: customers are told 503 and Retry-After,
// first within the budget and, once the breaker is open, without asking the store at all. Whatever came back, asking again
// with the same request has one effect, and when the store is back so is the service, by itself.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { HoldfastClient } from '@holdfast/client';
import { LEDGER_HOT, REDIS_PATIENT_MS, REQUEST_MS } from '../src/domain/time-budgets.ts';
import { freePort } from '../src/embedded/free-port.ts';
import { Caller, makeSale, type Reply, type Service, startService, token } from './harness/service.ts';
import { startPostgres, startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';

/** Times are compared with budgets as generously as this: other work runs on the machine. */
const SLACK = 4;
/** Longer than a connection may be silent, so that it was cut and is made anew. */
const FROZEN_MS = REDIS_PATIENT_MS + 1_000;

let redis: TestStore;
let postgres: TestStore;
let service: Service;
let metricsUrl: string;

beforeAll(async () => {
  const metricsPort = await freePort();
  metricsUrl = `http://127.0.0.1:${metricsPort}/metrics`;
  [redis, postgres] = await Promise.all([startRedis(), startPostgres({ durable: false })]);
  service = await startService({
    redisUrl: redis.url,
    databaseUrl: postgres.url,
    workers: 1,
    env: { HOLDFAST_METRICS_PORT: String(metricsPort) },
  });
}, 60_000);

afterAll(async () => {
  await service.stop();
  await Promise.all([redis.stop(), postgres.stop()]);
});

async function metric(series: string): Promise<number> {
  const text = await (await fetch(metricsUrl)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  if (line === undefined) throw new Error(`no ${series} among the metrics`);
  return Number(line.slice(series.length));
}

interface Timed extends Reply {
  readonly ms: number;
  readonly detail: string;
}

async function timed(call: Promise<Reply>): Promise<Timed> {
  const beganAtMs = performance.now();
  const reply = await call;
  const { detail = '' } = reply.body as { detail?: string };
  return { ...reply, detail, ms: performance.now() - beganAtMs };
}

function isUnavailable(reply: Timed): void {
  expect(reply.status).toBe(503);
  expect(reply.body.code).toBe('unavailable');
  expect(reply.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
  expect(reply.ms).toBeLessThan(SLACK * REQUEST_MS);
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
const ms = (value: number) => `${value.toFixed(1)} ms`;

/** The server and its backends: each is a process of its own. */
function postgresPids(): number[] {
  const parentOf = (pid: string) => {
    try {
      return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    } catch {
      return 0; // It ended while we looked.
    }
  };
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return [postgres.pid, ...all.filter((pid) => parentOf(pid) === postgres.pid).map(Number)];
}

test('redis-black-hole: within the budget, then at once; back within a second; one effect a key', async () => {
  const { sku } = await makeSale(service.url, { a: 1_000 });
  const ann = new Caller(service.url, 'ann');
  expect((await ann.reserve({ [sku('a')]: 1 }, 'before')).status).toBe(201);
  const asked: string[] = [];
  const unknown: number[] = [];
  const refused: number[] = [];
  process.kill(redis.pid, 'SIGSTOP');
  try {
    const endMs = performance.now() + FROZEN_MS;
    const shopper = async (name: string) => {
      for (let n = 0; performance.now() < endMs; n++) {
        const key = `${name}-${n}`;
        asked.push(key);
        const reply = await timed(ann.reserve({ [sku('a')]: 1 }, key));
        isUnavailable(reply);
        const known = reply.detail.startsWith('Nothing was changed');
        (known ? refused : unknown).push(reply.ms);
        if (known) await Bun.sleep(25);
      }
    };
    await Promise.all(['a', 'b', 'c', 'd'].map(shopper));
    expect(await metric('holdfast_breaker_state{store="redis"}')).toBeGreaterThan(0);
  } finally {
    process.kill(redis.pid, 'SIGCONT');
  }
  const backMs = performance.now();
  await until('it is back', async () => (await ann.reserve({ [sku('a')]: 1 }, 'after')).status === 201);
  console.log(
    `redis frozen ${FROZEN_MS} ms: ${unknown.length} not known, median ${ms(median(unknown))}; ` +
      `${refused.length} not asked, median ${ms(median(refused))}; back after ${ms(performance.now() - backMs)}`,
  );
  // The breaker spared nearly everybody the wait.
  expect(unknown.length).toBeGreaterThan(0);
  expect(refused.length).toBeGreaterThan(SLACK * unknown.length);

  const ids = new Set<string>();
  for (const key of asked) {
    const first = await ann.reserve({ [sku('a')]: 1 }, key);
    const again = await ann.reserve({ [sku('a')]: 1 }, key);
    expect([first.status, again.text]).toEqual([201, first.text]);
    ids.add(first.body.reservation_id);
  }
  expect(ids.size).toBe(asked.length);
  const item = await ann.get(`/api/v1/inventory/${sku('a')}`);
  expect(item.body).toMatchObject({ total: 1_000, reserved: asked.length + 2, sold: 0 });
  await until(
    'the breaker is closed',
    async () => (await metric('holdfast_breaker_state{store="redis"}')) === 0,
  );
}, 30_000);

test('redis-refused: 503 at once and nothing changed; orders are read as before', async () => {
  const { sku } = await makeSale(service.url, { b: 10 });
  const bob = new Caller(service.url, 'bob');
  const { body } = await bob.reserve({ [sku('b')]: 1 });
  const order = await bob.confirm(body.reservation_id);
  expect(order.status).toBe(200);
  await redis.kill9();
  const times: number[] = [];
  for (let n = 0; n < 40; n++) {
    const reply = await timed(bob.reserve({ [sku('b')]: 1 }));
    isUnavailable(reply);
    // The very first may find the connection before its end is known.
    if (n > 0) expect(reply.detail).toStartWith('Nothing was changed');
    times.push(reply.ms);
  }
  console.log(`redis gone: 503 after ${ms(median(times))}`);
  const read = await bob.get(`/api/v1/orders/${order.body.order_id}`);
  expect([read.status, read.text]).toEqual([200, order.text]);
  const list = await bob.get('/api/v1/orders');
  expect(list.body.data.map((one) => one.order_id)).toEqual([order.body.order_id]);
  await redis.restart();
  await until('a reservation is granted', async () => (await bob.reserve({ [sku('b')]: 1 })).status === 201);
}, 30_000);

test('postgresql-black-hole: a confirm is 503 in time, its reservation is kept, and the client’s own retries make one order', async () => {
  const { sku } = await makeSale(service.url, { c: 1_000, d: 10 });
  const cleo = new Caller(service.url, 'cleo');
  expect((await cleo.reserve({ [sku('c')]: 1 })).status).toBe(201);
  const kept = (await cleo.reserve({ [sku('d')]: 1 })).body.reservation_id;
  const patient = new HoldfastClient({ baseUrl: service.url, token: token('dora'), maxRetries: 20 });
  const { reservation } = await patient.reserve({ sku: sku('d'), quantity: 2 });
  const before = await metric('holdfast_breaker_opened_total{store="postgresql"}');
  const frozen = postgresPids();
  for (const pid of frozen) process.kill(pid, 'SIGSTOP');
  let confirming: ReturnType<typeof patient.confirm>;
  let first: Timed;
  try {
    confirming = patient.confirm(reservation.reservation_id);
    first = await timed(cleo.confirm(kept));
    isUnavailable(first);
    await until('the breaker has opened', async () => {
      isUnavailable(await timed(cleo.confirm(kept)));
      return (await metric('holdfast_breaker_opened_total{store="postgresql"}')) > before;
    });
    const spared: number[] = [];
    for (let n = 0; n < 40; n++) {
      const reply = await timed(cleo.confirm(kept));
      isUnavailable(reply);
      spared.push(reply.ms);
    }
    // All but its probes are spared the wait, even that for a connection.
    expect(median(spared)).toBeLessThan(LEDGER_HOT.waitMs);
    expect((await cleo.reserve({ [sku('c')]: 1 })).status).toBe(201);
    expect((await cleo.get(`/api/v1/reservations/${kept}`)).body.status).toMatch(/^(active|confirming)$/);
    console.log(`postgresql frozen: confirm 503 after ${ms(first.ms)}, then ${ms(median(spared))}`);
  } finally {
    for (const pid of frozen) process.kill(pid, 'SIGCONT');
  }
  const order = await confirming;
  expect(order.reservation_id).toBe(reservation.reservation_id);
  const confirmed = await until('the confirm goes through', async () => {
    const reply = await cleo.confirm(kept);
    return reply.status === 200 && reply;
  });
  expect((await cleo.confirm(kept)).text).toBe(confirmed.text);
  expect((await cleo.get('/api/v1/orders')).body.data).toHaveLength(1);
  const item = await cleo.get(`/api/v1/inventory/${sku('d')}`);
  expect(item.body).toMatchObject({ total: 10, reserved: 0, sold: 3, available: 7 });
  expect(service.log()).not.toContain('ended by an error');
}, 30_000);
