// The domain's words and the wire's: every answer fits the contract's schema, and statuses turn at the right moment.
import { describe, expect, test } from 'bun:test';
import { Item } from '@holdfast/contract/inventory';
import { Order } from '@holdfast/contract/orders';
import { Reservation } from '@holdfast/contract/reservations';
import { CreateSaleBody, Sale } from '@holdfast/contract/sales';
import type { SaleSettings } from '../src/domain/sale-store.ts';
import { itemWire, newSale, orderWire, reservationWire, reserveAnswer, saleWire } from '../src/http/wire.ts';
import {
  CREATED_AT_MS,
  ITEM_VIEW,
  ORDER,
  ORDER_ID,
  RECORD,
  RESERVATION_ID,
  SALE_VIEW,
  VIEW,
} from './http-fakes.ts';

describe('a reservation', () => {
  test('of one line names it at the top as well', () => {
    const wire = reservationWire({ ...VIEW, status: 'confirmed', orderId: ORDER_ID });
    expect(wire).toEqual({
      reservation_id: RESERVATION_ID,
      sale_id: 'flash-sale',
      status: 'confirmed',
      items: [{ sku: 'FLASH-SALE-001', quantity: 2 }],
      sku: 'FLASH-SALE-001',
      quantity: 2,
      created_at: '2026-11-27T09:00:00.123Z',
      expires_at: '2026-11-27T09:05:00.123Z',
      ttl_seconds: 300,
      order_id: ORDER_ID,
    });
    expect(Reservation.parse(wire)).toEqual(wire);
  });

  test('of a cart has its lines in items alone', () => {
    const lines = [
      { sku: 'A', quantity: 1 },
      { sku: 'B', quantity: 2 },
    ];
    const wire = reserveAnswer({ ...VIEW, record: { ...RECORD, lines } });
    expect(wire.items).toEqual(lines);
    expect(Object.keys(wire)).toEqual([
      'reservation_id',
      'sale_id',
      'status',
      'items',
      'created_at',
      'expires_at',
      'ttl_seconds',
    ]);
  });

  test('shows the current deadline when it is read, and the first one in the answer to reserve', () => {
    const view = { ...VIEW, record: { ...RECORD, deadlineMs: RECORD.deadlineMs + 60_000 } };
    expect(reservationWire(view).expires_at).toBe('2026-11-27T09:06:00.123Z');
    expect(reserveAnswer(view).expires_at).toBe('2026-11-27T09:05:00.123Z');
  });
});

describe('an order', () => {
  test('has a total when every line has a price in one currency', () => {
    const wire = orderWire(ORDER);
    expect(Order.parse(wire)).toEqual(wire);
    expect(wire.total).toEqual({ amount_minor: 5998, currency: 'USD' });
    const priced = (currency: string) => ({ sku: 'X', quantity: 1, price: { amountMinor: 1, currency } });
    expect(orderWire({ ...ORDER, lines: [priced('USD'), priced('EUR')] }).total).toBeUndefined();
    const unpriced = { sku: 'Y', quantity: 1, price: null };
    expect(orderWire({ ...ORDER, lines: [priced('USD'), unpriced] }).total).toBeUndefined();
    expect(orderWire({ ...ORDER, lines: [unpriced] }).total).toBeUndefined();
  });

  test('has no payment reference when none was given', () => {
    expect('payment_reference' in orderWire({ ...ORDER, paymentReference: null })).toBe(false);
  });
});

describe('an item', () => {
  const at = (stock: { reserved: number; sold: number }, settings: Partial<SaleSettings> = {}) => {
    const wire = itemWire({
      ...ITEM_VIEW,
      stock: { ...ITEM_VIEW.stock, ...stock },
      settings: { ...ITEM_VIEW.settings, ...settings },
    });
    expect(Item.parse(wire)).toEqual(wire);
    return wire;
  };

  test('adds up: available + reserved + sold = total', () => {
    const wire = at({ reserved: 20, sold: 10 });
    expect(wire).toMatchObject({ total: 100, available: 70, reserved: 20, sold: 10, max_per_customer: null });
    expect(wire.as_of).toBe('2026-11-27T09:00:00.123Z');
  });

  test('tells gone from reserved', () => {
    expect(at({ reserved: 0, sold: 99 }).status).toBe('on_sale');
    expect(at({ reserved: 1, sold: 99 }).status).toBe('all_reserved');
    expect(at({ reserved: 0, sold: 100 }).status).toBe('sold_out');
  });

  test('never shows less than nothing', () => {
    expect(at({ reserved: 5, sold: 98 })).toMatchObject({ available: 0, status: 'all_reserved' });
  });

  test('is not open before opens_at and closed from closes_at on', () => {
    const some = { reserved: 0, sold: 100 };
    expect(at(some, { opensAtMs: CREATED_AT_MS + 1 }).status).toBe('not_open');
    expect(at(some, { opensAtMs: CREATED_AT_MS }).status).toBe('sold_out');
    expect(at(some, { closesAtMs: CREATED_AT_MS + 1 }).status).toBe('sold_out');
    expect(at(some, { closesAtMs: CREATED_AT_MS }).status).toBe('closed');
    expect(at(some, { closed: true, opensAtMs: CREATED_AT_MS + 1 }).status).toBe('closed');
  });
});

