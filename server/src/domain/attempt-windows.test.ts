import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { AttemptWindows } from './attempt-windows.ts';

const MINUTE_MS = 60_000;
const at = fc.integer({ min: 0, max: 4 * MINUTE_MS });

function counted(timesMs: readonly number[]): AttemptWindows {
  const windows = new AttemptWindows();
  for (const ms of [...timesMs].sort((a, b) => a - b)) windows.count('ann', ms);
  return windows;
}

test('the-wait-is-the-least-that-passes', () => {
  fc.assert(
    fc.property(fc.array(at, { maxLength: 30 }), fc.integer({ min: 1, max: 8 }), (timesMs, limit) => {
      const windows = counted(timesMs);
      const nowMs = Math.max(0, ...timesMs);
      const wait = windows.waitMs('ann', limit, nowMs);
      expect(wait).toBeLessThanOrEqual(2 * MINUTE_MS);
      expect(windows.waitMs('ann', limit, nowMs + wait)).toBe(0);
      if (wait > 0) expect(windows.waitMs('ann', limit, nowMs + wait - 1)).toBe(1);
    }),
  );
});

test('waiting-only-helps', () => {
  // What the bisection rests on: the weight of what was counted never rises by itself.
  fc.assert(
    fc.property(
      fc.array(at, { maxLength: 30 }),
      fc.integer({ min: 1, max: 8 }),
      fc.nat(MINUTE_MS),
      (times, limit, more) => {
        const windows = counted(times);
        const nowMs = Math.max(0, ...times);
        const wait = windows.waitMs('ann', limit, nowMs);
        expect(windows.waitMs('ann', limit, nowMs + wait + more)).toBe(0);
      },
    ),
  );
});

test('callers-do-not-share-a-window', () => {
  const windows = counted([0, 0, 0]);
  expect(windows.waitMs('ann', 3, 0)).toBe(MINUTE_MS + 20_000);
  expect(windows.waitMs('bob', 1, 0)).toBe(0);
});

test('the-minutes-roll-over-exactly', () => {
  const windows = counted([MINUTE_MS - 1, MINUTE_MS - 1]);
  // Two attempts weigh 2 at the turn of the minute, 1 when half of the next is over.
  expect(windows.waitMs('ann', 2, MINUTE_MS)).toBe(30_000);
  expect(windows.waitMs('ann', 2, MINUTE_MS + 29_999)).toBe(1);
  expect(windows.waitMs('ann', 2, MINUTE_MS + 30_000)).toBe(0);
  expect(windows.waitMs('ann', 1, MINUTE_MS)).toBe(MINUTE_MS);
});
