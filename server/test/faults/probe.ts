// The recovery clock: a customer of its own every few milliseconds, from before the fault ends until the first of them has
// what it came for.
import { token } from '../harness/service.ts';
import { confirmText, reserveText } from './crowd.ts';
import type { Diary, Visit } from './diary.ts';
import type { Place } from './wire.ts';
import { Wire } from './wire.ts';

/** How often somebody tries: the clock's resolution. */
const EVERY_MS = 20;
const WIRES = 40;
const PATIENCE_MS = 1_500;

export interface ProbeOptions {
  readonly places: () => readonly Place[];
  readonly diary: Diary;
  /** Of which there is enough. */
  readonly sku: string;
  readonly seed: number;
}

let probes = 0;

export class Probe {
  private readonly name = `probe-${++probes}`;
  private readonly idle = Array.from({ length: WIRES }, () => new Wire(PATIENCE_MS));
  private readonly under: Promise<void>[] = [];
  private stopped = false;
  private made = 0;
  private readonly timer: Promise<void>;

  constructor(private readonly options: ProbeOptions) {
    this.timer = this.run();
  }

  /**
   * Milliseconds from `fromMs` to the first answer 201 to a reserve (or 200 to a confirm) that was sent after it.
   * Undefined if there was none within the limit.
   */
  async first(what: 'reserve' | 'confirm', fromMs: number, limitMs: number): Promise<number | undefined> {
    const { diary } = this.options;
    const seen = what === 'reserve' ? diary.acceptances : diary.orders;
    let at = 0;
    let best = Number.POSITIVE_INFINITY;
    while (performance.now() < fromMs + limitMs) {
      for (; at < seen.length; at += 2) {
        if ((seen.values[at] as number) >= fromMs) best = Math.min(best, seen.values[at + 1] as number);
      }
      if (best < Number.POSITIVE_INFINITY) return best - fromMs;
      await Bun.sleep(5);
    }
    return undefined;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.timer;
    await Promise.all(this.under);
    for (const wire of this.idle) wire.close();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const wire = this.idle.pop();
      if (wire !== undefined) {
        const visiting = this.visit(wire).finally(() => this.idle.push(wire));
        this.under.push(visiting);
      }
      await Bun.sleep(EVERY_MS);
    }
  }

  private async visit(wire: Wire): Promise<void> {
    const { diary, sku, places } = this.options;
    const n = this.made++;
    const customer = `${this.name}-${n}`;
    const as = token(customer);
    const all = places();
    const place = all[n % all.length] as Place;
    const visit: Visit = diary.begin(customer, this.name + n, [{ sku, quantity: 1 }]);
    const sentAtMs = performance.now();
    const answer = await wire.ask(place, reserveText(visit, as));
    diary.reserved(visit, sentAtMs, answer);
    if (answer?.status !== 201) return;
    const confirmAtMs = performance.now();
    diary.confirmed(visit, confirmAtMs, await wire.ask(place, confirmText(visit, as)));
  }
}
