// The reconciler: whose turn each sale's looks are, how deep, how often; and the run that an operator asks for. What it finds
// it tells (log, metrics) and remembers for a while, so that an alert has time to see it.
import { randomUUID } from 'node:crypto';
import { INVARIANTS, type Invariant } from '../domain/differences.ts';
import { NotReady } from '../domain/sale-store.ts';
import { BadCursor } from '../ledger/contract.ts';
import {
  type FoundDifference,
  type ReconcileParts,
  reconcileSale,
  type SaleFindings,
  type Scope,
} from './reconcile.ts';
import type { Answer } from './reservations.ts';

/** Every record of a sale at most this often, and never more than one part in twenty of the time. */
const THROUGH_EVERY_MS = 60_000;
const THROUGH_SHARE = 20;
/** The sums over a sale's whole ledger likewise: a big sale's take seconds, of one core of PostgreSQL. */
const VERIFY_EVERY_MS = 60_000;
const VERIFY_SHARE = 50;
/** While customers keep the process busy, both wait for a calm moment, so long at most. */
const BUSY_PATIENCE_MS = 10 * 60_000;
/** After each page, so that a look takes a small part of Redis and of this process; a smaller one of a process that is busy. */
const PAUSE_MS = 4;
const BUSY_PAUSE_MS = 20;
/** Somebody waits. Still more than a millisecond: each page of counters sets the sale's clock on by one. */
const PAUSE_BY_HAND_MS = 2;
/** Of one sale in one round of the worker: 1,200 transitions a second; what a rush leaves is looked at after it. */
const TRANSITION_PAGES = 3;
const SEALS = 4;
/** By hand: 200,000 transitions from the first, 10,000 sealed rows. */
const TRANSITION_PAGES_BY_HAND = 100;
const SEALS_BY_HAND = 20;
/** An answer comes within the time of a request (3 s); what a run has not come to by then follows by its cursor. */
const ANSWER_WITHIN_MS = 2_000;
/** What is found stays in the metrics this long after it was seen last, and is logged once in this time. */
const FINDING_KEPT_MS = 15 * 60_000;
/** Findings remembered: past these the count is what matters. */
const FINDINGS_MAX = 10_000;

export interface SaleReport extends SaleFindings {
  readonly saleId: string;
  /** Everything of the sale was looked at. */
  readonly complete: boolean;
}

export interface ReconcileReport {
  readonly ranAtMs: number;
  readonly sales: readonly SaleReport[];
  /** For what the run has not come to yet; null at its end. */
  readonly next: string | null;
}

export interface ReconcileVerb {
  /** Runs now, or joins the run under way; of one sale if given. */
  reconcile(saleId: string | null, cursor: string | null): Promise<Answer<ReconcileReport>>;
}

interface Run {
  readonly id: string;
  readonly saleId: string | null;
  readonly ranAtMs: number;
  readonly done: SaleReport[];
  over: boolean;
  failed: boolean;
  finished: Promise<void>;
}

interface Memory extends Pick<Scope, 'transitionsAfter' | 'sealsAfter'> {
  readonly round: number;
  readonly nextThroughAtMs: number;
  readonly nextVerifyAtMs: number;
}

/** Of a sale that was never looked at: all of it is due. */
function freshAt(nowMs: number): Memory {
  return {
    transitionsAfter: null,
    sealsAfter: { l: 0, r: 0 },
    round: 0,
    nextThroughAtMs: nowMs,
    nextVerifyAtMs: nowMs,
  };
}

export interface ReconcilerOptions extends ReconcileParts {
  readonly onRepaired: (what: 'rebuild' | 'expire') => void;
  /** By which it tells what is due, in ms; goes on evenly. */
  readonly clock?: () => number;
}

export class Reconciler implements ReconcileVerb {
  private readonly memories = new Map<number, Memory>();
  private readonly findings = new Map<string, { readonly invariant: Invariant; seenAtMs: number }>();
  private run: Run | null = null;
  private stopped = false;

  private readonly clock: () => number;

