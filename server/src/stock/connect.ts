// The connection to Redis. No client library queues or resends across the lineage gate (protocols §6): a
// command that cannot be answered on the connection it was sent on fails, and its caller decides.
import { isIP } from 'node:net';
import { Redis } from 'ioredis';
import { StockUnavailable } from '../domain/sale-store.ts';
import { NO_CERTIFICATES, type StoreCertificates, whyNotTrusted } from '../domain/store-trust.ts';
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

/**
 * Connects in the background; never throws. `onError` hears of connection errors, once each. Under rediss:// nothing is
 * said to a server before its certificate was verified.
 */
export function connectRedis(
  url: string,
  onError: (message: string) => void,
  certificates = NO_CERTIFICATES,
): Redis {
  const redis = new Redis(url, {
    ...(url.startsWith('rediss://') && { tls: encryptionOf(url, certificates) }),
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
    // Older servers do not know CLIENT SETINFO, and nobody needs it: one command less for deploy/redis/holdfast.acl.
    disableClientInfo: true,
    retryStrategy: reconnectPauseMs,
  });
  redis.on('error', (error: Error) => onError(whyNotTrusted(error, 'REDIS') ?? error.message));
  return redis;
}

function encryptionOf(url: string, { authorities, own }: StoreCertificates) {
  const host = new URL(url).hostname;
  return {
    ...(isIP(host.replace(/^\[|\]$/g, '')) === 0 && { servername: host }),
    ...(authorities !== null && { ca: authorities }),
    ...(own !== null && { cert: own.certificate, key: own.key }),
  };
}

/** With full jitter: the processes that lost a store together do not all come back to it together. */
function reconnectPauseMs(attempt: number): number {
  const longest = RECONNECT_FIRST_MS * 2 ** Math.min(attempt - 1, RECONNECT_DOUBLINGS_MAX);
  return 1 + Math.random() * Math.min(RECONNECT_MAX_MS, longest);
}

/** Waits until commands can be sent, at most `withinMs`; a server that is not trusted is not waited for. @throws StockUnavailable */
export async function untilConnected(redis: Redis, withinMs: number): Promise<void> {
  if (redis.status === 'ready') return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let lastError: Error | undefined;
  const heard = (error: Error) => {
    lastError = error;
    const why = whyNotTrusted(error, 'REDIS');
    if (why !== undefined) reject(new StockUnavailable(`no connection to Redis could be opened: ${why}`));
  };
  const timer = setTimeout(() => {
    const hint = hintFor(redis, lastError);
    reject(new StockUnavailable(`Redis was not reachable within ${withinMs} ms${hint}`));
  }, withinMs);
  redis.once('ready', resolve);
  redis.on('error', heard);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    redis.off('ready', resolve);
    redis.off('error', heard);
  }
}

/** A server of the one kind says nothing that a client of the other could understand. */
function hintFor(redis: Redis, error: Error | undefined): string {
  const code = error !== undefined && 'code' in error ? String(error.code) : undefined;
  if (redis.options.tls !== undefined && code === 'ETIMEDOUT') {
    return ` (${code}); if it takes no TLS at this port, write REDIS_URL with the port that does`;
  }
  if (redis.options.tls === undefined && code === 'ECONNRESET') {
    return ` (${code}); if it demands TLS, write REDIS_URL with rediss://`;
  }
  return code === undefined ? '' : ` (${code})`;
}
