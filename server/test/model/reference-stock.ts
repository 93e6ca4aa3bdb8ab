// The reference of an operator's change of stock: once by its key; what goes out is set aside first, then the ledger
// decides, and what it does not let go is given back.
import { fingerprint } from '../../src/domain/ids.ts';
import { LedgerUnavailable, type StockChangeResult } from '../../src/domain/ledger-facts.ts';
import type { ReferenceProcess } from './reference-process.ts';
import type { StockStep } from './steps.ts';
import { refused } from './view.ts';
import { OPERATOR } from './world.ts';

const MAX_ATTEMPTS = 4;
const UNAVAILABLE = refused('unavailable');

export async function changeStock(process: ReferenceProcess, step: StockStep): Promise<unknown> {
  const { world, ledger } = process;
  const { idempotencyKey, ...asked } = world.stockRequest(step);
  const { sku, delta, reason, reference, expectedTotal } = asked;
  if (!ledger.items.has(sku)) return refused('unknown-sku');
  const key = world.ids.operatorKey(OPERATOR, 'stock', idempotencyKey);
  const print = fingerprint(JSON.stringify([sku, delta, reason, reference, expectedTotal]));
  const done = ledger.changes.get(key);
  if (done && done.fingerprint !== print) return refused('idempotency-key-reused');
  if (done) return { change: done.change, replayed: true };

  for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts++) {
    // The first attempt's operation follows from the key; every other is a new one.
    const first = world.ids.operatorKey(OPERATOR, 'stock: first attempt', idempotencyKey);
    const another = `another ${ledger.operations.size}`;
    const operationId = delta > 0 ? null : attempts === 0 ? first : another;
    if (operationId === null) await process.gated((sale) => sale.snapshot());
    else {
      const reply = await process.gated((sale) => sale.pend({ operationId, sku, quantity: -delta }));
      if (reply.kind === 'unknown-sku') return refused('unknown-sku');
      const { kind, ...figures } = reply;
      if (kind === 'in-use') return refused('stock-in-use', figures);
    }
    const fault = attempts === 0 ? step.fault : null;
    if (fault === 'stopped-before') return UNAVAILABLE;
    if (fault === 'unreachable') {
      await giveBack(process, operationId);
      throw new LedgerUnavailable('as asked');
    }
    const result = ledger.changeStock(process.epoch, { ...asked, operationId, key, fingerprint: print });
    if (fault === 'stopped-after') return UNAVAILABLE;
    if (result.kind === 'changed') {
      await process.catchUp();
      return { change: result.change, replayed: false };
    }
    await giveBack(process, operationId);
    if (result.kind !== 'refused') return answerOf(result);
  }
  return UNAVAILABLE;
}

async function giveBack(process: ReferenceProcess, operationId: string | null): Promise<void> {
  if (operationId === null) return;
  if (process.ledger.refuseOperation(operationId) === 'applied') await process.catchUp();
  await process.gated((sale) => sale.unpend(operationId));
}

function answerOf(result: Exclude<StockChangeResult, { kind: 'changed' | 'refused' }>): unknown {
  switch (result.kind) {
    case 'replayed':
      return { change: result.change, replayed: true };
    case 'key-reused':
      return refused('idempotency-key-reused');
    case 'stale-total':
      return refused('stale-total', { total: result.total });
    case 'stock-in-use':
      return refused('stock-in-use', { total: result.total, sold: result.sold });
    case 'too-much':
      return refused('invalid-request');
    default:
      return refused(result.kind);
  }
}