  constructor(private readonly options: ReconcilerOptions) {
    this.clock = options.clock ?? (() => performance.now());
  }

  /** Unrepaired differences seen lately, by invariant. */
  violations(): ReadonlyMap<Invariant, number> {
    const since = this.clock() - FINDING_KEPT_MS;
    const counts = new Map<Invariant, number>();
    for (const [key, { invariant, seenAtMs }] of this.findings) {
      if (seenAtMs < since) this.findings.delete(key);
      else counts.set(invariant, (counts.get(invariant) ?? 0) + 1);
    }
    return counts;
  }

  /** The same with 0 for those that hold: an alert must be able to tell that from no answer. */
  violationsOfAll(): ReadonlyMap<Invariant, number> {
    const found = this.violations();
    return new Map(INVARIANTS.map((invariant) => [invariant, found.get(invariant) ?? 0]));
  }

  /** The worker's part: the counters and what is new; and as often as it may be, in a calm moment, everything. */
  async lookAt(saleNumber: number, isCalm: boolean): Promise<SaleFindings> {
    const beganAtMs = this.clock();
    const memory = this.memories.get(saleNumber) ?? freshAt(beganAtMs);
    const dueAtMs = beganAtMs - (isCalm ? 0 : BUSY_PATIENCE_MS);
    const through = dueAtMs >= memory.nextThroughAtMs;
    const verify = dueAtMs >= memory.nextVerifyAtMs;
    const scope: Scope = {
      ...memory,
      through,
      verify,
      transitionPages: TRANSITION_PAGES,
      seals: SEALS,
      pace: () => this.pause(isCalm ? PAUSE_MS : BUSY_PAUSE_MS),
    };
    const findings = await reconcileSale(this.options, saleNumber, scope);
    const endedAtMs = this.clock();
    const after = (everyMs: number, tookMs: number, share: number) =>
      endedAtMs + Math.max(everyMs, tookMs * share);
    this.memories.set(saleNumber, {
      ...findings.next,
      round: memory.round + (through ? 1 : 0),
      nextThroughAtMs: through
        ? after(THROUGH_EVERY_MS, endedAtMs - beganAtMs, THROUGH_SHARE)
        : memory.nextThroughAtMs,
      nextVerifyAtMs: verify
        ? after(VERIFY_EVERY_MS, findings.verifyMs, VERIFY_SHARE)
        : memory.nextVerifyAtMs,
    });
    this.tell(findings);
    return findings;
  }

  async reconcile(saleId: string | null, cursor: string | null): Promise<Answer<ReconcileReport>> {
    const asked = cursor === null ? null : readCursor(cursor);
    const giveUpAtMs = performance.now() + ANSWER_WITHIN_MS;
    let run = this.run;
    const isWanted = (one: Run) =>
      !one.failed && one.saleId === saleId && (asked === null ? !one.over : one.id === asked.run);
    if (run && !isWanted(run)) {
      if (!run.over) await settled(run, ANSWER_WITHIN_MS);
      if (!run.over) return { ok: false, refusal: BUSY };
      run = null;
    }
    if (!run) {
      const saleNumbers = await this.saleNumbers(saleId);
      if (saleNumbers === null) return { ok: false, refusal: UNKNOWN_SALE };
      // Somebody else may have begun one meanwhile.
      if (this.run && !this.run.over) return this.reconcile(saleId, cursor);
      run = this.begin(
        saleId,
        saleNumbers.filter((number) => number > (asked?.after ?? 0)),
      );
    }
    await settled(run, Math.max(1, giveUpAtMs - performance.now()));
    if (run.over) await run.finished; // its failure, if it failed
    const sales = run.done.filter(({ saleNumber }) => saleNumber > (asked?.after ?? 0));
    const last = sales.at(-1)?.saleNumber ?? asked?.after ?? 0;
    const next = run.over ? null : `${run.id}.${last}`;
    return { ok: true, value: { ranAtMs: run.ranAtMs, sales, next } };
  }

  /** Ends what is under way. */
  stop(): void {
    this.stopped = true;
  }

