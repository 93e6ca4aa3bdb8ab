// The time limit of every request to the API, with one timer for all of them: it is set for whichever ends first and left
// running, so that a service under load sets one every few seconds and an idle one none. A request costs a few pointers,
// because those under way are a linked list (a Map cost 3 µs each).

/** A request under way, as whoever answers it sees it. */
export interface Deadline {
  /** Its body is still coming: that is the client's time, and the socket's limits are on it. */
  receiving: boolean;
  /** The request is complete only now: its time begins. */
  received(): void;
}

/** Between two strikes of the timer: in an outage the ends of thousands are a fraction of a millisecond apart. */
const TICK_MS = 20;

/** Nobody will take it: what makes a stream's bytes, and what it holds, must hear of it. */
function unread({ body }: Response): void {
  void body?.cancel();
}

class Running implements Deadline {
  receiving = false;
  before: Running = this;
  after: Running = this;
  endsAtMs: number;

  constructor(
    private readonly limitMs: number,
    readonly late: () => void,
  ) {
    this.endsAtMs = performance.now() + limitMs;
  }

  received(): void {
    this.receiving = false;
    this.endsAtMs = performance.now() + this.limitMs;
  }

  join(ring: Running): void {
    this.before = ring.before;
    this.after = ring;
    ring.before.after = this;
    ring.before = this;
  }

  leave(): void {
    this.before.after = this.after;
    this.after.before = this.before;
    this.before = this;
    this.after = this;
  }

  get hasLeft(): boolean {
    return this.after === this;
  }
}

export class Deadlines {
  /** Belongs to no request: where the ring of them begins and ends. */
  private readonly ring: Running;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly limitMs: number) {
    this.ring = new Running(limitMs, () => undefined);
  }

  /**
   * The answer that `begin` gives, or what `late` gives if it does not come in time; then it is waited for no more.
   * What `begin` returns never rejects.
   */
  within(begin: (deadline: Deadline) => Promise<Response>, late: () => Response): Promise<Response> {
    return new Promise((resolve) => {
      const running = new Running(this.limitMs, () => resolve(late()));
      running.join(this.ring);
      this.timer ??= setTimeout(this.strike, this.limitMs);
      void begin(running).then((response) => {
        if (running.hasLeft) return unread(response);
        running.leave();
        resolve(response);
      });
    });
  }

  private readonly strike = (): void => {
    const now = performance.now();
    let firstEndMs = Number.POSITIVE_INFINITY;
    for (let running = this.ring.after; running !== this.ring; ) {
      const { after } = running;
      if (running.receiving) running.endsAtMs = now + this.limitMs;
      if (running.endsAtMs <= now) {
        running.leave();
        running.late();
      } else {
        firstEndMs = Math.min(firstEndMs, running.endsAtMs);
      }
      running = after;
    }
    const waitMs = Math.max(TICK_MS, Math.ceil(firstEndMs - now));
    this.timer = this.ring.hasLeft ? undefined : setTimeout(this.strike, waitMs);
  };
}
