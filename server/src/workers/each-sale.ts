// One worker's round over all sales. A sale that fails keeps no other from its work: the round goes on to the next, and
// begins with those that did not fail last time.
import type { LineageGate, SaleWatch } from '../reservations/gate.ts';
import type { IsStopping } from './periodic.ts';

/** Failures in one round after which the stores are at fault and not the sales: each may have taken seconds to fail. */
const MAX_FAILURES = 3;

/**
 * The round: `work` for every open sale, one after the other.
 * @throws the round's first failure, once it is over
 */
export function eachSale(
  gate: Pick<LineageGate, 'watches'>,
  work: (watch: SaleWatch, isStopping: IsStopping) => Promise<void>,
): (isStopping?: IsStopping) => Promise<void> {
  /** Sales that failed when their turn came last, in that order. */
  const failing = new Set<number>();
  return async (isStopping = () => false) => {
    const failures: unknown[] = [];
    for (const watch of inOrder(gate.watches, failing)) {
      if (isStopping()) break;
      failing.delete(watch.saleNumber);
      try {
        await work(watch, isStopping);
      } catch (error) {
        failing.add(watch.saleNumber);
        if (failures.push(error) === MAX_FAILURES) break;
      }
    }
    if (failures.length > 0) throw failures[0];
  };
}

function inOrder(watches: ReadonlyMap<number, SaleWatch>, failing: ReadonlySet<number>): SaleWatch[] {
  const sound = [...watches.values()].filter((watch) => !failing.has(watch.saleNumber));
  return [...sound, ...[...failing].flatMap((saleNumber) => watches.get(saleNumber) ?? [])];
}
