// Units that come in or go out, as they are being typed, and the body they become.
import type { ChangeStockBody } from '@holdfast/contract/stock';
import { type Drafted, readWhole } from './sale-draft.ts';

export interface StockDraft {
  readonly direction: 'in' | 'out';
  readonly units: string;
  readonly reason: string;
  readonly reference: string;
}

export const EMPTY_STOCK: StockDraft = { direction: 'in', units: '', reason: '', reference: '' };

/** `expectedTotal`: the total that the operator looked at; another one meanwhile, and nothing happens. */
export function stockBody(draft: StockDraft, expectedTotal: number): Drafted<ChangeStockBody> {
  const problems = new Map<string, string>();
  const units = readWhole(problems, '/delta', draft.units);
  if (!problems.has('/delta') && (units === undefined || units < 1))
    problems.set('/delta', 'must be at least 1');
  const reason = draft.reason.trim();
  if (reason === '') problems.set('/reason', 'is needed: it stays in the journal');
  if (problems.size > 0 || units === undefined) return { problems };
  const reference = draft.reference.trim();
  return {
    body: {
      delta: draft.direction === 'in' ? units : -units,
      reason,
      ...(reference !== '' && { reference }),
      expected_total: expectedTotal,
    },
  };
}
