// One worker as the supervisor sees it: a child that is told to begin, says when it is ready, is asked for its
// metrics, is told to stop, and ends.
import type { MetricsSnapshot } from '../telemetry/metrics.ts';
import type { Begin, FromWorker, StartFailure, ToWorker } from './messages.ts';

/** How a worker's start ended. `exited`: it ended before it said anything. */
export type StartResult =
  | { readonly kind: 'ready'; readonly port: number }
  | { readonly kind: 'failed'; readonly reason: StartFailure; readonly message: string }
  | { readonly kind: 'exited' };

/** A worker that is busy longer than this counts with its last answer. */
const COLLECT_LIMIT_MS = 1_000;

export class WorkerProcess {
  readonly started: Promise<StartResult>;
  /** Resolves with how it ended, in words. */
  readonly ended: Promise<string>;
  /** Told to stop: its end is no crash. */
  stopping = false;
  private readonly child: Bun.Subprocess<'ignore', number, number>;
  private readonly waiting = new Map<number, (snapshot: MetricsSnapshot | undefined) => void>();
  private isOver = false;
  private lastId = 0;

  constructor(command: readonly string[], environment: Readonly<Record<string, string>>, begin: Begin) {
    const started = Promise.withResolvers<StartResult>();
    const ended = Promise.withResolvers<string>();
    this.started = started.promise;
    this.ended = ended.promise;
    this.child = Bun.spawn([...command], {
      env: environment,
      // Standard output belongs to the ready line: whatever a worker prints goes to standard error.
      stdio: ['ignore', 2, 2],
      ipc: (message: FromWorker) => {
        if (message.type === 'ready') started.resolve({ kind: 'ready', port: message.port });
        else if (message.type === 'failed') started.resolve({ ...message, kind: 'failed' });
        else this.waiting.get(message.id)?.(message.snapshot);
      },
      onExit: (_child, code, signal) => {
        this.isOver = true;
        for (const answer of this.waiting.values()) answer(undefined);
        started.resolve({ kind: 'exited' });
        ended.resolve(signal === null ? `exited with code ${code}` : `was ended by signal ${signal}`);
      },
    });
    this.send(begin);
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Its metrics, or undefined if it does not answer in time. */
  async collect(withStock: boolean): Promise<MetricsSnapshot | undefined> {
    if (this.isOver) return undefined;
    const id = ++this.lastId;
    const answer = Promise.withResolvers<MetricsSnapshot | undefined>();
    const timer = setTimeout(() => answer.resolve(undefined), COLLECT_LIMIT_MS);
    this.waiting.set(id, answer.resolve);
    this.send({ type: 'collect', id, withStock });
    try {
      return await answer.promise;
    } finally {
      clearTimeout(timer);
      this.waiting.delete(id);
    }
  }

  /** Asks it to drain and end; kills it if it has not after `limitMs`. Resolves when it is gone. Safe to call again. */
  async stop(limitMs: number): Promise<void> {
    this.stopping = true;
    this.send({ type: 'stop' });
    const timer = setTimeout(() => this.kill(), limitMs);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.stopping = true;
    this.child.kill('SIGKILL');
  }

  private send(message: ToWorker): void {
    try {
      this.child.send(message);
    } catch {
      // The channel is closed: its end says more.
    }
  }
}
