// The load: client loops that visit, one customer after the other, as plans.ts draws them; and a few loops that come back
// later to what was left open: a reserve or a confirm without an answer is tried again until there is one.
import type { RetryBudget } from '@holdfast/client/retry';
import { seededRandom } from '../harness/seeded-random.ts';
import { token } from '../harness/service.ts';
import type { Diary, Visit } from './diary.ts';
import { drawVisit, type Ending, type Shelf } from './plans.ts';
import type { Sale } from './stage.ts';
import { type Answer, type Place, requestText, Wire } from './wire.ts';

export interface CrowdOptions {
  readonly places: () => readonly Place[];
  readonly sale: Sale;
  readonly diary: Diary;
  readonly seed: number;
  readonly loops?: number;
  /** A customer gives up waiting for an answer after this. */
  readonly patienceMs?: number;
  /** Pause between two visits of a loop, on average; 0 goes as fast as answers come. */
  readonly thinkMs?: number;
  /** Visits after which the crowd goes home by itself. */
  readonly visits?: number;
  /** Who draws what it does next, where the usual mix is not wanted. */
  readonly endings?: readonly Ending[];
  /** Within which retries stay; without one a customer retries as its pauses allow. */
  readonly budget?: RetryBudget;
  /** Seconds by which the clock of who issues the tokens is ahead. */
  readonly tokensAheadSeconds?: number;
}

export const LOOPS = 120;
const CUSTOMERS_PER_LOOP = 16;
const RETURNING_LOOPS = 24;
const PATIENCE_MS = 4_000;
/** Tries of a reserve before the visit is left for later. */
const TRIES_MAX = 3;
const PAUSE_MS = 150;
const PAUSE_MAX_MS = 1_000;
/** Beyond so many open ends nobody begins anything new. */
const OPEN_ENDS_MAX = 15_000;
const EXTENSION_SECONDS = 5;

interface OpenEnd {
  readonly visit: Visit;
  readonly token: string;
  /** What is still to be done. */
  readonly what: 'reserve' | 'confirm' | 'release';
}

export class Crowd {
  private readonly shelf: Shelf;
  private readonly openEnds: OpenEnd[] = [];
  private readonly loops: Promise<void>[];
  private readonly returning: Promise<void>[];
  private readonly places: CrowdOptions['places'];
  private visitsLeft: number;
  private leaving = false;
  private closing = false;

  constructor(private readonly options: CrowdOptions) {
    const { sale, loops = LOOPS } = options;
    this.shelf = {
      hot: sale.hot,
      others: sale.items.map(({ sku }) => sku).filter((sku) => sku !== sale.hot),
    };
    this.places = options.places;
    this.visitsLeft = options.visits ?? Number.POSITIVE_INFINITY;
    this.loops = Array.from({ length: loops }, (_, loop) => this.visitAgainAndAgain(loop));
    this.returning = Array.from({ length: RETURNING_LOOPS }, (_, loop) => this.comeBack(loop));
  }

  /** Resolves when all visits that were asked for have been made. */
  async gone(): Promise<void> {
    await Promise.all(this.loops);
  }

  get leftOpen(): number {
    return this.openEnds.length;
  }

  /** Nobody begins a visit any more; those under way and what was left open end. @returns what stayed open. */
  async leave(limitMs: number): Promise<number> {
    this.leaving = true;
    const endMs = performance.now() + limitMs;
    await Promise.race([Promise.all(this.loops), Bun.sleep(limitMs)]);
    while ((this.openEnds.length > 0 || this.busy > 0) && performance.now() < endMs) await Bun.sleep(20);
    this.closing = true;
    await Promise.all([...this.loops, ...this.returning]);
    return this.openEnds.length;
  }

  private busy = 0;
  /** By loop: how often it went on to the next service because one did not answer. */
  private readonly movedOn = new Map<number, number>();

  private async visitAgainAndAgain(loop: number): Promise<void> {
    const {
      sale,
      diary,
      seed,
      thinkMs = 0,
      patienceMs = PATIENCE_MS,
      endings,
      tokensAheadSeconds,
    } = this.options;
    const random = seededRandom(seed * 8191 + loop);
    const wire = new Wire(patienceMs);
    const tokens = Array.from({ length: CUSTOMERS_PER_LOOP }, (_, n) =>
      token(nameOf(loop, n), undefined, tokensAheadSeconds),
    );
    try {
      for (let n = 0; !this.leaving && this.visitsLeft > 0; n += 1) {
        this.visitsLeft -= 1;
        if (this.openEnds.length > OPEN_ENDS_MAX) {
          await Bun.sleep(PAUSE_MS);
          continue;
        }
        const plan = drawVisit(random, this.shelf);
        const who = n % CUSTOMERS_PER_LOOP;
        const as = tokens[who] as string;
        const visit = diary.begin(nameOf(loop, who), `${sale.id}-${loop}-${n}`, plan.lines);
        const there = await this.reserve(wire, loop, visit, as, random, TRIES_MAX);
        if (there === 'open') this.openEnds.push({ visit, token: as, what: 'reserve' });
        if (there === 'reserved') {
          if (plan.resends) await this.reserve(wire, loop, visit, as, random, 1);
          const ending = endings?.[n % endings.length] ?? plan.ending;
          await this.finish(wire, loop, visit, as, ending);
        }
        if (thinkMs > 0) await Bun.sleep(thinkMs * 2 * random());
      }
    } finally {
      wire.close();
    }
  }

