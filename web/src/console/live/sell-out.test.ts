// sell-out-is-projected: from what was sold lately, and from nothing else.
import { describe, expect, test } from 'bun:test';
import { LevelTrace } from './level-trace.ts';
import { projectSellOut } from './sell-out.ts';

function traceOf(soldAtSecond: readonly (readonly [second: number, sold: number])[]): LevelTrace {
  const trace = new LevelTrace(1_000, 100);
  for (const [second, sold] of soldAtSecond) trace.push(second * 1_000, { available: 0, reserved: 0, sold });
  return trace;
}

describe('the projection', () => {
  test('goes on at the rate of the last minute', () => {
    // 30 in 30 s: the 60 that are left take a minute.
    const trace = traceOf([
      [0, 0],
      [10, 10],
      [30, 30],
    ]);
    expect(projectSellOut(trace, 60, 90, 30_000)).toEqual({ kind: 'projected', inMs: 60_000, perMinute: 60 });
  });

  test('forgets what was sold more than a minute ago', () => {
    const trace = traceOf([
      [0, 0],
      [5, 500],
      [120, 500],
      [150, 530],
    ]);
    // Within [90 s, 150 s] 30 were sold, whatever happened before.
    expect(projectSellOut(trace, 30, 560, 150_000)).toEqual({
      kind: 'projected',
      inMs: 60_000,
      perMinute: 30,
    });
  });

  test('becomes a fact', () => {
    expect(projectSellOut(traceOf([[0, 90]]), 0, 90, 1_000)).toEqual({ kind: 'sold out' });
  });

  test('names no moment when nothing is sold, when it was only just opened, or when it is a day away', () => {
    expect(
      projectSellOut(
        traceOf([
          [0, 5],
          [70, 5],
        ]),
        60,
        65,
        80_000,
      ),
    ).toEqual({ kind: 'resting' });
    expect(
      projectSellOut(
        traceOf([
          [0, 0],
          [3, 50],
        ]),
        60,
        110,
        4_000,
      ),
    ).toEqual({ kind: 'unknown' });
    expect(projectSellOut(traceOf([]), 60, 60, 4_000)).toEqual({ kind: 'unknown' });
    expect(
      projectSellOut(
        traceOf([
          [0, 0],
          [50, 1],
        ]),
        1e6,
        1e6 + 1,
        60_000,
      ),
    ).toEqual({ kind: 'resting' });
  });

  test('does not call a sale without stock sold out', () => {
    expect(
      projectSellOut(
        traceOf([
          [0, 0],
          [60, 0],
        ]),
        0,
        0,
        60_000,
      ),
    ).toEqual({ kind: 'resting' });
  });
});
