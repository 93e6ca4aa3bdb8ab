// The metrics behind the alerts move with what they are about: a journal that nobody can write, a Redis that is silent, stock
// whose time is over. `npm run monitoring` goes on from there to the alerts.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { SQL } from 'bun';
import { freePort } from '../src/embedded/free-port.ts';
import { Caller, makeSale, type Service, startService } from './harness/service.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';

let redis: TestStore;
let database: FreshDatabase;
let service: Service;
let metricsPort: number;

beforeAll(async () => {
  [redis, database, metricsPort] = await Promise.all([startRedis(), freshDatabase(), freePort()]);
  service = await startService({
    redisUrl: redis.url,
    databaseUrl: database.url,
    env: { HOLDFAST_METRICS_PORT: String(metricsPort) },
  });
});

afterAll(async () => {
  await service?.stop();
});

/** NaN where it is absent. */
async function metric(series: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? Number.NaN : Number(line.slice(series.length));
}

test('a locked journal: what it lacks is counted, in transitions and seconds, until it has them', async () => {
  const sale = await makeSale(service.url, { a: 10 });
  const sql = new SQL(database.url, { max: 1 });
  await sql.begin(async (tx) => {
    await tx`LOCK TABLE holdfast.journal IN EXCLUSIVE MODE`;
    for (let i = 0; i < 3; i += 1)
      expect((await new Caller(service.url, `shopper-${i}`).reserve({ [sale.sku('a')]: 1 })).status).toBe(
        201,
      );
    await until('three lack', async () => (await metric('holdfast_ledger_writer_lag_entries')) === 3);
    const before = await metric('holdfast_ledger_writer_lag_seconds');
    await until('the lag grows', async () => (await metric('holdfast_ledger_writer_lag_seconds')) > before);
  });
  await sql.close();
  await until('none lacks', async () => (await metric('holdfast_ledger_writer_lag_entries')) === 0);
  expect(await metric('holdfast_ledger_writer_lag_seconds')).toBe(0);
});

test('a Redis that is silent: it is down, what is due waits, and the stock is absent, not stale', async () => {
  const sale = await makeSale(service.url, { a: 10 }, { ttlSeconds: 2 });
  const shopper = new Caller(service.url, 'shopper');
  expect((await shopper.reserve({ [sale.sku('a')]: 1 })).status).toBe(201);
  await until(
    'the stock is read',
    async () => (await metric(`inventory_available{sku="${sale.sku('a')}"}`)) === 9,
  );
  // The second look from now began after the reservation was made, so it has seen its deadline.
  const looks = () => metric('holdfast_store_call_seconds_count{store="postgresql",call="lineages"}');
  const before = await looks();
  await until('two looks', async () => (await looks()) >= before + 3);
  process.kill(redis.pid, 'SIGSTOP');
  try {
    await until('it is down', async () => (await metric('holdfast_store_up{store="redis"}')) === 0);
    await until('what is due waits', async () => (await metric('holdfast_expiry_lag_seconds')) > 1);
    expect(await metric(`inventory_available{sku="${sale.sku('a')}"}`)).toBeNaN();
    expect(await metric('holdfast_store_up{store="postgresql"}')).toBe(1);
  } finally {
    process.kill(redis.pid, 'SIGCONT');
  }
  await until('it is up', async () => (await metric('holdfast_store_up{store="redis"}')) === 1);
  await until(
    'the unit is back',
    async () => (await metric(`inventory_available{sku="${sale.sku('a')}"}`)) === 10,
  );
  await until('nothing is due', async () => (await metric('holdfast_expiry_lag_seconds')) === 0);
});
