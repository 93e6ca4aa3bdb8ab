// One lifecycle for all workers: start; run again and again, never two runs at once; stop, which waits for the run
// under way (a long one asks between two pieces whether it is to end); stop again is safe. A run that throws is logged
// and the next one comes as usual.
import { Repeats } from '../telemetry/repeats.ts';

export interface Worker {
  readonly name: string;
  readonly health: WorkerHealth;
  start(): void;
  /** Resolves when nothing of it runs any more. */
  stop(): Promise<void>;
}

/** How its runs went, for people; by this process's clock. Null: never. */
export interface WorkerHealth {
  readonly lastRunAtMs: number | null;
  readonly lastErrorAtMs: number | null;
  /** The last run failed. */
  readonly failing: boolean;
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
  /** The same failure is logged again only after this long. */
  readonly repeatLogMs?: number;
}

export class Periodic implements Worker {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;
  private readonly repeats: Repeats;
  private lastRunAtMs: number | null = null;
  private lastErrorAtMs: number | null = null;
  private failing = false;

  constructor(private readonly options: PeriodicOptions) {
    this.repeats = new Repeats(options.repeatLogMs);
  }

  get name(): string {
    return this.options.name;
  }

  get health(): WorkerHealth {
    const { lastRunAtMs, lastErrorAtMs, failing } = this;
    return { lastRunAtMs, lastErrorAtMs, failing };
  }

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
        .then(
          () => {
            this.failing = false;
          },
          (error: unknown) => this.noteFailure(error),
        )
        .then(() => {
          this.lastRunAtMs = Date.now();
          this.running = undefined;
          if (!this.stopped) this.schedule(this.options.everyMs);
        });
    }, inMs);
  }

  private noteFailure(error: unknown): void {
    this.failing = true;
    this.lastErrorAtMs = Date.now();
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    if (!this.repeats.isNews(message)) return;
    this.options.log.warn({ worker: this.options.name, error: message }, 'worker run failed; it runs again');
  }
}
