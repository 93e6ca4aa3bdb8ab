import { expect, test } from 'bun:test';
import { acknowledgedIn, excusedUntil, type Window } from './windows.ts';

const window = (fromMs: number, toMs: number): Window => ({ fromMs, toMs, why: 'a test' });
const GRACE_MS = 100;

test('an-outage-excuses-what-was-due-in-it-or-right-before-and-the-next-one-goes-on', () => {
  const outages = [window(1_250, 1_400), window(1_000, 1_200), window(5_000, 6_000)];
  expect(excusedUntil(500, outages, GRACE_MS)).toBe(500);
  expect(excusedUntil(950, outages, GRACE_MS)).toBe(1_400);
  expect(excusedUntil(1_100, outages, GRACE_MS)).toBe(1_400);
  expect(excusedUntil(1_500, outages, GRACE_MS)).toBe(1_500);
  expect(excusedUntil(7_000, outages, GRACE_MS)).toBe(7_000);
});

test('a-loss-is-explained-only-by-a-window-in-which-it-may-have-been-granted', () => {
  const windows = [window(100, 200)];
  expect(acknowledgedIn(windows, { firstSentAtMs: 90, acceptedAtMs: 99 })).toBe(false);
  expect(acknowledgedIn(windows, { firstSentAtMs: 90, acceptedAtMs: 101 })).toBe(true);
  expect(acknowledgedIn(windows, { firstSentAtMs: 201, acceptedAtMs: 202 })).toBe(false);
});
