// Time limits for many requests with one timer. All limits are equally long, so they end in the order in
// which they began, and a single timer for the oldest is enough: a load of thousands of requests a second
// sets a few timers, not thousands.

export class Deadlines {
  /** Insertion order is deadline order. */
  readonly #open = new Map<AbortController, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly limitMs: number) {}

  /** Aborts the controller after the limit, unless `end` comes first. */
  begin(controller: AbortController): void {
    this.#open.set(controller, performance.now() + this.limitMs);
    this.#timer ??= setTimeout(this.#strike, this.limitMs);
  }

  end(controller: AbortController): void {
    this.#open.delete(controller);
    if (this.#open.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #strike = (): void => {
    this.#timer = undefined;
    const now = performance.now();
    for (const [controller, deadlineMs] of this.#open) {
      if (deadlineMs > now) {
        this.#timer = setTimeout(this.#strike, Math.ceil(deadlineMs - now));
        return;
      }
      this.#open.delete(controller);
      controller.abort();
    }
  };
}
