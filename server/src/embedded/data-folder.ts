// The folder that holds everything of the embedded stores, and the right to use it. One guardian at a time has that
// right: it holds a lock that the kernel takes back when the process ends, however it ends, so no lock is ever stale.
//
//   lock            held by the guardian while it lives
//   holder.json     who that is, for the message to a second start
//   stores.json     the store processes it started: what a killed guardian left running is found here
//   passwords.json  of the stores, made once
//   redis/          redis.conf, append-only files, engine.json (which server may open them)
//   postgres/data/  PostgreSQL's own data directory
//   logs/           what the stores said
import { Database } from 'bun:sqlite';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning, type ProcessRecord, recordOf, stopProcess } from './processes.ts';
import type { RedisBinary, RedisEngine } from './redis-binary.ts';
import { STOP_LIMIT_MS, STOP_SIGNAL, type StoreName } from './store-process.ts';

/** A guardian whose service is gone ends within STOP_LIMIT_MS, and a little for what comes before and after. */
const LEAVING_LIMIT_MS = 15_000;
const POLL_MS = 50;
/** Most stops take less, and need no line on the terminal. */
const ANNOUNCED_AFTER_POLLS = 4;
const PASSWORD_BYTES = 24;

export class DataFolderBusy extends Error {
  override readonly name = 'DataFolderBusy';
}

export interface StorePasswords {
  readonly redis: string;
  readonly postgres: string;
}

interface Holder {
  readonly service: ProcessRecord;
  readonly guardian: ProcessRecord;
}

interface RedisTag {
  readonly engine: RedisEngine;
  readonly major: number;
  readonly minor: number;
}

export class DataFolder {
  readonly redisFolder: string;
  readonly postgresFolder: string;
  readonly postgresData: string;
  readonly logsFolder: string;
  private readonly stores: Partial<Record<StoreName, ProcessRecord>> = {};

  private constructor(
    readonly root: string,
    private readonly lock: Database,
  ) {
    this.redisFolder = path.join(root, 'redis');
    this.postgresFolder = path.join(root, 'postgres');
    this.postgresData = path.join(this.postgresFolder, 'data');
    this.logsFolder = path.join(root, 'logs');
  }

  /**
   * Takes the folder for the service, making it if need be, and stops stores that a killed guardian left behind.
   * @throws DataFolderBusy when another service uses it.
   */
  static async open(
    root: string,
    service: ProcessRecord,
    onProgress: (text: string) => void,
  ): Promise<DataFolder> {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    const folder = new DataFolder(root, await takeLock(root, onProgress));
    const guardian = recordOf(process.pid);
    if (guardian === null) throw new Error('a process sees itself running');
    writeJson(path.join(root, 'holder.json'), { service, guardian } satisfies Holder);
    await folder.stopOrphans();
    for (const name of [folder.redisFolder, folder.postgresFolder, folder.logsFolder]) {
      mkdirSync(name, { recursive: true, mode: 0o700 });
    }
    return folder;
  }

  /** Lets the next one in. The stores must be gone. */
  release(): void {
    for (const name of ['stores.json', 'holder.json']) rmSync(path.join(this.root, name), { force: true });
    this.lock.close();
  }

  /** Made at the first call, the same ever after. @throws when they were lost and data that needs them was not. */
  passwords(): StorePasswords {
    const file = path.join(this.root, 'passwords.json');
    const known = readJson<StorePasswords>(file);
    if (known !== null) return known;
    if (existsSync(this.postgresData)) {
      throw new Error(
        `${file} is missing, and PostgreSQL's data in ${this.postgresData} opens with no other password. ` +
          'Restore the file, or set HOLDFAST_DATA_DIR to a new folder.',
      );
    }
    const made = { redis: newPassword(), postgres: newPassword() };
    writeJson(file, made);
    return made;
  }

  /** Notes a store that was started, at once: what is not noted is not found after a kill -9. */
  noteStore(store: StoreName, pid: number): void {
    const record = recordOf(pid);
    if (record === null) delete this.stores[store];
    else this.stores[store] = record;
    writeJson(path.join(this.root, 'stores.json'), this.stores);
  }

  /** In words why this server cannot open the append-only files, or null when it can. */
  redisMisfit(binary: RedisBinary): string | null {
    const tag = readJson<RedisTag>(this.redisTagFile());
    if (tag === null) return null;
    const newEnough = binary.major > tag.major || (binary.major === tag.major && binary.minor >= tag.minor);
    if (binary.engine === tag.engine && newEnough) return null;
    return (
      `The data in ${this.redisFolder} was written by ${tag.engine} ${tag.major}.${tag.minor}, and ${binary.file} is ` +
      `${binary.engine} ${binary.major}.${binary.minor}: append-only files do not load across engines or in an older ` +
      `version. Install ${tag.engine} ${tag.major}.${tag.minor} or later, name it in HOLDFAST_REDIS_BIN, or set ` +
      'HOLDFAST_DATA_DIR to a new folder.'
    );
  }

  /** Before the server's first write: from then on only its like may open the files. */
  tagRedis({ engine, major, minor }: RedisBinary): void {
    writeJson(this.redisTagFile(), { engine, major, minor } satisfies RedisTag);
  }

  private redisTagFile(): string {
    return path.join(this.redisFolder, 'engine.json');
  }

  private async stopOrphans(): Promise<void> {
    const file = path.join(this.root, 'stores.json');
    const left = Object.entries(readJson<Partial<Record<StoreName, ProcessRecord>>>(file) ?? {});
    await Promise.all(
      left.map(([store, record]) => stopProcess(record, STOP_SIGNAL[store as StoreName], STOP_LIMIT_MS)),
    );
    rmSync(file, { force: true });
  }
}

/** Waits for a guardian that is only still stopping; tells one that is at work. */
async function takeLock(root: string, onProgress: (text: string) => void): Promise<Database> {
  const until = performance.now() + LEAVING_LIMIT_MS;
  for (let attempt = 0; ; attempt += 1) {
    const lock = tryLock(path.join(root, 'lock'));
    if (lock !== null) return lock;
    const holder = readJson<Holder>(path.join(root, 'holder.json'));
    if (holder !== null && isRunning(holder.service)) {
      throw new DataFolderBusy(
        `The data folder ${root} is in use by process ${holder.service.pid}. ` +
          'Stop that one first, or set HOLDFAST_DATA_DIR to another folder.',
      );
    }
    if (performance.now() > until) {
      throw new DataFolderBusy(
        `The data folder ${root} is in use by the stores of a service that has ended` +
          `${holder === null ? '' : ` (their guardian is process ${holder.guardian.pid})`}. ` +
          'Stop them, or set HOLDFAST_DATA_DIR to another folder.',
      );
    }
    if (attempt === ANNOUNCED_AFTER_POLLS) onProgress('waiting for the stores of the last run to stop');
    await delay(POLL_MS);
  }
}

/**
 * SQLite's exclusive lock on an empty file: a kernel lock that both Linux and macOS have, that ends with its process,
 * and that is seen across containers, where process ids mean nothing.
 */
function tryLock(file: string): Database | null {
  const database = new Database(file);
  try {
    database.run('PRAGMA journal_mode = OFF');
    database.run('BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database.close();
    if ((error as { code?: string }).code === 'SQLITE_BUSY') return null;
    throw error;
  }
}

function newPassword(): string {
  return randomBytes(PASSWORD_BYTES).toString('base64url');
}

/** Complete or not at all, and for this user's eyes only. */
function writeJson(file: string, value: unknown): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Files that writeJson wrote, and nobody else. */
function readJson<T>(file: string): T | null {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : null;
}
