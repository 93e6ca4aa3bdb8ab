// The reference model as the suite takes it: with a clock that the test holds.
import { SaleModel } from '../../src/domain/sale-model.ts';
import type { StoreUnderTest } from './stage.ts';

/** Epoch of the transitions, the same for every store that is compared. */
export const EPOCH = 1;

export async function makeModel(): Promise<StoreUnderTest> {
  let nowMs = 0;
  const setNow = (ms: number) => {
    nowMs = ms;
  };
  return { store: new SaleModel({ epoch: EPOCH, now: () => nowMs }), setNow, close: () => {} };
}
