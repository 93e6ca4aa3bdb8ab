// From the words of the domain to the words of the wire, and back for what operators send. Pure; the only file
// that knows both spellings.
import type { Item, ItemStatus } from '@holdfast/contract/inventory';
import type { Order } from '@holdfast/contract/orders';
import type { Reservation } from '@holdfast/contract/reservations';
import type {
  ChangeSaleBody,
  CreateSaleBody,
  NewItem,
  Sale,
  SaleItem,
  SaleStatus,
} from '@holdfast/contract/sales';
import type { StockChange } from '@holdfast/contract/stock';
import type { Money, Page } from '@holdfast/contract/vocabulary';
import * as facts from '../domain/ledger-facts.ts';
import type { SaleSettings } from '../domain/sale-store.ts';
import type { ReservationView } from '../reservations/reservations.ts';
import type { ItemView, SaleView } from '../sales/sales.ts';

export const instant = (ms: number): string => new Date(ms).toISOString();
const instantOrNull = (ms: number | null): string | null => (ms === null ? null : instant(ms));

/**
 * The answer to a reserve, made of nothing that changes later: always `active`, always the first deadline, never
 * an order. So a replay, built from the same record at any later time, is the first answer byte for byte.
 */
export function reserveAnswer({ saleId, record }: ReservationView): Reservation {
  const firstDeadlineMs = record.createdAtMs + record.ttlSeconds * 1000;
  return reservation(saleId, record, 'active', firstDeadlineMs, null);
}

/** The reservation as it stands now. */
export function reservationWire({ saleId, record, status, orderId }: ReservationView): Reservation {
  return reservation(saleId, record, status, record.deadlineMs, orderId);
}

function reservation(
  saleId: string,
  record: ReservationView['record'],
  status: Reservation['status'],
  deadlineMs: number,
  orderId: string | null,
): Reservation {
  const items = record.lines.map(({ sku, quantity }) => ({ sku, quantity }));
  const [only, ...others] = items;
  return {
    reservation_id: record.reservationId,
    sale_id: saleId,
    status,
    items,
    ...(only && others.length === 0 && only),
    created_at: instant(record.createdAtMs),
    expires_at: instant(deadlineMs),
    ttl_seconds: record.ttlSeconds,
    ...(orderId !== null && { order_id: orderId }),
  };
}

export function orderWire(order: facts.Order): Order {
  const total = totalOf(order.lines);
  return {
    order_id: order.orderId,
    reservation_id: order.reservationId,
    sale_id: order.saleId,
    status: 'confirmed',
    items: order.lines.map(({ sku, quantity, price }) => ({ sku, quantity, ...priceWire(price) })),
    ...(total && { total }),
    ...(order.paymentReference !== null && { payment_reference: order.paymentReference }),
    confirmed_at: instant(order.confirmedAtMs),
  };
}

/** The sum, if every line has a price and all are in one currency. */
function totalOf(lines: readonly facts.OrderLine[]): Money | undefined {
  const currency = lines[0]?.price?.currency;
  if (currency === undefined || lines.some(({ price }) => price?.currency !== currency)) return undefined;
  const amountMinor = lines.reduce(
    (sum, { price, quantity }) => sum + (price?.amountMinor ?? 0) * quantity,
    0,
  );
  return { amount_minor: amountMinor, currency };
}

export function itemWire({ row, stock, settings, asOfMs }: ItemView): Item {
  // Below zero inside after the ledger overruled a loss; nothing is sold then, and nobody needs to see it.
  const available = Math.max(0, stock.total - stock.reserved - stock.sold);
  return {
    sku: row.sku,
    sale_id: row.saleId,
    name: row.name,
    ...priceWire(row.price),
    total: stock.total,
    available,
    reserved: stock.reserved,
    sold: stock.sold,
    max_per_customer: stock.maxPerCustomer,
    status: itemStatus(settings, asOfMs, stock.sold >= stock.total, available),
    as_of: instant(asOfMs),
  };
}

function itemStatus(settings: SaleSettings, nowMs: number, soldOut: boolean, available: number): ItemStatus {
  const sale = saleStatus(settings, nowMs);
  if (sale !== 'open') return sale;
  if (soldOut) return 'sold_out';
  return available > 0 ? 'on_sale' : 'all_reserved';
}

