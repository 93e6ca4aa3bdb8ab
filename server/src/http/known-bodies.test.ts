// Bodies that were read before say the same to everyone, and nobody can change what the next one is told.
import { expect, test } from 'bun:test';
import { KnownBodies } from './known-bodies.ts';

test('a-text-says-what-it-said-before-and-no-other-text-does', () => {
  const known = new KnownBodies();
  known.keep('{"sku":"A"}', { sku: 'A' });
  expect(known.find('{"sku":"A"}')).toEqual({ sku: 'A' });
  expect(known.find('{"sku": "A"}')).toBeUndefined();
});

test('what-requests-share-cannot-be-changed', () => {
  const known = new KnownBodies();
  known.keep('cart', { items: [{ sku: 'A', quantity: 1 }] });
  const body = known.find('cart') as { items: { quantity: number }[] };
  expect(() => {
    (body.items[0] as { quantity: number }).quantity = 2;
  }).toThrow(TypeError);
  expect(() => body.items.push({ quantity: 3 })).toThrow(TypeError);
});

test('of-long-bodies-and-of-many-no-more-than-a-bound-is-kept', () => {
  const known = new KnownBodies();
  known.keep('x'.repeat(257), { long: true });
  expect(known.find('x'.repeat(257))).toBeUndefined();
  for (let i = 0; i < 1_001; i++) known.keep(`body ${i}`, { i });
  expect(known.find('body 0')).toBeUndefined();
  expect(known.find('body 1000')).toEqual({ i: 1_000 });
});
