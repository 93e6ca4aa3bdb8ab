// A soak: acts one after the other on one stage, each a sale with its crowd and a few faults, judged in quiet while the next act's crowd
// is already there; around them bystanders, a market and everything that watches.
//
//   act n:    load ──────── fault ─── fault ─── quiet │ settle, judge, reconcile, close
//   act n+1:                                          │ load ──────────────────────── fault ─── …
import { spawn } from 'node:child_process';
import path from 'node:path';
import { freePort } from '../../src/embedded/free-port.ts';
import { Act, type ActResult, brokenPromises } from '../faults/act.ts';
import { Stage } from '../faults/stage.ts';
import type { Window } from '../faults/windows.ts';
import { seededRandom } from '../harness/seeded-random.ts';
import { temporaryFolder } from '../harness/stores.ts';
import { Ageing } from './ageing.ts';
import { ALLOWANCE_MS, Answers, type Sorted, STALL_ALLOWANCE_MS, withAllowance } from './answers.ts';
import { breakThings, type Fault } from './breakages.ts';
import { Bystanders, type Watched } from './bystanders.ts';
import { Deck, ENDS_PROCESSES } from './deck.ts';
import { Floor } from './floor.ts';
import { type LogFindings, readLog } from './log-lines.ts';
import { Market, type MarketFigures } from './market.ts';
import { MemoryWatch, type Series } from './memory-watch.ts';
import type { SoakOptions } from './options.ts';
import { SoakDiary } from './soak-diary.ts';
import { Warmth } from './warmth.ts';
import { Witness } from './witness.ts';

export interface SoakResult {
  readonly seconds: number;
  readonly loadSeconds: number;
  readonly acts: readonly ActResult[];
  readonly faults: readonly Fault[];
  readonly answers: Sorted;
  readonly log: LogFindings;
  /** All of it. */
  readonly logged: string;
  readonly series: readonly Series[];
  readonly watched: Watched;
  readonly market: MarketFigures;
  /** Closed ones that left Redis. */
  readonly salesUnloaded: number;
  readonly reconciled: number;
  readonly auditWords: string;
  /** When the machine itself stood still. */
  readonly stalls: readonly Window[];
  readonly stalledMs: number;
  readonly looks: number;
  /** When the load began, as performance.now() had it. */
  readonly originMs: number;
  /** Broken promises, in words. */
  readonly broken: readonly string[];
}

const WORKERS = 2;
const TTL_SECONDS = 10;
/** A visit takes some 2.4 requests; with everybody else about 300 requests a second. */
const LOOPS = 120;
const THINK_MS = 1_200;
const FAULTS_AN_ACT = 2;
/** Before each fault; a short run has no time for more. */
const CALM_SECONDS = [14, 26] as const;
const BRISK_SECONDS = [6, 10] as const;
const BRISK_MINUTES = 10;
/** After the last fault of an act, before it is judged. */
const QUIET_MS = 12_000;
/** No act begins, and no fault, when less of the run is left. */
const ACT_AT_LEAST_MS = 45_000;
const FAULT_AT_LEAST_MS = 25_000;
/** The archivist comes once a minute, and has two turns. */
const UNLOADED_WITHIN_MS = 150_000;
const OPEN_TRIES = 10;
const OPEN_PAUSE_MS = 1_000;
const AUDIT_WITHIN_MS = 120_000;
const AUDIT_MAIN = path.join(import.meta.dir, '../../src/audit-main.ts');

export class Soak {
  private readonly random: () => number;
  private readonly deck: Deck;
  private readonly answers = new Answers();
  private readonly windows: Window[] = [];
  private readonly losses: Window[] = [];
  private readonly faults: Fault[] = [];
  private readonly results: ActResult[] = [];
  private readonly broken: string[] = [];
  private readonly witness = new Witness();
  private readonly floor: Floor;
  private readonly warmth: Warmth;
  private readonly memory: MemoryWatch;
  private readonly ageing: Ageing;
  private readonly startedMs = performance.now();
  private endMs = Number.POSITIVE_INFINITY;
  private actsBegun = 0;
  private reconciled = 0;

