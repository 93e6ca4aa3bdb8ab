// Inside a worker process: begin when the supervisor says so, serve, and end in order. The supervisor's word, SIGTERM
// and the loss of the channel to the supervisor all mean the same, so a worker never outlives its supervisor.
//
//   not ready any more ──▶ finish requests ──▶ stop the app ──▶ exit
import { ConfigurationError, type ResolvedConfig } from '../config.ts';
import { LedgerUnavailable } from '../domain/ledger-facts.ts';
import { StockUnavailable } from '../domain/sale-store.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { type Handler, Listener, PortUnavailable } from './listener.ts';
import type { Begin, FromWorker, StartFailure, ToWorker } from './messages.ts';

/** The service as this room sees it: something that answers requests and can be stopped. */
export interface ServedApp extends Handler {
  /** From now on the service says that it may not take traffic. */
  beginDrain(): void;
  /** Stops background workers, closes connections; what they still brought to an end. Safe to call again. */
  stop(): Promise<Flushed>;
}

/** Since the word to stop came, for the log. */
export interface Flushed {
  /** Written to the journal; what is left is in the stream, and the next process's. */
  readonly transitionsJournaled: number;
}

export interface AppSetup {
  readonly config: ResolvedConfig;
  readonly storesArePrivate: boolean;
  readonly seedDemo: boolean;
  /** Migrate, load the function library. */
  readonly prepare: boolean;
  readonly log: Log;
  readonly metrics: Metrics;
}

export type CreateApp = (setup: AppSetup) => Promise<ServedApp>;

/** From the word to stop to the end of the process, whatever hangs. */
export const STOP_LIMIT_MS = 10_000;
/** Of that, what requests in flight may take; the rest is for the app's own stop. */
const DRAIN_LIMIT_MS = 7_000;

/** Takes over this process until its end. `createApp` makes the app once the supervisor has sent the configuration. */
export function runWorker(createApp: CreateApp): void {
  const say = (message: FromWorker) => process.send?.(message);
  let running: Promise<Running | undefined> | undefined;
  let metrics: Metrics | undefined;
  let ending = false;

  const end = async (why: string) => {
    if (ending) return;
    ending = true;
    const limit = setTimeout(() => process.exit(1), STOP_LIMIT_MS);
    const service = await running;
    await service?.stop(why);
    clearTimeout(limit);
    process.exit(0);
  };

  // Ctrl-C reaches every process of the terminal: the supervisor hears it too and says what to do.
  process.on('SIGINT', () => undefined);
  process.on('SIGHUP', () => undefined);
  process.on('SIGTERM', () => void end('SIGTERM'));
  process.on('disconnect', () => void end('the supervisor is gone'));
  process.on('message', (message: ToWorker) => {
    if (message.type === 'begin') {
      const log = createLog({ level: message.config.logLevel, process: `worker ${message.worker}` });
      metrics = new Metrics();
      exitOnSurprises(log);
      running = begin(message, createApp, log, metrics, say);
    } else if (message.type === 'collect') {
      void metrics
        ?.snapshot({ withStock: message.withStock })
        .then((snapshot) => say({ type: 'metrics', id: message.id, snapshot }));
    } else {
      void end('the supervisor said so');
    }
  });
  if (process.send === undefined) {
    console.error(
      'A worker is started by its supervisor, never by hand: run the service without --role=worker.',
    );
    process.exit(1);
  }
}

interface Running {
  stop(why: string): Promise<void>;
}

/** Says `ready` or `failed`; after `failed` the supervisor ends this process. */
async function begin(
  setup: Begin,
  createApp: CreateApp,
  log: Log,
  metrics: Metrics,
  say: (message: FromWorker) => void,
): Promise<Running | undefined> {
  const { config, storesArePrivate, seedDemo, prepare, listen } = setup;
  let app: ServedApp | undefined;
  try {
    app = await createApp({ config, storesArePrivate, seedDemo, prepare, log, metrics });
    const listener = await Listener.open(app, listen, log);
    say({ type: 'ready', port: listener.port });
    log.info({ port: listener.port }, 'ready');
    return { stop: (why) => stop(why, listener, app as ServedApp, log) };
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === 'unexpected') log.error({ err: error }, 'the service could not start');
    say({ type: 'failed', reason, message: error instanceof Error ? error.message : String(error) });
    await app?.stop();
    return undefined;
  }
}

async function stop(why: string, listener: Listener, app: ServedApp, log: Log): Promise<void> {
  const startedAt = performance.now();
  app.beginDrain();
  const drained = await listener.close(DRAIN_LIMIT_MS);
  const drainedAt = performance.now();
  let flushed: Flushed | undefined;
  try {
    flushed = await app.stop();
  } catch (error) {
    log.error({ err: error }, 'the service did not stop in order');
  }
  const drainMs = Math.round(drainedAt - startedAt);
  const stopMs = Math.round(performance.now() - drainedAt);
  const fields = { why, drainMs, stopMs, ...drained, ...flushed };
  if (drained.requestsCut > 0) log.warn(fields, 'stopped, and cut requests that did not end in time');
  else log.info(fields, 'stopped');
}

/** Nothing is known about the state of a process after an error that nobody expected: it ends, and is started again. */
function exitOnSurprises(log: Log): void {
  const die = (error: unknown) => {
    log.fatal({ err: error }, 'ended by an error that nobody caught');
    process.exit(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
}

/** What the system says when nobody answers at an address. */
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
]);

function reasonOf(error: unknown): StartFailure {
  if (error instanceof ConfigurationError) return 'configuration';
  if (error instanceof PortUnavailable) return 'port';
  return isUnreachable(error) ? 'stores' : 'unexpected';
}

function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof LedgerUnavailable || error instanceof StockUnavailable) return true;
  const { code } = error as NodeJS.ErrnoException;
  return (code !== undefined && UNREACHABLE.has(code)) || isUnreachable(error.cause);
}
