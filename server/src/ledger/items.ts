// Items. A SKU that was in several sales shows as the one of the open sale if there is one, else of the last.
// (The sale that holds a SKU in open_sku is the open one, or the next to open.)
import type { ItemRow } from '../domain/ledger-facts.ts';
import { moneyOf, textArray } from './columns.ts';
import type { Statements } from './connection.ts';
import type { Page, PageRequest } from './contract.ts';
import { decodeCursor, pageOf, rowsToAsk } from './cursors.ts';
import type { Pool } from './pool.ts';

interface ItemColumns {
  readonly sale: number;
  readonly sale_id: string;
  readonly sku: string;
  readonly name: string;
  readonly total: number;
  readonly sold: number;
  readonly price_minor: number | null;
  readonly currency: string | null;
  readonly max_per_customer: number | null;
}

export async function itemsBySku(pool: Pool, skus: readonly string[]): Promise<ItemRow[]> {
  if (skus.length === 0) return [];
  const rows = await pool.read(
    (sql) => sql<ItemColumns[]>`
      SELECT DISTINCT ON (item.sku) ${columns(sql)} ${shownItems(sql)}
      WHERE item.sku = ANY (${textArray(skus)}::text[])
      ORDER BY item.sku, held.sale, item.sale DESC`,
  );
  return rows.map(itemOf);
}

export async function itemsOfSale(pool: Pool, saleNumber: number): Promise<ItemRow[]> {
  const rows = await pool.read((sql) => itemsQuery(sql, saleNumber));
  return rows.map(itemOf);
}

export function itemsQuery(sql: Statements, saleNumber: number) {
  return sql<ItemColumns[]>`
    SELECT ${columns(sql)}
    FROM holdfast.item JOIN holdfast.sale ON sale.number = item.sale
    WHERE item.sale = ${saleNumber}::bigint
    ORDER BY item.sku`;
}

/** Each SKU once, by SKU; of one sale if given. */
export async function items(pool: Pool, saleId: string | null, page: PageRequest): Promise<Page<ItemRow>> {
  const [after] = decodeCursor(page.cursor, ['string']) ?? [''];
  const rows = await pool.read((sql) => {
    const ofSale = saleId === null ? sql`` : sql`AND sale.id = ${saleId}`;
    return sql<ItemColumns[]>`
      SELECT DISTINCT ON (item.sku) ${columns(sql)} ${shownItems(sql)}
      WHERE item.sku > ${after} ${ofSale}
      ORDER BY item.sku, held.sale, item.sale DESC
      LIMIT ${rowsToAsk(page)}`;
  });
  return pageOf(page, rows, (last) => [last.sku], itemOf);
}

/** Items beside the sale that holds their SKU; an item of a sale that does not hold it has null there, which sorts last. */
function shownItems(sql: Statements) {
  return sql`
    FROM holdfast.item
    JOIN holdfast.sale ON sale.number = item.sale
    LEFT JOIN holdfast.open_sku AS held ON held.sku = item.sku AND held.sale = item.sale`;
}

function columns(sql: Statements) {
  return sql`
    item.sale, sale.id AS sale_id, item.sku, item.name, item.total, item.sold, item.price_minor, item.currency,
    item.max_per_customer`;
}

export function itemOf(row: ItemColumns): ItemRow {
  return {
    saleNumber: row.sale,
    saleId: row.sale_id,
    sku: row.sku,
    name: row.name,
    price: moneyOf(row.price_minor, row.currency),
    total: row.total,
    sold: row.sold,
    maxPerCustomer: row.max_per_customer,
  };
}
