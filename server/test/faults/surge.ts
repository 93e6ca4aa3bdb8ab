// A load that does not wait for the service: customers arrive at a rate, whatever becomes of those before them. Each comes
// once, with a connection from a pool, and does not try again. The same visits can be made in a closed loop, one after the
// other, which finds out how many the machine can serve.
import { seededRandom } from '../harness/seeded-random.ts';
import { token } from '../harness/service.ts';
import { confirmText, releaseText, reserveText } from './crowd.ts';
import { type Diary, Numbers } from './diary.ts';
import { drawVisit, type Shelf } from './plans.ts';
import type { Sale } from './stage.ts';
import { type Place, Wire } from './wire.ts';

const PATIENCE_MS = 4_000;
const CUSTOMERS = 20_000;
/** Between two looks at who has arrived meanwhile. */
const TICK_MS = 5;

export interface SurgeOptions {
  readonly places: () => readonly Place[];
  readonly sale: Sale;
  readonly diary: Diary;
  readonly seed: number;
}

/** What became of the reserves of one load. */
export class Outcome {
  readonly grantedMs = new Numbers();
  /** For want of stock or by the cap: decided, too. */
  readonly refusedMs = new Numbers();
  /** Told to come again. */
  readonly turnedAwayMs = new Numbers();
  unanswered = 0;
  /** Arrived while every connection was busy, and left. */
  notSent = 0;

  get decided(): number {
    return this.grantedMs.length + this.refusedMs.length;
  }
}

export class Surge {
  private readonly random: () => number;
  private readonly shelf: Shelf;
  private readonly tokens: string[];
  private made = 0;

  constructor(private readonly options: SurgeOptions) {
    const { sale, seed } = options;
    this.random = seededRandom(seed * 8191 + 0x50000);
    this.shelf = {
      hot: sale.hot,
      others: sale.items.map(({ sku }) => sku).filter((sku) => sku !== sale.hot),
    };
    this.tokens = Array.from({ length: CUSTOMERS }, (_, n) => token(`surge-${n}`));
  }

  /** `loops` customers at a time, each followed by the next. */
  async closed(loops: number, seconds: number): Promise<Outcome> {
    const outcome = new Outcome();
    const endMs = performance.now() + seconds * 1_000;
    await Promise.all(
      Array.from({ length: loops }, async () => {
        const wire = new Wire(PATIENCE_MS);
        while (performance.now() < endMs) await this.visit(wire, outcome);
        wire.close();
      }),
    );
    return outcome;
  }

  /** So many customers a second arrive, over at most so many connections. */
  async open(perSecond: number, seconds: number, connections: number): Promise<Outcome> {
    const outcome = new Outcome();
    const idle = Array.from({ length: connections }, () => new Wire(PATIENCE_MS));
    const startedMs = performance.now();
    let underWay = 0;
    for (let arrived = 0; arrived < perSecond * seconds; ) {
      const due = Math.min(
        perSecond * seconds,
        Math.floor(((performance.now() - startedMs) / 1_000) * perSecond),
      );
      for (; arrived < due; arrived += 1) {
        const wire = idle.pop();
        if (wire === undefined) {
          outcome.notSent += 1;
          continue;
        }
        underWay += 1;
        void this.visit(wire, outcome).finally(() => {
          idle.push(wire);
          underWay -= 1;
        });
      }
      await Bun.sleep(TICK_MS);
    }
    while (underWay > 0) await Bun.sleep(TICK_MS);
    for (const wire of idle) wire.close();
    return outcome;
  }

  private async visit(wire: Wire, outcome: Outcome): Promise<void> {
    const { places, sale, diary } = this.options;
    const n = this.made++;
    const all = places();
    const place = all[n % all.length] as Place;
    const who = n % CUSTOMERS;
    const as = this.tokens[who] as string;
    const plan = drawVisit(this.random, this.shelf);
    const visit = diary.begin(`surge-${who}`, `${sale.id}-surge-${n}`, plan.lines);
    const sentAtMs = performance.now();
    const answer = await wire.ask(place, reserveText(visit, as));
    diary.reserved(visit, sentAtMs, answer);
    if (answer === undefined) outcome.unanswered += 1;
    else if (answer.status === 503) outcome.turnedAwayMs.push(answer.atMs - sentAtMs);
    else if (answer.status !== 201) outcome.refusedMs.push(answer.atMs - sentAtMs);
    else {
      outcome.grantedMs.push(answer.atMs - sentAtMs);
      const actedAtMs = performance.now();
      if (plan.ending.endsWith('release'))
        diary.released(visit, actedAtMs, await wire.ask(place, releaseText(visit, as)));
      else if (plan.ending !== 'vanish')
        diary.confirmed(visit, actedAtMs, await wire.ask(place, confirmText(visit, as)));
    }
  }
}

/** The time within which this share was answered. */
export function within(times: Numbers, share: number): number {
  const sorted = times.values.slice(0, times.length).sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
