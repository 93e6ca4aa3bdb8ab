// What a shopper has chosen in one sale. A cart has an id of its own until it is reserved: whoever reserves the same
// cart again, in another tab or after a reload, means the same reservation.
import type { Line } from '@holdfast/contract/reservations';

/** The contract's bounds, stated there too: a page must not load the schemas for two numbers. */
export const MAX_CART_LINES = 20;
export const MAX_CART_QUANTITY = 100;

export interface Cart {
  readonly id: string;
  readonly lines: readonly Line[];
}

export function emptyCart(): Cart {
  return { id: crypto.randomUUID(), lines: [] };
}

export function quantityIn(cart: Cart, sku: string): number {
  return cart.lines.find((line) => line.sku === sku)?.quantity ?? 0;
}

export function unitsIn(cart: Cart): number {
  return cart.lines.reduce((sum, line) => sum + line.quantity, 0);
}

/** The cart with so many of a SKU; none takes the line out. The same cart where nothing changes or no line is free. */
export function withQuantity(cart: Cart, sku: string, quantity: number): Cart {
  const wanted = Math.max(0, Math.min(MAX_CART_QUANTITY, Math.trunc(quantity)));
  const before = quantityIn(cart, sku);
  if (wanted === before) return cart;
  if (wanted === 0) return { ...cart, lines: cart.lines.filter((line) => line.sku !== sku) };
  if (before > 0) {
    const lines = cart.lines.map((line) => (line.sku === sku ? { sku, quantity: wanted } : line));
    return { ...cart, lines };
  }
  if (cart.lines.length >= MAX_CART_LINES) return cart;
  return { ...cart, lines: [...cart.lines, { sku, quantity: wanted }] };
}

/** The most of an item that it makes sense to ask for: what is there, what one customer may hold, what one may ask. */
export function mostOf(item: {
  readonly available: number;
  readonly max_per_customer: number | null;
}): number {
  return Math.min(item.available, item.max_per_customer ?? MAX_CART_QUANTITY, MAX_CART_QUANTITY);
}

/** The lines as the service compares them: one a SKU, by SKU. */
export function fingerprintOf(lines: readonly Line[]): string {
  const units = new Map<string, number>();
  for (const { sku, quantity } of lines) units.set(sku, (units.get(sku) ?? 0) + quantity);
  const merged = [...units].sort(([one], [other]) => (one < other ? -1 : 1));
  return merged.map(([sku, quantity]) => `${sku}:${quantity}`).join(' ');
}

/** undefined for what is no cart: a value of an older page, or of someone who tried. */
export function parseCart(text: string | null): Cart | undefined {
  if (text === null) return undefined;
  try {
    const { id, lines } = JSON.parse(text);
    if (typeof id !== 'string' || !Array.isArray(lines) || lines.length > MAX_CART_LINES) return undefined;
    return lines.every(isLine) ? { id, lines } : undefined;
  } catch {
    return undefined;
  }
}

function isLine(line: unknown): line is Line {
  if (typeof line !== 'object' || line === null || !('sku' in line) || !('quantity' in line)) return false;
  const { sku, quantity } = line;
  return (
    typeof sku === 'string' &&
    Number.isInteger(quantity) &&
    Number(quantity) > 0 &&
    Number(quantity) <= MAX_CART_QUANTITY
  );
}
