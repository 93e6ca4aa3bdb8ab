// Natural batching. When nothing is in flight, all that was asked for in one turn of the event loop goes at its end: what
// came in together travels together. While batches are, the next ones gather and go together. No timer: an idle service
// adds no latency, a busy one shares its round trips (docs/performance.md, "What a reserve costs Redis").

/** The queue is at its bound: the caller answers 503 and the client comes back. */
export class Overloaded extends Error {
  override readonly name = 'Overloaded';
}

export interface BatcherOptions<C, R> {
  /** Decides a batch in order; resolves to one reply a command. A rejection rejects the whole batch. */
  readonly send: (commands: C[]) => Promise<readonly R[]>;
  /** Most commands a batch: 128 keeps a function call below a millisecond. */
  readonly maxBatch: number;
  /** Batches under way at once. */
  readonly maxInFlight: number;
  /** Where gathering pays more than going beside: so long commands wait for the batch under way before another one goes. */
  readonly patienceMs?: number;
  /**
   * The same of batches that are full: waiting would not make them larger. Without it a long turn of the event loop sends one batch,
   * however many came in it. Default: as maxInFlight.
   */
  readonly maxFullInFlight?: number;
  /** Commands waiting beyond which `run` rejects with Overloaded. */
  readonly maxQueued: number;
  /** Size of one command, where commands differ (lines of a cart); a batch holds at most maxWeight unless one command alone is heavier. */
  readonly weigh?: (command: C) => number;
  readonly maxWeight?: number;
  readonly watch?: BatchWatch;
}

/** Hears of each batch as it goes. */
export interface BatchWatch {
  /** How many commands went together. */
  sent(commands: number): void;
  /** How long one of them had waited for it. */
  waited(seconds: number): void;
}

interface Waiting<C, R> {
  readonly command: C;
  /** 0 where nobody watches. */
  readonly queuedAtMs: number;
  readonly resolve: (reply: R) => void;
  readonly reject: (error: unknown) => void;
}

export class Batcher<C, R> {
  private queue: Waiting<C, R>[] = [];
  private inFlight = 0;
  /** The end of this turn will send what is queued. */
  private due = false;
  /** Runs while commands wait with patience. */
  private patience: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: BatcherOptions<C, R>) {}

  /** Commands waiting for a batch. */
  get queued(): number {
    return this.queue.length;
  }

  run(command: C): Promise<R> {
    if (this.queue.length >= this.options.maxQueued) {
      return Promise.reject(new Overloaded(`${this.queue.length} commands are waiting`));
    }
    const queuedAtMs = this.options.watch ? performance.now() : 0;
    return new Promise<R>((resolve, reject) => {
      this.queue.push({ command, queuedAtMs, resolve, reject });
      if (this.maySend()) this.sendSoon();
      else this.sendWhenPatienceEnds();
    });
  }

  private maySend(): boolean {
    const { maxBatch, maxInFlight, patienceMs, maxFullInFlight = maxInFlight } = this.options;
    if (this.queue.length === 0) return false;
    if (this.queue.length >= maxBatch) return this.inFlight < maxFullInFlight;
    return this.inFlight < (patienceMs === undefined ? maxInFlight : 1);
  }

  private sendWhenPatienceEnds(): void {
    const { patienceMs, maxInFlight } = this.options;
    if (patienceMs === undefined || this.inFlight >= maxInFlight) return;
    this.patience ??= setTimeout(() => {
      this.patience = undefined;
      if (this.queue.length > 0 && this.inFlight < maxInFlight) this.sendNext();
    }, patienceMs);
  }

  private takeBatch(): Waiting<C, R>[] {
    const { maxBatch, weigh, maxWeight = Number.POSITIVE_INFINITY } = this.options;
    let count = Math.min(maxBatch, this.queue.length);
    if (weigh) {
      let weight = 0;
      for (let i = 0; i < count; i++) {
        weight += weigh((this.queue[i] as Waiting<C, R>).command);
        if (weight > maxWeight) {
          count = Math.max(1, i);
          break;
        }
      }
    }
    if (count === this.queue.length) {
      const batch = this.queue;
      this.queue = [];
      return batch;
    }
    return this.queue.splice(0, count);
  }

  private sendSoon(): void {
    if (this.due) return;
    this.due = true;
    setImmediate(() => {
      this.due = false;
      while (this.maySend()) this.sendNext();
    });
  }

  private sendNext(): void {
    const batch = this.takeBatch();
    if (this.options.watch) tell(this.options.watch, batch);
    this.inFlight++;
    this.options
      .send(batch.map((waiting) => waiting.command))
      .then(
        (replies) => settle(batch, replies),
        (error: unknown) => {
          for (const waiting of batch) waiting.reject(error);
        },
      )
      .finally(() => {
        this.inFlight--;
        while (this.maySend()) this.sendNext();
      });
  }
}

function tell<C, R>(watch: BatchWatch, batch: readonly Waiting<C, R>[]): void {
  const nowMs = performance.now();
  watch.sent(batch.length);
  for (const { queuedAtMs } of batch) watch.waited((nowMs - queuedAtMs) / 1000);
}

function settle<C, R>(batch: readonly Waiting<C, R>[], replies: readonly R[]): void {
  if (replies.length !== batch.length) {
    const error = new Error(`a batch of ${batch.length} commands got ${replies.length} replies`);
    for (const waiting of batch) waiting.reject(error);
    return;
  }
  for (let i = 0; i < batch.length; i++) batch[i]?.resolve(replies[i] as R);
}
