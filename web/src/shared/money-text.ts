// Amounts as people read them. The minor unit's size comes from the currency itself: 2999 JPY has no decimals.
import type { Money } from '@holdfast/contract/vocabulary';

const formats = new Map<string, Intl.NumberFormat>();

function formatOf(currency: string): Intl.NumberFormat {
  let format = formats.get(currency);
  if (format === undefined) {
    format = new Intl.NumberFormat('en', { style: 'currency', currency, currencyDisplay: 'narrowSymbol' });
    formats.set(currency, format);
  }
  return format;
}

export function moneyText({ amount_minor, currency }: Money): string {
  const format = formatOf(currency);
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amount_minor / 10 ** digits);
}

/** The sum of lines, if all have a price in one currency. */
export function totalOf(
  lines: readonly { readonly price?: Money | undefined; readonly quantity: number }[],
): Money | undefined {
  let total: Money | undefined;
  for (const { price, quantity } of lines) {
    if (price === undefined || (total !== undefined && total.currency !== price.currency)) return undefined;
    total = {
      amount_minor: (total?.amount_minor ?? 0) + price.amount_minor * quantity,
      currency: price.currency,
    };
  }
  return total;
}
