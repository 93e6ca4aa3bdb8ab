import { expect, test } from 'bun:test';
import { ALLOWANCE_MS, Answers, type Ended, withAllowance } from './answers.ts';

const FAULT = { fromMs: 10_000, toMs: 14_000, why: 'Redis killed' };

function sorted(ended: Partial<Ended>, losses: readonly (typeof FAULT)[] = []) {
  const answers = new Answers();
  answers.note({ what: 'reserve', status: 503, code: 'unavailable', sentAtMs: 0, endedAtMs: 1, ...ended });
  const { done, refused, explained, unexplainedCount } = answers.sort(
    withAllowance([FAULT], ALLOWANCE_MS),
    losses,
    0,
  );
  return { done, refused: refused.length, explained: explained.length, unexplained: unexplainedCount };
}
const DONE = { done: 1, refused: 0, explained: 0, unexplained: 0 };
const REFUSED = { done: 0, refused: 1, explained: 0, unexplained: 0 };
const EXPLAINED = { done: 0, refused: 0, explained: 1, unexplained: 0 };
const UNEXPLAINED = { done: 0, refused: 0, explained: 0, unexplained: 1 };

test('a-503-is-explained-by-the-fault-that-it-overlaps-and-by-no-other', () => {
  expect(sorted({ sentAtMs: 8_000, endedAtMs: 9_999 })).toEqual(UNEXPLAINED);
  expect(sorted({ sentAtMs: 8_000, endedAtMs: 10_001 })).toEqual(EXPLAINED);
  expect(sorted({ sentAtMs: 12_000, endedAtMs: 12_001 })).toEqual(EXPLAINED);
  expect(sorted({ sentAtMs: 14_000 + ALLOWANCE_MS, endedAtMs: 30_000 })).toEqual(EXPLAINED);
  expect(sorted({ sentAtMs: 14_001 + ALLOWANCE_MS, endedAtMs: 30_000 })).toEqual(UNEXPLAINED);
});

test('no-answer-is-as-a-503', () => {
  expect(sorted({ status: 0, code: 'network', sentAtMs: 12_000, endedAtMs: 12_001 })).toEqual(EXPLAINED);
  expect(sorted({ status: 0, code: 'timeout', sentAtMs: 1_000, endedAtMs: 5_000 })).toEqual(UNEXPLAINED);
});

test('a-refusal-of-the-contract-needs-no-fault-and-only-where-it-belongs', () => {
  expect(sorted({ status: 201, code: '' })).toEqual(DONE);
  expect(sorted({ status: 409, code: 'insufficient-stock' })).toEqual(REFUSED);
  expect(sorted({ what: 'confirm', status: 409, code: 'insufficient-stock' })).toEqual(UNEXPLAINED);
  expect(sorted({ what: 'reconcile', code: 'unavailable' })).toEqual(REFUSED);
});

test('no-fault-explains-a-500-a-broken-answer-or-a-wrong-refusal', () => {
  const during = { sentAtMs: 12_000, endedAtMs: 12_001 };
  expect(sorted({ ...during, status: 500, code: 'internal' })).toEqual(UNEXPLAINED);
  expect(sorted({ ...during, status: 200, code: '', what: 'item' })).toEqual(DONE);
  expect(sorted({ ...during, status: 0, code: 'unexpected-answer' })).toEqual(UNEXPLAINED);
  expect(sorted({ ...during, status: 404, code: 'unknown-sku' })).toEqual(UNEXPLAINED);
});

test('reservation-lost-is-explained-only-after-redis-has-forgotten', () => {
  const lost = { status: 409, code: 'reservation-lost', sentAtMs: 12_000, endedAtMs: 12_001 };
  expect(sorted(lost)).toEqual(UNEXPLAINED);
  expect(sorted(lost, [FAULT])).toEqual(EXPLAINED);
  expect(sorted(lost, [{ ...FAULT, fromMs: 13_000 }])).toEqual(UNEXPLAINED);
});
