/** `2 × SKU-1, 1 × SKU-2`: what a reservation or an order holds, on one line. */
export function linesText(items: readonly { readonly sku: string; readonly quantity: number }[]): string {
  return items.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', ');
}
