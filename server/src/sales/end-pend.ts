// The end of an operation that has set units aside and goes no further (protocols §5): refused in the ledger before they
// are given back, else a stopped process wakes and commits what was given back.
import type { LedgerContract } from '../ledger/contract.ts';

export interface PendEnd {
  readonly ledger: Pick<LedgerContract, 'refuseStockOperation'>;
  /** Brings the ledger's newest entries to the store. */
  readonly deliver: () => Promise<unknown>;
  readonly unpend: (operationId: string) => Promise<boolean>;
}

/**
 * Gives back what is still set aside for the operation; what the ledger says of it.
 *
 * Applied: its entry consumed the pend. One that is there after the entry was set aside again by a late retry with the
 * same key, which no second entry will ever consume: it is given back too.
 */
export async function endPend(
  { ledger, deliver, unpend }: PendEnd,
  saleNumber: number,
  operationId: string,
): Promise<'applied' | 'refused'> {
  const outcome = await ledger.refuseStockOperation(saleNumber, operationId);
  if (outcome === 'applied') await deliver();
  await unpend(operationId);
  return outcome;
}
