// Which sale a SKU belongs to, and what never changes about both, kept in memory. A SKU is in one open sale at a
// time and moves on only when that sale is closed: so a hit is right until the store says `closed`, and a miss is
// always asked anew (one query for all who miss at the same time), so that a sale made by another process is found at once.
import { LRUCache } from 'lru-cache';
import { Batcher } from '../domain/batcher.ts';
import type { ItemRow, SaleRow } from '../domain/ledger-facts.ts';
import type { LedgerContract } from './contract.ts';

/** SKUs kept: a shop's whole drop, at about 300 bytes each. */
const MAX_SKUS = 50_000;
const MAX_SALES = 10_000;
/** SKUs one query asks for. */
const MAX_BATCH = 500;
const MAX_QUEUED = 10_000;

type CatalogLedger = Pick<LedgerContract, 'itemsBySku' | 'itemsOfSale' | 'saleByNumber' | 'saleById'>;

export class Catalog {
  private readonly items = new LRUCache<string, ItemRow>({ max: MAX_SKUS });
  private readonly sales = new LRUCache<number, SaleRow>({ max: MAX_SALES });
  private readonly lookups: Batcher<string, ItemRow | null>;
  /** By sale number: the question under way. A sale opens to thousands at once, and one of them needs to ask. */
  private readonly asking = new Map<number, Promise<SaleRow | null>>();

  constructor(private readonly ledger: CatalogLedger) {
    this.lookups = new Batcher({
      maxBatch: MAX_BATCH,
      maxInFlight: 2,
      maxQueued: MAX_QUEUED,
      send: async (skus) => {
        const found = new Map((await ledger.itemsBySku([...new Set(skus)])).map((item) => [item.sku, item]));
        for (const item of found.values()) this.items.set(item.sku, item);
        return skus.map((sku) => found.get(sku) ?? null);
      },
    });
  }

  /** The item now selling under this SKU, or the last one that did; null if there never was one. At once if it is kept. */
  item(sku: string): ItemRow | Promise<ItemRow | null> {
    return this.items.get(sku) ?? this.lookups.run(sku);
  }

  /** The same, past the cache: after the store said `closed`, the SKU may have moved to another sale. */
  freshItem(sku: string): Promise<ItemRow | null> {
    return this.lookups.run(sku);
  }

  /** Keeps the sale and its items in memory, as if each had been asked for. */
  async learn(saleNumber: number): Promise<void> {
    const items = await this.ledger.itemsOfSale(saleNumber);
    await this.sale(saleNumber);
    // Asked for by SKU: the sale may be closed, and its SKUs on sale elsewhere. In pieces, to leave room for customers.
    for (let from = 0; from < items.length; from += MAX_BATCH) {
      await Promise.all(items.slice(from, from + MAX_BATCH).map(({ sku }) => this.item(sku)));
    }
  }

  /** At once if it is kept. */
  sale(saleNumber: number): SaleRow | Promise<SaleRow | null> {
    const known = this.sales.get(saleNumber);
    if (known) return known;
    let asked = this.asking.get(saleNumber);
    if (!asked) {
      asked = this.askSale(saleNumber).finally(() => this.asking.delete(saleNumber));
      this.asking.set(saleNumber, asked);
    }
    return asked;
  }

  /** Of a number that is in an id or an item. @throws if there is no such sale */
  async knownSale(saleNumber: number): Promise<SaleRow> {
    const sale = await this.sale(saleNumber);
    if (!sale) throw new Error(`sale number ${saleNumber} is in an id but not in the ledger`);
    return sale;
  }

  /** Asks anew unless what is kept has the settings of this entry or of a later one: another process may have changed them. */
  async refresh(saleNumber: number, settingsSeq: number): Promise<void> {
    const known = this.sales.peek(saleNumber);
    if (known && known.settingsSeq < settingsSeq) await this.askSale(saleNumber);
  }

  /** What is asked may be answered out of order: settings never go back. */
  private async askSale(saleNumber: number): Promise<SaleRow | null> {
    const row = await this.ledger.saleByNumber(saleNumber);
    if (row && row.settingsSeq >= (this.sales.peek(saleNumber)?.settingsSeq ?? 0))
      this.sales.set(saleNumber, row);
    return row;
  }
}
