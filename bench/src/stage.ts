// Where a round plays: a Redis, a durable PostgreSQL and the whole service of its own, new for each round, so that no round
// pays for what another one left behind.
import { SQL } from 'bun';
import { connectRedis, type StoreConnection, untilConnected } from '../../server/src/stock/connect.ts';
import { saleKey } from '../../server/src/stock/keys.ts';
import { makeSale, type Service, startService } from '../../server/test/harness/service.ts';
import { discard, startPostgres, startRedis, type TestStore } from '../../server/test/harness/stores.ts';
import { until } from '../../server/test/harness/until.ts';
import { treeCpuMs } from './cpu-time.ts';
import type { Place } from './load/order.ts';

export type Fsync = 'always' | 'everysec';

export interface Sale {
  readonly id: string;
  readonly number: number;
  readonly skus: readonly string[];
}

const CONNECT_WITHIN_MS = 10_000;
/** Reading a whole sale takes longer than the service would allow itself. */
const READ_WITHIN_MS = 60_000;
const REWRITTEN_WITHIN_MS = 60_000;
/** One that waits for another to end is scheduled. */
const NOT_REWRITING = [/^aof_rewrite_in_progress:0/m, /^aof_rewrite_scheduled:0/m];
/** Nothing ends by itself while it is measured. */
const TTL_SECONDS = 86_400;
/** The most that may be set: nobody is refused for it, everybody is counted. */
const COUNTED_NOT_REFUSED = '1000000';
const COUNTED = {
  HOLDFAST_RATE_CUSTOMER_PER_MINUTE: COUNTED_NOT_REFUSED,
  HOLDFAST_RATE_IP_PER_MINUTE: COUNTED_NOT_REFUSED,
  HOLDFAST_RATE_OTHER_CUSTOMER_PER_MINUTE: COUNTED_NOT_REFUSED,
  HOLDFAST_RATE_OTHER_IP_PER_MINUTE: COUNTED_NOT_REFUSED,
  // All watchers of the bench have one address.
  HOLDFAST_LIVE_SOCKETS_PER_IP: '0',
};

export class Stage {
  readonly place: Place;

  private constructor(
    readonly redis: TestStore,
    readonly postgres: TestStore,
    readonly service: Service,
    readonly store: StoreConnection,
    readonly sql: SQL,
  ) {
    const { hostname, port } = new URL(service.url);
    this.place = { host: hostname, port: Number(port) };
  }

  static async open({ workers = 1 }: { readonly workers?: number } = {}): Promise<Stage> {
    const [redis, postgres] = await Promise.all([
      startRedis({ appendfsync: 'always' }),
      startPostgres({ durable: true }),
    ]);
    const service = await startService({
      redisUrl: redis.url,
      databaseUrl: postgres.url,
      workers,
      env: COUNTED,
    });
    const first = connectRedis(redis.url, () => undefined);
    const store = first.duplicate({ commandTimeout: READ_WITHIN_MS, socketTimeout: READ_WITHIN_MS });
    first.disconnect();
    await untilConnected(store, CONNECT_WITHIN_MS);
    await store.call('CONFIG', 'SET', 'auto-aof-rewrite-percentage', '0');
    return new Stage(redis, postgres, service, store, new SQL(postgres.url, { max: 2 }));
  }

  /** For what is measured next. */
  async fsync(mode: Fsync): Promise<void> {
    await this.store.call('CONFIG', 'SET', 'appendfsync', mode);
  }

  /** An open sale of so many items with so many units each. */
  async sale(items: number, units: number): Promise<Sale> {
    const suffixes = Array.from({ length: items }, (_, i) => String(i));
    const made = await makeSale(this.service.url, Object.fromEntries(suffixes.map((name) => [name, units])), {
      ttlSeconds: TTL_SECONDS,
    });
    const [row] = await this.sql`SELECT number FROM holdfast.sale WHERE id = ${made.id}`;
    return { id: made.id, number: Number(row.number), skus: suffixes.map(made.sku) };
  }

  /** CPU of the stage's processes so far. */
  cpu(): StageCpu {
    return {
      service: treeCpuMs(this.service.pid),
      redis: treeCpuMs(this.redis.pid),
      postgres: treeCpuMs(this.postgres.pid),
    };
  }

  /** Transitions of a sale that the ledger has not been given yet, in batches of the stream. */
  async behind(sale: Sale): Promise<number> {
    return await this.store.xlen(saleKey(sale.number, 'events'));
  }

  /** Of what only Redis has: when the oldest transition happened, by its clock, and how many there are; undefined if there is none. */
  async unjournaled(
    sale: Sale,
  ): Promise<{ readonly oldestAtMs: number; readonly transitions: number } | undefined> {
    const [[first] = [], lastSeq] = await Promise.all([
      this.store.xrange(saleKey(sale.number, 'events'), '-', '+', 'COUNT', 1),
      this.store.hget(saleKey(sale.number, 'stock'), '@seq'),
    ]);
    if (first === undefined) return undefined;
    const [, [, at, , from]] = first; // "at" ms "from" number …
    return { oldestAtMs: Number(at), transitions: Number(lastSeq) - Number(from) + 1 };
  }

  /** Makes Redis's append-only file small, as before a sale (docs/operating.md): by itself it would do so beside whatever is measured. */
  async rewriteFile(): Promise<void> {
    await this.store.bgrewriteaof();
    const isOver = async () => {
      const info = await this.store.info('persistence');
      return NOT_REWRITING.every((line) => line.test(info));
    };
    await until('Redis has rewritten its file', isOver, REWRITTEN_WITHIN_MS);
  }

  /** With all data: those of five rounds would be 70 GB on a quick machine. */
  async close(): Promise<void> {
    this.store.disconnect();
    await this.sql.close({ timeout: 0 }).catch(() => undefined);
    await this.service.stop();
    await Promise.all([this.redis, this.postgres].map(discard));
  }
}

/** In ms, by what the processes are. */
export interface StageCpu {
  readonly service: number;
  readonly redis: number;
  readonly postgres: number;
}

export interface Cpu extends StageCpu {
  /** Of the process that makes the load. */
  readonly generator: number;
}

export function addCpu(one: Cpu, other: Cpu): Cpu {
  return {
    service: one.service + other.service,
    redis: one.redis + other.redis,
    postgres: one.postgres + other.postgres,
    generator: one.generator + other.generator,
  };
}