describe('a sale', () => {
  test('says null where it has no bound', () => {
    const wire = saleWire(SALE_VIEW, CREATED_AT_MS);
    expect(Sale.parse(wire)).toEqual(wire);
    expect(wire).toMatchObject({ status: 'open', opens_at: null, closes_at: null });
  });

  test('comes in with its defaults filled in', () => {
    const body = CreateSaleBody.parse({
      id: 's',
      name: 'S',
      opens_at: '2026-11-27T10:00:00+01:00',
      items: [
        { sku: 'A', stock: 0 },
        { sku: 'B', name: 'Bee', stock: 5, price: { amount_minor: 1, currency: 'EUR' }, max_per_customer: 2 },
      ],
    });
    expect(newSale(body, 300)).toEqual({
      id: 's',
      name: 'S',
      opensAtMs: Date.UTC(2026, 10, 27, 9),
      closesAtMs: null,
      reservationTtlSeconds: 300,
      extensions: { max: 1, maxLifetimeSeconds: 900 },
      cooldown: null,
      items: [
        { sku: 'A', name: 'A', stock: 0, price: null, maxPerCustomer: null },
        { sku: 'B', name: 'Bee', stock: 5, price: { amountMinor: 1, currency: 'EUR' }, maxPerCustomer: 2 },
      ],
    });
  });

  const good = { id: 's', name: 'S', items: [{ sku: 'A', stock: 1 }] };
  const wrong: [name: string, body: object][] = [
    ['no items', { ...good, items: [] }],
    ['a SKU twice', { ...good, items: [good.items[0], good.items[0]] }],
    ['a stock of -0', { ...good, items: [{ sku: 'A', stock: -0 }] }],
    ['a stock over 100,000,000', { ...good, items: [{ sku: 'A', stock: 100_000_001 }] }],
    [
      'a negative price',
      { ...good, items: [{ sku: 'A', stock: 1, price: { amount_minor: -1, currency: 'USD' } }] },
    ],
    [
      'a price of -0',
      { ...good, items: [{ sku: 'A', stock: 1, price: { amount_minor: -0, currency: 'USD' } }] },
    ],
    [
      'a broken price',
      { ...good, items: [{ sku: 'A', stock: 1, price: { amount_minor: 1.5, currency: 'USD' } }] },
    ],
    [
      'an odd currency',
      { ...good, items: [{ sku: 'A', stock: 1, price: { amount_minor: 1, currency: 'usd' } }] },
    ],
    ['a cap of 0', { ...good, items: [{ sku: 'A', stock: 1, max_per_customer: 0 }] }],
    ['a field of a later stage', { ...good, waitlist: true }],
    ['an id in capitals', { ...good, id: 'Sale' }],
    ['a NUL in the name', { ...good, name: 'a\u0000b' }],
    ['half a surrogate pair in the name', { ...good, name: 'a\ud800' }],
    ['a name of 201 characters', { ...good, name: 'x'.repeat(201) }],
    ['a TTL of 0', { ...good, reservation_ttl_seconds: 0 }],
    ['a TTL over a day', { ...good, reservation_ttl_seconds: 86_401 }],
    [
      'an end before the beginning',
      { ...good, opens_at: '2026-01-02T00:00:00Z', closes_at: '2026-01-01T00:00:00Z' },
    ],
    ...[
      '2026-02-30T00:00:00Z',
      '2026-01-01',
      '2026-01-01T00:00:00',
      '2026-01-01T25:00:00Z',
      '2026-01-01T00:00:00.0001Z',
      '1e3',
      0,
      null,
    ].map((opens_at): [string, object] => [`opens_at ${opens_at}`, { ...good, opens_at }]),
  ];
  for (const [name, body] of wrong) {
    test(`${name} is refused`, () => {
      expect(CreateSaleBody.safeParse(good).success).toBe(true);
      expect(CreateSaleBody.safeParse(body).success).toBe(false);
    });
  }
});
