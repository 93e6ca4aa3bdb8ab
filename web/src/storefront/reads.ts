// What the storefront reads of the store, each with the name under which it is kept.
import type { HoldfastClient } from '@holdfast/client';
import type { Item } from '@holdfast/contract/inventory';
import type { Order } from '@holdfast/contract/orders';
import type { Sale } from '@holdfast/contract/sales';
import { useQuery } from '@tanstack/react-query';
import { useStore } from '../shared/store.tsx';
import { asShopper, useShop } from './shop.tsx';

/** More than one page can show well; a sale of thousands of items needs a shop's own catalogue in front. */
export const MAX_ITEMS_SHOWN = 200;
const MAX_SALES_SHOWN = 50;
/** What the live feed does not tell: names, times, new items. */
const SALE_PERIOD_MS = 20_000;
/** When the countdown is over, how often we look whether the store thinks so too. */
const OPENING_PERIOD_MS = 700;
/** This page's idea of the store's clock may be early by as much. */
const AFTER_TURN_MS = 30;

export function useSales() {
  const { client } = useStore();
  return useQuery({
    queryKey: ['sales'],
    queryFn: ({ signal }) => take(client.sales({ signal, pageSize: MAX_SALES_SHOWN }), MAX_SALES_SHOWN),
  });
}

export function useSale(saleId: string) {
  const { client, clock } = useStore();
  return useQuery({
    queryKey: ['sale', saleId],
    queryFn: ({ signal }) => client.sale(saleId, { signal }),
    refetchInterval: ({ state }) =>
      state.data ? untilNextLookMs(state.data, clock.nowMs()) : SALE_PERIOD_MS,
  });
}

/** Right after the moment at which its status changes, and then often until the store says that it has. */
export function untilNextLookMs({ status, opens_at, closes_at }: Sale, nowMs: number): number {
  const turn = status === 'not_open' ? opens_at : status === 'open' ? closes_at : null;
  if (turn === null) return SALE_PERIOD_MS;
  const leftMs = Date.parse(turn) - nowMs;
  return leftMs <= 0 ? OPENING_PERIOD_MS : Math.min(SALE_PERIOD_MS, leftMs + AFTER_TURN_MS);
}

/** The items of a sale, by SKU. The live feed has later words on each. */
export function useItems(saleId: string, status: Sale['status'] | undefined) {
  const { client, feed } = useStore();
  return useQuery({
    queryKey: ['items', saleId, status],
    queryFn: async ({ signal }): Promise<Item[]> => {
      const items = await take(client.items({ saleId, signal, pageSize: MAX_ITEMS_SHOWN }), MAX_ITEMS_SHOWN);
      for (const item of items) feed.note(item);
      return items;
    },
    placeholderData: (before) => before,
    refetchInterval: SALE_PERIOD_MS,
  });
}

const ORDERS_SHOWN = 100;

export function useOrders(customer: string | undefined) {
  const shop = useShop();
  return useQuery({
    queryKey: ['orders', customer],
    enabled: customer !== undefined,
    queryFn: ({ signal }) =>
      asShopper(shop, () => take(shop.customer.orders({ signal, pageSize: ORDERS_SHOWN }), ORDERS_SHOWN)),
  });
}

export function useOrder(orderId: string) {
  const shop = useShop();
  return useQuery({
    queryKey: ['order', orderId],
    queryFn: ({ signal }): Promise<Order> => asShopper(shop, () => shop.customer.order(orderId, { signal })),
    staleTime: Number.POSITIVE_INFINITY, // an order does not change
  });
}

/** Names of SKUs, as far as the sale at hand tells. */
export function namesIn(sale: Sale | undefined): (sku: string) => string {
  return (sku) => sale?.items.find((item) => item.sku === sku)?.name ?? sku;
}

async function take<T>(
  rows: ReturnType<HoldfastClient['items']> | AsyncIterable<T>,
  most: number,
): Promise<T[]> {
  const taken: T[] = [];
  for await (const row of rows as AsyncIterable<T>) {
    taken.push(row);
    if (taken.length >= most) break;
  }
  return taken;
}
