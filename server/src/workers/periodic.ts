// One lifecycle for all workers: start; run again and again, never two runs at once; stop, which waits for the run
// under way (a long one asks between two pieces whether it is to end); stop again is safe. A run that throws is logged
// and the next one comes as usual.

export interface Worker {
  start(): void;
  /** Resolves when nothing of it runs any more. */
  stop(): Promise<void>;
}

export interface WorkerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type IsStopping = () => boolean;

export interface PeriodicOptions {
  readonly name: string;
  /** From the end of one run to the beginning of the next. */
  readonly everyMs: number;
  /** A run of many pieces asks before each, and leaves the rest to whoever comes next. */
  readonly run: (isStopping: IsStopping) => Promise<void>;
  readonly log: WorkerLog;
  /** The same failure is logged again only after this long: an outage is one story, not ten lines a second. */
  readonly repeatLogMs?: number;
}

const REPEAT_LOG_MS = 10_000;

export class Periodic implements Worker {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;
  private lastFailure = { message: '', atMs: Number.NEGATIVE_INFINITY };

  constructor(private readonly options: PeriodicOptions) {}

  start(): void {
    if (this.stopped || this.timer || this.running) return;
    this.schedule(0);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.running;
  }

  private schedule(inMs: number): void {
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.running = this.options
        .run(() => this.stopped)
        .catch((error: unknown) => this.noteFailure(error))
        .then(() => {
          this.running = undefined;
          if (!this.stopped) this.schedule(this.options.everyMs);
        });
    }, inMs);
  }

  private noteFailure(error: unknown): void {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const atMs = performance.now();
    const repeated = message === this.lastFailure.message;
    if (repeated && atMs - this.lastFailure.atMs < (this.options.repeatLogMs ?? REPEAT_LOG_MS)) return;
    this.lastFailure = { message, atMs };
    this.options.log.warn({ worker: this.options.name, error: message }, 'worker run failed; it runs again');
  }
}
