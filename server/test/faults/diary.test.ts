import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../harness/seeded-random.ts';
import { Diary, storyOf } from './diary.ts';
import { drawVisit } from './plans.ts';
import type { Answer } from './wire.ts';

const LINES = [{ sku: 'a', quantity: 2 }];
const RESERVED = JSON.stringify({ reservation_id: 'rsv_1', ttl_seconds: 10 });

function answer(status: number, text: string, replayed = false): Answer {
  return { status, text, replayed, retryAfterSeconds: 0, atMs: performance.now() };
}
const problem = (code: string) => JSON.stringify({ code });
const reserve = (diary: Diary, ...answers: (Answer | undefined)[]) => {
  const visit = diary.begin('ann', 'key', LINES);
  for (const each of answers) diary.reserved(visit, performance.now(), each);
  return visit;
};

describe('the diary', () => {
  test('keeps-what-was-granted-and-what-may-have-been', () => {
    const diary = new Diary();
    const granted = reserve(diary, answer(201, RESERVED), answer(201, RESERVED, true));
    const doubtful = reserve(diary, undefined, answer(503, problem('unavailable')));
    reserve(diary, answer(409, problem('insufficient-stock')));
    expect(diary.visits).toEqual([granted, doubtful]);
    expect(diary.tally).toMatchObject({
      attempts: 5,
      accepted: 1,
      replayed: 1,
      soldOut: 1,
      unavailable: 1,
      unanswered: 1,
    });
    expect([...diary.soldOutClaims()]).toMatchObject([{ sku: 'a', quantity: 2 }]);
    expect(storyOf(granted).accepted?.ttlMs).toBe(10_000);
    expect(storyOf(doubtful).accepted).toBeUndefined();
    expect(diary.breaks).toEqual([]);
  });

  test('knows-a-key-that-was-granted-anew-or-forgotten', () => {
    const diary = new Diary();
    const anew = reserve(diary, answer(201, RESERVED), answer(201, `${RESERVED} `));
    const forgotten = reserve(diary, answer(201, RESERVED), answer(409, problem('insufficient-stock')));
    expect(anew.rebornAtMs).toBeLessThan(Number.POSITIVE_INFINITY);
    expect(forgotten.forgottenAtMs).toBeLessThan(Number.POSITIVE_INFINITY);
  });

  test('tells-of-an-order-that-changes-of-an-early-expiry-and-of-a-404', () => {
    const diary = new Diary();
    const visit = reserve(diary, answer(201, RESERVED));
    const now = performance.now();
    diary.confirmed(visit, now, answer(200, '{"order_id":"ord_1"}'));
    diary.confirmed(visit, now, answer(200, '{"order_id":"ord_2"}'));
    diary.released(visit, now, answer(200, '{}'));
    const other = reserve(diary, answer(201, RESERVED));
    diary.confirmed(other, now, answer(410, problem('reservation-expired')));
    diary.confirmed(other, now, answer(404, problem('unknown-reservation')));
    expect(diary.breaks).toHaveLength(4);
  });
});

test('the-same-seed-draws-the-same-visits', () => {
  const draw = (seed: number) => {
    const random = seededRandom(seed);
    return Array.from({ length: 200 }, () => drawVisit(random, { hot: 'h', others: ['a', 'b', 'c'] }));
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});
