// Sales and items: all or nothing, a SKU in one open sale, every change an entry; lists page without a gap.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { BadCursor, type Page, type PageRequest } from '../src/ledger/contract.ts';
import { item, type LedgerStage, ledgerStage, makeSale, request } from './ledger-stage.ts';

let stage: LedgerStage;

beforeAll(async () => {
  stage = await ledgerStage();
});

afterAll(() => stage.close());

const plan = (id: string, items: readonly ReturnType<typeof item>[]) => ({
  id,
  name: `Sale ${id}`,
  opensAtMs: 1_800_000_000_000,
  closesAtMs: null,
  reservationTtlSeconds: 120,
  extensions: { max: 1, maxLifetimeSeconds: 900 },
  items,
});

/** Every row of a list, asked for `limit` at a time. */
async function all<T>(limit: number, ask: (page: PageRequest) => Promise<Page<T>>): Promise<T[]> {
  const rows: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await ask({ limit, cursor });
    expect(page.rows.length).toBeLessThanOrEqual(limit);
    rows.push(...page.rows);
    cursor = page.next;
  } while (cursor !== null);
  return rows;
}

describe('a sale', () => {
  test('is made with its items, its settings as entry 1 and an entry an item', async () => {
    expect(await stage.ledger.anySaleExists()).toBe(false);
    const made = await stage.ledger.createSale(plan('made', [item('M-1', 3, 2), item('M-2', 0)]), 'op');
    if (made.kind !== 'created') throw new Error(made.kind);
    expect(made.sale).toMatchObject({
      id: 'made',
      name: 'Sale made',
      settings: { opensAtMs: 1_800_000_000_000, closesAtMs: null, closed: false, cooldown: null },
      reservationTtlSeconds: 120,
      extensions: { max: 1, maxLifetimeSeconds: 900 },
      closedAtMs: null,
    });
    expect(await stage.ledger.saleById('made')).toEqual(made.sale);
    expect(await stage.ledger.saleByNumber(made.sale.number)).toEqual(made.sale);
    expect(await stage.ledger.anySaleExists()).toBe(true);
    expect(await stage.ledger.entriesAfter(made.sale.number, 0, 10)).toMatchObject([
      { seq: 1, kind: 'settings-changed', settings: made.sale.settings },
      { seq: 2, kind: 'item-added', sku: 'M-1', total: 3, maxPerCustomer: 2 },
      { seq: 3, kind: 'item-added', sku: 'M-2', total: 0, maxPerCustomer: null },
    ]);
    expect(await stage.ledger.saleById('unmade')).toBeNull();
    expect(await stage.ledger.saleByNumber(4_000_000_000)).toBeNull();
  });

  test('with an id that is taken, or a SKU of another open sale, is refused whole', async () => {
    await stage.ledger.createSale(plan('taken', [item('T-1', 1)]), 'op');
    expect(await stage.ledger.createSale(plan('taken', [item('T-2', 1)]), 'op')).toEqual({
      kind: 'sale-exists',
    });
    const clash = await stage.ledger.createSale(plan('clash', [item('T-3', 1), item('T-1', 1)]), 'op');
    expect(clash).toEqual({ kind: 'sku-in-use', sku: 'T-1' });
    expect(await stage.ledger.saleById('clash')).toBeNull();
    expect(await stage.ledger.itemsBySku(['T-2', 'T-3'])).toEqual([]);
    const twice = await stage.ledger.createSale(plan('twice', [item('T-4', 1), item('T-4', 2)]), 'op');
    expect(twice).toEqual({ kind: 'sku-in-use', sku: 'T-4' });
  });

  test('made by many at once with one SKU is made once', async () => {
    const tries = Array.from({ length: 8 }, (_, index) =>
      stage.ledger.createSale(plan(`rush-${index}`, [item('RARE', 1), item(`OWN-${index}`, 1)]), 'op'),
    );
    const results = (await Promise.all(tries)).map(({ kind }) => kind).sort();
    expect(results).toEqual(['created', ...Array(7).fill('sku-in-use')]);
  });

  test('gets items as long as it is open, each an entry', async () => {
    const made = await stage.ledger.createSale(plan('grows', [item('G-1', 1)]), 'op');
    if (made.kind !== 'created') throw new Error(made.kind);
    const added = await stage.ledger.addItems('grows', [item('G-2', 5), item('G-3', 6)], 'op');
    expect(added).toMatchObject({ kind: 'added', sale: made.sale, throughSeq: 4 });
    expect((await stage.ledger.itemsOfSale(made.sale.number)).map(({ sku }) => sku)).toEqual([
      'G-1',
      'G-2',
      'G-3',
    ]);
    expect(await stage.ledger.addItems('grows', [item('G-2', 5)], 'op')).toEqual({
      kind: 'sku-in-use',
      sku: 'G-2',
    });
    expect(await stage.ledger.addItems('nowhere', [item('G-9', 5)], 'op')).toEqual({ kind: 'unknown-sale' });
    await stage.ledger.closeSale('grows', 'op');
    expect(await stage.ledger.addItems('grows', [item('G-4', 5)], 'op')).toEqual({ kind: 'sale-closed' });
    expect(await stage.ledger.verifySale(made.sale.number)).toEqual([]);
  });

  test('closed twice is closed by one entry; it gives its SKUs back, and may then be unloaded', async () => {
    const number = await makeSale(stage, [item('C-1', 4)]);
    const { id = '' } = (await stage.ledger.saleByNumber(number)) ?? {};
    await stage.ledger.markUnloaded(number);
    expect((await stage.ledger.lineage(number))?.unloaded).toBe(false);
    const [first, second] = await Promise.all([
      stage.ledger.closeSale(id, 'op'),
      stage.ledger.closeSale(id, 'op'),
    ]);
    expect(first).toEqual(second);
    expect(first).toMatchObject({ kind: 'closed', throughSeq: 3, sale: { settings: { closed: true } } });
    expect(await stage.ledger.entriesAfter(number, 2, 10)).toMatchObject([{ seq: 3, kind: 'closed' }]);
    expect(await stage.ledger.closeSale('nowhere', 'op')).toEqual({ kind: 'unknown-sale' });
    await stage.ledger.markUnloaded(number);
    expect((await stage.ledger.lineages()).some(({ saleNumber }) => saleNumber === number)).toBe(false);
    expect((await stage.ledger.lineage(number))?.unloaded).toBe(true);

    const next = await makeSale(stage, [item('C-1', 9)]);
    expect(await stage.ledger.itemsBySku(['C-1', 'C-0'])).toMatchObject([{ saleNumber: next, total: 9 }]);
    const { id: nextId = '' } = (await stage.ledger.saleByNumber(next)) ?? {};
    await stage.ledger.closeSale(nextId, 'op');
    expect(await stage.ledger.itemsBySku(['C-1'])).toMatchObject([{ saleNumber: next }]);
    expect((await stage.ledger.items(id, { limit: 9, cursor: null })).rows).toMatchObject([
      { saleNumber: number },
    ]);
  });
});

