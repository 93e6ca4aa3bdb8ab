// Sales: made, extended and closed by operators; each change is one call with its entries in the journal.
import type { NewItem, NewSale, SaleChange, SaleRow } from '../domain/ledger-facts.ts';
import { numberArray, numbersIn, textArray } from './columns.ts';
import type { Statements } from './connection.ts';
import type {
  AddItemsResult,
  ChangeSaleResult,
  CloseSaleResult,
  CreateSaleResult,
  Page,
  PageRequest,
} from './contract.ts';
import { decodeCursor, pageOf, rowsToAsk } from './cursors.ts';
import { SkuInUse } from './failures.ts';
import type { Pool } from './pool.ts';

/** The columns of holdfast.sale that make a SaleRow. */
export interface SaleColumns {
  readonly number: number;
  readonly id: string;
  readonly name: string;
  readonly opens_at_ms: number | null;
  readonly closes_at_ms: number | null;
  readonly reservation_ttl_seconds: number;
  readonly max_extensions: number;
  readonly max_lifetime_seconds: number;
  /** Both or neither. */
  readonly cooldown_expirations: number | null;
  readonly cooldown_minutes: number | null;
  readonly unloaded: boolean;
  readonly created_at_ms: number;
  readonly closed_at_ms: number | null;
  readonly closed_entry_seq: number | null;
  readonly entry_seq: number;
  readonly settings_seq: number;
  /** As PostgreSQL writes an array: the driver leaves it so. */
  readonly earlier_ttl_seconds: string;
}

/** What the functions answer when there is no sale: every column null. */
type MaybeSale = SaleColumns | { readonly number: null };

export async function createSale(pool: Pool, sale: NewSale, operator: string): Promise<CreateSaleResult> {
  return refusingSkuInUse(async () => {
    const [made] = await pool.write(
      (sql) => sql<MaybeSale[]>`
        SELECT (made.sale).* FROM (
          SELECT holdfast.create_sale(
            ${sale.id}, ${sale.name}, ${sale.opensAtMs}::bigint, ${sale.closesAtMs}::bigint,
            ${sale.reservationTtlSeconds}::integer, ${sale.extensions.max}::integer,
            ${sale.extensions.maxLifetimeSeconds}::integer, ${sale.cooldown?.expirations ?? null}::integer,
            ${sale.cooldown?.minutes ?? null}::integer, ${operator}, ${itemArrays(sql, sale.items)}) AS sale
          OFFSET 0) AS made`,
    );
    if (made === undefined || made.number === null) return { kind: 'sale-exists' };
    return { kind: 'created', sale: saleOf(made) };
  });
}

export async function addItems(
  pool: Pool,
  saleId: string,
  items: readonly NewItem[],
  operator: string,
): Promise<AddItemsResult> {
  return refusingSkuInUse(async () => {
    const [made] = await pool.write(
      (sql) => sql<(MaybeSale & { result: 'added' | 'unknown-sale' | 'sale-closed' })[]>`
        SELECT made.result, (made.sale).*
        FROM holdfast.add_items(${saleId}, ${operator}, ${itemArrays(sql, items)}) AS made`,
    );
    if (made === undefined || made.number === null) return { kind: 'unknown-sale' };
    if (made.result !== 'added') return { kind: made.result };
    return { kind: 'added', sale: saleOf(made), throughSeq: made.entry_seq };
  });
}

export async function changeSale(
  pool: Pool,
  saleId: string,
  change: SaleChange,
  operator: string,
): Promise<ChangeSaleResult> {
  const members = {
    name: change.name,
    opens_at_ms: change.opensAtMs,
    closes_at_ms: change.closesAtMs,
    reservation_ttl_seconds: change.reservationTtlSeconds,
    max_extensions: change.maxExtensions,
    max_lifetime_seconds: change.maxLifetimeSeconds,
    cooldown: change.cooldown,
  };
  const [row] = await pool.write(
    (sql) => sql<(MaybeSale & { result: ChangeSaleResult['kind'] })[]>`
      SELECT made.result, (made.sale).*
      FROM holdfast.change_sale(${saleId}, ${operator}, ${JSON.stringify(members)}::text::jsonb) AS made`,
  );
  if (row === undefined || row.number === null) return { kind: 'unknown-sale' };
  return { kind: row.result, sale: saleOf(row) } as ChangeSaleResult;
}

