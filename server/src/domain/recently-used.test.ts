// What was used lately is found; how much is kept is bounded, in entries and in characters of their keys.
import { expect, test } from 'bun:test';
import { RecentlyUsed } from './recently-used.ts';

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => String(from + i).padStart(6, '0'));

test('the last entries are found, and how many there are is bounded', () => {
  const cache = new RecentlyUsed<{ key: string }>({ max: 1_200, maxKeyLength: 1_000_000 });
  const keys = numbered(0, 10_000);
  for (const key of keys) cache.set(key, { key });
  const found = keys.filter((key) => cache.peek(key) !== undefined);
  expect(found).toEqual(keys.slice(-found.length));
  expect(found.length).toBeGreaterThan(1_000);
  expect(found.length).toBeLessThanOrEqual(1_200);
  expect(cache.get(keys.at(-1) ?? '')).toEqual({ key: '009999' });
});

test('long keys are fewer, and one longer than all may be is kept alone', () => {
  const cache = new RecentlyUsed<object>({ max: 1_200, maxKeyLength: 12_000 });
  const keys = numbered(0, 1_000).map((key) => key.padEnd(100));
  for (const key of keys) cache.set(key, {});
  expect(keys.filter((key) => cache.peek(key)).length).toBe(120);
  const huge = 'x'.repeat(20_000);
  cache.set(huge, {});
  expect(cache.get(huge)).toEqual({});
});

test('who is asked for stays, who is only peeked at does not', () => {
  const cache = new RecentlyUsed<object>({ max: 120, maxKeyLength: 1_000_000 });
  const [used = '', peeked = '', ...others] = numbered(0, 1_000);
  cache.set(used, { used });
  cache.set(peeked, { peeked });
  for (const key of others) {
    cache.set(key, {});
    cache.get(used);
    cache.peek(peeked);
  }
  expect(cache.get(used)).toEqual({ used });
  expect(cache.peek(peeked)).toBeUndefined();
});

test('an entry that was set anew is the new one, wherever the old one stands', () => {
  const cache = new RecentlyUsed<{ n: number }>({ max: 120, maxKeyLength: 1_000_000 });
  cache.set('a', { n: 1 });
  for (const key of numbered(0, 30)) cache.set(key, { n: 0 });
  cache.set('a', { n: 2 });
  expect(cache.get('a')).toEqual({ n: 2 });
});
