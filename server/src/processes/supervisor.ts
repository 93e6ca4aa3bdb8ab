// The service as a process: starts the private stores if it has none, keeps the workers running, serves the metrics,
// and takes everything down in order when it is told to, or when whoever started it is gone.
//
//   stores ──▶ first worker (migrates, loads, seeds, settles the port) ──▶ the others ──▶ metrics ──▶ the ready line
//   stop: workers drain ──▶ metrics ──▶ stores ──▶ exit
import { type Config, ConfigurationError, type ResolvedConfig } from '../config.ts';
import { openConnections } from '../config-stores.ts';
import { DataFolderBusy, EmbeddedFailed, type EmbeddedStores, startEmbedded } from '../embedded/start.ts';
import { type Log, withoutCredentials } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { listenForScrapes, type MetricsListener } from '../telemetry/metrics-listener.ts';
import { consoleLink, type LinkSecret, linkSecretOf } from './console-link.ts';
import { Crew, type CrewStart } from './crew.ts';
import { loadOrMakeJwtSecret } from './jwt-secret.ts';
import { assertPortFree, PortUnavailable } from './listener.ts';
import { onSourceChange } from './source-watch.ts';
import type { StopWords } from './stop-words.ts';

/** As in sysexits.h, so that init systems and scripts can tell "fix the configuration" from "try again later". */
export const EXIT = { clean: 0, unexpected: 1, tryAgain: 75, configuration: 78 } as const;

export interface SupervisorOptions {
  readonly config: Config;
  /** Program and arguments of a worker. */
  readonly workerCommand: readonly string[];
  /** Of the processes that it starts. */
  readonly childEnvironment: Readonly<Record<string, string>>;
  readonly words: StopWords;
  /** In development: restart the workers when something under these folders changes. */
  readonly watch: readonly string[];
  readonly log: Log;
  /** A line for whoever started the service. */
  readonly tell: (line: string) => void;
  /** A line about something slow, or about why it does not start. */
  readonly complain: (line: string) => void;
}

/** Runs the service until it is told to stop; resolves with the exit code when nothing of it is left. */
export async function supervise(options: SupervisorOptions): Promise<number> {
  const service = new Service(options);
  try {
    return await service.run();
  } catch (error) {
    return service.explain(error);
  } finally {
    await service.takeDown();
  }
}

class Service {
  private stores: EmbeddedStores | undefined;
  private crew: Crew | undefined;
  private scrapes: MetricsListener | undefined;
  private stopWatching: (() => void) | undefined;
  private linkSecret: LinkSecret | null = null;
  private readonly storesLost = Promise.withResolvers<string>();
  private readonly metrics = new Metrics();

  constructor(private readonly options: SupervisorOptions) {}

  async run(): Promise<number> {
    const { config, words } = this.options;
    if (config.production) this.warnOfOpenConnections(config);
    if (config.port !== 0) await assertPortFree(config.host, config.port); // before anything slow
    const resolved = await this.resolve(config);
    if (words.stopAsked) return EXIT.clean;

    this.crew = this.makeCrew(resolved);
    const started = await Promise.race([this.crew.start(), words.stop]);
    if (started === undefined) return EXIT.clean;
    if (started.kind !== 'ready') return this.explainStart(started);

    this.scrapes = this.listenForScrapes(this.crew, config);
    this.watchSources(this.crew);
    this.announce(started.port, this.scrapes.url);

    const end = await Promise.race([words.stop, this.crew.gaveUp, this.storesLost.promise]);
    if (end === undefined) return EXIT.clean;
    this.options.complain(withoutCredentials(`Holdfast stops: ${end}.`));
    return EXIT.unexpected;
  }

  /** Safe to call at any point of a start, and again. */
  async takeDown(): Promise<void> {
    void this.options.words.hurry.then(() => this.crew?.kill());
    this.stopWatching?.();
    await this.crew?.stop();
    await this.scrapes?.stop();
    await this.stores?.stop();
  }

  /** What went wrong, in words, and its exit code. */
  explain(error: unknown): number {
    this.complainOf(error instanceof Error ? error.message : String(error));
    if (error instanceof ConfigurationError) return EXIT.configuration;
    if (error instanceof DataFolderBusy || error instanceof PortUnavailable) return EXIT.tryAgain;
    if (!(error instanceof EmbeddedFailed))
      this.options.log.error({ err: error }, 'the service could not start');
    return EXIT.unexpected;
  }