  private constructor(
    private readonly options: SoakOptions,
    private readonly say: (line: string) => void,
    private readonly stage: Stage,
    metricsPort: number,
  ) {
    const { seed } = options;
    this.random = seededRandom(seed * 8191 + 0xfa017);
    this.deck = new Deck(this.random);
    const [place] = stage.places;
    const url = `http://${place?.host}:${place?.port}`;
    this.floor = new Floor(url, this.answers, seededRandom(seed * 8191 + 0xf100));
    this.warmth = new Warmth(url);
    this.memory = new MemoryWatch(stage, `http://127.0.0.1:${metricsPort}/metrics`);
    this.ageing = new Ageing(stage.sql(1), stage.redisClient());
  }

  /** `onStage` gets what must be closed if the run is interrupted. */
  static async run(
    options: SoakOptions,
    say: (line: string) => void,
    onStage: (stage: Stage) => void,
  ): Promise<SoakResult> {
    const metricsPort = await freePort();
    const stage = await Stage.open({
      services: 1,
      workers: WORKERS,
      proxied: ['redis', 'postgres', 'http'],
      env: () => ({ HOLDFAST_METRICS_PORT: String(metricsPort) }),
      seed: options.seed,
    });
    onStage(stage);
    try {
      return await new Soak(options, say, stage, metricsPort).play();
    } finally {
      await stage.close();
    }
  }

  private async play(): Promise<SoakResult> {
    const { floor, stage } = this;
    const market = await Market.open(floor);
    const loadedSinceMs = performance.now();
    this.endMs = loadedSinceMs + this.options.minutes * 60_000;
    market.begin();
    this.warmth.fill();
    const bystanders = new Bystanders(floor);
    let act = await this.beginAct(market);
    await this.breakThingsIn(act);
    while (this.leftMs > ACT_AT_LEAST_MS) {
      const next = await this.beginAct(market);
      await this.endAct(act);
      await this.breakThingsIn(next);
      act = next;
    }
    await Bun.sleep(Math.max(0, this.leftMs));
    const loadSeconds = (performance.now() - loadedSinceMs) / 1000;
    floor.close();
    await this.endAct(act);
    await Promise.all([bystanders.gone(), market.gone(), this.warmth.stop()]);
    await this.memory.stop();

    for (const sentence of await stage.ask((sql) => market.check(sql))) this.broken.push(sentence);
    const salesUnloaded = await this.countUnloaded();
    const auditWords = await this.audit();
    await this.stopService();
    await this.witness.stop();
    const { watched } = bystanders;
    if (watched.wentBack > 0) this.broken.push(`${watched.wentBack} times a viewer was told what is older`);
    const { results, faults, windows, losses, answers, memory, reconciled } = this;
    const excuses = [
      ...withAllowance(windows, ALLOWANCE_MS),
      ...withAllowance(this.witness.stalls, STALL_ALLOWANCE_MS),
    ];
    const violations = [...memory.violations].map(
      ([invariant, count]) => `${invariant}: the service said ${count} of itself`,
    );
    return {
      seconds: (performance.now() - this.startedMs) / 1000,
      loadSeconds,
      acts: results,
      faults,
      answers: answers.sort(excuses, losses, loadedSinceMs),
      log: readLog(stage.log, excuses, performance.timeOrigin),
      logged: stage.log,
      series: memory.series,
      watched,
      market: market.figures,
      salesUnloaded,
      reconciled,
      auditWords,
      stalls: this.witness.stalls,
      stalledMs: this.witness.stalledMs,
      looks: memory.looks,
      originMs: loadedSinceMs,
      broken: [...this.broken, ...violations, ...floor.mistakes],
    };
  }

  private get leftMs(): number {
    return this.endMs - performance.now();
  }

  private async beginAct(market: Market): Promise<Act> {
    const { stage, options, floor, answers } = this;
    const n = ++this.actsBegun;
    const plan = { ttlSeconds: TTL_SECONDS };
    const act = await this.patiently(() =>
      Act.begin(`act ${n}`, stage, options.seed + n * 1_000, plan, new SoakDiary(answers)),
    );
    act.load({ loops: LOOPS, thinkMs: THINK_MS });
    floor.show([act.sale.id, market.saleId], [...act.sale.items.map(({ sku }) => sku), ...market.skus]);
    return act;
  }

