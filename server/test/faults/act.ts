// One act of a scenario: a sale, a crowd in it, a fault, the clock of the recovery, and the judge. Scenarios read like
// recipes because everything that they have in common is here.
import { Crowd, type CrowdOptions } from './crowd.ts';
import { Diary, type Tally } from './diary.ts';
import { type Invariant, judge, type Verdict } from './judge.ts';
import { unexplainedOverdrafts } from './overdrafts.ts';
import { Probe } from './probe.ts';
import { Sampler } from './sampler.ts';
import { openSale, type Sale, type SalePlan, type Stage } from './stage.ts';
import { checkStayers, keepLive, type Stayers } from './stayers.ts';
import type { Window } from './windows.ts';

export interface Recovery {
  readonly what: string;
  /** Undefined: it did not come back in time. */
  readonly ms: number | undefined;
  /** Promised; undefined: measured only. */
  readonly limitMs: number | undefined;
  readonly live: number;
}

export interface ActResult {
  readonly name: string;
  readonly tally: Tally;
  readonly verdict: Verdict;
  readonly recoveries: readonly Recovery[];
  readonly notes: readonly string[];
  /** Broken promises beyond the invariants, in words. */
  readonly failures: readonly string[];
  readonly loadSeconds: number;
  readonly reserveP50Ms: number;
  readonly reserveP99Ms: number;
  readonly slowestReserveMs: number;
}

/** A recovery is given up for lost after this. */
const RECOVERY_WITHIN_MS = 60_000;
/** What is left open after a load is settled within this: a ledger that was away is back by then. */
const SETTLE_WITHIN_MS = 60_000;
const FINDINGS_KEPT = 8;

export class Act {
  readonly lossWindows: Window[] = [];
  readonly outages: Window[] = [];
  readonly epochEnds: { epoch: number; atMs: number }[] = [];
  readonly recoveries: Recovery[] = [];
  readonly notes: string[] = [];
  readonly failures: string[] = [];
  private crowd: Crowd | undefined;
  private sampler: Sampler | undefined;
  private stayers: Stayers | undefined;
  private loadSeconds = 0;
  private loadedSinceMs = 0;

  private constructor(
    readonly name: string,
    readonly stage: Stage,
    readonly sale: Sale,
    readonly seed: number,
    readonly diary: Diary,
  ) {}

  static async begin(
    name: string,
    stage: Stage,
    seed: number,
    plan: SalePlan,
    diary = new Diary(),
  ): Promise<Act> {
    return new Act(name, stage, await openSale(stage, plan), seed, diary);
  }

  /** Live reservations in a sale of their own, that recoveries are measured with from now on. */
  async keepLive(count: number): Promise<void> {
    this.stayers = await keepLive(this.stage, count);
  }

  load(options: Partial<CrowdOptions> = {}): Crowd {
    this.loadedSinceMs = performance.now();
    this.sampler = new Sampler(this.stage, this.sale);
    this.crowd = new Crowd({
      places: () => this.stage.places,
      sale: this.sale,
      diary: this.diary,
      seed: this.seed,
      ...options,
    });
    return this.crowd;
  }

  /** A load that the scenario brings itself. */
  async ownLoad<T>(load: () => Promise<T>): Promise<T> {
    const sinceMs = performance.now();
    try {
      return await load();
    } finally {
      this.loadSeconds += (performance.now() - sinceMs) / 1000;
    }
  }

  /** The crowd goes on for this long, or until so many reserves have been sent. */
  async goOn(seconds: number): Promise<void> {
    await Bun.sleep(seconds * 1000);
  }

  /** The fault takes place; until `healed` lateness of expiries is excused. */
  async outage<T>(why: string, fault: () => Promise<T>): Promise<T> {
    const fromMs = performance.now();
    try {
      return await fault();
    } finally {
      this.outages.push({ fromMs, toMs: performance.now(), why });
    }
  }

  /**
   * Ends the fault with `heal` and measures from its first step to the first answer of success to a request sent after
   * that: a reserve, and a confirm. Excuses late expiries meanwhile. `limitMs` is what is promised of a machine that has
   * nothing else to do: the report sets both side by side, and no run fails because a machine was slow.
   */
  async recovers(
    what: string,
    limitMs: number | undefined,
    heal: () => Promise<unknown>,
    until: 'reserve' | 'confirm' = 'reserve',
  ): Promise<number | undefined> {
    const { stayers, stage, seed } = this;
    const diary = stayers?.diary ?? this.diary;
    const sku = stayers?.probeSku ?? this.plentiful;
    const probe = new Probe({ places: () => stage.places, diary, sku, seed });
    const fromMs = performance.now();
    try {
      await heal();
      const ms = await probe.first(until, fromMs, RECOVERY_WITHIN_MS);
      this.recoveries.push({ what, ms, limitMs, live: stayers?.all.length ?? 0 });
      if (ms === undefined)
        this.failures.push(`${what}: no ${until} succeeded within ${RECOVERY_WITHIN_MS} ms`);
      return ms;
    } finally {
      await probe.stop();
      this.outages.push({ fromMs, toMs: performance.now(), why: what });
    }
  }

