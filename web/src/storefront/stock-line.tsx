// How much of an item is left, in a word, a number and a bar. Numbers tick in places that are wide enough for the
// largest of them.
import type { Item } from '@holdfast/contract/inventory';

export interface StockWords {
  readonly headline: string;
  readonly note: string;
  readonly tone: 'good' | 'warn' | 'quiet';
}

/** Reserved is not sold: what may return reads differently from what is gone. */
export function stockWords({ status, available, reserved, sold, total }: Item): StockWords {
  switch (status) {
    case 'not_open':
      return { headline: `${total} in this sale`, note: 'Not open yet', tone: 'quiet' };
    case 'on_sale':
      return {
        headline: `${available} left`,
        note: `${reserved} reserved, ${sold} sold`,
        tone: available * 10 <= total ? 'warn' : 'good',
      };
    case 'all_reserved':
      return {
        headline: 'All reserved, may return',
        note: `${reserved} in others’ hands, unpaid`,
        tone: 'warn',
      };
    case 'sold_out':
      return { headline: 'Sold out', note: `${sold} of ${total} sold`, tone: 'quiet' };
    case 'closed':
      return { headline: 'Sale closed', note: `${sold} of ${total} sold`, tone: 'quiet' };
  }
}

export function StockLine({ item }: { readonly item: Item }) {
  const { headline, note, tone } = stockWords(item);
  const { total, reserved, sold } = item;
  const part = (units: number) => (total === 0 ? 0 : (units / total) * 100);
  return (
    <div className="stock" data-status={item.status} data-available={item.available}>
      <p className={`stock-headline number stock-${tone}`}>{headline}</p>
      <svg className="stock-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect className="stock-bar-ground" width="100" height="4" />
        <rect className="stock-bar-sold" width={part(sold)} height="4" />
        <rect className="stock-bar-reserved" x={part(sold)} width={part(reserved)} height="4" />
      </svg>
      <p className="stock-note number small soft">{note}</p>
    </div>
  );
}
