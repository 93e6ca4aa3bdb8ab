// A scenario of the fault suite: its number in the list of faults, and how it is played.
import type { ActResult } from './act.ts';
import { Act } from './act.ts';
import type { SalePlan, StageOptions } from './stage.ts';
import { Stage } from './stage.ts';

export interface Scenario {
  readonly number: number;
  readonly title: string;
  /** What is done and what it must show, for the report. */
  readonly about: string;
  /** Among those that `.ci/run` plays, shortened. */
  readonly inShort: boolean;
  readonly play: (company: Company) => Promise<void>;
}

/** Reservations live shortly, so that the wait after the heal is short. */
const TTL_SECONDS = 10;

/** What a scenario is given to play with. */
export class Company {
  readonly results: ActResult[] = [];
  skipped: string | undefined;
  private stages: Stage[] = [];
  private readonly logs: string[] = [];
  private readonly undoing: (() => void)[] = [];
  private acts = 0;

  constructor(
    readonly seed: number,
    readonly short: boolean,
    private readonly say: (line: string) => void,
  ) {}

  async stage(options: Omit<StageOptions, 'seed'> = {}): Promise<Stage> {
    const stage = await Stage.open({ ...options, seed: this.seed });
    this.stages.push(stage);
    return stage;
  }

  /** What the services of all stages logged, of all their lives. */
  get log(): string {
    return this.logs.join('') + this.stages.map((stage) => stage.log).join('');
  }

  /** Ends a stage before the scenario does. */
  async strike(stage: Stage): Promise<void> {
    this.stages = this.stages.filter((each) => each !== stage);
    this.logs.push(stage.log);
    await stage.close();
  }

  /** One fault under load in a sale of its own, judged at its end. */
  async act(
    name: string,
    stage: Stage,
    play: (act: Act) => Promise<void>,
    plan: Partial<SalePlan> = {},
  ): Promise<void> {
    this.acts += 1;
    const act = await Act.begin(name, stage, this.seed + this.acts * 1_000, {
      ttlSeconds: TTL_SECONDS,
      ...plan,
    });
    await play(act);
    const result = await act.end();
    this.results.push(result);
    this.say(`    ${name}: ${summary(result)}`);
  }

  /** `full`, or `short` when that is played. */
  scale(full: number, short: number): number {
    return this.short ? short : full;
  }

  /** Undone when the scenario is over, and when this process ends before. */
  undo(how: () => void): void {
    this.undoing.push(how);
    process.once('exit', how);
  }

  skip(why: string): void {
    this.skipped = why;
  }

  async close(): Promise<void> {
    for (const stage of [...this.stages]) await this.strike(stage);
    for (const how of this.undoing.splice(0)) {
      process.off('exit', how);
      how();
    }
  }
}

/** How often, in words. */
export function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function summary({ tally, verdict, recoveries, loadSeconds }: ActResult): string {
  const clocks = [...new Set(recoveries.map(({ what }) => what))].map((name) => {
    const times = recoveries
      .filter(({ what }) => what === name)
      .map(({ ms }) => Math.round(ms ?? Number.POSITIVE_INFINITY));
    const [least, most] = [Math.min(...times), Math.max(...times)];
    return `${name} ${least === most ? least : `${least}–${most}`} ms`;
  });
  return [
    `${tally.attempts} attempts in ${Math.round(loadSeconds)} s`,
    `${tally.accepted} accepted`,
    `${tally.orders} orders`,
    `${tally.soldOut + tally.refused} refused`,
    `${tally.unavailable} unavailable`,
    `${tally.unanswered} unanswered`,
    `${verdict.losses} lost`,
    ...clocks,
    verdict.broken.size === 0 ? 'I1–I10 hold' : `BROKEN: ${[...verdict.broken.keys()].join(', ')}`,
  ].join(', ');
}
