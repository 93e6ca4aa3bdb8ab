// The limits on everything but reserve: one window pair for all processes, one batched call, no lease.
import type { Redis } from 'ioredis';
import { Batcher } from '../domain/batcher.ts';
import { StockUnavailable } from '../domain/sale-store.ts';
import { HotPath } from './hot-path.ts';
import { GENERAL_WINDOW_KEYS } from './keys.ts';

const MAX_BATCH = 256;
/** As for a sale's channel (sale-channel.ts): each call costs a write and an fsync. */
const MAX_IN_FLIGHT = 1;
const MAX_QUEUED = 20_000;

/** Attempts a minute; 0 = off. */
export interface GeneralLimitSettings {
  readonly perCustomer: number;
  readonly perAddress: number;
}

interface Attempt {
  readonly customer: string;
  readonly address: string;
}

/** null = passed and counted; else which window refused, and when the next attempt would pass. */
export type LimitVerdict = null | {
  readonly window: 'customer' | 'address';
  readonly retryAfterSeconds: number;
};

export class GeneralLimits {
  private readonly batcher: Batcher<Attempt, LimitVerdict>;

  constructor(
    redis: Redis,
    private readonly settings: GeneralLimitSettings,
    hotPath: HotPath = new HotPath(),
  ) {
    this.batcher = new Batcher({
      maxBatch: MAX_BATCH,
      maxInFlight: MAX_IN_FLIGHT,
      maxQueued: MAX_QUEUED,
      send: async (attempts) => {
        const { perCustomer, perAddress } = settings;
        const reply = await hotPath.call(redis, 'hf_limit', GENERAL_WINDOW_KEYS, [
          '',
          attempts.length,
          ...attempts.flatMap((a) => [a.customer, perCustomer, a.address, perAddress]),
        ]);
        return reply.map((word) => readVerdict(String(word)));
      },
    });
  }

  /** Redis out of reach: the request goes on uncounted, so that orders can still be read. */
  async attempt(customer: string, address: string): Promise<LimitVerdict> {
    const { perCustomer, perAddress } = this.settings;
    if ((perCustomer === 0 || customer === '') && (perAddress === 0 || address === '')) return null;
    try {
      return await this.batcher.run({ customer, address });
    } catch (error) {
      if (error instanceof StockUnavailable) return null;
      throw error;
    }
  }
}

function readVerdict(word: string): LimitVerdict {
  if (word === 'pass') return null;
  const [window, ms] = word.split(' ');
  return {
    window: window === 'address' ? 'address' : 'customer',
    retryAfterSeconds: Math.ceil(Number(ms) / 1000),
  };
}
