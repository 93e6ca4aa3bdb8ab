// Real stores for tests: one shared PostgreSQL for the whole test process with a fresh database for whoever asks, and
// any number of private Redis and PostgreSQL servers to kill and restart. A leash process ends what a run leaves behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { SQL } from 'bun';
import { defaultCacheDir } from '../../src/embedded/cache-folder.ts';
import { obtainRedis } from '../../src/embedded/find-redis.ts';
import { freePort } from '../../src/embedded/free-port.ts';
import { findPostgres, type PostgresBinaries } from '../../src/embedded/postgres-binaries.ts';
import {
  createCluster,
  launchPostgres,
  type PostgresCluster,
  postgresUrl,
} from '../../src/embedded/private-postgres.ts';
import { launchRedis, redisUrl } from '../../src/embedded/private-redis.ts';
import type { RedisBinary } from '../../src/embedded/redis-binary.ts';
import { StoreDied, type StoreProcess } from '../../src/embedded/store-process.ts';
import { chooseStoreUser, fileOwner } from '../../src/embedded/store-user.ts';
import { type Encryption, encryptPostgres, redisTlsLines } from './encryption.ts';

/** Another program may take a free port before the store does. */
const PORT_TRIES = 5;

const IN_USE_TRIES = 50;
const IN_USE_PAUSE_MS = 100;

/** A store of the test's own. Its port and its folder stay the same over restarts. */
export interface TestStore {
  readonly url: string;
  readonly port: number;
  /** Where its data is. */
  readonly dir: string;
  /** Of the running server; 0 while it is down. */
  readonly pid: number;
  /** Orderly: everything acknowledged and everything buffered is on disk. Safe to call again. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when the process is gone. */
  kill9(): Promise<void>;
  /** Stops it first if it still runs; resolves when it takes connections again. */
  restart(): Promise<void>;
}

export interface RedisOptions {
  /** `everysec` by default: tests that are about fsync ask for `always`. */
  readonly appendfsync?: 'always' | 'everysec';
  /** A folder to use (and keep) instead of a temporary one. */
  readonly dir?: string;
  readonly port?: number;
  /** One of its own unless given. */
  readonly password?: string;
  /** Further lines of redis.conf. */
  readonly configLines?: readonly string[];
  /** TLS and nothing else; asked for anew at each start. */
  readonly encryption?: () => Encryption;
}

export interface PostgresOptions {
  /** On by default. */
  readonly durable?: boolean;
  /** A cluster that is there already, in `data` of the folder, and its password; a new one unless given. */
  readonly existing?: { readonly dir: string; readonly password: string };
  /** Another one than the service would choose. */
  readonly binaries?: PostgresBinaries;
  /** TLS and nothing else; asked for anew at each start. */
  readonly encryption?: () => Encryption;
}

export interface FreshDatabase {
  readonly url: string;
  /** Ends its sessions and removes it. Safe to call again. */
  drop(): Promise<void>;
}

/** A Redis of the test's own, with DEBUG allowed. */
export async function startRedis(options: RedisOptions = {}): Promise<TestStore> {
  const binary = await redisBinary();
  const password = options.password ?? newPassword();
  const dir = options.dir ?? temporaryFolder('redis');
  const { encryption } = options;
  const instance = {
    binary,
    folder: dir,
    password,
    appendfsync: options.appendfsync ?? ('everysec' as const),
    configLines: ['enable-debug-command yes', ...(options.configLines ?? [])],
  };
  return startStore({
    port: options.port,
    dir,
    url: (port) => redisUrl(port, password).replace(/^redis:/, encryption ? 'rediss:' : 'redis:'),
    launch: (port) => {
      const tlsLines = encryption ? redisTlsLines(dir, port, encryption()) : [];
      const configLines = [...instance.configLines, ...tlsLines];
      return launchRedis({ ...instance, configLines }, port, () => undefined);
    },
  });
}

/** A PostgreSQL of the test's own, durable unless asked otherwise. */
export async function startPostgres(options: PostgresOptions = {}): Promise<TestStore> {
  const { existing } = options;
  const binaries = options.binaries ?? (await postgresBinaries());
  const dir = existing?.dir ?? temporaryFolder('postgres');
  const dataFolder = path.join(dir, 'data');
  const user = await chooseStoreUser({ dataFolder, ownFolders: [dir], needs: binaries.needs });
  const cluster: PostgresCluster = { binaries, user, dataFolder, durable: options.durable ?? true };
  const password = existing?.password ?? newPassword();
  if (existing === undefined) await createCluster(cluster, password);
  return startStore({
    port: undefined,
    dir,
    url: (port) => postgresUrl(port, password),
    launch: (port) => {
      if (options.encryption) encryptPostgres(dataFolder, options.encryption(), fileOwner(user));
      return launchPostgres(cluster, port, () => undefined);
    },
  });
}