describe('lists', () => {
  test('of sales, newest first, and of items, by SKU, come whole in any page size', async () => {
    for (const name of ['l-1', 'l-2', 'l-3', 'l-4', 'l-5']) {
      await stage.ledger.createSale(plan(name, [item(`L.${name}`, 1)]), 'op');
    }
    const numbers = (await all(2, (page) => stage.ledger.sales(page))).map(({ number }) => number);
    expect(numbers.length).toBeGreaterThanOrEqual(5);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => b - a));
    const skus = (await all(3, (page) => stage.ledger.items(null, page))).map(({ sku }) => sku);
    expect(skus).toEqual([...new Set(skus)].sort());
    expect(skus).toContain('L.l-3');
  });

  test('of a customer’s orders, newest first, hold nobody else’s', async () => {
    const sale = await makeSale(stage, [item('O-1', 100), item('O-2', 100)]);
    const lines = [
      { sku: 'O-1', quantity: 1 },
      { sku: 'O-2', quantity: 2 },
    ];
    for (let batch = 0; batch < 3; batch++) {
      const asked = [0, 1, 2].map((index) => request(stage, sale, 'lister', `k${batch}-${index}`, lines));
      await stage.ledger.confirm(sale, 0, [...asked, request(stage, sale, 'other', `k${batch}`, lines)]);
    }
    const customer = stage.ids.customerKey('lister');
    const orders = await all(2, (page) => stage.ledger.ordersOf(customer, page));
    expect(new Set(orders.map(({ orderId }) => orderId)).size).toBe(9);
    expect(orders.every((order) => order.customer === customer && order.lines.length === 2)).toBe(true);
    const times = orders.map(({ confirmedAtMs }) => confirmedAtMs);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
  });

  test('refuse cursors that are not theirs', async () => {
    const customer = stage.ids.customerKey('lister');
    const foreign = [
      '',
      '%%%',
      'x'.repeat(10_000),
      'W10',
      'WyJhIl0',
      'WzEsImIiXQ',
      'WzFlMzAwXQ',
      'WyJcdTAwMDAiXQ',
    ];
    for (const cursor of foreign) {
      const page = { limit: 10, cursor };
      await expect(stage.ledger.ordersOf(customer, page)).rejects.toThrow(BadCursor);
      await expect(stage.ledger.reservationsOf(customer, page)).rejects.toThrow(BadCursor);
      if (cursor !== 'WyJhIl0') await expect(stage.ledger.items(null, page)).rejects.toThrow(BadCursor);
      await expect(stage.ledger.sales(page)).rejects.toThrow(BadCursor);
    }
  });
});

