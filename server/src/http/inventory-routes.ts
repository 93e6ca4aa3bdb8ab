// What is on sale and how much of it is left, for everyone.
import { getItem, listItems } from '@holdfast/contract/inventory';
import { DEFAULT_PAGE_SIZE } from '@holdfast/contract/vocabulary';
import type { SaleVerbs } from '../sales/sales.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { itemWire, pageWire } from './wire.ts';

export function inventoryRoutes(sales: SaleVerbs): Endpoint[] {
  return [
    endpoint(getItem, async ({ id }) => {
      const answer = await sales.item(id);
      return answer.ok ? { ok: true, value: itemWire(answer.value) } : answer;
    }),

    endpoint(listItems, async ({ query }) => {
      const answer = await sales.items(
        query.sale ?? null,
        query.limit ?? DEFAULT_PAGE_SIZE,
        query.cursor ?? null,
      );
      return answer.ok ? { ok: true, value: pageWire(answer.value, itemWire) } : answer;
    }),
  ];
}
