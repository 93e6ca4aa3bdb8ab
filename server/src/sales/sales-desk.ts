// Sales and items: the operator's verbs, and what anyone may read. Names and prices come from the ledger, stock from
// the store, so that an item read reflects every answer already sent by any process.
import type { Refusal } from '@holdfast/contract/problems';
import type { Ids } from '../domain/ids.ts';
import type { ItemRow, NewItem, NewSale, SaleChange, SaleRow } from '../domain/ledger-facts.ts';
import type { RetryBudget } from '../domain/retry-budget.ts';
import { SaleUnloaded, type StockSnapshot } from '../domain/sale-store.ts';
import { SharedReads } from '../domain/shared-reads.ts';
import type { Catalog } from '../ledger/catalog.ts';
import type { LedgerContract, Page } from '../ledger/contract.ts';
import type { OpenSale, SaleChannel } from '../stock/sale-channel.ts';
import type { Answer, Changed, ChangeStockRequest, ItemView, SaleVerbs, SaleView } from './sales.ts';
import { StockChanges } from './stock-changes.ts';

export interface SalesDeskOptions {
  readonly ledger: LedgerContract;
  readonly catalog: Catalog;
  readonly ids: Ids;
  readonly channelOf: (saleNumber: number) => SaleChannel;
  readonly open: OpenSale;
  /** Counts what is tried again. */
  readonly retries?: RetryBudget;
  /** Brings the ledger's newest entries to the store. */
  readonly deliver: (saleNumber: number) => Promise<void>;
}

const UNKNOWN_SALE: Refusal = {
  code: 'unknown-sale',
  detail: 'No sale has this id. List the sales to see which there are.',
};
const UNKNOWN_SKU: Refusal = {
  code: 'unknown-sku',
  detail: 'No item has this SKU. List the items to see what is on sale.',
};
const CLOSED: Refusal = {
  code: 'sale-closed',
  detail: 'The sale is closed, for good. Create another sale.',
};
const STORE_NOT_READY: Refusal = {
  code: 'unavailable',
  detail:
    'The ledger has the change, but the stock store is not ready yet; it takes it over by itself. Read the sale again in a moment.',
  retryAfterSeconds: 1,
};

export class SalesDesk implements SaleVerbs {
  private readonly stockChanges: StockChanges;
  // What everybody looks at when a sale opens.
  private readonly pages = new SharedReads<Page<ItemRow> | null>();
  private readonly oneSale = new SharedReads<SaleView | null>();
  private readonly salePages = new SharedReads<{ rows: SaleView[]; next: string | null }>();

  constructor(private readonly options: SalesDeskOptions) {
    this.stockChanges = new StockChanges(options);
  }

  async item(sku: string): Promise<Answer<ItemView>> {
    const row = await this.options.catalog.item(sku);
    if (!row) return { ok: false, refusal: UNKNOWN_SKU };
    const view = this.view(row, await this.snapshotOf(row.saleNumber));
    if (view && !view.settings.closed) return { ok: true, value: view };
    // Closed: the SKU may be in another sale by now. Not in the store yet: an entry is on its way.
    const fresh = await this.options.catalog.freshItem(sku);
    if (!fresh) return { ok: false, refusal: UNKNOWN_SKU };
    if (!view) await this.options.deliver(fresh.saleNumber);
    const again = this.view(fresh, await this.snapshotOf(fresh.saleNumber));
    return again ? { ok: true, value: again } : { ok: false, refusal: STORE_NOT_READY };
  }

  async items(
    saleId: string | null,
    limit: number,
    cursor: string | null,
  ): Promise<Answer<{ rows: ItemView[]; next: string | null }>> {
    const page = await this.pages.run(JSON.stringify([saleId, limit, cursor]), async () => {
      if (saleId !== null && !(await this.options.ledger.saleById(saleId))) return null;
      return await this.options.ledger.items(saleId, { limit, cursor });
    });
    if (page === null) return { ok: false, refusal: UNKNOWN_SALE };
    const saleNumbers = [...new Set(page.rows.map((row) => row.saleNumber))];
    const snapshots = new Map(
      await Promise.all(saleNumbers.map(async (n) => [n, await this.snapshotOf(n)] as const)),
    );
    const rows: ItemView[] = [];
    for (const row of page.rows) {
      const snapshot = snapshots.get(row.saleNumber);
      const view = snapshot && this.view(row, snapshot);
      if (view) rows.push(view);
    }
    return { ok: true, value: { rows, next: page.next } };
  }

  async sale(saleId: string): Promise<Answer<SaleView>> {
    const value = await this.oneSale.run(saleId, async () => {
      const row = await this.options.ledger.saleById(saleId);
      return row ? await this.withItems(row) : null;
    });
    return value ? { ok: true, value } : { ok: false, refusal: UNKNOWN_SALE };
  }

  async sales(
    limit: number,
    cursor: string | null,
  ): Promise<Answer<{ rows: SaleView[]; next: string | null }>> {
    const value = await this.salePages.run(JSON.stringify([limit, cursor]), async () => {
      const page = await this.options.ledger.sales({ limit, cursor });
      return { rows: await Promise.all(page.rows.map((row) => this.withItems(row))), next: page.next };
    });
    return { ok: true, value };
  }

