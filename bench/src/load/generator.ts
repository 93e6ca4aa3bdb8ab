// The two generators over one set of connections. Closed: each connection sends its next request when the last one was
// answered. Open: requests are due at their times; one that finds every connection taken waits, and its time counts from
// when it was due, so that a stall is seen by all who came meanwhile.
import { Times } from '../percentiles.ts';
import { type Bytes, Connection, type Listener } from './connection.ts';
import type { Order, Outcome } from './order.ts';
import type { Script } from './requests.ts';

/** At most so many connections are opened at once: the kernel's queue for a listener holds 512. */
const OPEN_AT_ONCE = 256;
/** How often an open generator looks at who has come meanwhile. */
const TICK_MS = 1;
/** Who has no answer by then, counted from the end of the arrivals, gets none. */
export const PATIENCE_MS = 5_000;

export class Generator implements Listener {
  private readonly idle: Connection[] = [];
  private readonly all: Connection[] = [];
  private readonly answers = new Map<string, Times>();
  private begun = 0;
  private underWay = 0;
  private unanswered = 0;
  private startedMs = 0;
  private endMs = 0;
  private lastAnswerMs = 0;
  private state: 'waiting' | 'running' | 'over' = 'waiting';
  private readonly finished = Promise.withResolvers<void>();

  constructor(
    private readonly order: Order,
    private readonly script: Script,
  ) {}

  async connect(): Promise<void> {
    const { connections } = this.order.pace;
    while (this.all.length < connections) {
      const batch = Array.from(
        { length: Math.min(OPEN_AT_ONCE, connections - this.all.length) },
        () => new Connection(this),
      );
      await Promise.all(batch.map((connection) => connection.open(this.order.place)));
      this.all.push(...batch);
    }
    this.idle.push(...this.all);
  }

  async run(): Promise<Outcome> {
    const { pace } = this.order;
    this.startedMs = performance.now();
    this.state = 'running';
    if (pace.kind === 'closed') {
      this.endMs = this.startedMs + pace.seconds * 1_000;
      for (const connection of this.idle.splice(0)) this.goOn(connection);
      const late = setTimeout(() => this.finished.resolve(), pace.seconds * 1_000 + PATIENCE_MS);
      await this.finished.promise;
      clearTimeout(late);
    } else await this.keepSchedule();
    const outcome = this.outcome();
    this.state = 'over';
    this.hangUp();
    return outcome;
  }

  /** Ends all connections; while the run is not over, each is opened anew. */
  hangUp(): void {
    for (const connection of this.all) connection.close();
  }

  answered(connection: Connection, status: number, bytes: Buffer): void {
    const nowMs = performance.now();
    this.lastAnswerMs = nowMs;
    const { visit, step } = connection;
    const kind = this.script.kinds[visit];
    const name = kind !== 'pair' ? kind : step === 0 ? 'reserve' : 'confirm';
    this.note(`${name} ${status}`, nowMs - connection.intendedAtMs);
    const next = step === 0 ? this.script.next(visit, status, bytes) : undefined;
    if (next !== undefined) {
      connection.step = 1;
      connection.intendedAtMs = nowMs;
      connection.send(next);
      return;
    }
    if (step === 1) this.note(`pair ${status}`, nowMs - connection.beganAtMs);
    this.underWay -= 1;
    this.goOn(connection);
  }

  closed(connection: Connection, busy: boolean): void {
    if (this.state === 'over') return;
    if (busy) {
      this.unanswered += 1;
      this.underWay -= 1;
    }
    const at = this.idle.indexOf(connection);
    if (at >= 0) this.idle.splice(at, 1);
    // Servers close connections that were idle for long; the next who comes gets a new one.
    connection.open(this.order.place).then(
      () => this.goOn(connection),
      () => this.finishIfOver(),
    );
  }

  private note(name: string, ms: number): void {
    let times = this.answers.get(name);
    if (times === undefined) {
      times = new Times();
      this.answers.set(name, times);
    }
    times.add(ms);
  }

  private startOf(visit: number): number | undefined {
    const at = this.script.atMs?.[visit];
    return at === undefined ? undefined : this.startedMs + at;
  }

  private goOn(connection: Connection): void {
    if (this.state === 'over') {
      connection.close(); // It was opened anew while the run ended.
      return;
    }
    if (this.state === 'waiting') {
      this.idle.push(connection);
      return;
    }
    const nowMs = performance.now();
    const closed = this.order.pace.kind === 'closed';
    const dueMs = closed ? nowMs : (this.startOf(this.begun) ?? Number.POSITIVE_INFINITY);
    if (this.begun < this.script.count && dueMs <= nowMs && (!closed || nowMs < this.endMs))
      this.begin(connection, dueMs);
    else {
      this.idle.push(connection);
      this.finishIfOver();
    }
  }

  private begin(connection: Connection, dueMs: number): void {
    const visit = this.begun++;
    const request: Bytes = this.script.first(visit);
    connection.visit = visit;
    connection.step = 0;
    connection.beganAtMs = dueMs;
    connection.intendedAtMs = dueMs;
    this.underWay += 1;
    connection.send(request);
  }

  private finishIfOver(): void {
    if (this.underWay > 0) return;
    const over =
      this.begun >= this.script.count ||
      (this.order.pace.kind === 'closed' && performance.now() >= this.endMs);
    if (over) this.finished.resolve();
  }

  private async keepSchedule(): Promise<void> {
    const lastMs = this.startOf(this.script.count - 1) ?? this.startedMs;
    while (this.begun < this.script.count) {
      if (performance.now() > lastMs + PATIENCE_MS) return;
      for (let dueMs = this.startOf(this.begun); dueMs !== undefined; dueMs = this.startOf(this.begun)) {
        if (dueMs > performance.now()) break;
        const connection = this.idle.pop();
        if (connection === undefined) break; // Whoever is answered next takes it on.
        this.begin(connection, dueMs);
      }
      await Bun.sleep(TICK_MS);
    }
    await Promise.race([this.finished.promise, Bun.sleep(PATIENCE_MS)]);
  }

  private outcome(): Outcome {
    return {
      seconds: (this.lastAnswerMs - this.startedMs) / 1_000,
      answers: Object.fromEntries([...this.answers].map(([name, times]) => [name, times.summary()])),
      unanswered: this.unanswered + this.underWay,
      notSent: this.order.pace.kind === 'closed' ? 0 : this.script.count - this.begun,
    };
  }
}