  private begin(saleId: string | null, saleNumbers: readonly number[]): Run {
    const run: Run = {
      id: randomUUID(),
      saleId,
      ranAtMs: Date.now(),
      done: [],
      over: false,
      failed: false,
      finished: Promise.resolve(),
    };
    run.finished = this.runThrough(run, saleNumbers).finally(() => {
      run.over = true;
    });
    // Told to those who wait for it; who asks later begins another.
    run.finished.catch(() => {
      run.failed = true;
    });
    this.run = run;
    return run;
  }

  private async runThrough(run: Run, saleNumbers: readonly number[]): Promise<void> {
    for (const saleNumber of saleNumbers) {
      this.throwIfStopped();
      const sale = await this.options.ledger.saleByNumber(saleNumber);
      if (!sale) continue;
      const findings = await reconcileSale(this.options, saleNumber, {
        ...freshAt(this.clock()),
        through: true,
        verify: true,
        transitionPages: TRANSITION_PAGES_BY_HAND,
        seals: SEALS_BY_HAND,
        round: run.ranAtMs,
        pace: () => this.pause(PAUSE_BY_HAND_MS),
      });
      this.tell(findings);
      const complete = (findings.store === 'whole' || sale.unloaded) && !findings.moreTransitions;
      run.done.push({ ...findings, saleId: sale.id, complete });
    }
  }

  /** Null if there is no such sale. Of all sales, those that are kept in the store. */
  private async saleNumbers(saleId: string | null): Promise<number[] | null> {
    const { ledger } = this.options;
    if (saleId === null) return (await ledger.lineages()).map(({ saleNumber }) => saleNumber);
    const sale = await ledger.saleById(saleId);
    return sale ? [sale.number] : null;
  }

  private async pause(ms: number): Promise<void> {
    this.throwIfStopped();
    await Bun.sleep(ms);
  }

  private throwIfStopped(): void {
    if (this.stopped) throw new NotReady('the service is stopping');
  }

  private tell({ saleNumber, differences }: SaleFindings): void {
    const nowMs = this.clock();
    for (const one of differences) {
      const key = `${saleNumber} ${one.key}`;
      if (one.repaired) {
        this.findings.delete(key);
        this.log('warn', saleNumber, one, 'a difference was found and repaired');
        continue;
      }
      const known = this.findings.get(key);
      if (known && nowMs - known.seenAtMs < FINDING_KEPT_MS) {
        known.seenAtMs = nowMs;
      } else if (this.findings.size < FINDINGS_MAX) {
        this.findings.set(key, { invariant: one.invariant, seenAtMs: nowMs });
        this.log('error', saleNumber, one, 'an invariant is violated: see docs/reconcile.md');
      }
    }
    for (const what of ['rebuild', 'expire'] as const) {
      if (differences.some((one) => one.repaired && one.repair === what)) this.options.onRepaired(what);
    }
  }

  private log(level: 'warn' | 'error', sale: number, one: FoundDifference, message: string): void {
    const { invariant, sku, reservationId: reservation, detail } = one;
    this.options.log[level]({ sale, invariant, sku, reservation, detail }, message);
  }
}

const UNKNOWN_SALE = {
  code: 'unknown-sale',
  detail: 'No sale has this id. See /api/v1/sales for those there are.',
} as const;

const BUSY = {
  code: 'unavailable',
  detail: 'Another reconciliation is running, and this one waits for its end. Ask again in a moment.',
  retryAfterSeconds: 1,
} as const;

/** Waits for the run's end, however it ends, at most so long. */
async function settled(run: Run, ms: number): Promise<void> {
  const ended = run.finished.catch(() => undefined);
  await Promise.race([ended, Bun.sleep(ms)]);
}

const CURSOR = /^([0-9a-f-]{36})\.(\d{1,10})$/;

function readCursor(cursor: string): { readonly run: string; readonly after: number } {
  const [, run, after] = CURSOR.exec(cursor) ?? [];
  if (run === undefined) throw new BadCursor('the cursor is not one of a reconciliation');
  return { run, after: Number(after) };
}
