// The connection to Redis. No client library queues or resends across the lineage gate (protocols §6): a
// command that cannot be answered on the connection it was sent on fails, and its caller decides.
import { Redis } from 'ioredis';
import { StockUnavailable } from '../domain/sale-store.ts';

/** The connection as other rooms hand it around: only this room knows what it is. */
export type StoreConnection = Redis;

/** A command unanswered for this long is given up; whether it ran is unknown, and every command is safe to repeat. */
export const COMMAND_TIMEOUT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 2_000;
const RECONNECT_MIN_MS = 20;
const RECONNECT_MAX_MS = 500;

/** Connects in the background; never throws. `onError` hears of connection errors, once each. */
export function connectRedis(url: string, onError: (message: string) => void): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    enableReadyCheck: true,
    connectionName: 'holdfast',
    retryStrategy: (attempt) => Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(attempt, 6)),
  });
  redis.on('error', (error: Error) => onError(error.message));
  return redis;
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
