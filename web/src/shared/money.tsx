import type { Money as Amount } from '@holdfast/contract/vocabulary';
import { moneyText } from './money-text.ts';

export function Money({ amount }: { readonly amount: Amount }) {
  return <span className="number">{moneyText(amount)}</span>;
}
