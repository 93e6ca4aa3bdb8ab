// Items: what is on sale, and how much of it is left. available + reserved + sold = total.
import * as z from 'zod';
import { operation } from './operation.ts';
import { Instant, MaxPerCustomer, Money, Name, PageQuery, pageOf, SaleId, Sku, Stock } from './vocabulary.ts';

export const ItemStatus = z.enum(['not_open', 'on_sale', 'all_reserved', 'sold_out', 'closed']).meta({
  description:
    '`all_reserved`: nothing is available now, but units may come back. `sold_out`: none will by themselves.',
});

const ITEM_EXAMPLE = {
  sku: 'FLASH-SALE-001',
  sale_id: 'flash-sale',
  name: 'Midnight sneaker',
  price: { amount_minor: 2999, currency: 'USD' },
  total: 100,
  available: 58,
  reserved: 30,
  sold: 12,
  max_per_customer: 2,
  status: 'on_sale',
  as_of: '2026-11-27T09:00:04.512Z',
};

export const Item = z
  .object({
    sku: Sku,
    sale_id: SaleId,
    name: Name,
    price: Money.optional(),
    total: Stock,
    available: Stock.meta({ description: 'Units that can be reserved right now.' }),
    reserved: Stock.meta({ description: 'Units in live reservations: they may come back.' }),
    sold: Stock.meta({ description: 'Units in confirmed orders.' }),
    max_per_customer: MaxPerCustomer.nullable().meta({ description: 'Null: no cap.' }),
    status: ItemStatus,
    as_of: Instant.meta({
      description: "The moment of the stock store's clock at which all of this was true.",
    }),
  })
  .meta({ examples: [ITEM_EXAMPLE] });

export const ItemPage = pageOf(Item);

export const getItem = operation({
  id: 'getItem',
  tag: 'Inventory',
  method: 'GET',
  path: '/api/v1/inventory/{sku}',
  summary: 'One item and its stock',
  description:
    'Reflects every answer already given. A SKU that was in several sales shows the open one, else the next to open, else the last.',
  access: 'public',
  pathId: { name: 'sku', schema: Sku, unknown: 'unknown-sku' },
  limit: 'requests',
  success: { status: 200, description: 'The item.', schema: Item },
  problems: [],
});

export const listItems = operation({
  id: 'listItems',
  tag: 'Inventory',
  method: 'GET',
  path: '/api/v1/inventory',
  summary: 'Items and their stock, by SKU',
  access: 'public',
  query: PageQuery.extend({ sale: SaleId.optional().meta({ description: 'Only the items of this sale.' }) }),
  limit: 'requests',
  success: { status: 200, description: 'A page of items.', schema: ItemPage },
  problems: ['unknown-sale'],
});

export type ItemStatus = z.infer<typeof ItemStatus>;
export type Item = z.infer<typeof Item>;
