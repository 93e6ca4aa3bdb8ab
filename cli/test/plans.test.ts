// The promise: the seed alone decides who does what, and every race has someone who means to buy.
import { expect, test } from 'bun:test';
import { Gate } from '../src/race/gate.ts';
import { makePlans, randomFrom } from '../src/race/plans.ts';

test('the same seed makes the same plans, another seed others', () => {
  expect(makePlans(50, 2, 7)).toEqual(makePlans(50, 2, 7));
  expect(makePlans(50, 2, 7)).not.toEqual(makePlans(50, 2, 8));
});

test('in any number of shoppers someone means to buy, and in twenty everyone difficult is there', () => {
  for (let shoppers = 1; shoppers <= 200; shoppers += 1) {
    const endings = new Set(makePlans(shoppers, 2, shoppers).map(({ ending }) => ending));
    expect(endings).toContain('confirm');
    if (shoppers >= 20) expect(endings.size).toBe(6);
  }
});

test('names are never shared', () => {
  expect(new Set(makePlans(20_000, 2, 1).map(({ name }) => name)).size).toBe(20_000);
});

test('the generator spreads evenly over [0, 1)', () => {
  const random = randomFrom(42);
  const buckets = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i += 1) {
    const bucket = Math.floor(random() * 10);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

test('the gate lets through no more than it has places, in order, and frees them after failures', async () => {
  const gate = new Gate(3);
  let inside = 0;
  let most = 0;
  const order: number[] = [];
  const ends = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) =>
      gate.through(async () => {
        order.push(i);
        inside += 1;
        most = Math.max(most, inside);
        await Promise.resolve();
        inside -= 1;
        if (i % 2 === 0) throw new Error('refused');
      }),
    ),
  );
  expect(most).toBe(3);
  expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect(ends.filter((end) => end.status === 'rejected')).toHaveLength(10);
});
