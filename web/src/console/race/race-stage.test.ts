// a-race-can-be-watched-again: the replay ends where the race did, and a broken one says so.
import { describe, expect, test } from 'bun:test';
import type { RaceLine, RaceVerdict } from '@holdfast/contract/race';
import { PLACES } from './race-picture.ts';
import { RaceStage, REPLAY_MS } from './race-stage.ts';

const VERDICT: RaceVerdict = {
  type: 'verdict',
  ok: true,
  checks: [],
  winners: 1,
  oversold: 0,
  duplicates: 0,
  duration_ms: 400,
  latency: { reserve: null, confirm: null },
  ledger: { available: 0, reserved: 0, sold: 1, total: 1, orders: 1 },
};
const LINES: RaceLine[] = [
  {
    type: 'events',
    events: [
      [0, 'reserve', 0, 10, 'rsv_AAAAAUc3Yl9kM0pQc1RtXw'],
      [1, 'reserve', 0, 12, 'insufficient-stock'],
    ],
  },
  { type: 'stock', at_ms: 15, available: 0, reserved: 1, sold: 0 },
  {
    type: 'events',
    events: [
      [0, 'confirm', 20, 200, 'ord_AAAAAWJ2bkE4dXJ5aG9sZA'],
      [2, 'reserve', 0, 210, 'insufficient-stock'],
    ],
  },
];

const counts = (stage: RaceStage) => PLACES.map((place) => stage.picture.count(place));

function race(): RaceStage {
  const stage = new RaceStage('race-1', 3, 1, 7);
  for (const line of LINES) stage.take(line);
  return stage;
}

describe('a race', () => {
  test('is shown as it happens, and ends with the ledger’s word', () => {
    const stage = race();
    expect(counts(stage)).toEqual([0, 0, 1, 2, 0]);
    expect(stage.levels).toMatchObject({ reserved: 1, sold: 0 });
    stage.take(VERDICT);
    expect(stage.state.kind).toBe('judged');
    expect(stage.levels).toMatchObject({ reserved: 0, sold: 1 });
  });

  test('can be watched again from its beginning to the same end', () => {
    const stage = race();
    stage.take(VERDICT);
    const end = counts(stage);
    stage.replay();
    expect([stage.replaying, counts(stage)]).toEqual([true, [3, 0, 0, 0, 0]]);
    stage.play(REPLAY_MS * (100 / 210));
    expect(counts(stage)).toEqual([1, 1, 0, 1, 0]);
    stage.play(REPLAY_MS);
    expect([stage.replaying, counts(stage)]).toEqual([false, end]);
    expect(stage.levels.sold).toBe(1);
  });

  test('that breaks off says so once, and a verdict is not taken back', () => {
    const broken = race();
    broken.breakOff('The connection was lost.');
    broken.breakOff('again');
    expect(broken.state).toEqual({ kind: 'broken', sentence: 'The connection was lost.' });
    const judged = race();
    judged.take(VERDICT);
    judged.breakOff('too late');
    expect(judged.state.kind).toBe('judged');
  });
});
