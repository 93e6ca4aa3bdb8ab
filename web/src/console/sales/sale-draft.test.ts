// what-is-typed-is-what-is-sent: no more, no less, and prices to the cent.
import { describe, expect, test } from 'bun:test';
import type { Sale } from '@holdfast/contract/sales';
import { placeProblems } from '../field-problems.ts';
import { changeBody, draftOf } from './change-draft.ts';
import { itemPointers } from './item-rows.tsx';
import { EMPTY_SALE, emptyItem, itemsBody, saleBody } from './sale-draft.ts';
import { EMPTY_STOCK, stockBody } from './stock-draft.ts';

const item = (changed: Partial<ReturnType<typeof emptyItem>>) => ({
  ...emptyItem(0),
  sku: 'A',
  stock: '5',
  ...changed,
});

describe('a new sale', () => {
  test('leaves out what was left empty, so that the defaults are the service’s', () => {
    const { body } = saleBody({ ...EMPTY_SALE, id: ' drop ', name: 'Drop', items: [item({})] });
    expect(body).toEqual({ id: 'drop', name: 'Drop', items: [{ sku: 'A', stock: 5 }] });
  });

  test('sends instants for times, and numbers for numbers', () => {
    const { body } = saleBody({
      ...EMPTY_SALE,
      opensAt: '2030-04-01T10:00:00',
      ttlSeconds: '120',
      maxExtensions: '0',
      items: [item({ maxPerCustomer: '2' })],
    });
    expect(body).toMatchObject({
      opens_at: new Date('2030-04-01T10:00:00').toISOString(),
      reservation_ttl_seconds: 120,
      max_extensions: 0,
      items: [{ max_per_customer: 2 }],
    });
  });

  test('is not sent while something cannot be: each message at its field', () => {
    const { body, problems } = saleBody({
      ...EMPTY_SALE,
      ttlSeconds: '5 minutes',
      items: [item({ stock: '' }), item({ stock: '1.5', price: 'dear' })],
    });
    expect(body).toBeUndefined();
    expect([...(problems?.keys() ?? [])]).toEqual([
      '/reservation_ttl_seconds',
      '/items/0/stock',
      '/items/1/stock',
      '/items/1/price/amount_minor',
    ]);
  });

  test('has prices in the minor unit of their currency, exactly', () => {
    const price = (text: string, currency: string) =>
      itemsBody([item({ price: text, currency })]).body?.[0]?.price;
    expect(price('29.99', 'USD')).toEqual({ amount_minor: 2_999, currency: 'USD' });
    expect(price('0,1', 'EUR')).toEqual({ amount_minor: 10, currency: 'EUR' });
    expect(price('1.1', 'USD')?.amount_minor).toBe(110);
    expect(price('4.35', 'USD')?.amount_minor).toBe(435);
    expect(price('500', 'JPY')).toEqual({ amount_minor: 500, currency: 'JPY' });
    expect(price('', 'USD')).toBeUndefined();
    expect(itemsBody([item({ price: '5.5', currency: 'JPY' })]).problems?.size).toBe(1);
    expect(itemsBody([item({ price: '-1' })]).problems?.size).toBe(1);
  });
});

describe('a change of a sale', () => {
  const sale: Sale = {
    id: 'drop',
    name: 'Drop',
    status: 'open',
    opens_at: '2030-04-01T10:00:00.123Z',
    closes_at: '2030-04-01T12:00:00.000Z',
    reservation_ttl_seconds: 300,
    max_extensions: 1,
    max_lifetime_seconds: 900,
    cooldown: null,
    created_at: '2030-01-01T00:00:00.000Z',
    items: [],
  };
  const from = draftOf(sale);

  test('sends only what was touched', () => {
    expect(changeBody(from, from).body).toEqual({});
    expect(changeBody(from, { ...from, ttlSeconds: '60' }).body).toEqual({ reservation_ttl_seconds: 60 });
  });

  test('takes an emptied time away, and does not take an emptied number for a wish', () => {
    expect(changeBody(from, { ...from, closesAt: '' }).body).toEqual({ closes_at: null });
    expect(changeBody(from, { ...from, maxExtensions: '' }).problems?.has('/max_extensions')).toBe(true);
  });

  test('has a cooldown whole, or none', () => {
    const cooled = { ...from, cooldownExpirations: '3', cooldownMinutes: '10' };
    expect(changeBody(from, cooled).body).toEqual({ cooldown: { expirations: 3, minutes: 10 } });
    expect(changeBody(cooled, from).body).toEqual({ cooldown: null });
    const half = { ...from, cooldownExpirations: '3' };
    expect([...(changeBody(from, half).problems?.keys() ?? [])]).toEqual(['/cooldown/minutes']);
  });
});

describe('a change of stock', () => {
  test('always says which total was looked at', () => {
    const draft = { ...EMPTY_STOCK, units: '10', reason: 'delivery' };
    expect(stockBody(draft, 100).body).toEqual({ delta: 10, reason: 'delivery', expected_total: 100 });
    expect(stockBody({ ...draft, direction: 'out', reference: 'T-1' }, 0).body).toEqual({
      delta: -10,
      reason: 'delivery',
      reference: 'T-1',
      expected_total: 0,
    });
  });

  test('needs units and a reason', () => {
    expect([...(stockBody(EMPTY_STOCK, 1).problems?.keys() ?? [])]).toEqual(['/delta', '/reason']);
    expect(stockBody({ ...EMPTY_STOCK, units: '-3', reason: 'x' }, 1).problems?.has('/delta')).toBe(true);
  });
});

describe('a message of the service', () => {
  const pointers = ['/id', ...itemPointers(1)];

  test('stands at its field, or at the one around it', () => {
    const { fields, others } = placeProblems(
      [
        { path: '/items/0/price/currency', message: 'must be an ISO 4217 code' },
        { path: '/items/0/stock/deep', message: 'must be a number' },
        { path: '/id', message: 'must be a sale id' },
        { path: '/id', message: 'must not be empty' },
      ],
      pointers,
    );
    expect([...fields]).toEqual([
      ['/items/0/price/currency', 'must be an ISO 4217 code'],
      ['/items/0/stock', 'must be a number'],
      ['/id', 'must be a sale id; must not be empty'],
    ]);
    expect(others).toEqual([]);
  });

  test('is shown above the form when it is about no field of it', () => {
    const { fields, others } = placeProblems(
      [
        { path: '', message: 'must be an object' },
        { path: '/items/7/sku', message: 'is strange' },
      ],
      pointers,
    );
    expect(fields.size).toBe(0);
    expect(others).toEqual(['must be an object', '/items/7/sku is strange']);
  });
});
