// The openings of sales under way, one a sale: all who ask meanwhile share it, and each waits a bounded time. One that
// failed is shared for a moment longer: while the ledger is away every command would begin another.
import type { OpenSale } from '../stock/sale-channel.ts';
import { Repeats } from '../telemetry/repeats.ts';
import type { GateLog } from './lease.ts';

/** How long commands wait for a sale to open before they answer 503. */
const OPEN_WAIT_MS = 2_000;
/** From a failed opening of a sale to the next one. */
export const OPEN_PAUSE_MS = 100;

/** How an opening ended; `unloaded` is for good. */
export type Opening = Awaited<ReturnType<OpenSale>>;

export class Openings {
  /** By sale number: the attempt under way, or one that failed less than the pause ago. */
  private readonly attempts = new Map<number, Promise<Opening>>();
  private readonly underWay = new Set<number>();
  private readonly repeats = new Repeats();

  constructor(
    private readonly openNow: OpenSale,
    private readonly log: GateLog,
    private readonly pauseMs = OPEN_PAUSE_MS,
  ) {}

  /** Sales that are being opened now. */
  get size(): number {
    return this.underWay.size;
  }

  has(saleNumber: number): boolean {
    return this.underWay.has(saleNumber);
  }

  /** `not-ready` also when it takes longer than a command may wait; the attempt goes on. Never throws. */
  open = (saleNumber: number): Promise<Opening> => {
    let attempt = this.attempts.get(saleNumber);
    if (!attempt) {
      attempt = this.attempt(saleNumber);
      this.attempts.set(saleNumber, attempt);
    }
    return within(attempt, OPEN_WAIT_MS, 'not-ready' as const);
  };

  private async attempt(saleNumber: number): Promise<Opening> {
    this.underWay.add(saleNumber);
    const result = await this.openNow(saleNumber).catch((error: unknown) => {
      if (this.repeats.isNews(String(error)))
        this.log.warn({ sale: saleNumber, error: String(error) }, 'sale could not be opened');
      return 'not-ready' as const;
    });
    this.underWay.delete(saleNumber);
    const forget = () => this.attempts.delete(saleNumber);
    if (result === 'not-ready' && this.pauseMs > 0) setTimeout(forget, this.pauseMs).unref();
    else forget();
    return result;
  }
}

/** The attempt's result if it comes within the time, else `late`; the attempt goes on. */
export async function within<T, L>(attempt: Promise<T>, ms: number, late: L): Promise<T | L> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<L>((resolve) => {
    timer = setTimeout(() => resolve(late), ms);
  });
  try {
    return await Promise.race([attempt, over]);
  } finally {
    clearTimeout(timer);
  }
}
