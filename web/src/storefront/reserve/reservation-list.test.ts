// A reservation on the page only ever goes forward, whichever way the news of it came, and in whichever order.
import { describe, expect, test } from 'bun:test';
import type { Reservation } from '@holdfast/contract/reservations';
import { extensionOf } from './extension.ts';
import { Notes, withReservation } from './reservation-list.ts';

const CREATED = Date.UTC(2026, 10, 27, 9);
const at = (seconds: number) => new Date(CREATED + seconds * 1000).toISOString();
const reservation = (status: Reservation['status'], expiresIn = 300): Reservation => ({
  reservation_id: 'rsv_1',
  sale_id: 'sale',
  status,
  items: [],
  created_at: at(0),
  expires_at: at(expiresIn),
  ttl_seconds: 300,
});

describe('news of a reservation', () => {
  test('of one not known yet comes first', () => {
    const other = { ...reservation('active'), reservation_id: 'rsv_0' };
    expect(withReservation([other], reservation('active'))).toEqual([reservation('active'), other]);
  });

  test('an end is final: an older word brings nothing back to life', () => {
    const list = [reservation('released')];
    expect(withReservation(list, reservation('active'))).toBe(list);
  });

  test('an extension is not taken back by an older word', () => {
    const list = [reservation('active', 420)];
    expect(withReservation(list, reservation('active', 300))).toBe(list);
    expect(withReservation(list, reservation('confirmed', 300))[0]?.status).toBe('confirmed');
  });
});

describe('a list that was read while news came', () => {
  test('has the news over it, and nothing that was known before', () => {
    const notes = new Notes();
    notes.add({ ...reservation('active'), reservation_id: 'rsv_0' });
    const before = notes.count;
    expect(notes.over([], before)).toEqual([]);
    notes.add(reservation('active'));
    notes.add(reservation('released'));
    expect(notes.over([], before)).toEqual([reservation('released')]);
    expect(notes.over([reservation('active')], before)).toEqual([reservation('released')]);
  });

  test('keeps a bounded number of them', () => {
    const notes = new Notes();
    for (let each = 0; each < 120; each += 1)
      notes.add({ ...reservation('active'), reservation_id: `rsv_${each}` });
    expect(notes.over([], 0)).toHaveLength(50);
  });
});

describe('extra time', () => {
  const sale = { max_extensions: 1, max_lifetime_seconds: 900 };

  test('is offered as long as the sale has some', () => {
    expect(extensionOf(sale, reservation('active'), 0)).toEqual({ possible: true, seconds: 120 });
    expect(extensionOf(sale, reservation('active'), 1).possible).toBe(false);
    expect(extensionOf({ ...sale, max_extensions: 0 }, reservation('active'), 0).possible).toBe(false);
  });

  test('is cut to the longest life that the sale gives', () => {
    expect(extensionOf(sale, reservation('active', 870), 0)).toEqual({ possible: true, seconds: 30 });
    expect(extensionOf(sale, reservation('active', 900), 0).possible).toBe(false);
  });
});
