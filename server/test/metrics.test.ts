// Promises of the metrics: the names that dashboards are built on, sums that never go back, and a bounded number of
// series. The listener over real workers is tested in processes/.
import { expect, test } from 'bun:test';
import { MAX_SERIES } from '../src/telemetry/distribution.ts';
import { FleetMetrics } from '../src/telemetry/fleet-metrics.ts';
import { MAX_SKU_SERIES, Metrics, type MetricsSnapshot } from '../src/telemetry/metrics.ts';

/** Series → value of a text in Prometheus's format. */
async function series(...snapshots: MetricsSnapshot[]): Promise<Map<string, number>> {
  const fleet = new FleetMetrics();
  snapshots.forEach((snapshot, index) => {
    fleet.note(index, snapshot);
  });
  return parse(await fleet.text());
}

function parse(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

const RESERVED = 'reserve_requests_total{status="reserved"}';
const without = { withStock: false };
const withStock = { withStock: true };
const journalLag = { entries: 0, seconds: 0 };

test('the four metrics of the first version keep their names; every other one starts with holdfast_', async () => {
  const metrics = new Metrics();
  metrics.countReserve('insufficient-stock', 0.004);
  metrics.readStockFrom(async () => ({
    activeReservations: 2,
    available: [{ sku: 'A-1', units: 5 }],
    journalLag,
  }));
  const found = await series(await metrics.snapshot(withStock));
  expect(found.get('reserve_requests_total{status="insufficient-stock"}')).toBe(1);
  expect(found.get('reserve_duration_seconds_count')).toBe(1);
  expect(found.get('active_reservations_count')).toBe(2);
  expect(found.get('inventory_available{sku="A-1"}')).toBe(5);
  const own =
    /^(reserve_requests_total|reserve_duration_seconds|active_reservations_count|inventory_available|holdfast_)/;
  expect([...found.keys()].filter((name) => !own.test(name))).toEqual([]);
});

test('counts are summed over processes, levels as each says', async () => {
  const [one, two] = [new Metrics(), new Metrics()];
  for (const [index, metrics] of [one, two].entries()) {
    metrics.countReserve('reserved', 0.001);
    metrics.level('holdfast_test_sum', 'A sum.', 'sum', () => index + 1);
    metrics.level('holdfast_test_max', 'A maximum.', 'max', () => index + 1);
    metrics.counter('holdfast_test_total', 'A count.', ['kind']).inc({ kind: 'x' }, 10);
    metrics.readStockFrom(async () => ({ activeReservations: 9, available: [], journalLag }));
  }
  const found = await series(await one.snapshot(withStock), await two.snapshot(without));
  expect(found.get(RESERVED)).toBe(2);
  expect(found.get('holdfast_test_sum')).toBe(3);
  expect(found.get('holdfast_test_max')).toBe(2);
  expect(found.get('holdfast_test_total{kind="x"}')).toBe(20);
  expect(found.get('active_reservations_count')).toBe(9);
});

test('stock that cannot be read is absent, never stale', async () => {
  const metrics = new Metrics();
  let works = true;
  metrics.readStockFrom(async () => {
    if (!works) throw new Error('out of reach');
    return { activeReservations: 1, available: [{ sku: 'A-1', units: 1 }], journalLag };
  });
  expect((await series(await metrics.snapshot(withStock))).get('active_reservations_count')).toBe(1);
  works = false;
  const found = await series(await metrics.snapshot(withStock));
  expect(found.has('active_reservations_count')).toBe(false);
  expect(found.has('inventory_available{sku="A-1"}')).toBe(false);
});

test('a store that does not answer holds up no scrape', async () => {
  const metrics = new Metrics();
  metrics.readStockFrom(() => new Promise(() => undefined));
  const found = await series(await metrics.snapshot(withStock));
  expect(found.has('active_reservations_count')).toBe(false);
});

test('SKUs past the bound are one sum, so that a large catalogue does not flood the monitoring', async () => {
  const metrics = new Metrics();
  const available = Array.from({ length: MAX_SKU_SERIES + 50 }, (_, index) => ({
    sku: `S-${index}`,
    units: 2,
  }));
  metrics.readStockFrom(async () => ({ activeReservations: 0, available, journalLag }));
  const found = await series(await metrics.snapshot(withStock));
  const stock = [...found.keys()].filter((name) => name.startsWith('inventory_available'));
  expect(stock).toHaveLength(MAX_SKU_SERIES + 1);
  expect(found.get('inventory_available{sku="_other"}')).toBe(100);
});

test('a counter never goes back: not when processes end, many times, nor when one does not answer', async () => {
  const fleet = new FleetMetrics();
  for (let pid = 1; pid <= 20; pid++) {
    const metrics = new Metrics();
    metrics.countReserve('reserved', 0.001);
    metrics.level('holdfast_test_level', 'A level.', 'sum', () => 1);
    fleet.note(pid, await metrics.snapshot(without));
    expect(parse(await fleet.text()).get(RESERVED)).toBe(pid);
    fleet.note(pid, undefined);
    expect(parse(await fleet.text()).get(RESERVED)).toBe(pid);
    await fleet.retire(pid);
    expect(parse(await fleet.text()).get(RESERVED)).toBe(pid);
  }
  const found = parse(await fleet.text());
  expect(found.get('reserve_duration_seconds_bucket{le="0.001"}')).toBe(20);
  expect(found.has('holdfast_test_level')).toBe(false); // levels end with their process
});

test('a distribution counts each value in its bucket and all above it, as Prometheus reads them', async () => {
  const metrics = new Metrics();
  const observe = metrics.distribution('holdfast_test_seconds', 'A test.', [0.1, 1], ['kind']).of('x');
  for (const value of [0.05, 0.1, 0.5, 7]) observe(value);
  const found = await series(await metrics.snapshot(without), await metrics.snapshot(without));
  const bucket = (le: string) => found.get(`holdfast_test_seconds_bucket{le="${le}",kind="x"}`);
  expect([bucket('0.1'), bucket('1'), bucket('+Inf')]).toEqual([4, 6, 8]); // of two processes
  expect(found.get('holdfast_test_seconds_count{kind="x"}')).toBe(8);
  expect(found.get('holdfast_test_seconds_sum{kind="x"}')).toBeCloseTo(15.3);
});

test('a label that takes ever new values by mistake ends in one series, and loses no count', async () => {
  const metrics = new Metrics();
  const test_ = metrics.distribution('holdfast_test_seconds', 'A test.', [1], ['id']);
  for (let id = 0; id < MAX_SERIES + 50; id++) test_.of(`id-${id}`)(0.5);
  const found = await series(await metrics.snapshot(without));
  const counts = [...found].filter(([name]) => name.startsWith('holdfast_test_seconds_count'));
  expect(counts).toHaveLength(MAX_SERIES + 1);
  expect(found.get('holdfast_test_seconds_count{id="_other"}')).toBe(50);
});

test('what an alert watches is there before it first happens: a counter that appears has no rate', async () => {
  const found = await series(await new Metrics().snapshot(without));
  expect(found.get(RESERVED)).toBe(0);
  expect(found.get('reserve_requests_total{status="unavailable"}')).toBe(0);
});
