// Several services on the same stores, each with a port of its own: what a test asks of the first and reads from the
// second went through two processes for certain, where workers that share a port leave that to the kernel.
import { afterAll, beforeAll } from 'bun:test';
import { type Service, startService } from './service.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './stores.ts';

export interface Fleet {
  readonly redis: TestStore;
  readonly database: FreshDatabase;
  readonly services: readonly Service[];
  /** Of the nth service; counts on from the first again past the last. */
  url(n: number): string;
}

export interface FleetOptions {
  /** One service for each, with these variables. Rate limits are off unless one says otherwise. */
  readonly environments: readonly Readonly<Record<string, string>>[];
}

const START_LIMIT_MS = 60_000;

/** Started before the file's tests, stopped after them. The parts may be read inside tests. */
export function sharedFleet({ environments }: FleetOptions): Fleet {
  let redis: TestStore;
  let database: FreshDatabase;
  const services: Service[] = [];
  beforeAll(async () => {
    [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
    // The first one brings the schema up to date, so that the others do not wait for its lock.
    for (const batch of [environments.slice(0, 1), environments.slice(1)]) {
      const started = batch.map((env) =>
        startService({ redisUrl: redis.url, databaseUrl: database.url, env }),
      );
      services.push(...(await Promise.all(started)));
    }
  }, START_LIMIT_MS);
  afterAll(async () => {
    await Promise.all(services.map((service) => service.stop()));
    await Promise.all([redis?.stop(), database?.drop()]);
  });
  return {
    get redis() {
      return redis;
    },
    get database() {
      return database;
    },
    services,
    url(n) {
      const service = services[n % services.length];
      if (service === undefined) throw new Error('the fleet has not been started');
      return service.url;
    },
  };
}

/** The same variables for each of `count` services. */
export function alike(count: number, env: Readonly<Record<string, string>>): FleetOptions {
  return { environments: Array.from({ length: count }, () => env) };
}
