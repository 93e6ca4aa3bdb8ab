// Orders as operators find them: any customer's.
import type * as z from 'zod';
import { operation } from './operation.ts';
import { Order } from './orders.ts';
import { CustomerId, PageQuery, pageOf, SaleId, Sku } from './vocabulary.ts';

export const OperatorOrder = Order.extend({
  customer_id: CustomerId.nullable().meta({ description: 'Null once the customer was forgotten.' }),
});

export const OperatorOrderPage = pageOf(OperatorOrder);

export const OperatorOrderQuery = PageQuery.extend({
  sale: SaleId.optional().meta({ description: 'Of this sale.' }),
  sku: Sku.optional().meta({ description: 'With this SKU among their items.' }),
  customer: CustomerId.optional().meta({ description: "The customer's `sub`." }),
});

export const findOrders = operation({
  id: 'findOrders',
  tag: 'Operators',
  method: 'GET',
  path: '/api/v1/admin/orders',
  summary: 'Find orders, newest first',
  description:
    'Of any customer. With `sku` a page may be shorter than `limit`, or empty, and still have a next one: a page looks at a bounded ' +
    'number of orders.',
  access: 'operator',
  query: OperatorOrderQuery,
  limit: 'requests',
  success: { status: 200, description: 'A page of orders.', schema: OperatorOrderPage },
  problems: ['unknown-sale'],
});

export type OperatorOrder = z.infer<typeof OperatorOrder>;
export type OperatorOrderQuery = z.infer<typeof OperatorOrderQuery>;
