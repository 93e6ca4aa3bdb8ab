// What the service and its guardian say to each other: one line of JSON each. The service writes its settings to the
// guardian's standard input and keeps that open as long as it lives; the guardian answers on its standard output.
import type { ProcessRecord } from './processes.ts';
import type { StoreName } from './store-process.ts';

/** The first and only line to the guardian. Paths are absolute. */
export interface GuardianSettings {
  readonly service: ProcessRecord;
  readonly dataDir: string;
  readonly cacheDir: string;
  readonly redisBin: string | null;
  readonly redisFsync: 'always' | 'everysec';
  readonly startRedis: boolean;
  readonly startPostgres: boolean;
}

/** `null`: that store is not embedded. */
export interface ReadyEvent {
  readonly event: 'ready';
  readonly redisUrl: string | null;
  readonly redisVersion: string | null;
  readonly databaseUrl: string | null;
  readonly postgresVersion: string | null;
}

export type GuardianEvent =
  | { readonly event: 'progress'; readonly text: string }
  | ReadyEvent
  /** It died by itself; the guardian is starting it again, on the same port. */
  | { readonly event: 'store-exited'; readonly store: StoreName }
  /** The last event: nothing runs, or is about to stop. */
  | { readonly event: 'failed'; readonly reason: 'data-folder-busy' | 'other'; readonly message: string };
