// The door: who comes in when more ask than can be answered, by a clock and an event loop of its own.
import { expect, test } from 'bun:test';
import { getItem } from '@holdfast/contract/inventory';
import { confirm } from '@holdfast/contract/orders';
import { getHealth, getReadiness } from '@holdfast/contract/process';
import { reserve } from '@holdfast/contract/reservations';
import { Door, type Entry } from './door.ts';

function stage() {
  let nowMs = 1_000;
  const ends: (() => void)[] = [];
  const door = new Door({ nowMs: () => nowMs, afterTurn: (callback) => ends.push(callback) });
  const entry = (operation: Parameters<Door['entry']>[0]) => door.entry(operation) as Entry;
  const reserves = entry(reserve);
  return {
    door,
    reserves,
    confirms: entry(confirm),
    reads: entry(getItem),
    /** One turn of so many reserves that each take so long: how many of them came in. */
    turn(count: number, eachMs: number): number {
      let admitted = 0;
      for (let i = 0; i < count; i++) {
        if (reserves.isShut) continue;
        admitted += 1;
        nowMs += eachMs;
      }
      for (const end of ends.splice(0)) end();
      return admitted;
    },
    pass(ms: number) {
      nowMs += ms;
    },
  };
}

test('a-thousand-at-once-all-come-in', () => {
  const { turn } = stage();
  expect(turn(1_000, 0.12)).toBe(1_000);
});

test('while-turns-stay-long-a-turn-takes-in-what-it-has-time-for', () => {
  const { turn } = stage();
  expect(turn(1_000, 0.12)).toBe(1_000);
  // 120 ms of long turns have gone by, and 80 more are given.
  expect(turn(1_000, 0.12)).toBeLessThan(700);
  for (let i = 0; i < 5; i++) {
    const admitted = turn(1_000, 0.125);
    expect(admitted).toBe(201);
  }
});

test('a-rush-that-comes-back-at-once-is-no-new-burst', () => {
  const { turn, pass } = stage();
  for (let i = 0; i < 4; i++) turn(1_000, 0.125);
  expect(turn(10, 0.125)).toBe(10);
  expect(turn(1_000, 0.125)).toBe(201);
  pass(1_500);
  expect(turn(1_000, 0.125)).toBe(1_000);
});

test('reserves-wait-outside-while-many-confirms-are-in-flight-and-confirms-come-in', () => {
  const { reserves, confirms, reads } = stage();
  for (let i = 0; i < 256; i++) confirms.enter();
  expect([reserves.isShut, confirms.isShut, reads.isShut]).toEqual([true, false, false]);
  for (let i = 0; i < 10; i++) confirms.leave();
  expect(reserves.isShut).toBe(false);
});

test('confirms-are-refused-only-where-there-is-no-room-left', () => {
  const { confirms } = stage();
  for (let i = 0; i < 3_999; i++) confirms.enter();
  expect(confirms.isShut).toBe(false);
  confirms.enter();
  expect(confirms.isShut).toBe(true);
});

test('a-crowd-on-one-route-shuts-no-other', () => {
  const { reserves, reads, confirms } = stage();
  for (let i = 0; i < 12_000; i++) reads.enter();
  expect([reads.isShut, reserves.isShut, confirms.isShut]).toEqual([true, false, false]);
});

test('the-process-about-itself-is-always-answered', () => {
  const { door } = stage();
  expect(door.entry(getHealth)).toBeUndefined();
  expect(door.entry(getReadiness)).toBeUndefined();
});
