import { expect, test } from 'bun:test';
import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { fingerprint, type IdKind, Ids, isWellFormedId, saleNumberOf } from './ids.ts';

const SECRET = Buffer.alloc(32, 'a secret of thirty-two bytes');
const ids = new Ids(SECRET);
const ann = ids.customerKey('ann');
const eve = ids.customerKey('eve');

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const saleNumber = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const sub = fc.string({ minLength: 1, maxLength: 128 });
const key = fc.string({ minLength: 1, maxLength: 255 });

test('the-same-key-is-the-same-id', () => {
  fc.assert(
    fc.property(saleNumber, sub, key, (sale, who, idempotencyKey) => {
      const again = new Ids(SECRET);
      const id = ids.reservationId(sale, ids.customerKey(who), idempotencyKey);
      expect(again.reservationId(sale, again.customerKey(who), idempotencyKey)).toBe(id);
    }),
  );
});

test('ids-and-keys-are-what-their-description-says-and-so-stay-what-they-were', () => {
  const mac = (...fields: string[]) =>
    createHmac('sha256', SECRET)
      .update(Buffer.concat(fields.map((field) => Buffer.from(`${Buffer.byteLength(field)}:${field}`))))
      .digest();
  fc.assert(
    fc.property(saleNumber, sub, key, (sale, who, idempotencyKey) => {
      const customer = mac('customer', who).subarray(0, 16).toString('base64url');
      const number = Buffer.alloc(4);
      number.writeUInt32BE(sale);
      const decided = mac('reservation', customer, String(sale), idempotencyKey).subarray(0, 8);
      const body = Buffer.concat([number, decided]);
      const tag = mac('reservation-tag', body.toString('hex'), customer).subarray(0, 4);
      const id = `rsv_${Buffer.concat([body, tag]).toString('base64url')}`;
      expect(ids.customerKey(who)).toBe(customer);
      expect(ids.reservationId(sale, customer, idempotencyKey)).toBe(id);
      const address = mac('address', who).subarray(0, 8).toString('base64url');
      for (const _again of [1, 2]) expect(ids.addressKey(who)).toBe(address);
      const print = createHash('sha256').update(idempotencyKey).digest().subarray(0, 8);
      expect(fingerprint(idempotencyKey)).toBe(print.toString('base64url'));
    }),
  );
});

test('an-id-leads-its-customer-to-the-sale', () => {
  fc.assert(
    fc.property(saleNumber, sub, key, (sale, who, idempotencyKey) => {
      const customer = ids.customerKey(who);
      const id = ids.reservationId(sale, customer, idempotencyKey);
      expect(isWellFormedId('reservation', id)).toBe(true);
      expect(saleNumberOf(id)).toBe(sale);
      expect(ids.saleOf('reservation', id, customer)).toBe(sale);
    }),
  );
});

test('the-tag-refuses-strangers', () => {
  const id = ids.reservationId(7, ann, 'key');
  expect(ids.saleOf('reservation', id, eve)).toBeUndefined();
  expect(ids.saleOf('reservation', id, ids.customerKey('Ann'))).toBeUndefined();
});

test('the-tag-refuses-every-flipped-bit', () => {
  for (const kind of ['reservation', 'order'] as const) {
    const id =
      kind === 'order' ? ids.orderId(ids.reservationId(7, ann, 'k'), 1, ann) : ids.reservationId(7, ann, 'k');
    const bytes = Buffer.from(id.slice(4), 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(ids.saleOf(kind, id.slice(0, 4) + flipped.toString('base64url'), ann)).toBeUndefined();
    }
  }
});

test('an-id-of-another-secret-is-refused', () => {
  const others = new Ids(Buffer.alloc(32, 'another'));
  const id = others.reservationId(7, ann, 'key');
  expect(ids.saleOf('reservation', id, ann)).toBeUndefined();
});

test('reservation-and-order-ids-do-not-pass-for-each-other', () => {
  const reservation = ids.reservationId(7, ann, 'key');
  const order = ids.orderId(reservation, 1, ann);
  const as = (kind: IdKind, id: string) =>
    ids.saleOf(kind, (kind === 'order' ? 'ord_' : 'rsv_') + id.slice(4), ann);
  expect(as('reservation', reservation)).toBe(7);
  expect(as('order', order)).toBe(7);
  expect(as('order', reservation)).toBeUndefined();
  expect(as('reservation', order)).toBeUndefined();
  expect(ids.saleOf('order', reservation, ann)).toBeUndefined();
});

