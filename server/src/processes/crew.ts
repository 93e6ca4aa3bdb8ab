// The workers of a service, kept at their number. The first one prepares the stores and settles the port; the others
// follow. One that ends by itself is started again, later each time; when that happens too often the crew gives up.
import { FleetMetrics } from '../telemetry/fleet-metrics.ts';
import type { Log } from '../telemetry/log.ts';
import type { MetricsSnapshot } from '../telemetry/metrics.ts';
import type { Begin } from './messages.ts';
import { CRASH_WINDOW_MS, MAX_CRASHES, RestartPolicy } from './restart-policy.ts';
import { type StartResult, WorkerProcess } from './worker-process.ts';

export interface CrewOptions {
  /** Program and arguments of a worker. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly size: number;
  /** How a worker is to start, given the port that the first one settled. */
  readonly begin: (worker: number, port: number, alone: boolean) => Begin;
  readonly port: number;
  /** In development the crew never gives up: it waits for the next change of the code. */
  readonly waitForChange: boolean;
  readonly log: Log;
  readonly onRestart: () => void;
}

export type CrewStart =
  | { readonly kind: 'ready'; readonly port: number }
  | Exclude<StartResult, { kind: 'ready' }>;

/** Migrations of a large ledger take a while; beyond this a start hangs. */
const START_LIMIT_MS = 60_000;
/** A worker ends itself within 10 s; beyond this it hangs. */
export const WORKER_STOP_LIMIT_MS = 11_000;

export class Crew {
  /** Resolves, with the reason in words, if the crew gives up. */
  readonly gaveUp: Promise<string>;
  private readonly giveUp: (reason: string) => void;
  private readonly workers: (WorkerProcess | undefined)[] = [];
  private readonly policy = new RestartPolicy();
  private readonly fleet = new FleetMetrics();
  private readonly keepers: Promise<void>[] = [];
  private readonly stopAsked = Promise.withResolvers<void>();
  private changed = Promise.withResolvers<void>();
  private stopping = false;
  private port: number;

  constructor(private readonly options: CrewOptions) {
    const gaveUp = Promise.withResolvers<string>();
    this.gaveUp = gaveUp.promise;
    this.giveUp = gaveUp.resolve;
    this.port = options.port;
  }

  /** Starts the first worker, then the others at once. Resolves when all serve, or with what keeps the first from it. */
  async start(): Promise<CrewStart> {
    const first = await this.launch(0, true);
    if (first.result.kind !== 'ready') {
      await first.worker.stop(WORKER_STOP_LIMIT_MS);
      return first.result;
    }
    this.port = first.result.port;
    if (this.stopping) return { kind: 'exited' };
    this.keep(0, first.worker);
    await Promise.all(
      Array.from({ length: this.options.size - 1 }, async (_, index) => {
        const { worker } = await this.launch(index + 1, false);
        this.keep(index + 1, worker);
      }),
    );
    return { kind: 'ready', port: this.port };
  }

  get alive(): number {
    return this.workers.filter((worker) => worker !== undefined).length;
  }

  /** The metrics of all workers, living and ended, and of the supervisor itself, in Prometheus's text format. */
  async metricsText(own: MetricsSnapshot): Promise<string> {
    const living = this.workers.filter((worker) => worker !== undefined);
    await Promise.all(
      living.map(async (worker, index) => {
        const snapshot = await worker.collect(index === 0);
        if (this.workers.includes(worker)) this.fleet.note(worker.pid, snapshot);
      }),
    );
    this.fleet.note(process.pid, own);
    return this.fleet.text();
  }

  /** The code has changed: every worker is started anew, one after the other. */
  async restart(): Promise<void> {
    this.policy.forget();
    this.changed.resolve();
    this.changed = Promise.withResolvers();
    for (const worker of [...this.workers]) await worker?.stop(WORKER_STOP_LIMIT_MS);
  }

  /** Every worker drains and ends; nothing is started any more. Safe to call again. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.stopAsked.resolve();
    await Promise.all(this.workers.map((worker) => worker?.stop(WORKER_STOP_LIMIT_MS)));
    await Promise.all(this.keepers);
  }

  /** No more waiting for requests in flight. */
  kill(): void {
    for (const worker of this.workers) worker?.kill();
  }

  private async launch(
    slot: number,
    alone: boolean,
  ): Promise<{ worker: WorkerProcess; result: StartResult }> {
    const { command, environment, begin } = this.options;
    const worker = new WorkerProcess(command, environment, begin(slot, this.port, alone));
    this.workers[slot] = worker;
    const timer = setTimeout(() => {
      this.options.log.error(
        { worker: slot, workerPid: worker.pid },
        'a worker did not become ready in time',
      );
      worker.kill();
    }, START_LIMIT_MS);
    const result = await worker.started;
    clearTimeout(timer);
    return { worker, result };
  }

  private keep(slot: number, first: WorkerProcess): void {
    const keeper = this.keepRunning(slot, first).catch((error) =>
      this.giveUp(`a worker cannot be started: ${error}`),
    );
    this.keepers.push(keeper);
  }

  private async keepRunning(slot: number, first: WorkerProcess): Promise<void> {
    let worker = first;
    let result: StartResult = await worker.started;
    for (;;) {
      if (result.kind === 'failed') await worker.stop(WORKER_STOP_LIMIT_MS);
      const how = await worker.ended;
      this.workers[slot] = undefined;
      await this.fleet.retire(worker.pid);
      if (this.stopping) return;
      await this.waitBeforeRestart(slot, worker, result, how);
      if (this.stopping) return;
      this.options.onRestart();
      ({ worker, result } = await this.launch(slot, false));
    }
  }

  private async waitBeforeRestart(
    slot: number,
    worker: WorkerProcess,
    result: StartResult,
    how: string,
  ): Promise<void> {
    const { log, waitForChange } = this.options;
    if (result.kind !== 'failed' && worker.stopping) return; // asked to, because the code has changed
    const unreachable = result.kind === 'failed' && result.reason === 'stores';
    const why = result.kind === 'failed' ? result.message : how;
    const delayMs = unreachable
      ? this.policy.afterStoresUnreachable()
      : this.policy.afterCrash(performance.now());
    if (delayMs !== null) {
      log.error({ worker: slot, workerPid: worker.pid, why, restartInMs: delayMs }, 'a worker ended');
      await Promise.race([Bun.sleep(delayMs), this.changed.promise, this.stopAsked.promise]);
    } else if (waitForChange) {
      log.error(
        { worker: slot, workerPid: worker.pid, why },
        'a worker ended, again: waiting for the code to change',
      );
      await Promise.race([this.changed.promise, this.stopAsked.promise]);
    } else {
      this.giveUp(
        `workers ended ${MAX_CRASHES} times within ${CRASH_WINDOW_MS / 1000} s; the last one ${why}`,
      );
      await this.stopAsked.promise;
    }
  }
}
