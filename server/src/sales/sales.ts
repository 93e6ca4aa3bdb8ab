// Sales and items as the HTTP room calls them.

import type { Refusal } from '@holdfast/contract/problems';
import type { ItemRow, NewItem, NewSale, SaleChange, SaleRow, StockChange } from '../domain/ledger-facts.ts';
import type { ItemStock, SaleSettings } from '../domain/sale-store.ts';

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal };

/** An item with its stock as of one moment of the store's clock. */
export interface ItemView {
  readonly row: ItemRow;
  readonly stock: ItemStock;
  readonly settings: SaleSettings;
  readonly asOfMs: number;
}

export interface SaleView {
  readonly row: SaleRow;
  readonly items: readonly ItemRow[];
}

export interface ChangeStockRequest {
  readonly sku: string;
  /** Units that come in, or go out if below zero; not 0. */
  readonly delta: number;
  readonly reason: string;
  readonly reference: string | null;
  readonly expectedTotal: number | null;
  readonly operator: string;
  readonly idempotencyKey: string;
}

export interface Changed {
  readonly change: StockChange;
  readonly replayed: boolean;
}

export interface SaleVerbs {
  item(sku: string): Promise<Answer<ItemView>>;
  items(
    saleId: string | null,
    limit: number,
    cursor: string | null,
  ): Promise<Answer<{ rows: ItemView[]; next: string | null }>>;
  sale(saleId: string): Promise<Answer<SaleView>>;
  sales(limit: number, cursor: string | null): Promise<Answer<{ rows: SaleView[]; next: string | null }>>;
  /** Returns once the sale can be reserved from, by any process. */
  create(sale: NewSale, operator: string): Promise<Answer<SaleView>>;
  addItems(saleId: string, items: readonly NewItem[], operator: string): Promise<Answer<SaleView>>;
  /** Returns once the store opens and closes by it; what other processes grant follows within a second. */
  change(saleId: string, change: SaleChange, operator: string): Promise<Answer<SaleView>>;
  close(saleId: string, operator: string): Promise<Answer<SaleView>>;
  /** Once by its idempotency key; `replayed`: it was made before. */
  changeStock(request: ChangeStockRequest): Promise<Answer<Changed>>;
}
