// Somebody holds the row of one sale in PostgreSQL: a stalled process, an operator's forgotten session. That sale's
// confirms are 503 within the lock's budget and keep their reservations; reserving goes on, other sales and all reads of
// orders too, because a lock that others hold is an answer and opens no breaker.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { SQL } from 'bun';
import { LedgerBusy, LedgerNotAsked } from '../src/domain/ledger-facts.ts';
import { LEDGER_HOT } from '../src/domain/time-budgets.ts';
import { freePort } from '../src/embedded/free-port.ts';
import { Ledger } from '../src/ledger/ledger.ts';
import { Caller, makeSale, type Service, startService } from './harness/service.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';

const SLACK = 4;
/** Several lock budgets long: what holds for this long holds for 30 s. */
const HELD_MS = 5 * LEDGER_HOT.lockMs;

let redis: TestStore;
let database: FreshDatabase;
let service: Service;
let metricsUrl: string;
let holder: SQL;

beforeAll(async () => {
  const metricsPort = await freePort();
  metricsUrl = `http://127.0.0.1:${metricsPort}/metrics`;
  [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
  service = await startService({
    redisUrl: redis.url,
    databaseUrl: database.url,
    env: { HOLDFAST_METRICS_PORT: String(metricsPort) },
  });
  holder = new SQL(database.url, { max: 1 });
}, 60_000);

afterAll(async () => {
  await holder.close({ timeout: 0 });
  await service.stop();
  await Promise.all([redis.stop(), database.drop()]);
});

/** Runs `meanwhile` while another session holds the sale's row. */
async function held(saleId: string, meanwhile: () => Promise<void>): Promise<void> {
  const session = await holder.reserve();
  try {
    await session`BEGIN`;
    await session`SELECT 1 FROM holdfast.sale WHERE id = ${saleId} FOR UPDATE`;
    await meanwhile();
  } finally {
    await session`ROLLBACK`;
    session.release();
  }
}

test('its confirms are 503 and keep their reservations, everything else goes on, and afterwards they go through', async () => {
  const stuck = await makeSale(service.url, { a: 1_000 });
  const free = await makeSale(service.url, { b: 1_000 });
  const ann = new Caller(service.url, 'ann');
  const mine = (await ann.reserve({ [stuck.sku('a')]: 1 })).body.reservation_id;
  await held(stuck.id, async () => {
    const endMs = performance.now() + HELD_MS;
    while (performance.now() < endMs) {
      const beganAtMs = performance.now();
      const refused = await ann.confirm(mine);
      expect([refused.status, refused.body.code]).toEqual([503, 'unavailable']);
      expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect((await ann.get('/readyz')).text).not.toContain('does not answer');
      expect(performance.now() - beganAtMs).toBeLessThan(SLACK * LEDGER_HOT.lockMs);
      expect((await ann.reserve({ [stuck.sku('a')]: 1 })).status).toBe(201);
      const other = await ann.reserve({ [free.sku('b')]: 1 });
      const order = await ann.confirm(other.body.reservation_id);
      expect(order.status).toBe(200);
      expect((await ann.get(`/api/v1/orders/${order.body.order_id}`)).text).toBe(order.text);
    }
  });
  const confirmed = await until('the confirm goes through', async () => {
    const reply = await ann.confirm(mine);
    return reply.status === 200 && reply;
  });
  expect((await ann.confirm(mine)).text).toBe(confirmed.text);
  const text = await (await fetch(metricsUrl)).text();
  expect(text).toContain('holdfast_breaker_opened_total{store="postgresql"} 0\n');
  expect(text).toContain('holdfast_breaker_state{store="postgresql"} 0\n');
}, 30_000);

test('a pool whose connections are all stuck refuses the next call within its wait: it was not asked', async () => {
  const { id } = await makeSale(service.url, { c: 1 });
  const ledger = new Ledger({ databaseUrl: database.url, poolSize: 1 });
  try {
    await held(id, async () => {
      const took: number[] = [];
      const failure = async (call: Promise<unknown>) => {
        const beganAtMs = performance.now();
        const error = await call.then(
          () => undefined,
          (reason: unknown) => reason,
        );
        took.push(performance.now() - beganAtMs);
        return error;
      };
      const errors = await Promise.all([
        failure(ledger.closeSale(id, 'operator')),
        failure(ledger.lineages()),
        failure(ledger.saleByNumber(1)),
      ]);
      expect(errors[0]).toBeInstanceOf(LedgerBusy);
      expect(errors.slice(1).every((error) => error instanceof LedgerNotAsked)).toBe(true);
      expect(Math.min(...took)).toBeLessThan(SLACK * LEDGER_HOT.waitMs);
      // Who only reads has connections of its own.
      expect((await ledger.saleById(id))?.id).toBe(id);
    });
    expect((await ledger.lineages()).length).toBeGreaterThan(0);
  } finally {
    await ledger.close();
  }
}, 30_000);
