// What is the model's own; the promises it shares with the function library are in test/conformance.
import { expect, test } from 'bun:test';
import { SaleModel } from './sale-model.ts';
import type { LedgerEntry } from './sale-store.ts';

const NO_LIMITS = { perCustomer: 0, perAddress: 0 };
const item: LedgerEntry = { seq: 1, atMs: 0, kind: 'item-added', sku: 'A', total: 5, maxPerCustomer: null };
const command = {
  reservationId: 'rsv_AAAAAAAAAAAAAAAAAAAAAA',
  customer: 'ann',
  address: '',
  lines: [{ sku: 'A', quantity: 1 }],
  ttlSeconds: 60,
  fingerprint: 'print',
};

test('its-transitions-carry-its-epoch', async () => {
  const model = new SaleModel({ epoch: 42, now: () => 1000 });
  await model.apply([item]);
  await model.reserve([command], NO_LIMITS);
  expect(await model.pending(10)).toMatchObject([{ seq: 1, epoch: 42, atMs: 1000, kind: 'reserved' }]);
});

test('what-it-answered-never-changes-afterwards', async () => {
  const model = new SaleModel({ epoch: 1, now: () => 0 });
  await model.apply([item]);
  const [reply] = await model.reserve([command], NO_LIMITS);
  const before = await model.snapshot();
  const kept = structuredClone({ reply, before });
  await model.pin([command]);
  expect({ reply, before }).toEqual(kept);
});

test('a-ledger-that-contradicts-itself-is-not-believed', async () => {
  const model = new SaleModel({ epoch: 1, now: () => 0 });
  await model.apply([item]);
  await expect(model.apply([{ ...item, seq: 2 }])).rejects.toThrow('the item A is there already');
  await model.reserve([command], NO_LIMITS);
  const { reservationId, customer, lines } = command;
  const confirmed = { atMs: 0, kind: 'confirmed', reservationId, createdSeq: 1, customer, lines } as const;
  await model.apply([{ ...confirmed, seq: 2 }]);
  await expect(model.apply([{ ...confirmed, seq: 3 }])).rejects.toThrow('confirms a reservation again');
  await expect(
    model.apply([{ ...confirmed, seq: 3, createdSeq: 9, lines: [{ sku: 'Z', quantity: 1 }] }]),
  ).rejects.toThrow('no item has the SKU Z');
});
