// Memory and handles of everything that runs, looked at every few seconds: by process, so that one that was killed ends its
// series and its successor begins another. From /proc, from Redis's and PostgreSQL's own words, and from the metrics.
import { readdirSync, readFileSync } from 'node:fs';
import type { SQL } from 'bun';
import type { Redis } from 'ioredis';
import { residentMib } from '../faults/memory.ts';
import { childrenOf, type Stage } from '../faults/stage.ts';
import type { Point } from './slope.ts';

/** Everything that is watched, with its unit where it has one. */
export type Measure =
  | 'resident MiB'
  | 'descriptors'
  | 'anonymous MiB'
  | 'used MiB'
  | 'keys'
  | 'connections'
  | 'event loop late, ms'
  | 'viewers';

export interface Series {
  /** `worker 4711` */
  readonly of: string;
  readonly role: 'supervisor' | 'worker' | 'Redis' | 'PostgreSQL' | 'service';
  readonly measure: Measure;
  readonly points: Point[];
}

const EVERY_MS = 5_000;
const ANSWER_WITHIN_MS = 2_000;
const MIB = 2 ** 20;

export class MemoryWatch {
  looks = 0;
  /** The highest that the service said of its own invariants, and which. */
  readonly violations = new Map<string, number>();
  private readonly known = new Map<string, Series>();
  private readonly redis: Redis;
  private readonly sql: SQL;
  private stopped = false;
  private readonly running: Promise<void>;

  constructor(
    private readonly stage: Stage,
    private readonly metricsUrl: string,
  ) {
    this.redis = stage.redisClient();
    this.sql = stage.sql(1);
    this.running = this.run();
  }

  get series(): Series[] {
    return [...this.known.values()];
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      this.lookAtProcesses();
      await Promise.race([
        Promise.allSettled([this.lookAtRedis(), this.lookAtPostgres(), this.readMetrics()]),
        Bun.sleep(ANSWER_WITHIN_MS),
      ]);
      this.looks += 1;
      await Bun.sleep(EVERY_MS);
    }
  }

  private lookAtProcesses(): void {
    for (const { pids } of this.stage.services) {
      for (const [n, pid] of pids.entries()) {
        const role = n === 0 ? 'supervisor' : 'worker';
        this.lookAtProcess(role, pid);
      }
    }
    const { redis, postgres } = this.stage;
    if (redis.pid !== 0) this.lookAtProcess('Redis', redis.pid);
    if (postgres.pid !== 0) {
      // Resident pages that backends share would count as often as there are backends.
      const anonymous = [postgres.pid, ...childrenOf(postgres.pid)].map(anonymousMib);
      this.keep('PostgreSQL', `PostgreSQL ${postgres.pid}`, 'anonymous MiB', sum(anonymous));
    }
  }

  private lookAtProcess(role: Series['role'], pid: number): void {
    const resident = residentMib([pid]);
    if (resident === 0) return; // It ended while we looked.
    this.keep(role, `${role} ${pid}`, 'resident MiB', resident);
    const descriptors = descriptorsOf(pid);
    if (descriptors !== undefined) this.keep(role, `${role} ${pid}`, 'descriptors', descriptors);
  }

  private async lookAtRedis(): Promise<void> {
    const { pid } = this.stage.redis;
    const info = await this.redis.info();
    const read = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]);
    const of = `Redis ${pid}`;
    this.keep('Redis', of, 'used MiB', read('used_memory') / MIB);
    this.keep('Redis', of, 'connections', read('connected_clients'));
    this.keep('Redis', of, 'keys', await this.redis.dbsize());
  }

  private async lookAtPostgres(): Promise<void> {
    const { pid } = this.stage.postgres;
    const [row] = await this.sql`
      SELECT count(*) AS connections FROM pg_stat_activity WHERE application_name LIKE 'holdfast%'`;
    this.keep('PostgreSQL', `PostgreSQL ${pid}`, 'connections', Number(row.connections));
  }

  private async readMetrics(): Promise<void> {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const text = await (await fetch(this.metricsUrl, { signal })).text();
    const all = (name: string) =>
      [...text.matchAll(new RegExp(`^${name}(\\{[^}]*\\})? (\\S+)$`, 'gm'))].map(
        ([, labels = '', value]) => [labels, Number(value)] as const,
      );
    const values = (name: string) => all(name).map(([, value]) => value);
    this.keep(
      'service',
      'the service',
      'event loop late, ms',
      sum(values('holdfast_event_loop_delay_seconds')) * 1000,
    );
    this.keep('service', 'the service', 'viewers', sum(values('holdfast_live_sockets')));
    for (const [labels, value] of all('holdfast_invariant_violations')) {
      const name = /invariant="([^"]*)"/.exec(labels)?.[1] ?? labels;
      if (value > (this.violations.get(name) ?? 0)) this.violations.set(name, value);
    }
  }

  private keep(role: Series['role'], of: string, measure: Measure, value: number): void {
    if (!Number.isFinite(value)) return;
    const name = `${of} ${measure}`;
    const series = this.known.get(name) ?? { of, role, measure, points: [] };
    series.points.push({ atMs: performance.now(), value });
    this.known.set(name, series);
  }
}

function descriptorsOf(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined; // Gone, or another user's.
  }
}

function anonymousMib(pid: number): number {
  try {
    return Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
