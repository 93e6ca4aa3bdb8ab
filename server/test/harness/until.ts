// Waits for a condition, within a bound, for things that send no event of their own.

const POLL_MS = 10;
const LIMIT_MS = 10_000;

/**
 * Polls until the condition gives something other than undefined, null or false, and returns that.
 * @throws naming what did not come true in time.
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  limitMs = LIMIT_MS,
): Promise<NonNullable<Exclude<T, false>>> {
  const end = performance.now() + limitMs;
  for (;;) {
    const seen = await condition();
    if (seen !== undefined && seen !== null && seen !== false) return seen as NonNullable<Exclude<T, false>>;
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await Bun.sleep(POLL_MS);
  }
}
