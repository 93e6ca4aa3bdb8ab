// a-changed-browser-clock-moves-nothing, and what else the store's clock promises to a page.
import { describe, expect, test } from 'bun:test';
import { StoreClock } from './store-clock.ts';

const NOON = Date.UTC(2026, 10, 27, 12);

function world() {
  const at = { monotonicMs: 5_000, wallMs: NOON - 3_600_000 };
  const clock = new StoreClock({ monotonicMs: () => at.monotonicMs, wallMs: () => at.wallMs });
  const pass = (ms: number) => {
    at.monotonicMs += ms;
    at.wallMs += ms;
  };
  return { at, clock, pass };
}

describe('the store’s clock', () => {
  test('before the store was heard, the browser’s is the only one', () => {
    const { clock, at } = world();
    expect(clock.known).toBe(false);
    expect(clock.nowMs()).toBe(at.wallMs);
  });

  test('runs on from what was said, whatever the browser’s clock says', () => {
    const { clock, at, pass } = world();
    clock.hear(NOON, at.monotonicMs);
    pass(10_000);
    expect(clock.nowMs()).toBe(NOON + 10_000);
    at.wallMs += 86_400_000;
    expect(clock.nowMs()).toBe(NOON + 10_000);
  });

  test('an answer that took a while is placed between asking and hearing', () => {
    const { clock, at, pass } = world();
    const askedAtMs = at.monotonicMs;
    pass(400);
    clock.hear(NOON, askedAtMs);
    expect(clock.nowMs()).toBe(NOON + 200);
    // A quicker one narrows it, a slower one does not spoil it.
    const askedAgainMs = at.monotonicMs;
    pass(20);
    clock.hear(NOON + 410, askedAgainMs);
    const narrowed = clock.nowMs();
    const askedSlowlyMs = at.monotonicMs;
    pass(3_000);
    clock.hear(NOON + 1_000, askedSlowlyMs);
    expect(Math.abs(clock.nowMs() - (narrowed + 3_000))).toBeLessThan(5);
  });

  test('what comes without being asked for is never in the future', () => {
    const { clock, pass } = world();
    clock.hear(NOON);
    expect(clock.nowMs()).toBe(NOON);
    pass(5_000);
    clock.hear(NOON + 5_030); // that one was quicker on its way
    expect(clock.nowMs()).toBe(NOON + 5_030);
    pass(5_000);
    clock.hear(NOON + 9_000); // and that one slow: it was true earlier
    expect(clock.nowMs()).toBeCloseTo(NOON + 10_030, -1);
  });

  test('after a sleep in which the monotonic clock stood still, the store’s word counts', () => {
    const { clock, at } = world();
    clock.hear(NOON, at.monotonicMs);
    expect(clock.jumped()).toBe(false);
    at.wallMs += 600_000;
    expect(clock.jumped()).toBe(true);
    expect(clock.jumped()).toBe(false);
    clock.hear(NOON + 600_000, at.monotonicMs);
    expect(clock.nowMs()).toBe(NOON + 600_000);
  });

  test('a store whose clock was set back is believed', () => {
    const { clock, at } = world();
    clock.hear(NOON, at.monotonicMs);
    clock.hear(NOON - 60_000, at.monotonicMs);
    expect(clock.nowMs()).toBe(NOON - 60_000);
  });

  test('listeners are told when the store was heard, and no longer when they have left', () => {
    const { clock } = world();
    let told = 0;
    const forget = clock.subscribe(() => {
      told += 1;
    });
    clock.hear(NOON);
    clock.hear(Number.NaN);
    forget();
    clock.hear(NOON + 1);
    expect(told).toBe(1);
  });
});
