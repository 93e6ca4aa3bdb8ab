// Every answer of a run, sorted: done, refused as the contract says, explained by a fault, or unexplained. Whether a fault explains it
// shows only when the fault is over and the service had its time to come back, so what needs an explanation is kept until the end.
import type { Window } from '../faults/windows.ts';

/** One request and how it ended. */
export interface Ended {
  readonly what: string;
  /** 0: no answer came. */
  readonly status: number;
  /** Of the problem; of the client's error, if no answer came. */
  readonly code: string;
  readonly sentAtMs: number;
  readonly endedAtMs: number;
}

export interface Explained {
  readonly what: string;
  readonly outcome: string;
  readonly count: number;
}

export interface Sorted {
  readonly done: number;
  readonly refused: readonly Explained[];
  readonly explained: readonly Explained[];
  readonly unexplainedCount: number;
  /** Some of them, in words. */
  readonly unexplained: readonly string[];
}

/** After the end of a fault answers may still be 503, or fail: breakers, leases, reconnections. The longest that is promised is 5 s. */
export const ALLOWANCE_MS = 10_000;
/** After the machine itself stood still: a breaker closes within a second. */
export const STALL_ALLOWANCE_MS = 2_000;
/** More doubtful answers than this are a finding by themselves. */
const DOUBTFUL_MAX = 400_000;
const EXAMPLES = 20;
const BETWEEN = ' → ';

/** What the contract refuses and can be right at that moment of a run in which others buy, expire and close. */
const REFUSALS: Readonly<Record<string, readonly string[]>> = {
  reserve: ['insufficient-stock', 'limit-exceeded', 'sale-closed'],
  confirm: ['reservation-expired', 'reservation-released'],
  release: ['reservation-expired', 'already-confirmed', 'confirm-in-progress'],
  extend: ['reservation-expired', 'not-active', 'extension-limit'],
  changeStock: ['stock-in-use', 'sale-closed'],
  // The first try went through and its answer was lost.
  createSale: ['sale-exists'],
  addItems: ['sale-closed', 'sku-in-use'],
  changeSale: ['sale-closed'],
  releaseForCustomer: ['reservation-expired', 'already-confirmed', 'confirm-in-progress'],
  race: ['race-running'],
  // One at a time: whoever comes while another look goes on waits two seconds, and is told to come again (reservations/reconciler.ts).
  reconcile: ['unavailable'],
};
/** Of what no answer came, or one that says: come again. */
const PASSING: ReadonlySet<string> = new Set(['unavailable', 'network', 'timeout', 'no-answer']);

export class Answers {
  private readonly doubtful: Ended[] = [];
  private readonly refused = new Map<string, number>();
  private readonly wrong: Ended[] = [];
  private wrongCount = 0;
  private overflow = 0;
  done = 0;

  note(ended: Ended): void {
    const { what, status, code } = ended;
    if (status >= 200 && status < 400) this.done += 1;
    else if (REFUSALS[what]?.includes(code)) add(this.refused, `${what}${BETWEEN}${code}`);
    else if (PASSING.has(code) || code === 'reservation-lost') {
      if (this.doubtful.length < DOUBTFUL_MAX) this.doubtful.push(ended);
      else this.overflow += 1;
    } else {
      this.wrongCount += 1;
      if (this.wrong.length < EXAMPLES) this.wrong.push(ended);
    }
  }

  /**
   * `faults`: with their allowance. `losses`: what was acknowledged in one of them may be answered reservation-lost from
   * then on.
   */
  sort(faults: readonly Window[], losses: readonly Window[], originMs: number): Sorted {
    const explained = new Map<string, number>();
    const unexplained: Ended[] = [...this.wrong];
    let unexplainedCount = this.wrongCount + this.overflow;
    const firstLossMs = Math.min(...losses.map(({ fromMs }) => fromMs));
    for (const ended of this.doubtful) {
      const { what, status, code, endedAtMs } = ended;
      const why =
        code === 'reservation-lost'
          ? endedAtMs >= firstLossMs && 'what Redis forgot'
          : explanationOf(ended, faults)?.why;
      if (why) add(explained, `${what}${BETWEEN}${status === 0 ? code : `${status} ${code}`}`);
      else {
        unexplainedCount += 1;
        if (unexplained.length < EXAMPLES) unexplained.push(ended);
      }
    }
    return {
      done: this.done,
      refused: listed(this.refused),
      explained: listed(explained),
      unexplainedCount,
      unexplained: unexplained.map((ended) => describe(ended, originMs)),
    };
  }
}

export function withAllowance(windows: readonly Window[], allowanceMs: number): Window[] {
  return windows.map((window) => ({ ...window, toMs: window.toMs + allowanceMs }));
}

/** The fault during which something took place; undefined: none was. */
export function explanationOf(
  { sentAtMs, endedAtMs }: Pick<Ended, 'sentAtMs' | 'endedAtMs'>,
  faults: readonly Window[],
): Window | undefined {
  return faults.find(({ fromMs, toMs }) => endedAtMs >= fromMs && sentAtMs <= toMs);
}

function describe({ what, status, code, sentAtMs, endedAtMs }: Ended, originMs: number): string {
  const at = ((sentAtMs - originMs) / 1000).toFixed(1);
  const answer = status === 0 ? `no answer (${code})` : `${status} ${code}`;
  return `${what} at ${at} s: ${answer} after ${Math.round(endedAtMs - sentAtMs)} ms`;
}

function add(to: Map<string, number>, name: string): void {
  to.set(name, (to.get(name) ?? 0) + 1);
}

function listed(counts: ReadonlyMap<string, number>): Explained[] {
  return [...counts]
    .map(([name, count]) => {
      const [what = '', outcome = ''] = name.split(BETWEEN);
      return { what, outcome, count };
    })
    .sort((a, b) => a.what.localeCompare(b.what) || b.count - a.count);
}