async function postgresBinaries(): Promise<PostgresBinaries> {
  const cacheDir = defaultCacheDir(process.env, homedir());
  const found = await findPostgres({ cacheDir, wantedMajor: null });
  if (found.kind === 'none') throw new Error(found.message);
  return found.binaries;
}

let shared: Promise<TestStore> | undefined;
let administration: SQL | undefined;
let databasesMade = 0;

/** The one PostgreSQL of this test process, started when first asked for. Not durable: fsync is off. */
export function sharedPostgres(): Promise<TestStore> {
  shared ??= startPostgres({ durable: false });
  return shared;
}

/** An empty database in the shared PostgreSQL. */
export async function freshDatabase(): Promise<FreshDatabase> {
  const server = await sharedPostgres();
  administration ??= new SQL(server.url, { max: 2 });
  const sql = administration;
  databasesMade += 1;
  const name = `test_${databasesMade}`;
  await sql.unsafe(`CREATE DATABASE ${name} TEMPLATE template0 STRATEGY FILE_COPY`);
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: async () => {
      await sql.unsafe(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

/** Ends a store, and removes its data now instead of at the end of the run; not those in a folder that was given. */
export async function discard(store: TestStore): Promise<void> {
  await store.stop();
  if (folders.delete(store.dir)) rmSync(store.dir, { recursive: true, force: true });
}

/** Ends every store and removes every folder of this test process. Safe to call again. */
export async function stopAll(): Promise<void> {
  await administration?.close({ timeout: 0 });
  administration = undefined;
  shared = undefined;
  await Promise.all([...running].map((store) => store.stop()));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
  leash?.stdin?.end();
  leash = undefined;
}

interface StorePlan {
  readonly port: number | undefined;
  readonly dir: string;
  readonly url: (port: number) => string;
  readonly launch: (port: number) => StoreProcess;
}

const running = new Set<TestStore>();

async function startStore(plan: StorePlan): Promise<TestStore> {
  let process_: StoreProcess | undefined;
  let port = plan.port ?? 0;

  const start = async () => {
    const launched = plan.launch(port);
    tellLeash(`pid ${launched.pid}`);
    process_ = launched;
    running.add(store);
    void launched.exited.then(() => {
      tellLeash(`gone ${launched.pid}`);
      if (process_ !== launched) return;
      process_ = undefined;
      running.delete(store);
    });
    await launched.ready;
  };
  const store: TestStore = {
    get url() {
      return plan.url(port);
    },
    get port() {
      return port;
    },
    get pid() {
      return process_?.pid ?? 0;
    },
    dir: plan.dir,
    stop: async () => process_?.stop(),
    kill9: async () => {
      const killed = process_;
      killed?.kill9();
      await killed?.exited;
    },
    restart: async () => {
      await process_?.stop();
      // Backends of a killed PostgreSQL hold its shared memory for another moment.
      for (let attempt = 1; ; attempt += 1) {
        try {
          await start();
          return;
        } catch (error) {
          const passes = error instanceof StoreDied && error.reason === 'still-in-use';
          if (!passes || attempt >= IN_USE_TRIES) throw error;
          await Bun.sleep(IN_USE_PAUSE_MS);
        }
      }
    },
  };

  for (let attempt = 1; ; attempt += 1) {
    if (plan.port === undefined) port = await freePort();
    try {
      await start();
      return store;
    } catch (error) {
      if (plan.port !== undefined || attempt >= PORT_TRIES) throw error;
    }
  }
}

let binary: Promise<RedisBinary> | undefined;

/** The server that tests use: what is installed, else fetched once into the user's cache folder. */
export function redisBinary(): Promise<RedisBinary> {
  binary ??= obtainRedis({
    redisBin: process.env.HOLDFAST_REDIS_BIN ?? null,
    cacheDir: defaultCacheDir(process.env, homedir()),
    misfit: () => null,
    onProgress: (text) => console.error(text),
  }).then((finding) => {
    if (finding.kind !== 'found') throw new Error(finding.message);
    return finding.binary;
  });
  return binary;
}

const folders = new Set<string>();

/** A folder that is removed at the end of the run, even of a killed one. */
export function temporaryFolder(purpose: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), `holdfast-${purpose}-`));
  folders.add(folder);
  tellLeash(`folder ${folder}`);
  return folder;
}

let leash: ChildProcess | undefined;

function tellLeash(line: string): void {
  if (leash === undefined) {
    const script = path.join(import.meta.dir, 'leash.ts');
    leash = spawn(process.execPath, [script], { detached: true, stdio: ['pipe', 'ignore', 'inherit'] });
    leash.unref();
  }
  leash.stdin?.write(`${line}\n`);
}

function newPassword(): string {
  return randomBytes(24).toString('base64url');
}
