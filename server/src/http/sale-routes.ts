// Sales: read by everyone, made and closed by operators.
import { addItems, changeSale, closeSale, createSale, getSale, listSales } from '@holdfast/contract/sales';
import { changeStock } from '@holdfast/contract/stock';
import { DEFAULT_PAGE_SIZE } from '@holdfast/contract/vocabulary';
import type { Answer, SaleVerbs, SaleView } from '../sales/sales.ts';
import { type Endpoint, endpoint, REPLAYED } from './endpoint.ts';
import { newItem, newSale, pageWire, saleChange, saleWire, stockChangeWire } from './wire.ts';

export function saleRoutes(
  sales: SaleVerbs,
  defaultTtlSeconds: number,
  storeNowMs: () => number,
): Endpoint[] {
  const oneSale = (answer: Answer<SaleView>) =>
    answer.ok ? ({ ok: true, value: saleWire(answer.value, storeNowMs()) } as const) : answer;
  return [
    endpoint(listSales, async ({ query }) => {
      const answer = await sales.sales(query.limit ?? DEFAULT_PAGE_SIZE, query.cursor ?? null);
      if (!answer.ok) return answer;
      const nowMs = storeNowMs();
      return { ok: true, value: pageWire(answer.value, (view) => saleWire(view, nowMs)) };
    }),

    endpoint(getSale, async ({ id }) => oneSale(await sales.sale(id))),

    endpoint(createSale, async ({ caller, body }) =>
      oneSale(await sales.create(newSale(body, defaultTtlSeconds), caller.sub)),
    ),

    endpoint(changeSale, async ({ caller, id, body }) =>
      oneSale(await sales.change(id, saleChange(body), caller.sub)),
    ),

    endpoint(addItems, async ({ caller, id, body }) =>
      oneSale(await sales.addItems(id, body.items.map(newItem), caller.sub)),
    ),

    endpoint(changeStock, async ({ caller, id, body, idempotencyKey }) => {
      const { delta, reason, reference = null, expected_total: expectedTotal = null } = body;
      const request = {
        sku: id,
        delta,
        reason,
        reference,
        expectedTotal,
        operator: caller.sub,
        idempotencyKey,
      };
      const answer = await sales.changeStock(request);
      if (!answer.ok) return answer;
      const value = stockChangeWire(answer.value.change);
      return answer.value.replayed ? { ok: true, value, headers: REPLAYED } : { ok: true, value };
    }),

    endpoint(closeSale, async ({ caller, id }) => oneSale(await sales.close(id, caller.sub))),
  ];
}
