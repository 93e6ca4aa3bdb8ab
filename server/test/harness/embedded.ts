// What the tests of the embedded stores share: starting them inside this process or under one that can be killed,
// asking them something, and seeing that nothing of a data folder runs any more.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { RedisClient, SQL } from 'bun';
import { defaultCacheDir } from '../../src/embedded/cache-folder.ts';
import { type EmbeddedOptions, type EmbeddedStores, startEmbedded } from '../../src/embedded/start.ts';
import type { StoreName } from '../../src/embedded/store-process.ts';
import { temporaryFolder } from './stores.ts';
import { until } from './until.ts';

/** Both stores, in a new data folder unless told otherwise. */
export function embeddedOptions(changes: Partial<EmbeddedOptions> = {}): EmbeddedOptions {
  return {
    dataDir: changes.dataDir ?? newDataDir(),
    cacheDir: defaultCacheDir(process.env, homedir()),
    redisBin: null,
    redisFsync: 'always',
    startRedis: true,
    startPostgres: true,
    onProgress: () => undefined,
    onStoreExit: () => undefined,
    onFailed: () => undefined,
    ...changes,
  };
}

/** Goes before a command of root's: an ordinary user to all appearances, whom permissions bind. */
export const AS_ORDINARY_USER = ['unshare', '--user', '--map-user=1000', '--map-group=1000', '--'];
/** Goes before a command of anybody's: root to all appearances. */
export const AS_ROOT = ['unshare', '--user', '--map-root-user', '--'];

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

const dataDirs = new Set<string>();
const started = new Set<EmbeddedStores>();
const services = new Set<ChildProcess>();

export function newDataDir(): string {
  return path.join(temporaryFolder('data'), '.holdfast');
}

/** Starts them under this process; ended by endEmbedded at the latest. */
export async function start(options: EmbeddedOptions): Promise<EmbeddedStores> {
  dataDirs.add(options.dataDir);
  const stores = await startEmbedded(options);
  started.add(stores);
  return stores;
}

export interface ServiceEvent {
  readonly event: 'progress' | 'ready' | 'store-exited' | 'over' | 'refused';
  readonly [detail: string]: unknown;
}

export interface Service {
  readonly pid: number;
  /** The next event of the kind, or the one that came already. */
  readonly heard: (event: ServiceEvent['event']) => Promise<ServiceEvent>;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly exited: Promise<unknown>;
}

/** Starts them under a process of its own. `command` goes before the program: another user, say. */
export function startService(options: EmbeddedOptions, command: readonly string[] = []): Service {
  dataDirs.add(options.dataDir);
  const script = path.join(import.meta.dir, 'embedded-service.ts');
  const [file = '', ...args] = [...command, process.execPath, script, JSON.stringify(options)];
  const child = spawn(file, args, { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] });
  services.add(child);
  const events: ServiceEvent[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => events.push(JSON.parse(line)));
  const exited = once(child, 'exit');
  return {
    pid: child.pid ?? 0,
    heard: async (event) => {
      await until(
        `the service says ${event}`,
        () => {
          const refused = events.find((said) => said.event === 'refused');
          if (refused && event !== 'refused') throw new Error(`it refused to start: ${refused.message}`);
          return events.some((said) => said.event === event);
        },
        SERVICE_LIMIT_MS,
      );
      return events.find((said) => said.event === event) ?? { event };
    },
    kill: (signal) => child.kill(signal),
    exited,
  };
}

const SERVICE_LIMIT_MS = 15_000;

/** Ends what a test started, and fails when anything of it still runs afterwards. */
export async function endEmbedded(): Promise<void> {
  for (const service of services) service.kill('SIGKILL');
  await Promise.all([...started].map((stores) => stores.stop()));
  const folders = [...dataDirs];
  for (const known of [services, started, dataDirs]) known.clear();
  for (const folder of folders) await nothingRunsIn(folder);
}

export async function nothingRunsIn(dataDir: string): Promise<void> {
  await until(`nothing runs in ${dataDir}`, () => runningIn(dataDir).length === 0);
}

/** Command lines of the processes that name the folder, less those of test services. */
export function runningIn(dataDir: string): string[] {
  return commandLines().filter((line) => line.includes(`${dataDir}/`));
}

function commandLines(): string[] {
  if (process.platform !== 'linux') {
    return spawnSync('ps', ['-axwwo', 'command='], { encoding: 'utf8' }).stdout.split('\n');
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return ''; // it has ended meanwhile
      }
    });
}

export function storePid(dataDir: string, store: StoreName): number {
  const stores = JSON.parse(readFileSync(path.join(dataDir, 'stores.json'), 'utf8'));
  return stores[store].pid;
}

/** One value from PostgreSQL. */
export async function ask(databaseUrl: unknown, statement: string): Promise<unknown> {
  const sql = new SQL(String(databaseUrl), { max: 1 });
  try {
    const rows: Record<string, unknown>[] = await sql.unsafe(statement);
    return Object.values(rows[0] ?? {})[0];
  } finally {
    await sql.close();
  }
}

/** One command to Redis. */
export async function tell(redisUrl: unknown, command: string, ...args: string[]): Promise<unknown> {
  const client = new RedisClient(String(redisUrl), { autoReconnect: false });
  try {
    return await client.send(command, args);
  } finally {
    client.close();
  }
}
