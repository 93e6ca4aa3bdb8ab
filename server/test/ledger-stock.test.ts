// Stock changes in the ledger: each once by its key, never below what is sold, and an operation that takes units out
// is applied or refused, whoever comes first (protocols §5).
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { StockChangeRequest } from '../src/domain/ledger-facts.ts';
import { seed, seededRandom } from './harness/seeded-random.ts';
import { item, type LedgerStage, ledgerStage, makeSale, request } from './ledger-stage.ts';

let stage: LedgerStage;

beforeAll(async () => {
  stage = await ledgerStage();
});
afterAll(() => stage.close());

/** 22 base64url characters that stand for a name. */
const word = (name: string): string => Buffer.from(name.padEnd(16, '.').slice(0, 16)).toString('base64url');

let changesMade = 0;

function change(sku: string, delta: number, more: Partial<StockChangeRequest> = {}): StockChangeRequest {
  changesMade += 1;
  return {
    operationId: delta < 0 ? word(`op-${changesMade}`) : null,
    key: word(`key-${changesMade}`),
    fingerprint: `${sku} ${delta}`,
    sku,
    delta,
    expectedTotal: null,
    reason: 'counted again',
    reference: null,
    operator: 'operator-1',
    ...more,
  };
}

describe('a stock change', () => {
  test('is-made-journaled-and-numbered-like-every-entry', async () => {
    const sale = await makeSale(stage, [item('A', 10)]);
    const more = await stage.ledger.changeStock(sale, 0, change('A', 5, { reference: 'PO-7' }));
    expect(more).toMatchObject({
      kind: 'changed',
      change: {
        delta: 5,
        totalBefore: 10,
        total: 15,
        reason: 'counted again',
        reference: 'PO-7',
        entrySeq: 3,
      },
    });
    const less = await stage.ledger.changeStock(sale, 0, change('A', -3));
    expect(less).toMatchObject({
      kind: 'changed',
      change: { delta: -3, totalBefore: 15, total: 12, entrySeq: 4 },
    });
    const entries = await stage.ledger.entriesAfter(sale, 2, 10);
    expect(entries).toMatchObject([
      { seq: 3, kind: 'stock-changed', sku: 'A', delta: 5, operationId: null },
      { seq: 4, kind: 'stock-changed', sku: 'A', delta: -3, operationId: expect.any(String) },
    ]);
    expect(await stage.ledger.verifySale(sale)).toEqual([]);
  });

  test('repeated-with-its-key-is-the-same-change-and-with-another-body-refused', async () => {
    const sale = await makeSale(stage, [item('B', 10)]);
    const first = change('B', 4);
    const made = await stage.ledger.changeStock(sale, 0, first);
    const again = await stage.ledger.changeStock(sale, 0, first);
    expect(again).toEqual({ ...made, kind: 'replayed' } as typeof made);
    expect(await stage.ledger.stockChange(first.key)).toMatchObject({
      fingerprint: 'B 4',
      change: { total: 14 },
    });
    const other = await stage.ledger.changeStock(sale, 0, { ...first, delta: 5, fingerprint: 'B 5' });
    expect(other).toEqual({ kind: 'key-reused' });
    expect((await stage.ledger.itemsOfSale(sale))[0]?.total).toBe(14);
  });

  test('never-goes-below-what-is-sold-or-above-the-bound-and-never-from-a-stale-total', async () => {
    const sale = await makeSale(stage, [item('C', 10)]);
    const lines = [{ sku: 'C', quantity: 4 }];
    await stage.ledger.confirm(sale, 0, [request(stage, sale, 'ann', 'k', lines)]);
    expect(await stage.ledger.changeStock(sale, 0, change('C', -7))).toEqual({
      kind: 'stock-in-use',
      total: 10,
      sold: 4,
    });
    expect(await stage.ledger.changeStock(sale, 0, change('C', 100_000_000))).toMatchObject({
      kind: 'too-much',
    });
    const stale = change('C', -1, { expectedTotal: 11 });
    expect(await stage.ledger.changeStock(sale, 0, stale)).toMatchObject({ kind: 'stale-total', total: 10 });
    expect(await stage.ledger.changeStock(sale, 0, change('C', -6, { expectedTotal: 10 }))).toMatchObject({
      kind: 'changed',
      change: { total: 4 },
    });
    expect(await stage.ledger.changeStock(sale, 0, change('nothing', 1))).toEqual({ kind: 'unknown-sku' });
    expect(stage.ledger.changeStock(sale, 7, change('C', 1))).rejects.toThrow('epoch');
  });

  test('of-a-closed-sale-is-refused', async () => {
    const sale = await makeSale(stage, [item('D', 10)]);
    const row = await stage.ledger.saleByNumber(sale);
    await stage.ledger.closeSale(row?.id ?? '', 'operator-1');
    expect(await stage.ledger.changeStock(sale, 0, change('D', 1))).toEqual({ kind: 'sale-closed' });
  });
});

describe('an operation that takes units out', () => {
  test('refused-first-can-never-be-applied', async () => {
    const sale = await makeSale(stage, [item('E', 10)]);
    const out = change('E', -2);
    expect(await stage.ledger.refuseStockOperation(sale, out.operationId as string)).toBe('refused');
    expect(await stage.ledger.changeStock(sale, 0, out)).toEqual({ kind: 'refused' });
    // Its key is free: another attempt may try.
    const again = await stage.ledger.changeStock(sale, 0, { ...out, operationId: word('op-again') });
    expect(again).toMatchObject({ kind: 'changed', change: { total: 8 } });
  });

  test('applied-first-can-never-be-refused', async () => {
    const sale = await makeSale(stage, [item('F', 10)]);
    const out = change('F', -2);
    await stage.ledger.changeStock(sale, 0, out);
    expect(await stage.ledger.refuseStockOperation(sale, out.operationId as string)).toBe('applied');
  });

  test('that-was-not-applied-for-any-reason-stays-refused', async () => {
    const sale = await makeSale(stage, [item('G', 10)]);
    const stale = change('G', -2, { expectedTotal: 3 });
    await stage.ledger.changeStock(sale, 0, stale);
    expect(await stage.ledger.changeStock(sale, 0, { ...stale, expectedTotal: null })).toEqual({
      kind: 'refused',
    });
  });

  test(`apply-races-refuse-300-times-with-one-outcome (HOLDFAST_TEST_SEED=${seed})`, async () => {
    const sale = await makeSale(stage, [item('H', 1000)]);
    const random = seededRandom(seed);
    let applied = 0;
    // Five pairs at a time: each call has a connection of its own.
    for (let from = 0; from < 300; from += 5) {
      await Promise.all(
        Array.from({ length: 5 }, async () => {
          const out = change('H', -1);
          const refuse = () => stage.ledger.refuseStockOperation(sale, out.operationId as string);
          const apply = () => stage.ledger.changeStock(sale, 0, out);
          const applyFirst = random() < 0.5;
          const [one, two] = applyFirst
            ? await Promise.all([apply(), refuse()])
            : await Promise.all([refuse(), apply()]).then(([r, a]) => [a, r] as const);
          expect(one.kind === 'changed').toBe(two === 'applied');
          if (two === 'applied') applied += 1;
        }),
      );
    }
    expect((await stage.ledger.itemsOfSale(sale))[0]?.total).toBe(1000 - applied);
    expect(await stage.ledger.verifySale(sale)).toEqual([]);
  });
});
