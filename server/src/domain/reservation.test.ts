import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { type Line, mergeLines, packLines, unpackLines } from './reservation.ts';

const sku = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,7}$/);
const line = fc.record({ sku, quantity: fc.integer({ min: 1, max: 100 }) });
// Few SKUs, so that lines meet.
const cart = fc.oneof(
  fc.array(line, { minLength: 1, maxLength: 20 }),
  fc.array(
    fc.record({ sku: fc.constantFrom('A', 'a', 'B-1', 'B.1'), quantity: fc.integer({ min: 1, max: 100 }) }),
    {
      minLength: 1,
      maxLength: 20,
    },
  ),
);
const unitsOf = (lines: readonly Line[], wanted: string) =>
  lines.filter(({ sku }) => sku === wanted).reduce((sum, { quantity }) => sum + quantity, 0);

test('merging-keeps-every-unit-of-every-sku', () => {
  fc.assert(
    fc.property(cart, (lines) => {
      const merged = mergeLines(lines);
      for (const { sku } of lines) expect(unitsOf(merged, sku)).toBe(unitsOf(lines, sku));
      expect(new Set(merged.map(({ sku }) => sku))).toEqual(new Set(lines.map(({ sku }) => sku)));
    }),
  );
});

test('each-sku-stands-once-in-code-unit-order', () => {
  fc.assert(
    fc.property(cart, (lines) => {
      const skus = mergeLines(lines).map(({ sku }) => sku);
      expect(skus).toEqual([...new Set(skus)].sort());
    }),
  );
  // Not in the order of a locale, where `a` comes before `B`.
  expect(mergeLines(['a', 'B', '_', '1'].map((sku) => ({ sku, quantity: 1 }))).map(({ sku }) => sku)).toEqual(
    ['1', 'B', '_', 'a'],
  );
});

test('the-order-and-the-splitting-of-a-cart-do-not-matter', () => {
  fc.assert(
    fc.property(cart, (lines) => {
      const units = lines.flatMap(({ sku, quantity }) =>
        Array.from({ length: quantity }, () => ({ sku, quantity: 1 })),
      );
      expect(packLines(mergeLines([...lines].reverse()))).toBe(packLines(mergeLines(lines)));
      expect(packLines(mergeLines(units))).toBe(packLines(mergeLines(lines)));
    }),
  );
});

test('merging-twice-is-once-and-leaves-its-input-alone', () => {
  fc.assert(
    fc.property(cart, (lines) => {
      const before = structuredClone(lines);
      const merged = mergeLines(lines);
      expect(mergeLines(merged)).toEqual(merged);
      expect(lines).toEqual(before);
    }),
  );
});

test('packing-loses-nothing', () => {
  fc.assert(
    fc.property(cart, (lines) => {
      expect(unpackLines(packLines(lines))).toEqual(lines);
    }),
  );
  expect(
    packLines([
      { sku: 'A-1', quantity: 2 },
      { sku: 'B-2', quantity: 1 },
    ]),
  ).toBe('A-1*2,B-2*1');
});

test('different-lines-are-different-words', () => {
  fc.assert(
    fc.property(cart, cart, (one, other) => {
      const [a, b] = [mergeLines(one), mergeLines(other)];
      expect(packLines(a) === packLines(b)).toBe(Bun.deepEquals(a, b));
    }),
  );
});

test('a-malformed-word-is-refused', () => {
  for (const word of ['', 'A', '*1', 'A*x', 'A*1,', ',A*1', 'A*1.5', 'A*1,*2', 'A*9007199254740993']) {
    expect(() => unpackLines(word)).toThrow('malformed lines');
  }
});