describe('what processes share', () => {
  test('a secret is made once and is the same ever after', async () => {
    const asked = await Promise.all(Array.from({ length: 6 }, () => stage.ledger.secret('ids', 32)));
    expect(new Set(asked.map((secret) => Buffer.from(secret).toString('hex'))).size).toBe(1);
    expect(asked[0]?.byteLength).toBe(32);
    await expect(stage.ledger.secret('ids', 64)).rejects.toThrow('does not have 64 bytes');
  });

  test('a turn is held by one until it is given back or runs out', async () => {
    const tries = await Promise.all(
      ['a', 'b', 'c'].map((holder) => stage.ledger.takeTurn('sweep', holder, 60_000)),
    );
    expect(tries.filter(Boolean)).toHaveLength(1);
    const holder = ['a', 'b', 'c'][tries.indexOf(true)] ?? '';
    expect(await stage.ledger.takeTurn('sweep', holder, 60_000)).toBe(true);
    await stage.ledger.giveTurn('sweep', 'somebody else');
    expect(await stage.ledger.takeTurn('sweep', 'd', 60_000)).toBe(false);
    await stage.ledger.giveTurn('sweep', holder);
    expect(await stage.ledger.takeTurn('sweep', 'd', 0)).toBe(true);
    expect(await stage.ledger.takeTurn('sweep', 'e', 60_000)).toBe(true);
  });

  test('the ledger tells a broken book', async () => {
    const sale = await makeSale(stage, [item('BROKEN', 9)]);
    await stage.ledger.confirm(sale, 0, [request(stage, sale, 'ann', 'k', [{ sku: 'BROKEN', quantity: 1 }])]);
    expect(await stage.ledger.verifySale(sale)).toEqual([]);
    await stage.sql`UPDATE holdfast.item SET sold = sold + 1 WHERE sale = ${sale}`;
    await stage.sql`DELETE FROM holdfast.orders WHERE sale = ${sale}`;
    await stage.sql`UPDATE holdfast.outcome SET entry_seq = 99 WHERE sale = ${sale}`;
    await stage.sql`UPDATE holdfast.sale SET entry_seq = 4 WHERE number = ${sale}`;
    const violations = await stage.ledger.verifySale(sale);
    for (const words of ['sold 2', 'the register says', 'the order has nothing', 'last is 4']) {
      expect(violations.some((violation) => violation.includes(words))).toBe(true);
    }
    expect(await stage.ledger.verifySale(999_999)).toHaveLength(1);
  });
});