  private async reserve(
    wire: Wire,
    loop: number,
    visit: Visit,
    as: string,
    random: () => number,
    tries: number,
  ): Promise<'reserved' | 'refused' | 'open'> {
    const { budget } = this.options;
    for (let tried = 1; ; tried += 1) {
      if (tried === 1) budget?.recordCall();
      const sentAtMs = performance.now();
      const answer = await wire.ask(this.placeOf(loop), reserveText(visit, as));
      this.options.diary.reserved(visit, sentAtMs, answer);
      if (answer === undefined) this.movedOn.set(loop, (this.movedOn.get(loop) ?? 0) + 1);
      if (answer !== undefined && answer.status !== 503)
        return answer.status === 201 ? 'reserved' : 'refused';
      if (tried >= tries || this.closing) return 'open';
      if (budget?.take() === false) {
        // Told to come later: this customer's place is not taken at once by the next one.
        await this.pause(answer, tried, random);
        return 'open';
      }
      this.options.diary.tally.retries += 1;
      await this.pause(answer, tried, random);
    }
  }

  private async finish(wire: Wire, loop: number, visit: Visit, as: string, ending: Ending): Promise<void> {
    const { diary } = this.options;
    if (ending.startsWith('extend')) {
      const sentAtMs = performance.now();
      const answer = await wire.ask(this.placeOf(loop), extendText(visit, as));
      diary.extended(visit, sentAtMs, EXTENSION_SECONDS * 1000, answer);
    }
    if (ending.endsWith('release')) await this.act(wire, loop, visit, as, 'release');
    if (ending.includes('confirm')) {
      await this.act(wire, loop, visit, as, 'confirm', ending !== 'confirm once');
      if (ending === 'confirm twice') await this.act(wire, loop + 1, visit, as, 'confirm');
    }
  }

  /** What is not answered for good is left for those who come back. */
  private async act(
    wire: Wire,
    at: number,
    visit: Visit,
    as: string,
    what: 'confirm' | 'release',
    returns = true,
  ): Promise<void> {
    const { diary } = this.options;
    const sentAtMs = performance.now();
    if (what === 'confirm') {
      const answer = await wire.ask(this.placeOf(at), confirmText(visit, as));
      diary.confirmed(visit, sentAtMs, answer);
      if (returns && (answer === undefined || answer.status === 503))
        this.openEnds.push({ visit, token: as, what });
    } else {
      const answer = await wire.ask(this.placeOf(at), releaseText(visit, as));
      diary.released(visit, sentAtMs, answer);
      if (answer === undefined || answer.status === 503) this.openEnds.push({ visit, token: as, what });
    }
  }

  private async comeBack(loop: number): Promise<void> {
    const { diary, seed, patienceMs = PATIENCE_MS } = this.options;
    const random = seededRandom(seed * 8191 + 0x10000 + loop);
    const wire = new Wire(patienceMs);
    try {
      while (!this.closing) {
        const { budget } = this.options;
        const allowed = this.leaving || budget === undefined || this.openEnds.length === 0 || budget.take();
        const next = allowed ? this.openEnds.shift() : undefined;
        if (next === undefined) {
          await Bun.sleep(20);
          continue;
        }
        this.busy += 1;
        diary.tally.retries += 1;
        const before = this.openEnds.length;
        if (next.what === 'reserve') await this.reserveLate(wire, loop, next, random);
        else await this.act(wire, loop, next.visit, next.token, next.what);
        if (this.openEnds.length > before) await Bun.sleep(PAUSE_MS * (0.5 + random()));
        this.busy -= 1;
      }
    } finally {
      wire.close();
    }
  }

  /** Nobody wants it any more: what is found to be reserved is given back. */
  private async reserveLate(wire: Wire, loop: number, end: OpenEnd, random: () => number): Promise<void> {
    const there = await this.reserve(wire, loop, end.visit, end.token, random, 1);
    if (there === 'open') this.openEnds.push(end);
    if (there === 'reserved') await this.act(wire, loop, end.visit, end.token, 'release');
  }

  private async pause(answer: Answer | undefined, tried: number, random: () => number): Promise<void> {
    const floorMs = Math.min(PAUSE_MAX_MS, (answer?.retryAfterSeconds ?? 0) * 1000) / 2;
    await Bun.sleep(floorMs + random() * Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** tried));
  }

  private placeOf(loop: number): Place {
    const places = this.places();
    return places[(loop + (this.movedOn.get(loop) ?? 0)) % places.length] as Place;
  }
}

export function nameOf(loop: number, n: number): string {
  return `c${loop}-${n}`;
}

export function reserveText({ lines, key }: Visit, as: string, ttlSeconds?: number): string {
  const wanted = lines.length === 1 ? lines[0] : { items: lines };
  const body = ttlSeconds === undefined ? wanted : { ...wanted, ttl_seconds: ttlSeconds };
  return requestText('POST', '/api/v1/inventory/reserve', as, { body: JSON.stringify(body), key });
}

export function confirmText({ id }: Visit, as: string): string {
  return requestText('POST', '/api/v1/checkout/confirm', as, { body: `{"reservation_id":"${id}"}` });
}

export function releaseText({ id }: Visit, as: string): string {
  return requestText('DELETE', `/api/v1/reservations/${id}`, as);
}

function extendText({ id }: Visit, as: string): string {
  const body = `{"seconds":${EXTENSION_SECONDS}}`;
  return requestText('POST', `/api/v1/reservations/${id}/extend`, as, { body });
}
