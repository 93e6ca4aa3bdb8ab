import { expect, test } from 'bun:test';
import { type Look, overdrawn, unexplainedOverdrafts } from './overdrafts.ts';

const loss = { fromMs: 100, toMs: 200, why: 'a test' };
const look = (atMs: number, epoch: number, units: number): Look => ({
  atMs,
  epoch: String(epoch),
  overdrawn: new Map(units > 0 ? [['shoe', units]] : []),
});

test('more-reserved-and-sold-than-there-is-is-an-overdraft-and-as-much-is-none', () => {
  const items = new Map([
    ['over', { total: 600, reserved: 284, sold: 317 }],
    ['full', { total: 600, reserved: 283, sold: 317 }],
  ]);
  expect(overdrawn({ items })).toEqual(new Map([['over', 1]]));
});

test('an-overdraft-is-explained-only-by-a-loss-before-it', () => {
  expect(unexplainedOverdrafts([look(50, 1, 0), look(99, 1, 1)], [loss])).toHaveLength(1);
  expect(unexplainedOverdrafts([look(50, 1, 0), look(150, 2, 1)], [])).toHaveLength(1);
  expect(unexplainedOverdrafts([look(50, 1, 0), look(150, 2, 1)], [loss])).toEqual([]);
});

test('and-only-while-it-does-not-grow', () => {
  const shrinks = [look(150, 2, 3), look(200, 2, 3), look(250, 2, 1), look(300, 2, 0)];
  expect(unexplainedOverdrafts(shrinks, [loss])).toEqual([]);
  expect(unexplainedOverdrafts([...shrinks, look(350, 2, 1)], [loss])).toHaveLength(1);
  expect(unexplainedOverdrafts([...shrinks, look(350, 3, 1)], [loss])).toEqual([]);
  expect(unexplainedOverdrafts([look(150, 2, 1), look(200, 2, 2)], [loss])).toHaveLength(1);
});
