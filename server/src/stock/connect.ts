// The connection to Redis. No client library queues or resends across the lineage gate (protocols §6): a
// command that cannot be answered on the connection it was sent on fails, and its caller decides.
import { Redis } from 'ioredis';
import { StockUnavailable } from '../domain/sale-store.ts';
import { REDIS_CONNECT_MS, REDIS_PATIENT_MS } from '../domain/time-budgets.ts';

/** The connection as other rooms hand it around: only this room knows what it is. */
export type StoreConnection = Redis;

/** The pause before another attempt to connect is anything up to this, doubled with each attempt … */
const RECONNECT_FIRST_MS = 40;
/** … and never more than this: a quarter of a second after the store is back, every process is. */
const RECONNECT_MAX_MS = 250;
const RECONNECT_DOUBLINGS_MAX = 6;
/** A store that still reads its append-only file is asked again after this, whatever it estimates itself: it guesses in whole seconds. */
const LOADING_POLL_MS = 50;

/** Connects in the background; never throws. `onError` hears of connection errors, once each. */
export function connectRedis(url: string, onError: (message: string) => void): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // What customers wait for has a shorter limit of its own (hot-path.ts).
    commandTimeout: REDIS_PATIENT_MS,
    socketTimeout: REDIS_PATIENT_MS,
    connectTimeout: REDIS_CONNECT_MS,
    enableReadyCheck: true,
    maxLoadingRetryTime: LOADING_POLL_MS,
    connectionName: 'holdfast',
    retryStrategy: reconnectPauseMs,
  });
  redis.on('error', (error: Error) => onError(error.message));
  return redis;
}

/** With full jitter: the processes that lost a store together do not all come back to it together. */
function reconnectPauseMs(attempt: number): number {
  const longest = RECONNECT_FIRST_MS * 2 ** Math.min(attempt - 1, RECONNECT_DOUBLINGS_MAX);
  return 1 + Math.random() * Math.min(RECONNECT_MAX_MS, longest);
}

/** Waits until commands can be sent, at most `withinMs`. @throws StockUnavailable */
export async function untilConnected(redis: Redis, withinMs: number): Promise<void> {
  if (redis.status === 'ready') return;
  await new Promise<void>((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(() => {
      redis.off('ready', done);
      reject(new StockUnavailable(`Redis was not reachable within ${withinMs} ms`));
    }, withinMs);
    redis.once('ready', done);
  });
}
