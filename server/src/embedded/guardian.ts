// The guardian: a process of its own that starts the stores, restarts one that dies, and outlives the service just long
// enough to stop them. It runs while its standard input is open. However the service ends, kill -9 included, that input
// ends with it, and the stores are stopped in good order. It leads its own session, so Ctrl-C does not reach it.
import { mkdirSync, writeSync } from 'node:fs';
import path from 'node:path';
import { BoundedLog } from './bounded-log.ts';
import { DataFolder, DataFolderBusy } from './data-folder.ts';
import { obtainRedis } from './find-redis.ts';
import type { GuardianEvent, GuardianSettings, ReadyEvent } from './guardian-protocol.ts';
import { findPostgres } from './postgres-binaries.ts';
import { clusterMajor, createCluster, launchPostgres, postgresUrl } from './private-postgres.ts';
import { launchRedis, redisUrl } from './private-redis.ts';
import { StoreKeeper } from './store-keeper.ts';
import type { StoreName, StoreProcess } from './store-process.ts';
import { chooseStoreUser } from './store-user.ts';

const STDOUT = 1;

interface Started {
  readonly url: string;
  readonly version: string;
}

class Guardian {
  private folder: DataFolder | null = null;
  private readonly keepers: StoreKeeper[] = [];
  private readonly ending = new AbortController();
  private started: Promise<ReadyEvent> | undefined;
  private ended: Promise<void> | undefined;

  constructor(private readonly settings: GuardianSettings) {}

  start(): Promise<ReadyEvent> {
    this.started ??= this.startBoth();
    return this.started;
  }

  /** Stops both stores side by side and gives the folder back. Safe to call again, and during start. */
  end(): Promise<void> {
    this.ended ??= (async () => {
      this.ending.abort();
      await Promise.all(this.keepers.map((keeper) => keeper.stop()));
      await this.started?.catch(() => undefined); // its failure has been told, or nobody is left to hear of it
      this.folder?.release();
    })();
    return this.ended;
  }

  private async startBoth(): Promise<ReadyEvent> {
    const { settings } = this;
    this.folder = await DataFolder.open(settings.dataDir, settings.service, progress);
    const folder = this.folder;
    const [redis, postgres] = await Promise.all([
      settings.startRedis ? this.startRedis(folder) : null,
      settings.startPostgres ? this.startPostgres(folder) : null,
    ]);
    return {
      event: 'ready',
      redisUrl: redis?.url ?? null,
      redisVersion: redis?.version ?? null,
      databaseUrl: postgres?.url ?? null,
      postgresVersion: postgres?.version ?? null,
    };
  }

  private async startRedis(folder: DataFolder): Promise<Started> {
    const { redisBin, cacheDir, redisFsync } = this.settings;
    const finding = await obtainRedis({
      redisBin,
      cacheDir,
      misfit: (binary) => folder.redisMisfit(binary),
      onProgress: progress,
      signal: this.ending.signal,
    });
    if (finding.kind !== 'found') throw new Error(finding.message);
    const { binary } = finding;
    folder.tagRedis(binary);
    const password = folder.passwords().redis;
    const instance = { binary, folder: folder.redisFolder, password, appendfsync: redisFsync };
    const port = await this.keep(folder, 'redis', (on, log) => launchRedis(instance, on, log));
    return { url: redisUrl(port, password), version: `${binary.engine} ${binary.version}` };
  }

  private async startPostgres(folder: DataFolder): Promise<Started> {
    const { postgresData: dataFolder, postgresFolder } = folder;
    const { cacheDir } = this.settings;
    const finding = await findPostgres({ cacheDir, wantedMajor: clusterMajor(dataFolder) });
    if (finding.kind !== 'found') throw new Error(finding.message);
    const { binaries } = finding;
    const ownFolders = [folder.root, postgresFolder] as const;
    const user = await chooseStoreUser({ dataFolder, ownFolders, needs: binaries.needs });
    const cluster = { binaries, user, dataFolder, durable: true };
    const password = folder.passwords().postgres;
    if (clusterMajor(dataFolder) === null) {
      progress('preparing PostgreSQL (once)');
      await createCluster(cluster, password, this.ending.signal);
    }
    const port = await this.keep(folder, 'postgres', (on, log) => launchPostgres(cluster, on, log));
    return { url: postgresUrl(port, password), version: `PostgreSQL ${binaries.version}` };
  }

  private keep(
    folder: DataFolder,
    store: StoreName,
    launch: (port: number, log: (line: string) => void) => StoreProcess,
  ): Promise<number> {
    this.ending.signal.throwIfAborted();
    const log = new BoundedLog(path.join(folder.logsFolder, `${store}.log`));
    const keeper = new StoreKeeper({
      store,
      launch: (port) => launch(port, log.write),
      onLaunch: (pid) => folder.noteStore(store, pid),
      onExit: (how) => {
        log.write(`holdfast: ${store} ${how}; starting it again`);
        tell({ event: 'store-exited', store });
      },
      onGiveUp: (message) => void fail(this, message),
      onProgress: progress,
    });
    this.keepers.push(keeper);
    return keeper.start();
  }
}

async function main(): Promise<void> {
  const input = process.stdin[Symbol.asyncIterator]();
  const settings = await readSettings(input);
  if (settings === null) return;
  mkdirSync(path.dirname(settings.dataDir), { recursive: true }); // as open as the user has it; what is inside is not
  process.umask(0o077);
  const guardian = new Guardian(settings);
  const leave = () => void guardian.end().then(() => process.exit(0));
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, leave);
  void drain(input).then(leave);
  try {
    tell(await guardian.start());
  } catch (error) {
    await fail(guardian, error);
  }
}

/** Tells the service why, stops what runs, and exits. */
async function fail(guardian: Guardian, error: unknown): Promise<void> {
  const reason = error instanceof DataFolderBusy ? 'data-folder-busy' : 'other';
  tell({ event: 'failed', reason, message: error instanceof Error ? error.message : String(error) });
  await guardian.end();
  process.exit(1);
}

/** Null when the service ended before it had sent them. */
async function readSettings(input: AsyncIterator<Buffer>): Promise<GuardianSettings | null> {
  let text = '';
  while (!text.includes('\n')) {
    const { done, value } = await input.next();
    if (done) return null;
    text += value.toString();
  }
  return JSON.parse(text);
}

async function drain(input: AsyncIterator<Buffer>): Promise<void> {
  for (;;) if ((await input.next()).done) return;
}

function progress(text: string): void {
  tell({ event: 'progress', text });
}

function tell(event: GuardianEvent): void {
  try {
    writeSync(STDOUT, `${JSON.stringify(event)}\n`);
  } catch {
    // The service has gone and reads no more; the end of standard input says so too.
  }
}

await main();
