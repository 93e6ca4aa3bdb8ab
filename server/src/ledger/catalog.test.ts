// A sale opens to thousands at once, in processes that have never heard of it: what they all need to know is asked once.
import { expect, test } from 'bun:test';
import type { ItemRow, SaleRow } from '../domain/ledger-facts.ts';
import { Catalog } from './catalog.ts';

const SALE = { number: 1, id: 'drop' } as SaleRow;
const ITEM = { saleNumber: 1, sku: 'A-1' } as ItemRow;

function asked() {
  const questions: string[] = [];
  let fails = false;
  const ledger = {
    itemsBySku: async (skus: readonly string[]) => {
      questions.push(`items ${skus.join(' ')}`);
      return [ITEM];
    },
    itemsOfSale: async () => [ITEM],
    saleByNumber: async () => {
      questions.push('sale');
      await Bun.sleep(1);
      if (fails) throw new Error('out of reach');
      return SALE;
    },
    saleById: async () => SALE,
  };
  return {
    questions,
    catalog: new Catalog(ledger),
    fail: (now: boolean) => {
      fails = now;
    },
  };
}

test('a thousand shoppers who ask for a sale at the same time are one question', async () => {
  const { questions, catalog } = asked();
  const sales = await Promise.all(Array.from({ length: 1_000 }, () => catalog.sale(1)));
  expect(new Set(sales)).toEqual(new Set([SALE]));
  expect(questions).toEqual(['sale']);
});

test('and for an item one: all who come in together', async () => {
  const { questions, catalog } = asked();
  await Promise.all(Array.from({ length: 400 }, () => catalog.item('A-1')));
  expect(questions).toEqual(['items A-1']);
});

test('a question that failed is asked anew by whoever comes next', async () => {
  const { questions, catalog, fail } = asked();
  fail(true);
  const failed = await Promise.allSettled([catalog.sale(1), catalog.sale(1)]);
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  fail(false);
  expect(await catalog.sale(1)).toBe(SALE);
  expect(questions).toEqual(['sale', 'sale']);
});