  private explainStart(start: Exclude<CrewStart, { kind: 'ready' }>): number {
    const why =
      start.kind === 'failed' ? start.message : 'its first worker ended at once; the log above says why';
    this.complainOf(why);
    if (start.kind === 'exited') return EXIT.unexpected;
    if (start.reason === 'configuration') return EXIT.configuration;
    return start.reason === 'unexpected' ? EXIT.unexpected : EXIT.tryAgain;
  }

  private complainOf(why: string): void {
    const words = why.startsWith('Holdfast') ? why : `Holdfast cannot start: ${why}`;
    this.options.complain(withoutCredentials(words));
  }

  private async resolve(config: Config): Promise<ResolvedConfig> {
    const key = config.tokens.key ?? ({ kind: 'secret', secret: loadOrMakeJwtSecret(config) } as const);
    if (key.kind === 'secret') this.linkSecret = linkSecretOf(config, key.secret);
    if (config.redisUrl === null || config.databaseUrl === null) await this.startStores(config);
    const redisUrl = config.redisUrl ?? this.stores?.redisUrl;
    const databaseUrl = config.databaseUrl ?? this.stores?.databaseUrl;
    if (!redisUrl || !databaseUrl) throw new Error('the private stores gave no address');
    return { ...config, redisUrl, databaseUrl, tokens: { ...config.tokens, key } };
  }

  /** No refusal: a container network or a sidecar that encrypts may be all the privacy that is wanted. */
  private warnOfOpenConnections(config: Config): void {
    for (const advice of openConnections(config)) this.options.log.warn({ advice }, 'a store could be safer');
  }

  private async startStores(config: Config): Promise<void> {
    const { complain, log } = this.options;
    this.stores = await startEmbedded({
      dataDir: config.dataDir,
      cacheDir: config.cacheDir,
      redisBin: config.redisBin,
      redisFsync: config.redisFsync,
      startRedis: config.redisUrl === null,
      startPostgres: config.databaseUrl === null,
      environment: this.options.childEnvironment,
      onProgress: complain,
      onStoreExit: (store) => log.warn({ store }, 'a private store ended and is started again'),
      onFailed: (message) => this.storesLost.resolve(message),
    });
    const { redisVersion, postgresVersion, guardianPid } = this.stores;
    log.info({ redisVersion, postgresVersion, guardianPid }, 'private stores are running');
  }

  private makeCrew(config: ResolvedConfig): Crew {
    const { workerCommand, childEnvironment, watch, log } = this.options;
    const restarts = this.metrics.counter('holdfast_worker_restarts_total', 'Workers started again.');
    return new Crew({
      command: workerCommand,
      environment: childEnvironment,
      size: config.workers,
      port: config.port,
      waitForChange: watch.length > 0,
      log,
      onRestart: () => restarts.inc(),
      begin: (worker, port, alone) => ({
        type: 'begin',
        worker,
        config,
        storesArePrivate: this.options.config.redisUrl === null,
        prepare: worker === 0,
        seedDemo: worker === 0 && config.demo,
        listen: { host: config.host, port, shared: config.workers > 1, alone },
      }),
    });
  }

  private listenForScrapes(crew: Crew, config: Config): MetricsListener {
    this.metrics.level('holdfast_workers', 'Worker processes that are running.', 'sum', () => crew.alive);
    try {
      return listenForScrapes(config.metrics, async () =>
        crew.metricsText(await this.metrics.snapshot({ withStock: false })),
      );
    } catch {
      throw new PortUnavailable(
        `the metrics cannot be served at ${config.metrics.host} port ${config.metrics.port}. ` +
          'Set HOLDFAST_METRICS_PORT to another port (0 picks a free one), or HOLDFAST_METRICS_HOST to an address of this machine.',
      );
    }
  }

  private watchSources(crew: Crew): void {
    const { watch, log } = this.options;
    if (watch.length === 0) return;
    this.stopWatching = onSourceChange(watch, async (file) => {
      log.info({ file }, 'the code has changed: the workers are started anew');
      await crew.restart();
    });
  }

  private announce(port: number, metricsUrl: string): void {
    const { config, tell } = this.options;
    const host = config.host.includes(':') ? `[${config.host}]` : config.host;
    const url = `http://${host}:${port}`;
    tell(`Holdfast is ready at ${url}`);
    if (config.demo) tell(`  demo item  ${url}/api/v1/inventory/FLASH-SALE-001`);
    if (this.linkSecret !== null) tell(`  console    ${consoleLink(url, this.linkSecret)}`);
    tell(`  metrics    ${metricsUrl}`);
    if (!config.production) tell('  Ctrl-C stops it; a second Ctrl-C does not wait for requests in flight');
  }
}
