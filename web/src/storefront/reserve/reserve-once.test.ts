// one-wish-one-reservation: double clicks, lost answers, reloads and second tabs, against a store that keeps to the
// contract: one effect a key. Also the negative space: another cart is another wish.
import { describe, expect, test } from 'bun:test';
import { HoldfastError } from '@holdfast/client';
import type { Line, Reservation } from '@holdfast/contract/reservations';
import { emptyCart, withQuantity } from '../cart.ts';
import type { Keep } from '../kept-value.ts';
import { type ReserveParts, reserveOnce, TAKE_UP_WITHIN_MS, takeUpAgain } from './reserve-once.ts';
import { browserTurns } from './turns.ts';

type Fate = 'answers' | 'answer-lost' | 'never-arrives' | 'refused' | 'unavailable';

/** A store that makes one reservation a key, and a browser's storage that outlives its pages. */
function world() {
  const made = new Map<string, readonly Line[]>();
  const values = new Map<string, string>();
  const keep: Keep = {
    read: (name) => values.get(name) ?? null,
    write: (name, value) => void (value === null ? values.delete(name) : values.set(name, value)),
  };
  const state = { fate: 'answers' as Fate, nowMs: 1_000_000, keys: 0, storedBeforeSending: true };
  const send = async (lines: readonly Line[], key: string): Promise<Reservation> => {
    if (![...values.values()].some((value) => value.includes(key))) state.storedBeforeSending = false;
    await Promise.resolve();
    const { fate } = state;
    if (fate === 'refused') throw new HoldfastError({ code: 'insufficient-stock', status: 409, title: 'no' });
    if (fate !== 'never-arrives') made.set(key, lines);
    if (fate === 'unavailable') throw new HoldfastError({ code: 'unavailable', status: 503, title: 'gone' });
    if (fate !== 'answers') throw new HoldfastError({ code: 'network', status: 0, title: 'gone' });
    return { reservation_id: `rsv_${key}` } as Reservation;
  };
  /** A page of its own, as after a reload; its tabs share `turns` as they share Web Locks. */
  const turns = browserTurns();
  const parts: ReserveParts = {
    keep,
    turns,
    nowMs: () => state.nowMs,
    newKey: () => {
      state.keys += 1;
      return `key-${state.keys}`;
    },
    send,
  };
  const cart = withQuantity(emptyCart(), 'A', 1);
  return { made, state, parts, wish: { saleId: 'sale', customer: 'alice', cart } };
}

describe('one wish, one reservation', () => {
  test('two clicks at once, in one tab or two', async () => {
    const { made, parts, wish, state } = world();
    const [one, other] = await Promise.all([reserveOnce(parts, wish), reserveOnce(parts, wish)]);
    expect(one.reservation.reservation_id).toBe(other.reservation.reservation_id);
    expect(made.size).toBe(1);
    expect(state.storedBeforeSending).toBe(true);
  });

  test('a second click long after the first was answered', async () => {
    const { made, parts, wish, state } = world();
    await reserveOnce(parts, wish);
    state.nowMs += 10 * TAKE_UP_WITHIN_MS;
    await reserveOnce(parts, wish);
    expect(made.size).toBe(1);
  });

  test('an answer that was lost, and asking again', async () => {
    const { made, parts, wish, state } = world();
    state.fate = 'answer-lost';
    await expect(reserveOnce(parts, wish)).rejects.toThrow('gone');
    state.fate = 'answers';
    expect((await reserveOnce(parts, wish)).earlier).toBe(false);
    expect(made.size).toBe(1);
  });

  test('a 503 that hides that it was done, and asking again', async () => {
    const { made, parts, wish, state } = world();
    state.fate = 'unavailable';
    await expect(reserveOnce(parts, wish)).rejects.toThrow('gone');
    state.fate = 'answers';
    await reserveOnce(parts, wish);
    expect(made.size).toBe(1);
  });

  test('an answer that was lost, and a reload', async () => {
    const { made, parts, wish, state } = world();
    state.fate = 'answer-lost';
    await expect(reserveOnce(parts, wish)).rejects.toThrow('gone');
    state.fate = 'answers';
    expect(await takeUpAgain(parts, wish)).toMatchObject({ earlier: false });
    expect(await takeUpAgain(parts, wish)).toBeUndefined();
    expect(made.size).toBe(1);
  });

  test('a wish that never arrived is made good by the reload', async () => {
    const { made, parts, wish, state } = world();
    state.fate = 'never-arrives';
    await expect(reserveOnce(parts, wish)).rejects.toThrow('gone');
    state.fate = 'answers';
    await takeUpAgain(parts, wish);
    expect(made.size).toBe(1);
  });

  test('but not one that its shopper has long gone away from', async () => {
    const { made, parts, wish, state } = world();
    state.fate = 'never-arrives';
    await expect(reserveOnce(parts, wish)).rejects.toThrow('gone');
    state.fate = 'answers';
    state.nowMs += TAKE_UP_WITHIN_MS + 1;
    expect(await takeUpAgain(parts, wish)).toBeUndefined();
    expect(made.size).toBe(0);
  });

  test('a cart that was changed meanwhile first learns what became of the earlier one', async () => {
    const { made, parts, wish, state } = world();
    state.fate = 'answer-lost';
    await expect(reserveOnce(parts, wish)).rejects.toThrow('gone');
    state.fate = 'answers';
    const changed = { ...wish, cart: withQuantity(wish.cart, 'B', 2) };
    expect((await reserveOnce(parts, changed)).earlier).toBe(true);
    expect([...made.values()]).toEqual([[{ sku: 'A', quantity: 1 }]]);
    expect((await reserveOnce(parts, changed)).earlier).toBe(false);
    expect(made.size).toBe(2);
  });

  test('a refusal frees the way: the next try is a new wish with a new key', async () => {
    const { made, parts, wish, state } = world();
    state.fate = 'refused';
    await expect(reserveOnce(parts, wish)).rejects.toThrow('no');
    expect(await takeUpAgain(parts, wish)).toBeUndefined();
    state.fate = 'answers';
    await reserveOnce(parts, wish);
    expect([...made.keys()]).toEqual(['key-2']);
  });

  test('another cart, another customer and another sale are other wishes', async () => {
    const { made, parts, wish } = world();
    await reserveOnce(parts, wish);
    await reserveOnce(parts, { ...wish, cart: withQuantity(emptyCart(), 'A', 1) });
    await reserveOnce(parts, { ...wish, customer: 'bob' });
    await reserveOnce(parts, { ...wish, saleId: 'other' });
    expect(made.size).toBe(4);
  });

  test('a record that is broken is no record', async () => {
    const { made, parts, wish } = world();
    parts.keep.write('attempt.sale.alice', '{"key":');
    expect(await takeUpAgain(parts, wish)).toBeUndefined();
    await reserveOnce(parts, wish);
    expect(made.size).toBe(1);
  });
});
