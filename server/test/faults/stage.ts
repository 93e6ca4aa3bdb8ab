// Where a scenario plays: a Redis and a durable PostgreSQL of its own, services as processes on fixed ports, and a fault
// proxy wherever the scenario wants one between them. Rate limits are off. Everything ends with `close`, and with this
// process, however it went (harness/leash.ts, and the pipe that a service watches).
import { readdirSync, readFileSync } from 'node:fs';
import { SQL } from 'bun';
import { Redis } from 'ioredis';
import { freePort } from '../../src/embedded/free-port.ts';
import { seededRandom } from '../harness/seeded-random.ts';
import { operator, type Service, startService } from '../harness/service.ts';
import { type RedisOptions, startPostgres, startRedis, type TestStore } from '../harness/stores.ts';
import { until } from '../harness/until.ts';
import { FaultProxy } from './proxy.ts';
import type { Place } from './wire.ts';

export type Link = 'redis' | 'postgres' | 'http';

export interface StageOptions {
  /** Services, each a supervisor with one worker and a port of its own. */
  readonly services?: number;
  readonly workers?: number;
  /** Where a proxy stands, one for each service. */
  readonly proxied?: readonly Link[];
  readonly redis?: RedisOptions;
  readonly env?: (service: number) => Readonly<Record<string, string>>;
  readonly seed: number;
}

const LOOPBACK = '127.0.0.1';
const READY_WITHIN_MS = 20_000;
/** Reading a whole sale takes longer than the service would allow itself. */
const READ_LIMIT_MS = 60_000;

/** For the report. */
export const seenVersions = { postgres: 'none started' };

export class Stage {
  readonly services: Actor[] = [];
  /** The present primary. */
  primary: TestStore;
  redisPort: number;
  private readonly connections: { close(): unknown }[] = [];
  private readonly others: TestStore[] = [];
  private closed = false;

  private constructor(
    readonly redis: TestStore,
    readonly postgres: TestStore,
    private readonly options: StageOptions,
  ) {
    this.primary = redis;
    this.redisPort = redis.port;
  }

  static async open(options: StageOptions): Promise<Stage> {
    const [redis, postgres] = await Promise.all([
      startRedis({ appendfsync: 'always', ...options.redis }),
      startPostgres({ durable: true }),
    ]);
    const stage = new Stage(redis, postgres, options);
    try {
      const [row] = await stage.ask((sql) => sql`SHOW server_version`);
      seenVersions.postgres = row.server_version;
      for (let i = 0; i < (options.services ?? 2); i += 1) stage.services.push(await stage.hire(i));
    } catch (error) {
      await stage.close();
      throw error;
    }
    return stage;
  }

  /** Where customers go: the services' ports, or the proxies before them. */
  get places(): Place[] {
    return this.services.map(({ entrance }) => ({ host: LOOPBACK, port: entrance }));
  }

  get url(): string {
    return `http://${LOOPBACK}:${this.services.at(-1)?.port}`;
  }

  proxies(link: Link): FaultProxy[] {
    return this.services.flatMap(({ proxies }) => proxies[link] ?? []);
  }

  /** To look into the store behind everybody's back. Closed with the stage. */
  redisClient(port = this.redisPort): Redis {
    const url = new URL(this.redis.url);
    url.port = String(port);
    const client = new Redis(url.href, { maxRetriesPerRequest: 3, commandTimeout: READ_LIMIT_MS });
    client.on('error', () => undefined);
    this.connections.push({ close: () => client.disconnect() });
    return client;
  }

  sql(max = 2): SQL {
    const sql = new SQL(this.postgres.url, { max });
    this.connections.push({ close: () => sql.close({ timeout: 0 }).catch(() => undefined) });
    return sql;
  }

  /** Asks the ledger over a connection that ends with the answer. */
  async ask<T>(work: (sql: SQL) => Promise<T>): Promise<T> {
    const sql = new SQL(this.postgres.url, { max: 1 });
    try {
      return await work(sql);
    } finally {
      await sql.close({ timeout: 0 }).catch(() => undefined);
    }
  }

  /** A store that ends with the stage. */
  add(store: TestStore): void {
    this.others.push(store);
  }

  /** Resolves when every service that runs says that it may take traffic. */
  async allReady(limitMs = READY_WITHIN_MS): Promise<void> {
    await Promise.all(
      this.services.filter(({ running }) => running).map((service) => service.isReady(limitMs)),
    );
  }

  /** Everything the services logged, of all their lives. */
  get log(): string {
    return this.services.map(({ log }) => log).join('');
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const proxies of [this.proxies('redis'), this.proxies('postgres'), this.proxies('http')])
      for (const proxy of proxies) proxy.release();
    await Promise.all(this.connections.map((connection) => connection.close()));
    await Promise.all(this.services.map((service) => service.end()));
    await Promise.all([this.redis, this.postgres, ...this.others].map((store) => store.stop()));
  }

  private async hire(index: number): Promise<Actor> {
    const { proxied = [], seed, workers = 1, env } = this.options;
    const port = await freePort();
    const random = seededRandom(seed ^ (0x5f37 + index));
    const before = async (link: Link, upstream: number) =>
      proxied.includes(link) ? await FaultProxy.start(upstream, random) : undefined;
    const actor = new Actor(port, {
      redis: await before('redis', this.redis.port),
      postgres: await before('postgres', this.postgres.port),
      http: await before('http', port),
    });
    actor.launch = () =>
      startService({
        redisUrl: through(this.redis.url, actor.proxies.redis),
        databaseUrl: through(this.postgres.url, actor.proxies.postgres),
        workers,
        env: { PORT: String(port), ...env?.(index) },
      });
    await actor.start();
    return actor;
  }
}

