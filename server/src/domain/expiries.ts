// What customers let expire lately, for the reference model: of each the newest deadlines, as many as it takes to be cooled down.
import type { Cooldown, ReserveReply } from './sale-store.ts';

const MINUTE_MS = 60_000;

export class Expiries {
  /** Of the sale; null = nobody is cooled down, and nothing is noted. */
  rule: Cooldown | null = null;

  /** By customer, oldest first. */
  constructor(readonly deadlines = new Map<string, readonly number[]>()) {}

  copy(): Expiries {
    const copy = new Expiries(new Map(this.deadlines));
    copy.rule = this.rule;
    return copy;
  }

  /** A reservation counts from its deadline on, whoever noticed and however late. */
  note(customer: string, deadlineMs: number): void {
    if (this.rule === null) return;
    const all = [...(this.deadlines.get(customer) ?? []), deadlineMs].sort((a, b) => a - b);
    this.deadlines.set(customer, all.slice(-this.rule.expirations));
  }

  /** Milliseconds until fewer than `expirations` lie within the last `minutes`; 0 = now. */
  waitMs(customer: string, nowMs: number): number {
    if (this.rule === null) return 0;
    const { expirations, minutes } = this.rule;
    const last = this.deadlines.get(customer)?.at(-expirations);
    return last === undefined ? 0 : Math.max(0, last + minutes * MINUTE_MS - nowMs);
  }

  /** Why the customer may not try now, until the rate windows pass it too; null if it may. */
  refusal(customer: string, nowMs: number, windowsMs: readonly number[]): ReserveReply | null {
    const ms = this.waitMs(customer, nowMs);
    if (this.rule === null || ms === 0) return null;
    return { kind: 'cooling-down', retryAfterMs: Math.max(ms, ...windowsMs), cooldown: this.rule };
  }

  /** Forgets the customer's, if the last is not after this time. */
  forget(customer: string, throughMs: number): void {
    const last = this.deadlines.get(customer)?.at(-1);
    if (this.rule !== null && last !== undefined && last <= throughMs) this.deadlines.delete(customer);
  }
}
