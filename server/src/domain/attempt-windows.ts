// How often each caller tried lately: the sliding rate window of the reference model. The count of a moment
// is the current minute's attempts plus the previous minute's, weighted by how much of it the last sixty
// seconds still cover. It only falls while nothing is counted, so "when would the next attempt pass" has one answer.
import { type ReserveCommand, type ReserveLimits, WINDOW_MS } from './sale-store.ts';

export interface CallerWindow {
  readonly window: 'customer' | 'address';
  readonly caller: string;
  readonly limit: number;
}

/** The windows that an attempt must pass: none is counted where its limit is off, nor by an address that nobody has. */
export function windowsOf({ customer, address }: ReserveCommand, limits: ReserveLimits): CallerWindow[] {
  const { perCustomer, perAddress } = limits;
  const on: CallerWindow[] = [];
  if (perCustomer > 0) on.push({ window: 'customer', caller: `customer ${customer}`, limit: perCustomer });
  if (perAddress > 0 && address !== '')
    on.push({ window: 'address', caller: `address ${address}`, limit: perAddress });
  return on;
}

/** Attempts by clock minute and caller. Two minutes are kept, older ones weigh nothing. */
export class AttemptWindows {
  constructor(private readonly minutes = new Map<number, Map<string, number>>()) {}

  copy(): AttemptWindows {
    return new AttemptWindows(new Map([...this.minutes].map(([at, attempts]) => [at, new Map(attempts)])));
  }

  /** Counts one attempt of this caller at this moment. */
  count(caller: string, nowMs: number): void {
    const minute = Math.floor(nowMs / WINDOW_MS);
    for (const kept of this.minutes.keys()) if (kept < minute - 1) this.minutes.delete(kept);
    const attempts = this.minutes.get(minute) ?? new Map<string, number>();
    attempts.set(caller, (attempts.get(caller) ?? 0) + 1);
    this.minutes.set(minute, attempts);
  }

  /** Milliseconds until one more attempt is within `limit` (≥ 1) a minute, if none is counted meanwhile; 0 = now. */
  waitMs(caller: string, limit: number, nowMs: number): number {
    if (this.passes(caller, limit, nowMs)) return 0;
    // Bisection, because it cannot be wrong: it does not pass after `tooSoon`, it does after `enough`
    // (two minutes on, every attempt of now weighs nothing).
    let tooSoon = 0;
    let enough = 2 * WINDOW_MS;
    while (enough - tooSoon > 1) {
      const middle = Math.floor((tooSoon + enough) / 2);
      if (this.passes(caller, limit, nowMs + middle)) enough = middle;
      else tooSoon = middle;
    }
    return enough;
  }

  /** In whole numbers (attempts × milliseconds), so that no rounding decides. */
  private passes(caller: string, limit: number, atMs: number): boolean {
    const minute = Math.floor(atMs / WINDOW_MS);
    const leftOfPreviousMs = WINDOW_MS - (atMs % WINDOW_MS);
    const current = this.minutes.get(minute)?.get(caller) ?? 0;
    const previous = this.minutes.get(minute - 1)?.get(caller) ?? 0;
    return current * WINDOW_MS + previous * leftOfPreviousMs + WINDOW_MS <= limit * WINDOW_MS;
  }
}
