// What the app measures on the way of a request: answers by route, batches and their queues, calls of the stores. Made here
// once, so that the rooms are handed what they call and know nothing of labels.
import type { HttpMetrics } from './http/http.ts';
import type { BatchedCall, BatchWatches } from './stock/sale-channel.ts';
import {
  BATCH_COMMANDS,
  type Observe,
  QUEUE_SECONDS,
  REQUEST_SECONDS,
  STORE_SECONDS,
} from './telemetry/distribution.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { Count } from './telemetry/tally.ts';

/** What a request came to: what was asked for, a refusal that the caller can mend or must take, or a failure of ours. */
type Outcome = 'ok' | 'refused' | 'failed';

interface RouteMeter {
  readonly byStatus: Map<number, Count>;
  readonly seconds: Partial<Record<Outcome, Observe>>;
}

export interface StoreTimes {
  readonly redis: (call: string) => Observe;
  readonly postgresql: (call: string) => Observe;
}

/** `onRequest` hears of every request. */
export function measureRequests(metrics: Metrics, onRequest: () => void): HttpMetrics {
  const responses = metrics.tally('holdfast_responses_total', 'Responses, by route and status.', [
    'route',
    'status',
  ]);
  const durations = metrics.distribution(
    'holdfast_request_duration_seconds',
    'Time from a request to its answer, by route and outcome: ok, refused (4xx) or failed (5xx).',
    REQUEST_SECONDS,
    ['route', 'outcome'],
  );
  const timeouts = metrics.counter(
    'holdfast_request_timeouts_total',
    'Requests answered 503 because their time was over.',
  );
  const turnedAway = metrics.tally(
    'holdfast_turned_away_total',
    'Requests answered 503 because as many of their route were under way as may be.',
    ['route'],
  );
  const meters = new Map<string, RouteMeter>();
  const meterOf = (route: string): RouteMeter => {
    const made = { byStatus: new Map<number, Count>(), seconds: {} };
    meters.set(route, made);
    return made;
  };
  return {
    onReserve: (outcome, seconds) => metrics.countReserve(outcome, seconds),
    onResponse: (route, status, seconds) => {
      onRequest();
      const meter = meters.get(route) ?? meterOf(route);
      let count = meter.byStatus.get(status);
      if (count === undefined) {
        count = responses.of(route, String(status));
        meter.byStatus.set(status, count);
      }
      count();
      const outcome = outcomeOf(status);
      meter.seconds[outcome] ??= durations.of(route, outcome);
      meter.seconds[outcome](seconds);
    },
    onTimeout: () => timeouts.inc(),
    turnedAway: (route) => turnedAway.of(route),
  };
}

function outcomeOf(status: number): Outcome {
  if (status < 400) return 'ok';
  return status < 500 ? 'refused' : 'failed';
}

export function measureBatches(metrics: Metrics): BatchWatches {
  const sizes = metrics.distribution(
    'holdfast_batch_commands',
    'Commands that went to Redis together, by call.',
    BATCH_COMMANDS,
    ['call'],
  );
  const waits = metrics.distribution(
    'holdfast_queue_seconds',
    'Time that a command waited for its batch, by call.',
    QUEUE_SECONDS,
    ['call'],
  );
  const watch = (call: BatchedCall) => ({ sent: sizes.of(call), waited: waits.of(call) });
  return { reserve: watch('reserve'), pin: watch('pin'), release: watch('release'), read: watch('read') };
}

export function measureStores(metrics: Metrics): StoreTimes {
  const seconds = metrics.distribution(
    'holdfast_store_call_seconds',
    'Time of one call of a store, by store and call: of Redis those that customers wait for, of PostgreSQL all.',
    STORE_SECONDS,
    ['store', 'call'],
  );
  return {
    redis: (call) => seconds.of('redis', call),
    postgresql: (call) => seconds.of('postgresql', call),
  };
}

/** What the gate knows without asking. */
export function measureGate(
  metrics: Metrics,
  gate: {
    storesAnswer(): { readonly redis: boolean; readonly postgresql: boolean };
    expiryLagMs(): number;
  },
): void {
  metrics.levels(
    'holdfast_store_up',
    'Whether a store answers: 1 as the last lease renewals had it, 0 if any process is without.',
    'store',
    'min',
    () => {
      const { redis, postgresql } = gate.storesAnswer();
      return new Map([
        ['redis', redis ? 1 : 0],
        ['postgresql', postgresql ? 1 : 0],
      ]);
    },
  );
  metrics.level(
    'holdfast_expiry_lag_seconds',
    'How long ago the oldest reservation that is not expired yet should have been; up to 0.6 s is nothing but the interval of looks.',
    'max',
    () => gate.expiryLagMs() / 1000,
  );
}
