// Orders: what a confirmed reservation becomes. Only the ledger makes them, and it makes each once.
import * as z from 'zod';
import { operation } from './operation.ts';
import {
  Instant,
  Money,
  MoneyTotal,
  OrderId,
  PageQuery,
  PaymentReference,
  pageOf,
  Quantity,
  ReservationId,
  SaleId,
  Sku,
} from './vocabulary.ts';

export const OrderLine = z.object({
  sku: Sku,
  quantity: Quantity,
  price: Money.optional().meta({ description: 'Of one unit, when it was confirmed.' }),
});

const ORDER_EXAMPLE = {
  order_id: 'ord_AAAAAWJ2bkE4dXJ5aG9sZA',
  reservation_id: 'rsv_AAAAAUc3Yl9kM0pQc1RtXw',
  sale_id: 'flash-sale',
  status: 'confirmed',
  items: [{ sku: 'FLASH-SALE-001', quantity: 2, price: { amount_minor: 2999, currency: 'USD' } }],
  total: { amount_minor: 5998, currency: 'USD' },
  payment_reference: 'pi_3OqYpL2eZvKYlo2C',
  confirmed_at: '2026-11-27T09:02:41.120Z',
};

export const Order = z
  .object({
    order_id: OrderId,
    reservation_id: ReservationId,
    sale_id: SaleId,
    status: z.literal('confirmed'),
    items: z.array(OrderLine),
    total: MoneyTotal.optional().meta({ description: 'When every line has a price, all in one currency.' }),
    payment_reference: PaymentReference.optional(),
    confirmed_at: Instant,
  })
  .meta({ examples: [ORDER_EXAMPLE] });

export const OrderPage = pageOf(Order);

export const ConfirmBody = z
  .strictObject({ reservation_id: ReservationId, payment_reference: PaymentReference.optional() })
  .meta({
    examples: [{ reservation_id: 'rsv_AAAAAUc3Yl9kM0pQc1RtXw', payment_reference: 'pi_3OqYpL2eZvKYlo2C' }],
  });

export const confirm = operation({
  id: 'confirm',
  tag: 'Orders',
  method: 'POST',
  path: '/api/v1/checkout/confirm',
  summary: 'Confirm a reservation',
  description:
    'Turns a live reservation into an order. Once this answers 200 the order is durable; confirming again answers the same order. ' +
    'After a 503 or a broken connection, ask again: it cannot be confirmed twice.',
  access: 'customer',
  body: { schema: ConfirmBody },
  limit: 'requests',
  success: { status: 200, description: 'The order.', schema: Order },
  problems: [
    'unknown-reservation',
    'reservation-released',
    'reservation-lost',
    'reservation-expired',
    'unavailable',
  ],
});

export const listOrders = operation({
  id: 'listOrders',
  tag: 'Orders',
  method: 'GET',
  path: '/api/v1/orders',
  summary: "The caller's orders, newest first",
  access: 'customer',
  query: PageQuery,
  limit: 'requests',
  success: { status: 200, description: 'A page of orders.', schema: OrderPage },
  problems: [],
});

export const getOrder = operation({
  id: 'getOrder',
  tag: 'Orders',
  method: 'GET',
  path: '/api/v1/orders/{order_id}',
  summary: "One of the caller's orders",
  access: 'customer',
  pathId: { name: 'order_id', schema: OrderId, unknown: 'unknown-order' },
  limit: 'requests',
  success: { status: 200, description: 'The order.', schema: Order },
  problems: [],
});

export type OrderLine = z.infer<typeof OrderLine>;
export type Order = z.infer<typeof Order>;
export type ConfirmBody = z.infer<typeof ConfirmBody>;