export async function closeSale(pool: Pool, saleId: string, operator: string): Promise<CloseSaleResult> {
  const [closed] = await pool.write(
    (sql) => sql<MaybeSale[]>`SELECT (closed.sale).* FROM (
        SELECT holdfast.close_sale(${saleId}, ${operator}) AS sale OFFSET 0) AS closed`,
  );
  if (closed === undefined || closed.number === null) return { kind: 'unknown-sale' };
  if (closed.closed_entry_seq === null) throw new Error('a closed sale has the entry that closed it');
  return { kind: 'closed', sale: saleOf(closed), throughSeq: closed.closed_entry_seq };
}

export async function saleById(pool: Pool, id: string): Promise<SaleRow | null> {
  const [row] = await pool.read((sql) => sql<SaleColumns[]>`SELECT * FROM holdfast.sale WHERE id = ${id}`);
  return row === undefined ? null : saleOf(row);
}

export async function saleByNumber(pool: Pool, saleNumber: number): Promise<SaleRow | null> {
  const [row] = await pool.read(
    (sql) => sql<SaleColumns[]>`SELECT * FROM holdfast.sale WHERE number = ${saleNumber}::bigint`,
  );
  return row === undefined ? null : saleOf(row);
}

/** Newest first. */
export async function sales(pool: Pool, page: PageRequest): Promise<Page<SaleRow>> {
  const [before] = decodeCursor(page.cursor, ['number']) ?? [Number.MAX_SAFE_INTEGER];
  const rows = await pool.read(
    (sql) => sql<SaleColumns[]>`
      SELECT * FROM holdfast.sale WHERE number < ${before}::bigint ORDER BY number DESC LIMIT ${rowsToAsk(page)}`,
  );
  return pageOf(page, rows, (last) => [last.number], saleOf);
}

export async function anySaleExists(pool: Pool): Promise<boolean> {
  const rows = await pool.read((sql) => sql`SELECT 1 FROM holdfast.sale LIMIT 1`);
  return rows.length > 0;
}

export function saleOf(row: SaleColumns): SaleRow {
  return {
    number: row.number,
    id: row.id,
    name: row.name,
    settings: {
      opensAtMs: row.opens_at_ms,
      closesAtMs: row.closes_at_ms,
      closed: row.closed_at_ms !== null,
      cooldown: cooldownOf(row),
    },
    reservationTtlSeconds: row.reservation_ttl_seconds,
    extensions: { max: row.max_extensions, maxLifetimeSeconds: row.max_lifetime_seconds },
    unloaded: row.unloaded,
    createdAtMs: row.created_at_ms,
    closedAtMs: row.closed_at_ms,
    settingsSeq: row.settings_seq,
    earlierTtlSeconds: numbersIn(row.earlier_ttl_seconds),
  };
}

function cooldownOf({ cooldown_expirations: expirations, cooldown_minutes: minutes }: SaleColumns) {
  return expirations === null || minutes === null ? null : { expirations, minutes };
}

async function refusingSkuInUse<T>(
  write: () => Promise<T>,
): Promise<T | { kind: 'sku-in-use'; sku: string }> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof SkuInUse) return { kind: 'sku-in-use', sku: error.sku };
    throw error;
  }
}

/** The six arrays in which the functions take items. */
function itemArrays(sql: Statements, items: readonly NewItem[]) {
  return sql`
    ${textArray(items.map((item) => item.sku))}::text[],
    ${textArray(items.map((item) => item.name))}::text[],
    ${numberArray(items.map((item) => item.stock))}::integer[],
    ${numberArray(items.map((item) => item.price?.amountMinor ?? null))}::bigint[],
    ${textArray(items.map((item) => item.price?.currency ?? null))}::text[],
    ${numberArray(items.map((item) => item.maxPerCustomer))}::integer[]`;
}
