// Starts the embedded stores for the service: a private Redis and a private PostgreSQL, run by a guardian process
// that stops them when this process ends, however it ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DataFolder, DataFolderBusy } from './data-folder.ts';
import type { GuardianEvent, GuardianSettings, ReadyEvent } from './guardian-protocol.ts';
import { recordOf } from './processes.ts';
import type { StoreName } from './store-process.ts';

/** The guardian gives each store 8 s; past this it hangs. */
const GUARDIAN_STOP_LIMIT_MS = 20_000;
/** Its standard error is empty unless it breaks; this much of a stack tells why. */
const ERROR_LINES = 20;

export { DataFolderBusy };

/** The stores cannot be started; the message says why and what to do. */
export class EmbeddedFailed extends Error {
  override readonly name = 'EmbeddedFailed';
}

export interface EmbeddedOptions {
  readonly dataDir: string;
  readonly cacheDir: string;
  /** The server program that the operator named, or null. */
  readonly redisBin: string | null;
  readonly redisFsync: 'always' | 'everysec';
  /** At least one of the two. */
  readonly startRedis: boolean;
  readonly startPostgres: boolean;
  /** The guardian's: a store's own is smaller still. This process's, unless given. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Something slow begins: for the terminal. */
  onProgress(text: string): void;
  /** A store died by itself and is being started again under the same URL. */
  onStoreExit(store: StoreName): void;
  /** At most once, and only after startEmbedded has resolved: the stores are gone and will not come back. */
  onFailed(message: string): void;
}

export interface EmbeddedStores {
  /** null when it is not embedded. Stays the same while the service runs. */
  readonly redisUrl: string | null;
  readonly databaseUrl: string | null;
  /** Engine and version, such as `redis 7.0.15`; null when it is not embedded. */
  readonly redisVersion: string | null;
  readonly postgresVersion: string | null;
  readonly guardianPid: number;
  /** Resolves when both are gone. Safe to call again. Close connections first. */
  stop(): Promise<void>;
}

/**
 * Resolves when the stores take connections.
 * @throws DataFolderBusy when another service uses the data folder, EmbeddedFailed for everything else.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedStores> {
  const settings = settingsFor(options);
  const guardian = spawn(process.execPath, ['--no-env-file', path.join(import.meta.dir, 'guardian.ts')], {
    cwd: '/',
    detached: true,
    stdio: 'pipe',
    ...(options.environment !== undefined && { env: options.environment }),
  });
  const exited = once(guardian, 'exit');
  guardian.stdin.on('error', () => undefined); // its end says more
  guardian.stdin.write(`${JSON.stringify(settings)}\n`);
  const errorLines = lastLines(guardian);

  let state: 'starting' | 'running' | 'over' = 'starting';
  let verdict: Error | null = null;
  const ready = Promise.withResolvers<ReadyEvent>();
  createInterface({ input: guardian.stdout }).on('line', (line) => {
    const event: GuardianEvent = JSON.parse(line);
    if (event.event === 'progress') options.onProgress(event.text);
    else if (event.event === 'store-exited') options.onStoreExit(event.store);
    else if (event.event === 'failed') verdict = failure(event);
    else {
      state = 'running';
      ready.resolve(event);
    }
  });
  // Told only when the guardian is gone, so that whoever hears of it can start anew at once.
  const over = async (how: string) => {
    if (state === 'over') return;
    const wasRunning = state === 'running';
    state = 'over';
    if (verdict === null) await stopLeftovers(settings);
    const error =
      verdict ?? new EmbeddedFailed([`the guardian of the stores ${how}`, ...errorLines].join('\n'));
    if (wasRunning) options.onFailed(error.message);
    else ready.reject(error);
  };
  guardian.on('error', (error) => void over(`cannot start: ${error.message}`));
  guardian.on('close', (code, signal) => {
    void over(signal === null ? `exited with code ${code}` : `was ended by ${signal}`);
  });

  const event = await ready.promise;
  let stopped: Promise<void> | undefined;
  return {
    redisUrl: event.redisUrl,
    databaseUrl: event.databaseUrl,
    redisVersion: event.redisVersion,
    postgresVersion: event.postgresVersion,
    guardianPid: guardian.pid ?? 0,
    stop: () => {
      state = 'over';
      stopped ??= stopGuardian(guardian, exited, settings);
      return stopped;
    },
  };
}

function failure(event: Extract<GuardianEvent, { event: 'failed' }>): Error {
  return event.reason === 'data-folder-busy'
    ? new DataFolderBusy(event.message)
    : new EmbeddedFailed(event.message);
}

function settingsFor(options: EmbeddedOptions): GuardianSettings {
  if (!options.startRedis && !options.startPostgres) throw new RangeError('there is no store to start');
  const service = recordOf(process.pid);
  if (service === null) throw new Error('a process sees itself running');
  return {
    service,
    dataDir: path.resolve(options.dataDir),
    cacheDir: path.resolve(options.cacheDir),
    redisBin: options.redisBin === null ? null : path.resolve(options.redisBin),
    redisFsync: options.redisFsync,
    startRedis: options.startRedis,
    startPostgres: options.startPostgres,
  };
}

async function stopGuardian(
  guardian: ChildProcess,
  exited: Promise<unknown>,
  settings: GuardianSettings,
): Promise<void> {
  guardian.stdin?.end();
  const timer = setTimeout(() => guardian.kill('SIGKILL'), GUARDIAN_STOP_LIMIT_MS);
  await exited;
  clearTimeout(timer);
  if (guardian.exitCode !== 0) await stopLeftovers(settings);
}

/** What a killed guardian left running is stopped as the next start would: by taking the folder. */
async function stopLeftovers(settings: GuardianSettings): Promise<void> {
  try {
    const folder = await DataFolder.open(settings.dataDir, settings.service, () => undefined);
    folder.release();
  } catch {
    // Somebody else has taken the folder, and with it this duty; or it cannot be written, and nothing was started.
  }
}

function lastLines(guardian: ChildProcess): string[] {
  const lines: string[] = [];
  if (guardian.stderr === null) return lines;
  createInterface({ input: guardian.stderr }).on('line', (line) => {
    lines.push(line);
    if (lines.length > ERROR_LINES) lines.shift();
  });
  return lines;
}
