import { expect, test } from 'bun:test';
import { seed, seededRandom } from '../harness/seeded-random.ts';
import { Deck, ENDS_PROCESSES, KINDS } from './deck.ts';

test(`each-kind-comes-once-before-any-comes-again (seed ${seed})`, () => {
  const deck = new Deck(seededRandom(seed));
  const first = KINDS.map(() => deck.next(0.1));
  expect([...first].sort()).toEqual([...KINDS].sort());
  const second = KINDS.map(() => deck.next(0.1));
  expect([...second].sort()).toEqual([...KINDS].sort());
});

test('the-same-seed-deals-the-same-faults', () => {
  const deal = () => {
    const deck = new Deck(seededRandom(7));
    return Array.from({ length: 40 }, () => deck.next(0.2));
  };
  expect(deal()).toEqual(deal());
});

test(`processes-are-ended-early-and-not-late (seed ${seed})`, () => {
  const deck = new Deck(seededRandom(seed));
  const early = Array.from({ length: 6 }, () => deck.next(0.1));
  expect(early.filter((kind) => ENDS_PROCESSES.has(kind))).toHaveLength(ENDS_PROCESSES.size);
  const late = Array.from({ length: 60 }, () => deck.next(0.5));
  expect(late.filter((kind) => ENDS_PROCESSES.has(kind))).toEqual([]);
});