  /** An item of which there is enough for everybody. */
  get plentiful(): string {
    const most = [...this.sale.items].sort((a, b) => b.total - a.total).find(({ cap }) => cap === null);
    return most?.sku ?? this.sale.hot;
  }

  /** Acknowledged between the two moments, a reservation may be gone afterwards. */
  mayLose(fromMs: number, toMs: number, why: string): void {
    this.lossWindows.push({ fromMs, toMs, why });
  }

  note(sentence: string): void {
    this.notes.push(sentence);
  }

  fail(sentence: string): void {
    this.failures.push(sentence);
  }

  expect(holds: boolean, sentence: string): void {
    if (!holds) this.fail(sentence);
  }

  /** The sale's epoch as the ledger has it now. */
  async epoch(saleNumber = this.sale.number): Promise<number> {
    const [row] = await this.stage.ask(
      (sql) => sql`SELECT epoch FROM holdfast.sale WHERE number = ${saleNumber}`,
    );
    return Number(row.epoch);
  }

  /** From now on nothing may be granted under the present epoch: to be called once the store is gone or has forgotten. */
  endEpoch(epoch: number): void {
    this.epochEnds.push({ epoch, atMs: performance.now() });
  }

  /** The crowd goes home and settles what it left open. */
  async settle(): Promise<void> {
    if (this.crowd === undefined) return;
    const left = await this.crowd.leave(SETTLE_WITHIN_MS);
    this.loadSeconds += (performance.now() - this.loadedSinceMs) / 1000;
    this.crowd = undefined;
    await this.sampler?.stop();
    const { findings = [], wholeLooks = [] } = this.sampler ?? {};
    const overdrafts = unexplainedOverdrafts(wholeLooks, this.lossWindows);
    for (const finding of [...findings, ...overdrafts].slice(0, FINDINGS_KEPT)) this.fail(finding);
    if (left > 0)
      this.fail(`${left} requests had no final answer ${SETTLE_WITHIN_MS / 1000} s after the fault`);
  }

  /** Settles, waits for the TTL, and judges. */
  async end(): Promise<ActResult> {
    await this.settle();
    await this.stage.allReady(60_000);
    const { stage, sale, diary, lossWindows, outages, epochEnds } = this;
    const verdict = await judge({ stage, sale, diary, lossWindows, outages, epochEnds });
    if (this.sampler !== undefined)
      this.note(
        `Both stores were looked at ${this.sampler.looks} times under load, Redis as a whole ${this.sampler.wholeLooks.length} times.`,
      );
    if (this.stayers !== undefined) await this.checkStayers(this.stayers);
    const times = diary.reserveMs.values.slice(0, diary.reserveMs.length).sort();
    const rank = (share: number) => times[Math.max(0, Math.ceil(times.length * share) - 1)] ?? 0;
    return {
      name: this.name,
      tally: diary.tally,
      verdict,
      recoveries: this.recoveries,
      notes: this.notes,
      failures: this.failures,
      loadSeconds: this.loadSeconds,
      reserveP50Ms: rank(0.5),
      reserveP99Ms: rank(0.99),
      slowestReserveMs: rank(1),
    };
  }

  private async checkStayers(stayers: Stayers): Promise<void> {
    const mayBeLost = (atMs: number) =>
      this.lossWindows.some(({ fromMs, toMs }) => atMs >= fromMs && atMs <= toMs);
    const { findings, live, lost } = await checkStayers(this.stage, stayers, mayBeLost);
    for (const finding of findings) this.fail(`live through the fault: ${finding}`);
    this.note(
      `${live.toLocaleString('en')} of ${stayers.all.length.toLocaleString('en')} live reservations are as acknowledged${lost > 0 ? `, ${lost} lost` : ''}.`,
    );
    addTally(this.diary.tally, stayers.diary.tally);
    for (const sentence of stayers.diary.breaks) this.fail(sentence);
  }
}

function addTally(into: Tally, more: Tally): void {
  for (const name of Object.keys(into) as (keyof Tally)[]) into[name] += more[name];
}

/** Every broken promise of an act, as sentences. */
export function brokenPromises({ name, verdict, failures }: ActResult): string[] {
  const invariants = [...verdict.broken].flatMap(([invariant, sentences]: [Invariant, readonly string[]]) =>
    sentences.map((sentence) => `${invariant}: ${sentence}`),
  );
  return [...invariants, ...failures].map((sentence) => `${name}: ${sentence}`);
}
