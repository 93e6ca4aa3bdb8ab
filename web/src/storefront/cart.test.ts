// What may be in a cart, and when two of them are one.
import { describe, expect, test } from 'bun:test';
import {
  emptyCart,
  fingerprintOf,
  MAX_CART_LINES,
  mostOf,
  parseCart,
  quantityIn,
  unitsIn,
  withQuantity,
} from './cart.ts';

describe('a cart', () => {
  test('has each SKU once, and none with no units', () => {
    let cart = withQuantity(withQuantity(emptyCart(), 'A', 2), 'B', 1);
    cart = withQuantity(cart, 'A', 3);
    expect(cart.lines).toEqual([
      { sku: 'A', quantity: 3 },
      { sku: 'B', quantity: 1 },
    ]);
    expect([quantityIn(cart, 'A'), quantityIn(cart, 'C'), unitsIn(cart)]).toEqual([3, 0, 4]);
    expect(withQuantity(cart, 'A', 0).lines).toEqual([{ sku: 'B', quantity: 1 }]);
    expect(withQuantity(cart, 'A', -4).lines).toEqual([{ sku: 'B', quantity: 1 }]);
  });

  test('keeps within what the service takes', () => {
    let cart = emptyCart();
    for (let line = 0; line < MAX_CART_LINES + 5; line += 1) cart = withQuantity(cart, `S${line}`, 1_000);
    expect(cart.lines).toHaveLength(MAX_CART_LINES);
    expect(quantityIn(cart, 'S0')).toBe(100);
  });

  test('keeps its id until it is reserved', () => {
    const cart = withQuantity(emptyCart(), 'A', 1);
    expect(withQuantity(cart, 'B', 1).id).toBe(cart.id);
    expect(emptyCart().id).not.toBe(emptyCart().id);
  });

  test('reads alike whatever the order of its lines', () => {
    const one = [
      { sku: 'B', quantity: 1 },
      { sku: 'A', quantity: 2 },
    ];
    expect(fingerprintOf(one)).toBe(fingerprintOf([...one].reverse()));
    expect(fingerprintOf([...one, { sku: 'A', quantity: 1 }])).toBe('A:3 B:1');
  });

  test('comes back from storage as it was; what is none is none', () => {
    const cart = withQuantity(emptyCart(), 'A', 2);
    expect(parseCart(JSON.stringify(cart))).toEqual(cart);
    const lines = (line: unknown) => JSON.stringify({ id: 'x', lines: [line] });
    for (const text of [
      null,
      '',
      '{}',
      'null',
      lines(null),
      lines({ sku: 'A', quantity: 0.5 }),
      lines({ sku: 1 }),
    ]) {
      expect(parseCart(text)).toBeUndefined();
    }
  });

  test('asks for no more than there is, than one customer may hold, and than one may ask for', () => {
    expect(mostOf({ available: 3, max_per_customer: null })).toBe(3);
    expect(mostOf({ available: 30, max_per_customer: 2 })).toBe(2);
    expect(mostOf({ available: 3_000, max_per_customer: null })).toBe(100);
  });
});
