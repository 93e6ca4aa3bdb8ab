// What one process measures. The four metrics of the service's first version keep their names; every other one
// starts with holdfast_. A worker keeps its own registry and gives snapshots of it to the supervisor, which adds
// them up (fleet-metrics.ts): each metric says here how it is added.
import { problemsOf } from '@holdfast/contract/operation';
import type { ProblemCode } from '@holdfast/contract/problems';
import { reserve } from '@holdfast/contract/reservations';
import {
  Counter,
  Gauge,
  type Metric,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client';
import { Distribution, REQUEST_SECONDS } from './distribution.ts';
import { measureProcess } from './process-metrics.ts';
import { type Count, Tally } from './tally.ts';

/** A registry's contents as plain data: travels between processes. */
export type MetricsSnapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

/** How a reserve ended: `reserved`, or the code of the refusal. */
export type ReserveStatus = 'reserved' | ProblemCode;

/** The stock as the store has it now. `available` in the order of importance: only the first ones get a series each. */
export interface StockReading {
  readonly activeReservations: number;
  readonly available: readonly { readonly sku: string; readonly units: number }[];
  /** What the journal does not have yet. */
  readonly journalLag: { readonly entries: number; readonly seconds: number };
}

/** Each SKU is a time series that Prometheus keeps for weeks: past this many the rest are one sum. */
export const MAX_SKU_SERIES = 200;
/** The label of that sum. No SKU begins with an underscore. */
export const REST_OF_SKUS = '_other';
/** A scrape never waits longer than this for the stock store; without its answer the stock is left out. */
const STOCK_READ_LIMIT_MS = 500;

type OwnName = `holdfast_${string}`;
type Over = 'sum' | 'max' | 'min';

export class Metrics {
  private readonly registry = new Registry();
  private readonly reserveRequests = this.tally(
    'reserve_requests_total',
    'Reserve requests answered, by outcome: reserved, or the code of the refusal.',
    ['status'],
  );
  private readonly reserveDuration = this.distribution(
    'reserve_duration_seconds',
    'Time from a reserve request to its answer, whatever the answer.',
    REQUEST_SECONDS,
  ).of();
  private readonly reserveStatuses = new Map<ReserveStatus, Count>();
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
  private readonly journalLagEntries = this.storeGauge(
    'holdfast_ledger_writer_lag_entries',
    'Transitions in the store that the journal does not have yet.',
  );
  private readonly journalLagSeconds = this.storeGauge(
    'holdfast_ledger_writer_lag_seconds',
    'Age of the oldest transition in the store that the journal does not have yet; 0 without one.',
  );
  private readStock: (() => Promise<StockReading>) | undefined;

  constructor() {
    measureProcess(this.registry);
    for (const status of ['reserved', ...problemsOf(reserve)] as const) this.countOf(status);
  }

  countReserve(status: ReserveStatus, seconds: number): void {
    this.countOf(status)();
    this.reserveDuration(seconds);
  }

  private countOf(status: ReserveStatus): Count {
    let count = this.reserveStatuses.get(status);
    if (count === undefined) {
      count = this.reserveRequests.of(status);
      this.reserveStatuses.set(status, count);
    }
    return count;
  }

  /** A count of something else, added up over the processes. Label values must come from a short, fixed list. */
  counter<Label extends string = never>(
    name: OwnName,
    help: string,
    labelNames: readonly Label[] = [],
  ): Counter<Label> {
    return new Counter({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }

  /** A count of what comes with every request. */
  tally(name: OwnName | 'reserve_requests_total', help: string, labelNames: readonly string[]): Tally {
    return new Tally(name, help, labelNames, this.registry);
  }

  /** A histogram of what comes with every request, in these buckets (upper bounds, ascending). */
  distribution(
    name: OwnName | 'reserve_duration_seconds',
    help: string,
    bounds: readonly number[],
    labelNames: readonly string[] = [],
  ): Distribution {
    const made = new Distribution(name, help, labelNames, bounds);
    this.registry.registerMetric(made as unknown as Metric);
    return made;
  }

  /** A level read at each scrape; `over` says what it is over the processes: their sum, the highest, or the lowest. */
  level(name: OwnName, help: string, over: Over, read: () => number): void {
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
    over: Over,
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

  /** A gauge that one process reads from the shared store at a scrape. */
  private storeGauge(name: OwnName, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry], aggregator: 'first' });
  }

  /** Where the stock gauges come from. Without it, and while it fails, they are absent: never a stale figure. */
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
    this.journalLagEntries.remove();
    this.journalLagSeconds.remove();
    if (reading === undefined) return;
    this.activeReservations.set(reading.activeReservations);
    this.journalLagEntries.set(reading.journalLag.entries);
    this.journalLagSeconds.set(reading.journalLag.seconds);
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
