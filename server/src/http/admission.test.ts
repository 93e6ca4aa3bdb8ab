// Admission by queue time: a rush is met with as many as are answered in time, and with refusals for the rest.
import { expect, test } from 'bun:test';
import { Admission, type Bounds } from './admission.ts';

const BOUNDS: Bounds = { queueMs: 250, startPerSecond: 1_000, atLeast: 10, atMost: 400 };

/** A route that answers `perSecond` while all places are taken, for so many milliseconds of its own clock. */
function stage(bounds: Bounds = BOUNDS) {
  let nowMs = 1_000;
  const admission = new Admission(bounds, () => nowMs);
  let inFlight = 0;
  const fill = () => {
    while (!admission.isFull) {
      admission.enter();
      inFlight += 1;
    }
  };
  const answer = () => {
    admission.leave();
    inFlight -= 1;
  };
  return {
    admission,
    fill,
    answer,
    inFlight: () => inFlight,
    rush(perSecond: number, ms: number) {
      for (let i = 0; i < (perSecond * ms) / 1_000; i++) {
        nowMs += 1_000 / perSecond;
        fill();
        answer();
      }
      fill();
    },
    trickle(ms: number) {
      while (inFlight > 0) answer();
      for (const endMs = nowMs + ms; nowMs < endMs; nowMs += 10) {
        admission.enter();
        admission.leave();
      }
    },
  };
}

test('before-a-rush-the-bound-is-what-the-route-is-taken-for', () => {
  const { fill, inFlight } = stage();
  fill();
  expect(inFlight()).toBe(250);
});

test('in-a-rush-the-bound-is-what-is-answered-in-the-time-that-waiting-may-take', () => {
  const { rush, inFlight } = stage();
  rush(400, 3_000);
  expect(inFlight()).toBeGreaterThanOrEqual(98);
  expect(inFlight()).toBeLessThanOrEqual(102);
  rush(1_200, 3_000);
  expect(inFlight()).toBeGreaterThanOrEqual(290);
  expect(inFlight()).toBeLessThanOrEqual(310);
});

test('a-stall-closes-the-door-no-further-than-the-least-and-a-rush-opens-it-again', () => {
  const { rush, inFlight } = stage();
  rush(10, 30_000);
  expect(inFlight()).toBe(10);
  rush(1_000, 3_000);
  expect(inFlight()).toBeGreaterThanOrEqual(230);
});

test('no-rush-however-fast-admits-more-than-the-most', () => {
  const { rush, inFlight } = stage();
  rush(100_000, 2_000);
  expect(inFlight()).toBe(400);
});

test('a-quiet-time-shows-nothing-of-what-could-be-answered', () => {
  const { rush, trickle, fill, inFlight } = stage();
  rush(200, 3_000);
  trickle(3_000);
  fill();
  expect(inFlight()).toBe(250);
});
