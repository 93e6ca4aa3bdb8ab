// Asking the stock store of a sale that may be over and no longer kept there.
import { SaleUnloaded } from '../domain/sale-store.ts';

/** What a store that no longer keeps the sale would say: then the ledger is asked. */
export const MISSING = { kind: 'missing' } as const;

/** What the store answers, or `unloaded` where the sale is over and no longer kept in it. */
export async function inStore<T, U>(asking: Promise<T>, unloaded: U): Promise<T | U> {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof SaleUnloaded) return unloaded;
    throw error;
  }
}
