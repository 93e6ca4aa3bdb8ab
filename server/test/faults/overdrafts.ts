// More reserved and sold than there is. While nothing was lost that never is (I1). A loss can bring it about: the release of a
// unit is lost, the order of who reserved it next is not, and both count (docs/decisions/0002). Then nothing may be granted
// until it is made good: within an epoch an overdraft only shrinks.
import type { StoreView } from './store-view.ts';
import type { Window } from './windows.ts';

/** Units by SKU, of those that are overdrawn. */
export type Overdrawn = ReadonlyMap<string, number>;

/** What one look found, in the order of the looks. */
export interface Look {
  readonly atMs: number;
  readonly epoch: string;
  readonly overdrawn: Overdrawn;
}

export function overdrawn({ items }: Pick<StoreView, 'items'>): Overdrawn {
  const found = new Map<string, number>();
  for (const [sku, { total, reserved, sold }] of items)
    if (reserved + sold > total) found.set(sku, reserved + sold - total);
  return found;
}

/** Where no loss can explain one, in words. */
export function overdraftsInWords(view: Pick<StoreView, 'items'>): string[] {
  return [...overdrawn(view)].map(([sku, units]) => `${sku}: ${units} more reserved and sold than there is`);
}

/** In words, each overdraft that no loss explains or that grew; `losses` are the windows in which something may be lost. */
export function unexplainedOverdrafts(looks: readonly Look[], losses: readonly Window[]): string[] {
  const found: string[] = [];
  for (const [i, { atMs, epoch, overdrawn: now }] of looks.entries()) {
    const before = looks[i - 1];
    for (const [sku, units] of now) {
      const known = before?.overdrawn.get(sku) ?? 0;
      if (!losses.some(({ fromMs }) => fromMs <= atMs))
        found.push(`${sku}: ${units} more reserved and sold than there is, and nothing was lost`);
      else if (before?.epoch === epoch && units > known)
        found.push(`${sku}: overdrawn by ${known}, then by ${units} under the same epoch`);
    }
  }
  return found;
}
