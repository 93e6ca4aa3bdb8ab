// a-search-is-a-link: what stands in the address bar is what is searched for, and the other way round.
import { describe, expect, test } from 'bun:test';
import { HoldfastError } from '@holdfast/client';
import { pauseMs } from './asking.tsx';
import { inputOfInstant, instantOfInput, readFilters, writeFilters } from './filters.ts';
import { type Place, pathOf, placeAt } from './places.ts';

const NAMES = ['sale', 'customer', 'status'] as const;

describe('filters', () => {
  test('come back from the address as they were written', () => {
    const filters = { sale: 'drop', customer: 'a&b=c ü' };
    const search = writeFilters(filters, NAMES, 'cur?sor');
    expect(readFilters(search, NAMES)).toEqual({ filters, cursor: 'cur?sor' });
  });

  test('leave out what is empty or unknown', () => {
    expect(writeFilters({ sale: ' ', status: 'active' }, NAMES)).toBe('?status=active');
    expect(writeFilters({}, NAMES)).toBe('');
    expect(readFilters('?admin=1&sale=%20&status=active', NAMES)).toEqual({
      filters: { status: 'active' },
      cursor: undefined,
    });
  });

  test('have times in the operator’s own time, and instants for the service', () => {
    const instant = '2030-04-01T10:00:05.000Z';
    expect(instantOfInput(inputOfInstant(instant))).toBe(instant);
    expect([instantOfInput(''), instantOfInput('soon'), inputOfInstant(null)]).toEqual([
      undefined,
      undefined,
      '',
    ]);
  });
});

describe('addresses', () => {
  const places: Exclude<Place, { page: 'nowhere' }>[] = [
    { page: 'sales' },
    { page: 'new-sale' },
    // A sale may be called as a page is.
    { page: 'live', saleId: 'new-sale' },
    { page: 'items', saleId: 'drop' },
    { page: 'analytics', saleId: 'analytics' },
    { page: 'reservations' },
    { page: 'reservation', reservationId: 'rsv_AAAAAUc3Yl9kM0pQc1RtXw' },
    { page: 'orders' },
    { page: 'audit' },
    { page: 'race' },
    { page: 'health' },
  ];

  test('lead to the page that they were made for', () => {
    for (const place of places) expect(placeAt(pathOf(place))).toEqual(place);
  });

  test('lead nowhere when they are none, and a slash at the end does no harm', () => {
    for (const path of [
      '/console/x',
      '/console/sales/a/b',
      '/console/sales/a/items/b',
      '/console/orders/ord_1',
    ]) {
      expect(placeAt(path)).toEqual({ page: 'nowhere' });
    }
    expect(placeAt('/console/')).toEqual({ page: 'sales' });
    expect(placeAt('/console/sales/%E0%A4%A')).toEqual({ page: 'live', saleId: '%E0%A4%A' });
  });
});

describe('asking again', () => {
  test('is as often as it should be, but not into an error that stays', () => {
    const limited = new HoldfastError({
      code: 'rate-limited',
      status: 429,
      title: 'Too many',
      retryAfterSeconds: 37,
    });
    expect([pauseMs(1_000, null), pauseMs(1_000, new Error('x')), pauseMs(1_000, limited)]).toEqual([
      1_000, 5_000, 37_000,
    ]);
  });
});
