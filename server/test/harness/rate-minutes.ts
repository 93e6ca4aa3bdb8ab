// Rate windows turn over with the minutes of Redis's clock. What a test sends in one burst must fall into one minute,
// and what a refusal says of the next attempt is held against the reference model's own windows.
import { expect } from 'bun:test';
import { AttemptWindows } from '../../src/domain/attempt-windows.ts';
import { tell } from './embedded.ts';
import type { Reply } from './service.ts';
import { until } from './until.ts';

const MINUTE_MS = 60_000;
/** Bursts of a few hundred requests take a second on two cores; a busy machine may need a few. */
const BURST_MS = 8_000;

export async function storeClockMs(redisUrl: string): Promise<number> {
  const [seconds, microseconds] = (await tell(redisUrl, 'TIME')) as [string, string];
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}

export interface Minute {
  readonly startMs: number;
  readonly endMs: number;
}

/** Waits until a burst fits into the minute: not at all, or until the next one begins. */
export async function minuteForABurst(redisUrl: string, burstMs = BURST_MS): Promise<Minute> {
  const fits = async () => {
    const nowMs = await storeClockMs(redisUrl);
    const startMs = nowMs - (nowMs % MINUTE_MS);
    return startMs + MINUTE_MS - nowMs >= burstMs && { startMs, endMs: startMs + MINUTE_MS };
  };
  return await until('enough of the minute is left', fits, burstMs + 2_000);
}

/** A refused attempt, and when it was under way by the store's clock. */
export interface Refusal {
  readonly reply: Reply;
  readonly sentMs: number;
  readonly answeredMs: number;
}

/**
 * A 429 of a window that held `limit` attempts of this minute and none of the last: both draft headers to the letter,
 * and Retry-After the very second, rounded up, in which the reference model lets the next attempt pass.
 */
export function expectRateLimited(
  { reply, sentMs, answeredMs }: Refusal,
  { name, limit, minute }: { name: string; limit: number; minute: Minute },
): void {
  expect(answeredMs, 'the burst crossed a minute').toBeLessThan(minute.endMs);
  const windows = new AttemptWindows();
  for (let n = 0; n < limit; n++) windows.count('it', minute.startMs);
  const waitSeconds = (atMs: number) => Math.ceil(windows.waitMs('it', limit, atMs) / 1000);
  expectRefusalHeaders(reply, name, limit);
  const saidSeconds = Number(reply.headers.get('retry-after'));
  expect(saidSeconds).toBeLessThanOrEqual(waitSeconds(sentMs));
  expect(saidSeconds).toBeGreaterThanOrEqual(waitSeconds(answeredMs));
}

/** The problem and the IETF draft's two fields, which name the window that refused and no other. */
export function expectRefusalHeaders(reply: Reply, name: string, limit: number): void {
  expect(reply.status).toBe(429);
  expect(reply.body.code).toBe('rate-limited');
  const retryAfter = reply.headers.get('retry-after') ?? '';
  expect(retryAfter).toMatch(/^[1-9]\d*$/);
  expect(reply.headers.get('ratelimit')).toBe(`"${name}";r=0;t=${retryAfter}`);
  expect(reply.headers.get('ratelimit-policy')).toBe(`"${name}";q=${limit};w=60`);
}
