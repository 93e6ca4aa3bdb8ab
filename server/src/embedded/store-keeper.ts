// Keeps one store running: finds it a port, starts it again on the same port when it dies, gives up when that is no use.
//
//   starting ──▶ running ──▶ (died) ──▶ backing off ──▶ running …
//                   └─ stop ─▶ stopped      └─ too many in a minute ─▶ given up
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { StoreDied, type StoreName, type StoreProcess } from './store-process.ts';

/** Each try asks the kernel for a free port; that somebody takes it first five times running is no accident. */
const PORT_TRIES = 5;
/** Backends of a killed postmaster hold on to its memory for a moment. */
const STILL_IN_USE_TRIES = 50;
const STILL_IN_USE_WAIT_MS = 100;
/** A store that dies this often will not be cured by another start. */
const RESTARTS_A_MINUTE = 10;
const MINUTE_MS = 60_000;
const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5_000;
const STILL_LOADING_EVERY_MS = 5_000;

export interface StorePlan {
  readonly store: StoreName;
  readonly launch: (port: number) => StoreProcess;
  /** At once after each launch, before anything can go wrong. */
  readonly onLaunch: (pid: number) => void;
  /** It died by itself. */
  readonly onExit: (how: string) => void;
  /** It died too often; nothing runs any more. */
  readonly onGiveUp: (message: string) => void;
  readonly onProgress: (text: string) => void;
  readonly firstBackoffMs?: number;
}

export class StoreKeeper {
  private current: StoreProcess | null = null;
  private keeping: Promise<void> = Promise.resolve();
  private readonly stopping = new AbortController();

  constructor(private readonly plan: StorePlan) {}

  /** The port on which it takes connections. @throws StoreDied with its last words. */
  async start(): Promise<number> {
    let portTries = 0;
    let inUseTries = 0;
    for (;;) {
      const port = await freePort();
      try {
        const running = await this.launch(port);
        this.keeping = this.keep(running, port);
        return port;
      } catch (error) {
        if (!(error instanceof StoreDied) || this.stopping.signal.aborted) throw error;
        if (error.reason === 'port-taken' && ++portTries < PORT_TRIES) continue;
        if (error.reason !== 'still-in-use' || ++inUseTries >= STILL_IN_USE_TRIES) throw error;
        await this.pause(STILL_IN_USE_WAIT_MS);
      }
    }
  }

  /** Resolves when it is gone for good. Safe to call again, and while it starts. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.current?.stop();
    await this.keeping;
  }

  private async launch(port: number): Promise<StoreProcess> {
    this.stopping.signal.throwIfAborted();
    const launched = this.plan.launch(port);
    this.current = launched;
    const since = performance.now();
    const timer = setInterval(() => {
      const seconds = Math.round((performance.now() - since) / 1000);
      this.plan.onProgress(`${this.plan.store} is still loading its data (${seconds} s)`);
    }, STILL_LOADING_EVERY_MS);
    try {
      this.plan.onLaunch(launched.pid);
      await launched.ready;
      return launched;
    } catch (error) {
      launched.kill9(); // one that could not be noted must not run beside its successor
      await launched.exited;
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  private async keep(first: StoreProcess, port: number): Promise<void> {
    let running: StoreProcess | null = first;
    let restarts: number[] = [];
    let how = await running.exited;
    while (!this.stopping.signal.aborted) {
      if (running !== null) this.plan.onExit(how);
      restarts = restarts.filter((at) => performance.now() - at < MINUTE_MS);
      if (restarts.length >= RESTARTS_A_MINUTE) {
        this.plan.onGiveUp(
          `${this.plan.store} died ${RESTARTS_A_MINUTE + 1} times within a minute; the last time it ${how}`,
        );
        return;
      }
      await this.pause(backoffMs(restarts.length, this.plan.firstBackoffMs ?? FIRST_BACKOFF_MS));
      restarts.push(performance.now());
      try {
        running = await this.launch(port);
        how = await running.exited;
      } catch (error) {
        running = null; // it never ran, so nobody needs to hear that it died
        how = error instanceof Error ? error.message : String(error);
      }
    }
  }

  /** Cut short by stop(). */
  private async pause(durationMs: number): Promise<void> {
    await delay(durationMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
  }
}

/** The first restart is immediate: most deaths are a single accident. */
function backoffMs(restartsBefore: number, firstMs: number): number {
  return restartsBefore === 0 ? 0 : Math.min(firstMs * 2 ** (restartsBefore - 1), LONGEST_BACKOFF_MS);
}
