// Stock changes by operators: decided in one call under the sale's row lock, each once by its idempotency key, and
// each attempt to take units out once by its operation id (protocols §5).
import type { StockChange, StockChangeRequest, StockChangeResult } from '../domain/ledger-facts.ts';
import { keyBytes } from './columns.ts';
import type { Pool } from './pool.ts';

interface ChangeColumns {
  readonly sku: string;
  readonly delta: number;
  readonly total_before: number;
  readonly total: number;
  readonly reason: string;
  readonly reference: string | null;
  readonly operator: string;
  readonly at_ms: number;
  readonly entry_seq: number;
}

type ChangeRow = ChangeColumns & {
  readonly result: StockChangeResult['kind'];
  readonly item_total: number;
  readonly item_sold: number;
};

/** @throws StaleEpoch, LedgerUnavailable, AmbiguousCommit */
export async function changeStock(
  pool: Pool,
  saleNumber: number,
  epoch: number,
  request: StockChangeRequest,
): Promise<StockChangeResult> {
  const operation = request.operationId === null ? null : keyBytes(request.operationId);
  const [row] = await pool.write(
    (sql) => sql<ChangeRow[]>`
      SELECT decided.result, decided.item_total, decided.item_sold, (decided.change).*
      FROM holdfast.change_stock(
        ${saleNumber}::integer, ${epoch}::integer, ${operation}::bytea, ${keyBytes(request.key)}::bytea,
        ${request.fingerprint}, ${request.sku}, ${request.delta}::integer, ${request.expectedTotal}::integer,
        ${request.reason}, ${request.reference}::text, ${request.operator}) AS decided`,
  );
  if (row === undefined) throw new Error('change_stock answers one row');
  const kind = row.result;
  switch (kind) {
    case 'changed':
    case 'replayed':
      return { kind, change: changeOf(row) };
    case 'stale-total':
    case 'stock-in-use':
    case 'too-much':
      return { kind, total: row.item_total, sold: row.item_sold };
    default:
      return { kind };
  }
}

/** The change made under this key; null if there is none yet. */
export async function stockChange(
  pool: Pool,
  key: string,
): Promise<{ change: StockChange; fingerprint: string } | null> {
  const [row] = await pool.read(
    (sql) => sql<(ChangeColumns & { fingerprint: string })[]>`
      SELECT * FROM holdfast.stock_change WHERE key = ${keyBytes(key)}::bytea`,
  );
  return row === undefined ? null : { change: changeOf(row), fingerprint: row.fingerprint };
}

/** Refuses the operation unless it was decided before; what stands. */
export async function refuseStockOperation(
  pool: Pool,
  saleNumber: number,
  operationId: string,
): Promise<'applied' | 'refused'> {
  const [row] = await pool.write(
    (sql) => sql<{ outcome: 'applied' | 'refused' }[]>`
      SELECT holdfast.refuse_stock_operation(${saleNumber}::integer, ${keyBytes(operationId)}::bytea) AS outcome`,
  );
  if (row === undefined) throw new Error('refuse_stock_operation answers one row');
  return row.outcome;
}

function changeOf(row: ChangeColumns): StockChange {
  return {
    sku: row.sku,
    delta: row.delta,
    totalBefore: row.total_before,
    total: row.total,
    reason: row.reason,
    reference: row.reference,
    operator: row.operator,
    atMs: row.at_ms,
    entrySeq: row.entry_seq,
  };
}