test('an-id-has-one-spelling', () => {
  const id = ids.reservationId(7, ann, 'key');
  const last = id.slice(-1);
  // Sixteen bytes leave four unused bits in the last character; decoders ignore them, we do not.
  const spellings = [...ALPHABET].filter((character) => {
    const other = id.slice(0, -1) + character;
    return Buffer.from(other.slice(4), 'base64url').equals(Buffer.from(id.slice(4), 'base64url'));
  });
  expect(spellings).toHaveLength(16);
  expect(spellings.filter((c) => isWellFormedId('reservation', id.slice(0, -1) + c))).toEqual([last]);
});

test('what-is-not-an-id-is-refused', () => {
  const id = ids.reservationId(7, ann, 'key');
  const body = id.slice(4);
  const wrong = [
    '',
    'rsv_',
    body,
    `ord_${body}`,
    `RSV_${body}`,
    ` ${id}`,
    `${id}\n`,
    `${id}=`,
    id.slice(0, -1),
    `${id}A`,
  ];
  wrong.push(
    `rsv_+${body.slice(1)}`,
    `rsv_/${body.slice(1)}`,
    `rsv_é${body.slice(1)}`,
    `rsv_${'A'.repeat(21)}B`,
  );
  expect(wrong.filter((id) => isWellFormedId('reservation', id))).toEqual([]);
  expect(wrong.filter((id) => ids.saleOf('reservation', id, ann) !== undefined)).toEqual([]);
});

test('fields-are-told-apart-by-their-lengths', () => {
  // Without the length prefix these would be the same bytes under the HMAC.
  const pairs = [
    [ids.reservationId(1, 'ab', 'c'), ids.reservationId(1, 'a', 'bc')],
    [ids.reservationId(1, 'a1', 'x'), ids.reservationId(1, 'a', '1x')],
    [ids.orderId('rsv_AAAAAQAAAAAAAAAAAAAAAA', 11, 'a'), ids.orderId('rsv_AAAAAQAAAAAAAAAAAAAAAA1', 1, 'a')],
  ] as const;
  const derived = (id: string) => Buffer.from(id.slice(4), 'base64url').subarray(4, 12).toString('hex');
  for (const [one, other] of pairs) expect(derived(one)).not.toBe(derived(other));
});

test('lengths-count-bytes', () => {
  // Two UTF-16 units, four bytes: a prefix in units would let the digits after it move.
  expect(ids.customerKey('😀')).not.toBe(ids.customerKey('😀😀'));
  expect(ids.reservationId(1, '😀', '1:x')).not.toBe(ids.reservationId(1, '😀1', ':x'));
});

test('each-life-of-a-reservation-has-an-order-of-its-own', () => {
  const reservation = ids.reservationId(7, ann, 'key');
  const first = ids.orderId(reservation, 1, ann);
  expect(ids.orderId(reservation, 1, ann)).toBe(first);
  expect(ids.orderId(reservation, 2, ann)).not.toBe(first);
  expect(ids.saleOf('order', first, eve)).toBeUndefined();
});

test('other-sale-customer-or-key-is-another-id', () => {
  const made = new Set<string>();
  for (const sale of [0, 1, 2 ** 32 - 1]) {
    for (const who of [ann, eve]) for (const k of ['a', 'b', 'ab']) made.add(ids.reservationId(sale, who, k));
  }
  expect(made.size).toBe(18);
});

test('keys-in-the-stores-have-their-form-and-hide-what-they-stand-for', () => {
  expect(ids.customerKey('ann')).toMatch(/^[A-Za-z0-9_-]{22}$/);
  expect(ids.addressKey('192.0.2.1')).toMatch(/^[A-Za-z0-9_-]{11}$/);
  // A customer named like an address is not that address.
  expect(ids.customerKey('192.0.2.1').startsWith(ids.addressKey('192.0.2.1'))).toBe(false);
  expect(new Ids(Buffer.alloc(32, 'another')).customerKey('ann')).not.toBe(ann);
});

test('a-short-secret-is-refused', () => {
  expect(() => new Ids(Buffer.alloc(31))).toThrow('32 bytes');
});

test('a-fingerprint-tells-bodies-apart', () => {
  expect(fingerprint('A*1')).toMatch(/^[A-Za-z0-9_-]{11}$/);
  expect(fingerprint('A*1')).toBe(fingerprint('A*1'));
  expect(fingerprint('A*1')).not.toBe(fingerprint('A*2'));
});
