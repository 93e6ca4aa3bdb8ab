// The way of a customer's command to the store: past the breaker, and back within its time. Workers, leases and rebuilds
// do not come this way; they have the connection's own, longer limit, and nobody refuses them.
import type { Redis } from 'ioredis';
import { Breaker, REFUSED } from '../domain/breaker.ts';
import { RetryBudget } from '../domain/retry-budget.ts';
import { StockNotAsked, StockSilent } from '../domain/sale-store.ts';
import { REDIS_COMMAND_MS } from '../domain/time-budgets.ts';
import type { Observe } from '../telemetry/distribution.ts';
import { call, type Reply } from './library.ts';

export class HotPath {
  constructor(
    readonly breaker: Breaker = new Breaker(),
    readonly retries: RetryBudget = new RetryBudget(),
    /** Hears how long each call took, by its function, answered or not. */
    private readonly secondsOf: (name: string) => Observe = () => () => undefined,
  ) {}

  /** @throws StockNotAsked at once while the breaker is open, StockSilent once the time is over; else as `call` does */
  async call(
    redis: Redis,
    name: string,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<Reply> {
    const { breaker } = this;
    const pass = breaker.enter();
    if (pass === REFUSED) throw new StockNotAsked('Redis has been silent for a while', breaker.pauseLeftMs);
    const startedMs = performance.now();
    try {
      const reply = await inTime(call(redis, name, keys, args, this.retries));
      breaker.leave(pass, true);
      return reply;
    } catch (error) {
      breaker.leave(pass, !(error instanceof StockSilent || error instanceof StockNotAsked));
      throw error;
    } finally {
      this.secondsOf(name)((performance.now() - startedMs) / 1000);
    }
  }
}

/** The reply if it comes in time. What comes later is dropped: the command may have run, and is safe to repeat. */
function inTime(reply: Promise<Reply>): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new StockSilent(`Redis did not answer within ${REDIS_COMMAND_MS} ms`));
    // After the sockets were read once more: this process may have been held up, and not the store.
    const timer = setTimeout(() => setImmediate(giveUp), REDIS_COMMAND_MS);
    reply.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
