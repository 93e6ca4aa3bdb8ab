// What stands between a store that does not answer and everybody who asks: a breaker for each of the two, one budget for
// all that this process tries again, and their metrics.
import { Breaker, type BreakerState } from './domain/breaker.ts';
import { RETRY_PLACES, RetryBudget } from './domain/retry-budget.ts';
import type { Log } from './telemetry/log.ts';
import type { Metrics } from './telemetry/metrics.ts';

export interface Guards {
  readonly redis: Breaker;
  readonly postgresql: Breaker;
  readonly retries: RetryBudget;
}

const LEVELS: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 };

export function createGuards(metrics: Metrics, log: Pick<Log, 'warn' | 'info'>): Guards {
  const opened = metrics.counter(
    'holdfast_breaker_opened_total',
    'Times that the breaker of a store opened, failed probes included.',
    ['store'],
  );
  const breakerOf = (store: 'redis' | 'postgresql') => {
    opened.inc({ store }, 0);
    let before: BreakerState = 'closed';
    return new Breaker({
      onChange: (state) => {
        if (state === 'open') opened.inc({ store });
        // An outage is one story: its probes are not told.
        if (state === 'open' && before === 'closed')
          log.warn({ store }, 'breaker opened: the store does not answer');
        if (state === 'closed') log.info({ store }, 'breaker closed: the store answers again');
        before = state;
      },
    });
  };
  const redis = breakerOf('redis');
  const postgresql = breakerOf('postgresql');
  metrics.levels(
    'holdfast_breaker_state',
    'The breaker of a store: 0 closed, 1 half-open, 2 open; the highest of all processes.',
    'store',
    'max',
    () =>
      new Map([
        ['redis', LEVELS[redis.state]],
        ['postgresql', LEVELS[postgresql.state]],
      ]),
  );
  const retried = metrics.counter(
    'holdfast_retries_total',
    'What the service itself tried again, by place.',
    ['where'],
  );
  for (const where of RETRY_PLACES) retried.inc({ where }, 0);
  return { redis, postgresql, retries: new RetryBudget((where) => retried.inc({ where })) };
}
