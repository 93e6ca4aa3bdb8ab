// What a scenario has at hand: the stage, the load process, and how to note what it measured.

import { CAN_READ_CPU, treeCpuMs } from './cpu-time.ts';
import type { Loader } from './load/loader.ts';
import { countOf, type Order, type Outcome, type Pace, type Visits } from './load/order.ts';
import type { Summary } from './percentiles.ts';
import { type Cpu, type Sale, Stage, type StageCpu } from './stage.ts';
import { type Told, verify } from './verify.ts';

/** How much of everything: a quick run shows the same in less time, with less certainty. */
export interface Extent {
  readonly quick: boolean;
  /** Of one measurement. */
  readonly seconds: number;
  /** Live reservations that growth goes up to. */
  readonly liveMax: number;
  /** Of the run that looks for leaks. */
  readonly memoryMinutes: number;
}

export interface CurvePoint {
  readonly fsync: string;
  /** Of saturation. */
  readonly share: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

export const CONNECTIONS = 128;
/** Requests of a closed loop are made in advance, so many for each of its seconds. Used up earlier, it ends earlier. */
export const MADE_PER_SECOND = { reserves: 32_000, pairs: 16_000, quick: 72_000 };

export class Company {
  readonly figures: Record<string, number> = {};
  readonly curve: CurvePoint[] = [];
  private orders = 0;
  private shared: Stage | undefined;

  constructor(
    readonly loader: Loader,
    readonly extent: Extent,
    /** Of this round. */
    private readonly seed: number,
    readonly say: (line: string) => void,
  ) {}

  /** The round's own. */
  get stage(): Stage {
    if (this.shared === undefined) throw new Error('this scenario plays apart and has a stage of its own');
    return this.shared;
  }

  async on(stage: Stage, play: () => Promise<void>): Promise<void> {
    this.shared = stage;
    try {
      await play();
    } finally {
      this.shared = undefined;
    }
  }

  note(name: string, value: number): void {
    this.figures[name] = value;
  }

  noteTimes(name: string, { p50Ms, p99Ms, p999Ms }: Summary): void {
    this.note(`${name}.p50Ms`, p50Ms);
    this.note(`${name}.p99Ms`, p99Ms);
    this.note(`${name}.p999Ms`, p999Ms);
  }

  /** A stage of the scenario's own; the same company otherwise, so that figures come together. */
  async elsewhere<T>(options: { readonly workers?: number }, play: (stage: Stage) => Promise<T>): Promise<T> {
    const stage = await Stage.open(options);
    try {
      return await play(stage);
    } finally {
      await stage.close();
    }
  }

  /** Customers of an order meet no one of another: their names and keys are of its own seed. */
  async load(
    place: Order['place'],
    visits: Visits,
    pace: Pace,
    { around = noCpu, until = undefined as Promise<unknown> | undefined, again = false } = {},
  ): Promise<Measured> {
    if (!again) this.orders += 1;
    const seed = this.seed * 1_000 + this.orders;
    await this.loader.prepare({ place, visits, pace, seed });
    await until;
    const used = () => ({ ...around(), generator: treeCpuMs(this.loader.pid) });
    const before = used();
    const outcome = await this.loader.go();
    const after = used();
    return { outcome, cpuMs: difference(before, after) };
  }

  /** The load on a service, with what it cost each part. Begins when it is prepared and `until` is over. */
  async serve(stage: Stage, visits: Visits, pace: Pace, until?: Promise<unknown>): Promise<Measured> {
    return await this.load(stage.place, visits, pace, { around: () => stage.cpu(), until });
  }

  /** The last order's customers once more, with the tokens and keys that they had. */
  async serveAgain(stage: Stage, visits: Visits, pace: Pace): Promise<Measured> {
    return await this.load(stage.place, visits, pace, { around: () => stage.cpu(), again: true });
  }

  /** Waits for the ledger, checks everything, and notes how long the ledger took. */
  async settle(stage: Stage, sale: Sale, told: Told, name?: string): Promise<void> {
    const { caughtUpMs, pinned } = await verify(stage, sale, told);
    if (name === undefined) return;
    this.note(`${name}.caughtUpMs`, caughtUpMs);
    this.note(`${name}.pinned`, pinned);
  }

  /** Rate, 99th percentile and CPU of what was answered with `status`; how many were told to come later. */
  noteServed(name: string, measured: Measured, request: string, status: number): number {
    const { outcome } = measured;
    const answered = answeredWith(outcome, request, status);
    this.note(`${name}.perSecond`, answered / outcome.seconds);
    this.note(`${name}.seconds`, outcome.seconds);
    this.note(`${name}.p99Ms`, outcome.answers[`${request} ${status}`]?.p99Ms ?? 0);
    this.note(`${name}.turnedAway`, turnedAway(outcome));
    this.noteCpu(name, measured, answered);
    return answered;
  }

  /** CPU a request in µs, of each part. */
  noteCpu(name: string, { cpuMs }: Pick<Measured, 'cpuMs'>, requests: number): void {
    if (!CAN_READ_CPU || requests === 0) return;
    for (const [part, ms] of Object.entries(cpuMs)) this.note(`${name}.cpu.${part}`, (ms * 1_000) / requests);
  }
}

export interface Measured {
  readonly outcome: Outcome;
  readonly cpuMs: Cpu;
}

/** A closed loop of this order's length. */
export function closed(seconds: number, connections = CONNECTIONS): Extract<Pace, { kind: 'closed' }> {
  return { kind: 'closed', connections, seconds };
}

/** Reserves of one unit, for a closed loop of so many seconds. */
export function reserves(
  skus: readonly string[],
  seconds: number,
  { confirms = false, perSecond = MADE_PER_SECOND.reserves } = {},
): Visits {
  return { kind: 'reserve', count: perSecond * seconds, skus, choice: { by: 'any' }, confirms };
}

/** Statuses that say: come again later. */
export const TURNED_AWAY = [429, 503];

/**
 * How many were answered as they should be. Others may have been told to come later: they are no part of the rate.
 * @throws if anything else was answered: then the rate is of something else
 */
export function answeredWith(outcome: Outcome, request: string, status: number): number {
  const wanted = countOf(outcome, request, [status]);
  const expected = new Set([status, ...TURNED_AWAY].map((each) => `${request} ${each}`));
  const others = Object.entries(outcome.answers)
    .filter(([name]) => name.startsWith(`${request} `) && !expected.has(name))
    .map(([name, { count }]) => `${count} × ${name}`);
  if (wanted === 0 || others.length > 0)
    throw new Error(`expected ${request} ${status}: ${[wanted, ...others].join(', ')}`);
  return wanted;
}

export function turnedAway(outcome: Outcome): number {
  return Object.entries(outcome.answers)
    .filter(([name]) => TURNED_AWAY.some((status) => name.endsWith(` ${status}`)) && !name.startsWith('pair'))
    .reduce((sum, [, { count }]) => sum + count, outcome.unanswered);
}

function noCpu(): StageCpu {
  return { service: 0, redis: 0, postgres: 0 };
}

function difference(before: Cpu, after: Cpu): Cpu {
  return {
    service: after.service - before.service,
    redis: after.redis - before.redis,
    postgres: after.postgres - before.postgres,
    generator: after.generator - before.generator,
  };
}
