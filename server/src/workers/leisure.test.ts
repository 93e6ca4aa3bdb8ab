// Work that nobody waits for is put off in a rush, and never for longer than a minute.
import { expect, test } from 'bun:test';
import { Leisure } from './leisure.ts';

/** A process whose clock and processor time the test moves. */
class Process {
  atMs = 0;
  usedMs = 0;
  readonly leisure = new Leisure({ cpuMs: () => this.usedMs, clock: () => this.atMs });

  /** Goes on for so long, with a share of a core, asked each second as workers ask; the answers. */
  answers(seconds: number, share: number): boolean[] {
    return Array.from({ length: seconds }, () => {
      this.atMs += 1_000;
      this.usedMs += 1_000 * share;
      return this.leisure.isNow;
    });
  }
}

test('there is leisure from the start, and while customers use less than a quarter of a core', () => {
  const process = new Process();
  expect(process.leisure.isNow).toBe(true);
  expect(process.answers(100, 0.24)).toEqual(Array(100).fill(true));
});

test('a rush puts work off at once, and the first calm second brings it back', () => {
  const process = new Process();
  expect(process.answers(10, 0.9)).toEqual(Array(10).fill(false));
  expect(process.answers(1, 0.1)).toEqual([true]);
});

test('a minute of it is the most: what lasts longer is no rush, pauses of a few seconds included', () => {
  const process = new Process();
  expect(process.answers(60, 1)).toEqual(Array(60).fill(false));
  expect(process.answers(30, 1)).toEqual(Array(30).fill(true));
  expect(process.answers(3, 0)).toEqual(Array(3).fill(true));
  expect(process.answers(30, 1)).toEqual(Array(30).fill(true));
});

test('after a real pause the next rush is one again', () => {
  const process = new Process();
  process.answers(90, 1);
  process.answers(7, 0);
  expect(process.answers(60, 1)).toEqual(Array(60).fill(false));
});

test('who asks again within half a second is told the same', () => {
  const process = new Process();
  process.answers(2, 1);
  process.atMs += 400; // with no processor time: half a second would have been calm
  expect(process.leisure.isNow).toBe(false);
});

test('what lasts longer than a rush leaves leisure, and is not calm', () => {
  const process = new Process();
  expect(process.leisure.isCalm).toBe(true);
  process.answers(90, 0.5);
  expect([process.leisure.isNow, process.leisure.isCalm]).toEqual([true, false]);
  process.answers(1, 0.1);
  expect([process.leisure.isNow, process.leisure.isCalm]).toEqual([true, true]);
});