/** One service, over as many lives as a scenario gives it. */
export class Actor {
  launch: () => Promise<Service> = () => Promise.reject(new Error('not hired'));
  private service: Service | undefined;
  private past = '';

  constructor(
    readonly port: number,
    readonly proxies: Readonly<Partial<Record<Link, FaultProxy | undefined>>>,
  ) {}

  get entrance(): number {
    return this.proxies.http?.port ?? this.port;
  }

  get url(): string {
    return `http://${LOOPBACK}:${this.port}`;
  }

  get running(): boolean {
    return this.service !== undefined;
  }

  get log(): string {
    return this.past + (this.service?.log() ?? '');
  }

  /** The supervisor and its workers. */
  get pids(): number[] {
    const { service } = this;
    return service === undefined ? [] : [service.pid, ...childrenOf(service.pid)];
  }

  async start(): Promise<void> {
    this.service = await this.launch();
  }

  /** SIGKILL to the service and its workers. */
  async kill9(): Promise<void> {
    const { service } = this;
    this.leave();
    await service?.killGroup9();
  }

  /** SIGTERM; how long it took and its exit code. */
  async stop(): Promise<{ readonly ms: number; readonly code: number | null }> {
    const { service } = this;
    const askedAtMs = performance.now();
    const code = (await service?.stop()) ?? null;
    this.leave();
    return { ms: performance.now() - askedAtMs, code };
  }

  freeze(): void {
    for (const pid of this.pids) process.kill(pid, 'SIGSTOP');
  }

  thaw(): void {
    for (const pid of this.pids) process.kill(pid, 'SIGCONT');
  }

  async isReady(limitMs: number): Promise<void> {
    await until(
      `the service on port ${this.port} is ready`,
      () =>
        fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
          ({ ok }) => ok,
          () => false,
        ),
      limitMs,
    );
  }

  async end(): Promise<void> {
    const { service } = this;
    this.leave();
    await service?.killGroup9().catch(() => undefined);
    for (const proxy of Object.values(this.proxies)) await proxy?.stop();
  }

  private leave(): void {
    this.past = this.log;
    this.service = undefined;
  }
}

function through(url: string, proxy: FaultProxy | undefined): string {
  if (proxy === undefined) return url;
  const changed = new URL(url);
  changed.port = String(proxy.port);
  return changed.href;
}

export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1]) === parent;
      } catch {
        return false; // It ended while we looked.
      }
    })
    .map(Number);
}

export interface SaleItem {
  readonly sku: string;
  readonly total: number;
  readonly cap: number | null;
}

export interface Sale {
  readonly id: string;
  readonly number: number;
  readonly ttlMs: number;
  readonly hot: string;
  readonly items: readonly SaleItem[];
}

export interface SalePlan {
  readonly ttlSeconds: number;
  readonly hotStock?: number;
  readonly others?: number;
  /** Of every second one of the others; the rest has little, so that it sells out. */
  readonly plenty?: number;
  readonly scarce?: number;
  /** Opens so much later; at once if left out. */
  readonly opensInMs?: number;
}

let salesMade = 0;
/** The first few of the others have one, so that the cap is met. */
const CAPPED = 3;
const CAP = 8;

/** A hot item and 20 others, half of them scarce. */
export async function openSale(stage: Stage, plan: SalePlan): Promise<Sale> {
  const { ttlSeconds, hotStock = 400, others = 20, plenty = 100_000, scarce = 600, opensInMs } = plan;
  salesMade += 1;
  const id = `fault-${salesMade}`;
  const hot = `${id}-hot`;
  const items: SaleItem[] = [{ sku: hot, total: hotStock, cap: null }];
  for (let i = 0; i < others; i += 1) {
    items.push({ sku: `${id}-${i}`, total: i % 2 === 0 ? plenty : scarce, cap: i < CAPPED ? CAP : null });
  }
  const reply = await operator(stage.url).post('/api/v1/admin/sales', {
    id,
    name: 'a sale under faults',
    reservation_ttl_seconds: ttlSeconds,
    ...(opensInMs !== undefined && { opens_at: new Date(Date.now() + opensInMs).toISOString() }),
    items: items.map(({ sku, total, cap }) => ({
      sku,
      stock: total,
      ...(cap !== null && { max_per_customer: cap }),
    })),
  });
  if (reply.status === 503) await takenOver(stage, hot);
  else if (reply.status !== 201) throw new Error(`the sale was refused: ${reply.text}`);
  const [row] = await stage.ask((sql) => sql`SELECT number FROM holdfast.sale WHERE id = ${id}`);
  return { id, number: Number(row.number), ttlMs: ttlSeconds * 1000, hot, items };
}

/** The ledger may have the sale before the stock store does. */
async function takenOver(stage: Stage, sku: string): Promise<void> {
  await until(
    `${sku} is on sale`,
    () =>
      fetch(`${stage.url}/api/v1/inventory/${sku}`, { signal: AbortSignal.timeout(2_000) }).then(
        ({ ok }) => ok,
        () => false,
      ),
    READY_WITHIN_MS,
  );
}