export function saleWire({ row, items }: SaleView, nowMs: number): Sale {
  return {
    id: row.id,
    name: row.name,
    status: saleStatus(row.settings, nowMs),
    opens_at: instantOrNull(row.settings.opensAtMs),
    closes_at: instantOrNull(row.settings.closesAtMs),
    reservation_ttl_seconds: row.reservationTtlSeconds,
    max_extensions: row.extensions.max,
    max_lifetime_seconds: row.extensions.maxLifetimeSeconds,
    cooldown: row.settings.cooldown,
    created_at: instant(row.createdAtMs),
    items: items.map(saleItem),
  };
}

function saleItem(row: facts.ItemRow): SaleItem {
  const { sku, name, total, maxPerCustomer } = row;
  return { sku, name, ...priceWire(row.price), total, max_per_customer: maxPerCustomer };
}

/** Open from opens_at on, closed from closes_at on. */
function saleStatus({ opensAtMs, closesAtMs, closed }: SaleSettings, nowMs: number): SaleStatus {
  if (closed || (closesAtMs !== null && nowMs >= closesAtMs)) return 'closed';
  return opensAtMs !== null && nowMs < opensAtMs ? 'not_open' : 'open';
}

function priceWire(price: facts.Money | null): { price?: Money } {
  return price === null ? {} : { price: { amount_minor: price.amountMinor, currency: price.currency } };
}

export function pageWire<Row, Wire>(
  { rows, next }: { readonly rows: readonly Row[]; readonly next: string | null },
  toWire: (row: Row) => Wire,
): Page<Wire> {
  return { data: rows.map(toWire), next_cursor: next };
}

export function newSale(body: CreateSaleBody, defaultTtlSeconds: number): facts.NewSale {
  const ttlSeconds = body.reservation_ttl_seconds ?? defaultTtlSeconds;
  const usual = facts.usualExtensions(ttlSeconds);
  return {
    id: body.id,
    name: body.name,
    opensAtMs: body.opens_at === undefined ? null : Date.parse(body.opens_at),
    closesAtMs: body.closes_at === undefined ? null : Date.parse(body.closes_at),
    reservationTtlSeconds: ttlSeconds,
    extensions: {
      max: body.max_extensions ?? usual.max,
      maxLifetimeSeconds: Math.max(body.max_lifetime_seconds ?? usual.maxLifetimeSeconds, ttlSeconds),
    },
    cooldown: body.cooldown ?? null,
    items: body.items.map(newItem),
  };
}

export function saleChange(body: ChangeSaleBody): facts.SaleChange {
  const { name, opens_at, closes_at, reservation_ttl_seconds, max_extensions, max_lifetime_seconds } = body;
  const { cooldown } = body;
  return {
    ...(name !== undefined && { name }),
    ...(opens_at !== undefined && { opensAtMs: msOrNull(opens_at) }),
    ...(closes_at !== undefined && { closesAtMs: msOrNull(closes_at) }),
    ...(reservation_ttl_seconds !== undefined && { reservationTtlSeconds: reservation_ttl_seconds }),
    ...(max_extensions !== undefined && { maxExtensions: max_extensions }),
    ...(max_lifetime_seconds !== undefined && { maxLifetimeSeconds: max_lifetime_seconds }),
    ...(cooldown !== undefined && { cooldown }),
  };
}

function msOrNull(at: string | null): number | null {
  return at === null ? null : Date.parse(at);
}

export function stockChangeWire(change: facts.StockChange): StockChange {
  const { sku, delta, totalBefore, total, reason, reference, operator, atMs } = change;
  return {
    sku,
    delta,
    total_before: totalBefore,
    total,
    reason,
    ...(reference !== null && { reference }),
    operator,
    changed_at: instant(atMs),
  };
}

export function newItem({ sku, name, stock, price, max_per_customer }: NewItem): facts.NewItem {
  return {
    sku,
    name: name ?? sku,
    stock,
    price: price === undefined ? null : { amountMinor: price.amount_minor, currency: price.currency },
    maxPerCustomer: max_per_customer ?? null,
  };
}