  /** A sale that is not opened at once is one more answer to explain, and no reason to stop. */
  private async patiently(begin: () => Promise<Act>): Promise<Act> {
    for (let tries = 1; ; tries += 1) {
      const sentAtMs = performance.now();
      try {
        return await begin();
      } catch (error) {
        if (tries === OPEN_TRIES) throw error;
        const code = String(error).includes('"unavailable"') ? 'unavailable' : 'network';
        const status = code === 'unavailable' ? 503 : 0;
        this.answers.note({ what: 'open a sale', status, code, sentAtMs, endedAtMs: performance.now() });
        await Bun.sleep(OPEN_PAUSE_MS);
      }
    }
  }

  private async breakThingsIn(act: Act): Promise<void> {
    const { random, windows, options, endMs } = this;
    const totalMs = options.minutes * 60_000;
    const [least, most] = options.minutes < BRISK_MINUTES ? BRISK_SECONDS : CALM_SECONDS;
    for (let n = 0; n < FAULTS_AN_ACT; n += 1) {
      await Bun.sleep((least + random() * (most - least)) * 1000);
      if (this.leftMs < FAULT_AT_LEAST_MS) return;
      const kind = this.deck.next(1 - (endMs - performance.now()) / totalMs);
      const fault = await breakThings(kind, act, random, windows);
      if (ENDS_PROCESSES.has(kind)) this.warmth.fill();
      this.faults.push(fault);
      this.say(`${this.clock(fault.fromMs)}  ${fault.about}: ${inWords(fault.recoveredMs)}`);
    }
    this.losses.push(...act.lossWindows);
    await Bun.sleep(QUIET_MS);
  }

  /** In quiet: nothing is broken before this is over. */
  private async endAct(act: Act): Promise<void> {
    await act.settle();
    // A machine that stands still expires nothing.
    act.outages.push(...withAllowance(this.witness.stalls, STALL_ALLOWANCE_MS));
    const result = await act.end();
    this.results.push(result);
    const broken = brokenPromises(result);
    const operator = this.floor.operator();
    const { sales } = await operator.reconcile();
    this.reconciled += sales.length;
    for (const { sale_id, differences } of sales)
      for (const { invariant, detail } of differences)
        broken.push(`reconcile after ${act.name}: ${sale_id} ${invariant}: ${detail}`);
    await operator.closeSale(act.sale.id);
    this.broken.push(...broken);
    const { tally, verdict } = result;
    this.say(
      `${this.clock(performance.now())}  ${act.name}: ${tally.attempts} attempts, ${tally.accepted} accepted, ${tally.orders} orders, ${verdict.losses} lost; ${broken.length === 0 ? 'everything holds' : `BROKEN: ${broken.join('; ')}`}`,
    );
  }

  private async countUnloaded(): Promise<number> {
    const overdue = await this.ageing.overdue(Date.now() - UNLOADED_WITHIN_MS);
    if (overdue.length > 0)
      this.broken.push(
        `${overdue.length} sales were closed ${UNLOADED_WITHIN_MS / 1000} s ago and are still in Redis: ${overdue.slice(0, 5).join(', ')}`,
      );
    const unloaded = await this.ageing.unloaded();
    await this.ageing.stop();
    return unloaded;
  }

  /** As an operator would: `holdfast audit verify`. */
  private async audit(): Promise<string> {
    const { promise: code, resolve } = Promise.withResolvers<number | null>();
    const child = spawn(process.execPath, [AUDIT_MAIN, 'verify'], {
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        HOLDFAST_DATA_DIR: temporaryFolder('audit'),
        DATABASE_URL: this.stage.postgres.url,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: AUDIT_WITHIN_MS,
    });
    let words = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        words += chunk.toString();
      });
    child.once('close', resolve);
    if ((await code) !== 0)
      this.broken.push(`holdfast audit verify ended with ${child.exitCode}: ${words.slice(0, 2_000)}`);
    return words.trim();
  }

  private async stopService(): Promise<void> {
    const stopped = await this.stage.services[0]?.stop();
    if (stopped?.code !== 0) this.broken.push(`at the end the service ended with ${stopped?.code}`);
  }

  private clock(atMs: number): string {
    const seconds = Math.round((atMs - this.startedMs) / 1000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  }
}

function inWords(recoveredMs: number | undefined): string {
  return recoveredMs === undefined ? 'NOT RECOVERED' : `recovered in ${(recoveredMs / 1000).toFixed(2)} s`;
}
