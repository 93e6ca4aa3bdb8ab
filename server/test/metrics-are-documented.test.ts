// docs/metrics.md lists every metric that a running service exports, with its type and its labels, and none that it does not.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { documentedMetrics } from '../../scripts/monitoring/metric-table.ts';
import { freePort } from '../src/embedded/free-port.ts';
import { Caller, makeSale, type Service, startService } from './harness/service.ts';
import { freshDatabase, startRedis } from './harness/stores.ts';
import { until } from './harness/until.ts';

let service: Service;
let metricsUrl: string;

const scrape = async () => await (await fetch(metricsUrl)).text();

beforeAll(async () => {
  const [redis, database, port] = await Promise.all([startRedis(), freshDatabase(), freePort()]);
  metricsUrl = `http://127.0.0.1:${port}/metrics`;
  service = await startService({
    redisUrl: redis.url,
    databaseUrl: database.url,
    env: { HOLDFAST_METRICS_PORT: String(port) },
  });
});

afterAll(async () => {
  await service?.stop();
});

/** Exported name → type, and the labels that its series carry. */
function exported(text: string): Map<string, { type: string; labels: Set<string> }> {
  const found = new Map<string, { type: string; labels: Set<string> }>();
  for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm))
    found.set(name as string, { type: type as string, labels: new Set() });
  for (const [, series, labels] of text.matchAll(/^([a-z_]+)(?:\{(.*)\})? \S+$/gm)) {
    const name = found.has(series as string) ? series : series?.replace(/_(bucket|sum|count)$/, '');
    const of = found.get(name as string);
    if (!of) throw new Error(`${series} has no TYPE line`);
    for (const [, label] of (labels ?? '').matchAll(/([a-z_]+)="(?:[^"\\]|\\.)*"/g))
      if (label !== 'le') of.labels.add(label as string);
  }
  return found;
}

test('every metric of an idle service is in docs/metrics.md, and every row is exported, at zero too', async () => {
  const names = [...exported(await scrape()).keys()];
  expect(names.toSorted()).toEqual([...documentedMetrics().keys()].toSorted());
});

test('types and labels are as documented, once each verb was used', async () => {
  const sale = await makeSale(service.url, { a: 5 });
  const shopper = new Caller(service.url, 'shopper');
  const first = await shopper.reserve({ [sale.sku('a')]: 1 });
  const second = await shopper.reserve({ [sale.sku('a')]: 1 });
  await shopper.get(`/api/v1/reservations/${first.body.reservation_id}`);
  expect((await shopper.confirm(first.body.reservation_id)).status).toBe(200);
  expect((await shopper.release(second.body.reservation_id)).status).toBe(200);
  await until('the stock is read', async () =>
    (await scrape()).includes(`inventory_available{sku="${sale.sku('a')}"} 4`),
  );
  const found = exported(await scrape());
  const shape = ({ type, labels }: { type: string; labels: Iterable<string> }) =>
    `${type} ${[...labels].toSorted()}`;
  const expected = Object.fromEntries([...documentedMetrics()].map(([name, row]) => [name, shape(row)]));
  expect(Object.fromEntries([...found].map(([name, row]) => [name, shape(row)]))).toEqual(expected);
});

test('the journal’s lag goes back to 0 once everything is written, and the stores are up', async () => {
  await until('the journal has everything', async () =>
    (await scrape()).includes('holdfast_ledger_writer_lag_entries 0\n'),
  );
  const text = await scrape();
  expect(text).toContain('holdfast_ledger_writer_lag_seconds 0\n');
  expect(text).toContain('holdfast_store_up{store="redis"} 1\n');
  expect(text).toContain('holdfast_store_up{store="postgresql"} 1\n');
});
