// The reference as it can be seen, in the same form as the real system (real-view.ts).
import { packLines } from '../../src/domain/reservation.ts';
import type { LedgerEntry, StockSnapshot, Transition } from '../../src/domain/sale-store.ts';
import { packSettings } from '../../src/stock/records.ts';
import type { ReferenceLedger } from './reference-ledger.ts';
import type { ReferenceServer } from './reference-store.ts';
import type { VisibleLedger, VisibleStore } from './view.ts';

export function visibleStore({ sale }: ReferenceServer, snapshot: StockSnapshot): VisibleStore {
  const kept = [...sale.stock.reservations.values()];
  const times = (timeOf: (one: (typeof kept)[number]) => number | null) =>
    Object.fromEntries(
      kept.flatMap((one) => {
        const atMs = timeOf(one);
        return atMs === null ? [] : [[one.record.reservationId, atMs]];
      }),
    );
  return {
    snapshot,
    records: Object.fromEntries(
      kept.map(({ record, resolvedAtMs }) => [
        record.reservationId,
        { ...record, resolvedAtMs: resolvedAtMs ?? 0 },
      ]),
    ),
    deadlines: times(({ record }) => (record.state === 'active' ? record.deadlineMs : null)),
    pinEnds: times(({ pinEndMs }) => pinEndMs),
    resolved: times(({ resolvedAtMs }) => resolvedAtMs),
    held: Object.fromEntries([...sale.stock.heldUnits].filter(([, units]) => units !== 0)),
    expiries: Object.fromEntries(sale.stock.expiries.deadlines),
    setAside: sale.setAside.map(({ sku, quantity, endsMs }) => `${sku} ${quantity} ${endsMs}`).sort(),
    pending: sale.stock.waiting,
  };
}

export function visibleLedger(ledger: ReferenceLedger): VisibleLedger {
  const outcomes = [...ledger.operations.values()];
  const count = (outcome: string) => outcomes.filter((one) => one === outcome).length;
  return {
    epoch: ledger.epoch,
    closed: ledger.settings.closed,
    items: Object.fromEntries([...ledger.items].map(([sku, { total, sold }]) => [sku, { total, sold }])),
    bought: Object.fromEntries(ledger.bought),
    register: Object.fromEntries(
      [...ledger.register].map(([life, { kind, entrySeq, atMs, order }]) => [
        life,
        `${kind} ${entrySeq} ${atMs} ${order?.orderId ?? '-'}`,
      ]),
    ),
    orders: Object.fromEntries(
      ledger
        .orders()
        .map(({ orderId, lines, paymentReference, confirmedAtMs }) => [
          orderId,
          { lines, paymentReference, confirmedAtMs },
        ]),
    ),
    operations: { applied: count('applied'), refused: count('refused') },
    changes: Object.fromEntries(
      [...ledger.changes].map(([key, { change }]) => [
        key,
        `${change.sku} ${change.delta} ${change.totalBefore} ${change.total} ${change.atMs} ${change.entrySeq}`,
      ]),
    ),
    journal: [...ledger.entries.map(entryLine), ...ledger.history().map(transitionLine)],
  };
}

export function transitionLine(t: Transition): string {
  const times = `${t.atMs} ${t.ttlSeconds} ${t.deadlineMs}`;
  const life = `${t.reservationId} ${t.createdSeq} ${t.customer} ${packLines(t.lines)}`;
  return `r ${t.epoch} ${t.seq} ${t.kind} ${life} ${times} ${t.fingerprint}`;
}

export function entryLine(entry: LedgerEntry): string {
  const head = `l ${entry.seq} ${entry.kind} ${entry.atMs}`;
  switch (entry.kind) {
    case 'item-added':
      return `${head} ${entry.sku} ${entry.total} ${entry.maxPerCustomer}`;
    case 'stock-changed':
      return `${head} ${entry.sku} ${entry.delta} ${entry.operationId === null ? 'in' : 'out'}`;
    case 'settings-changed':
      return `${head} ${packSettings(entry.settings).join(' ')}`;
    case 'closed':
    case 'operator-release':
      return head;
    default:
      return `${head} ${entry.reservationId} ${entry.createdSeq} ${entry.customer} ${packLines(entry.lines)}`;
  }
}
