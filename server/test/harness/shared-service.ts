// One Redis, one database, one service for a test file: started before its tests, stopped after them.
import { afterAll, beforeAll } from 'bun:test';
import { type Service, startService } from './service.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './stores.ts';

export interface Stage {
  readonly redis: TestStore;
  readonly database: FreshDatabase;
  readonly service: Service;
  readonly url: string;
}

const START_LIMIT_MS = 60_000;

/** The stage's parts may be read inside tests. */
export function sharedService(
  options: { readonly workers?: number; readonly env?: Record<string, string> } = {},
): Stage {
  let redis: TestStore;
  let database: FreshDatabase;
  let service: Service;
  beforeAll(async () => {
    [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
    service = await startService({ redisUrl: redis.url, databaseUrl: database.url, ...options });
  }, START_LIMIT_MS);
  afterAll(async () => {
    await service?.stop();
    await Promise.all([redis?.stop(), database?.drop()]);
  });
  return {
    get redis() {
      return redis;
    },
    get database() {
      return database;
    },
    get service() {
      return service;
    },
    get url() {
      return service.url;
    },
  };
}
