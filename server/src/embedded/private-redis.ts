// A private Redis: append-only file, nothing evicted, on loopback alone, with a password that no command line shows.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { LOOPBACK } from './free-port.ts';
import type { RedisBinary } from './redis-binary.ts';
import { STORE_ENVIRONMENT } from './run-program.ts';
import { StoreProcess } from './store-process.ts';

export interface RedisInstance {
  readonly binary: RedisBinary;
  /** Holds its configuration and its append-only files. */
  readonly folder: string;
  readonly password: string;
  readonly appendfsync: 'always' | 'everysec';
  /** Further lines of configuration: for tests. */
  readonly configLines?: readonly string[];
}

export function redisUrl(port: number, password: string): string {
  return `redis://:${encodeURIComponent(password)}@${LOOPBACK}:${port}`;
}

/** Starts the server and returns at once: `ready` tells when its data is loaded and it takes connections. */
export function launchRedis(
  redis: RedisInstance,
  port: number,
  onLine: (line: string) => void,
): StoreProcess {
  mkdirSync(redis.folder, { recursive: true, mode: 0o700 });
  const configFile = path.join(redis.folder, 'redis.conf');
  writeFileSync(`${configFile}.new`, configuration(redis, port), { mode: 0o600 });
  renameSync(`${configFile}.new`, configFile);
  return new StoreProcess({
    store: 'redis',
    command: {
      file: redis.binary.file,
      args: [configFile],
      env: { ...STORE_ENVIRONMENT, ...redis.binary.env },
    },
    cwd: redis.folder,
    readyLine: /Ready to accept connections/,
    portTakenLine: /Address already in use|Failed listening on port/,
    onLine,
  });
}

function configuration(redis: RedisInstance, port: number): string {
  const lines = [
    `bind ${LOOPBACK}`,
    `port ${port}`,
    'protected-mode yes',
    `requirepass ${redis.password}`,
    'daemonize no',
    `dir ${quoted(redis.folder)}`,
    'appendonly yes',
    `appendfsync ${redis.appendfsync}`,
    'aof-timestamp-enabled yes',
    'save ""',
    'maxmemory-policy noeviction',
    'loglevel notice',
    'logfile ""', // standard output: whoever started it keeps the log within bounds
    'set-proc-title no', // so that `ps` shows whose it is
    ...(redis.configLines ?? []),
  ];
  return `${lines.join('\n')}\n`;
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