  async create(sale: NewSale, operator: string): Promise<Answer<SaleView>> {
    const result = await this.options.ledger.createSale(sale, operator);
    if (result.kind === 'sale-exists') {
      const detail = 'A sale with this id exists already. Choose another id, or add items to that sale.';
      return { ok: false, refusal: { code: 'sale-exists', detail } };
    }
    if (result.kind === 'sku-in-use') return { ok: false, refusal: skuInUse(result.sku) };
    if ((await this.options.open(result.sale.number)) !== 'open')
      return { ok: false, refusal: STORE_NOT_READY };
    return { ok: true, value: await this.withItems(result.sale) };
  }

  async addItems(saleId: string, items: readonly NewItem[], operator: string): Promise<Answer<SaleView>> {
    const result = await this.options.ledger.addItems(saleId, items, operator);
    switch (result.kind) {
      case 'unknown-sale':
        return { ok: false, refusal: UNKNOWN_SALE };
      case 'sale-closed':
        return { ok: false, refusal: CLOSED };
      case 'sku-in-use':
        return { ok: false, refusal: skuInUse(result.sku) };
      case 'added':
        return await this.delivered(result.sale);
    }
  }

  async change(saleId: string, change: SaleChange, operator: string): Promise<Answer<SaleView>> {
    const result = await this.options.ledger.changeSale(saleId, change, operator);
    switch (result.kind) {
      case 'unknown-sale':
        return { ok: false, refusal: UNKNOWN_SALE };
      case 'sale-closed':
        return { ok: false, refusal: CLOSED };
      case 'closes-too-early':
        return invalid(
          change.closesAtMs == null ? '/opens_at' : '/closes_at',
          'must leave closes_at after opens_at',
        );
      case 'lives-too-short':
        return invalid(
          change.maxLifetimeSeconds === undefined ? '/reservation_ttl_seconds' : '/max_lifetime_seconds',
          'must leave max_lifetime_seconds at or above reservation_ttl_seconds',
        );
      case 'changed':
        await this.options.catalog.refresh(result.sale.number, result.sale.settingsSeq);
        return await this.delivered(result.sale);
    }
  }

  async close(saleId: string, operator: string): Promise<Answer<SaleView>> {
    const result = await this.options.ledger.closeSale(saleId, operator);
    if (result.kind === 'unknown-sale') return { ok: false, refusal: UNKNOWN_SALE };
    return await this.delivered(result.sale);
  }

  changeStock(request: ChangeStockRequest): Promise<Answer<Changed>> {
    return this.stockChanges.change(request);
  }

  /** Known to the store, if it still keeps the sale: one that is closed again may have left it. */
  private async delivered(row: SaleRow): Promise<Answer<SaleView>> {
    try {
      await this.options.deliver(row.number);
    } catch (error) {
      if (!(error instanceof SaleUnloaded)) throw error;
    }
    return { ok: true, value: await this.withItems(row) };
  }

  private async withItems(row: SaleRow): Promise<SaleView> {
    return { row, items: await this.options.ledger.itemsOfSale(row.number) };
  }

  /** As the store has it; of a sale that is over and no longer kept there, as the ledger has it. */
  private async snapshotOf(saleNumber: number): Promise<StockSnapshot> {
    try {
      return await this.options.channelOf(saleNumber).snapshot();
    } catch (error) {
      if (!(error instanceof SaleUnloaded)) throw error;
      return await this.ledgerSnapshot(saleNumber);
    }
  }

  private async ledgerSnapshot(saleNumber: number): Promise<StockSnapshot> {
    const [sale, rows] = await Promise.all([
      this.options.ledger.saleByNumber(saleNumber),
      this.options.ledger.itemsOfSale(saleNumber),
    ]);
    if (!sale) throw new Error(`the ledger has no sale ${saleNumber}`);
    const items = rows.map(({ sku, total, sold, maxPerCustomer }) => ({
      sku,
      total,
      reserved: 0,
      sold,
      maxPerCustomer,
    }));
    return { nowMs: Date.now(), settings: sale.settings, seq: 0, applied: 0, live: 0, items };
  }

  private view(row: ItemRow, snapshot: StockSnapshot): ItemView | null {
    const stock = snapshot.items.find((item) => item.sku === row.sku);
    return stock ? { row, stock, settings: snapshot.settings, asOfMs: snapshot.nowMs } : null;
  }
}

function invalid(path: string, message: string): { ok: false; refusal: Refusal } {
  const detail = 'The change does not fit what the sale has: see `errors`, and change both if need be.';
  return { ok: false, refusal: { code: 'invalid-request', detail, errors: [{ path, message }] } };
}

function skuInUse(sku: string): Refusal {
  return {
    code: 'sku-in-use',
    detail:
      'A SKU is in one open sale at a time, and once in each. Close the other sale first, or use another SKU.',
    members: { sku },
  };
}
