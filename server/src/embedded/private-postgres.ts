// A private PostgreSQL: one cluster in the data folder, on loopback alone, with a password, durable by default.
import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { LOOPBACK } from './free-port.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { commandLineOf } from './processes.ts';
import { type Command, lastLine, runProgram, STORE_ENVIRONMENT } from './run-program.ts';
import { StoreProcess } from './store-process.ts';
import { asStoreUser, fileOwner, type StoreUser } from './store-user.ts';

const USER = 'holdfast';
const DATABASE = 'holdfast';
/** initdb takes one second on a laptop; slow disks and emulated processors take a hundred times as long. */
const INITDB_LIMIT_MS = 180_000;
const UNFINISHED_PREFIX = 'unfinished-';

/** Kept the same whoever starts it, so that settings follow the code and not the day the folder was made. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: LOOPBACK,
  unix_socket_directories: '', // a socket's path is limited to 107 bytes, a data folder's is not
  max_connections: '100',
  shared_buffers: '128MB',
  password_encryption: 'scram-sha-256',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C', // readiness and failures are read from the log
  logging_collector: 'off',
  log_destination: 'stderr',
  log_checkpoints: 'off',
  log_min_error_statement: 'panic', // statements carry customers' data
  jit: 'off', // the npm package has no LLVM
};
const DURABLE = { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' };
const FAST_AND_LOSSY = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

export interface PostgresCluster {
  readonly binaries: PostgresBinaries;
  readonly user: StoreUser;
  /** PostgreSQL's own data directory. */
  readonly dataFolder: string;
  /** false gives up durability for speed: for tests only. */
  readonly durable: boolean;
}

/** The major version that made the data, or null where there is none. */
export function clusterMajor(dataFolder: string): number | null {
  const file = path.join(dataFolder, 'PG_VERSION');
  return existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : null;
}

export function postgresUrl(port: number, password: string): string {
  return `postgres://${USER}:${encodeURIComponent(password)}@${LOOPBACK}:${port}/${DATABASE}`;
}

/**
 * Makes the cluster beside its final place and renames it there when complete, so that a crash leaves no half of one.
 * @throws Error with initdb's last words.
 */
export async function createCluster(
  cluster: PostgresCluster,
  password: string,
  signal?: AbortSignal,
): Promise<void> {
  const parent = path.dirname(cluster.dataFolder);
  for (const entry of readdirSync(parent)) {
    if (entry.startsWith(UNFINISHED_PREFIX))
      rmSync(path.join(parent, entry), { recursive: true, force: true });
  }
  const unfinished = path.join(parent, `${UNFINISHED_PREFIX}${process.pid}`);
  const passwordFile = path.join(parent, `${UNFINISHED_PREFIX}${process.pid}.password`);
  mkdirSync(unfinished, { mode: 0o700 });
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  const owner = fileOwner(cluster.user);
  if (owner !== undefined)
    for (const file of [unfinished, passwordFile]) chownSync(file, owner.uid, owner.gid);

  const steps: { args: string[]; file: string; input: string }[] = [
    {
      file: cluster.binaries.initdb,
      args: [
        ...['--pgdata', unfinished, '--username', USER, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
        ...[
          '--encoding',
          'UTF8',
          '--locale',
          'C',
          '--data-checksums',
          ...(cluster.durable ? [] : ['--no-sync']),
        ],
      ],
      input: '',
    },
    {
      file: cluster.binaries.postgres,
      args: ['--single', ...(cluster.durable ? [] : ['-F']), '-D', unfinished, 'postgres'],
      input: `CREATE DATABASE ${DATABASE};\n`,
    },
  ];
  try {
    for (const step of steps) {
      const result = await runProgram(
        asStoreUser(cluster.user, withEnvironment(cluster, step.file, step.args)),
        {
          timeoutMs: INITDB_LIMIT_MS,
          cwd: parent,
          input: step.input,
          signal,
        },
      );
      if (result.code === 0) continue;
      throw new Error(`PostgreSQL's ${path.basename(step.file)} failed: ${lastLine(result.stderr)}`);
    }
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw error;
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(unfinished, cluster.dataFolder);
  syncFolder(parent);
}

/** Starts the server and returns at once: `ready` tells when it takes connections. */
export function launchPostgres(
  cluster: PostgresCluster,
  port: number,
  onLine: (line: string) => void,
): StoreProcess {
  releaseReusedId(cluster.dataFolder);
  const settings = { ...SETTINGS, ...(cluster.durable ? DURABLE : FAST_AND_LOSSY), port: String(port) };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const command = withEnvironment(cluster, cluster.binaries.postgres, ['-D', cluster.dataFolder, ...args]);
  return new StoreProcess({
    store: 'postgres',
    command: asStoreUser(cluster.user, command),
    cwd: path.dirname(cluster.dataFolder),
    readyLine: /database system is ready to accept connections/,
    portTakenLine: /could not bind IPv4 address|could not create any TCP\/IP sockets/,
    // Backends of a killed postmaster live on for a moment with its shared memory.
    stillInUseLine: /pre-existing shared memory block|lock file "postmaster\.pid" already exists/,
    onLine,
  });
}

/**
 * After a crash PostgreSQL's own lock file names a process id that by now may be somebody else's (in a container, where
 * ids start over, it soon is) or a zombie's that nobody reaps, and PostgreSQL would refuse to start. The file must not
 * be removed: it also leads to the shared memory of backends that may still run, which PostgreSQL checks. So the id
 * alone is replaced, by that of this process: a lock held by its own parent does not stop a server.
 */
function releaseReusedId(dataFolder: string): void {
  const file = path.join(dataFolder, 'postmaster.pid');
  if (!existsSync(file)) return;
  const [id = '', ...rest] = readFileSync(file, 'utf8').split('\n');
  if (commandLineOf(Math.abs(Number.parseInt(id, 10)))?.includes(dataFolder)) return;
  writeFileSync(file, [process.pid, ...rest].join('\n'));
}

function withEnvironment(cluster: PostgresCluster, file: string, args: readonly string[]): Command {
  return { file, args, env: { ...STORE_ENVIRONMENT, ...cluster.binaries.env } };
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
