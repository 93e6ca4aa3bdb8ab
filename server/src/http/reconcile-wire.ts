// A reconciliation's findings in the words of the wire.
import type { Difference, ReconcileReport, SaleReport } from '@holdfast/contract/reconcile';
import type { FoundDifference } from '../reservations/reconcile.ts';
import type * as reconciler from '../reservations/reconciler.ts';

export function reconcileWire({ ranAtMs, sales, next }: reconciler.ReconcileReport): ReconcileReport {
  return { ran_at: new Date(ranAtMs).toISOString(), sales: sales.map(saleWire), next_cursor: next };
}

function saleWire({ saleId, complete, checked, differences }: reconciler.SaleReport): SaleReport {
  const { items, records, customers, indexEntries, transitions, seals } = checked;
  return {
    sale_id: saleId,
    complete,
    checked: { items, records, customers, index_entries: indexEntries, transitions, seals },
    differences: differences.map(differenceWire),
  };
}

function differenceWire({ invariant, sku, reservationId, detail, repaired }: FoundDifference): Difference {
  return {
    invariant,
    ...(sku !== null && { sku }),
    ...(reservationId !== null && { reservation_id: reservationId }),
    detail,
    repaired,
  };
}
