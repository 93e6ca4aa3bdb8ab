// What one process measures. The four metrics of the service's first version keep their names; every other one
// starts with holdfast_. A worker keeps its own registry and gives snapshots of it to the supervisor, which adds
// them up (fleet-metrics.ts): each metric says here how it is added.
import type { ProblemCode } from '@holdfast/contract/problems';
import {
  Counter,
  Gauge,
  Histogram,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client';
import { measureProcess } from './process-metrics.ts';

/** A registry's contents as plain data: travels between processes. */
export type MetricsSnapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

/** How a reserve ended: `reserved`, or the code of the refusal. */
export type ReserveStatus = 'reserved' | ProblemCode;

/** The stock as the store has it now. `available` in the order of importance: only the first ones get a series each. */
export interface StockReading {
  readonly activeReservations: number;
  readonly available: readonly { readonly sku: string; readonly units: number }[];
}

/** Each SKU is a time series that Prometheus keeps for weeks: past this many the rest are one sum. */
export const MAX_SKU_SERIES = 200;
/** The label of that sum. No SKU begins with an underscore. */
export const REST_OF_SKUS = '_other';
/** A scrape never waits longer than this for the stock store; without its answer the stock is left out. */
const STOCK_READ_LIMIT_MS = 500;
/** From a reserve that met a warm batch to one that waited as long as any request may. */
const DURATION_BUCKETS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

type OwnName = `holdfast_${string}`;

export class Metrics {
  private readonly registry = new Registry();
  private readonly countReserveRequest = this.tally(
    'reserve_requests_total',
    'Reserve requests answered, by outcome: reserved, or the code of the refusal.',
    ['status'],
  );
  private readonly reserveDuration = new Histogram({
    name: 'reserve_duration_seconds',
    help: 'Time from a reserve request to its answer, whatever the answer.',
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [this.registry],
  });
  private readonly activeReservations = new Gauge({
    name: 'active_reservations_count',
    help: 'Reservations that keep stock now: active and confirming.',
    registers: [this.registry],
    aggregator: 'first', // read from the shared store by one process a scrape
  });
  private readonly inventoryAvailable = new Gauge({
    name: 'inventory_available',
    help: `Units available to reserve, by SKU; past ${MAX_SKU_SERIES} SKUs the rest as sku="${REST_OF_SKUS}".`,
    labelNames: ['sku'],
    registers: [this.registry],
    aggregator: 'first',
  });
  private readStock: (() => Promise<StockReading>) | undefined;

  constructor() {
    measureProcess(this.registry);
  }

  countReserve(status: ReserveStatus, seconds: number): void {
    this.countReserveRequest(status);
    this.reserveDuration.observe(seconds);
  }

  /** A count of something else, added up over the processes. Label values must come from a short, fixed list. */
  counter<Label extends string = never>(
    name: OwnName,
    help: string,
    labelNames: readonly Label[] = [],
  ): Counter<Label> {
    return new Counter({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }

  /**
   * A count of what comes with every request, by the values of its labels: prom-client, which sorts and joins the labels
   * of each increment, hears of it at a scrape.
   */
  tally(
    name: OwnName | 'reserve_requests_total',
    help: string,
    labelNames: readonly string[],
  ): (...values: readonly string[]) => void {
    const counts = new Map<string, { readonly labels: Record<string, string>; since: number }>();
    new Counter<string>({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      collect() {
        for (const count of counts.values()) {
          this.inc(count.labels, count.since);
          count.since = 0;
        }
      },
    });
    return (...values) => {
      const key = values.join('\n');
      let count = counts.get(key);
      if (count === undefined) {
        const labels = Object.fromEntries(labelNames.map((label, i) => [label, values[i] ?? '']));
        count = { labels, since: 0 };
        counts.set(key, count);
      }
      count.since += 1;
    };
  }

  /** A level read at each scrape; `over` says what it is over the processes: their sum, or the highest. */
  level(name: OwnName, help: string, over: 'sum' | 'max', read: () => number): void {
    new Gauge({
      name,
      help,
      aggregator: over,
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }

  /** Levels by one label, read at each scrape; labels that are read no more are gone. */
  levels(
    name: OwnName,
    help: string,
    label: string,
    over: 'sum' | 'max',
    read: () => ReadonlyMap<string, number>,
  ): void {
    new Gauge({
      name,
      help,
      labelNames: [label],
      aggregator: over,
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [value, level] of read()) this.set({ [label]: value }, level);
      },
    });
  }

  /** Where the two stock gauges come from. Without it, and while it fails, they are absent: never a stale figure. */
  readStockFrom(read: () => Promise<StockReading>): void {
    this.readStock = read;
  }

  /** Everything measured so far. One process of a service reads the stock for all. */
  async snapshot(options: { readonly withStock: boolean }): Promise<MetricsSnapshot> {
    await this.refreshStock(options.withStock);
    return this.registry.getMetricsAsJSON();
  }

  private async refreshStock(wanted: boolean): Promise<void> {
    const reading = wanted && this.readStock ? await inTime(this.readStock()) : undefined;
    this.activeReservations.remove();
    this.inventoryAvailable.reset();
    if (reading === undefined) return;
    this.activeReservations.set(reading.activeReservations);
    for (const { sku, units } of reading.available.slice(0, MAX_SKU_SERIES)) {
      this.inventoryAvailable.set({ sku }, units);
    }
    const rest = reading.available.slice(MAX_SKU_SERIES);
    if (rest.length > 0) {
      const units = rest.reduce((sum, item) => sum + item.units, 0);
      this.inventoryAvailable.set({ sku: REST_OF_SKUS }, units);
    }
  }
}

/** The answer if it comes within the limit, else undefined: for a failure too, as the log has its reason already. */
async function inTime<T>(answer: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), STOCK_READ_LIMIT_MS);
  try {
    return await Promise.race([answer.catch(() => undefined), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
