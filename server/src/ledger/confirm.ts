// The commit point of the whole service: a confirmation is what holdfast.confirm_batch committed, nothing else.
// One call decides a batch of one sale in arrival order (protocols §4, step 2).
import type { ConfirmDecision, ConfirmRequest, Order } from '../domain/ledger-facts.ts';
import { mergeLines, packLines, type ReservationRecord } from '../domain/reservation.ts';
import { byteaArray, idBytes, keyBytes, numberArray, orderIdOf, textArray } from './columns.ts';
import { type OrderLineRow, orderLineOf } from './orders.ts';
import type { Pool } from './pool.ts';

type Outcome = 'confirmed' | 'refused' | 'expired' | 'released';

/** One row an order line; a request without an order has one row, with nulls. */
type DecisionRow = { readonly request: number; readonly entry_seq: number; readonly sale_id: string } & (
  | (OrderLineRow & {
      readonly outcome: 'confirmed';
      readonly order_id: Buffer;
      readonly payment_reference: string | null;
      readonly confirmed_at_ms: number;
    })
  | { readonly outcome: Exclude<Outcome, 'confirmed'> }
);

/** Requests in one call: it holds the hot row some 30 ms then, and larger batches gain nothing. */
const CONFIRM_BATCH_MAX = 512;

/** @throws StaleEpoch, LedgerUnavailable, AmbiguousCommit */
export async function confirm(
  pool: Pool,
  saleNumber: number,
  epoch: number,
  requests: readonly ConfirmRequest[],
): Promise<ConfirmDecision[]> {
  const decisions: ConfirmDecision[] = [];
  for (let from = 0; from < requests.length; from += CONFIRM_BATCH_MAX) {
    const batch = requests.slice(from, from + CONFIRM_BATCH_MAX);
    decisions.push(...(await confirmBatch(pool, saleNumber, epoch, batch)));
  }
  return decisions;
}

async function confirmBatch(
  pool: Pool,
  saleNumber: number,
  epoch: number,
  requests: readonly ConfirmRequest[],
): Promise<ConfirmDecision[]> {
  const reservationIds = byteaArray(requests.map((request) => idBytes(request.reservationId)));
  const createdSeqs = numberArray(requests.map((request) => request.createdSeq));
  const customers = byteaArray(requests.map((request) => keyBytes(request.customer)));
  const subs = textArray(requests.map((request) => request.sub));
  const orderIds = byteaArray(requests.map((request) => idBytes(request.orderId)));
  const paymentReferences = textArray(requests.map((request) => request.paymentReference));
  // Merged here as well: one cart that names a SKU twice must not slip past a check of each line by itself.
  const lines = textArray(requests.map((request) => packLines(mergeLines(request.lines))));

  const rows = await pool.write(
    (sql) => sql<DecisionRow[]>`
      SELECT decision.*, sale.id AS sale_id
      FROM holdfast.confirm_batch(
        ${saleNumber}::integer, ${epoch}::integer, ${reservationIds}::bytea[], ${createdSeqs}::bigint[],
        ${customers}::bytea[], ${subs}::text[], ${orderIds}::bytea[], ${paymentReferences}::text[],
        ${lines}::text[]) AS decision
      JOIN holdfast.sale ON sale.number = ${saleNumber}::integer
      ORDER BY decision.request, decision.sku`,
  );

  const byRequest = Map.groupBy(rows, (row) => row.request);
  return requests.map((request, index) => decisionOf(saleNumber, request, byRequest.get(index + 1) ?? []));
}

function decisionOf(
  saleNumber: number,
  request: ConfirmRequest,
  rows: readonly DecisionRow[],
): ConfirmDecision {
  const [first] = rows;
  if (first === undefined) throw new Error('the ledger left a request undecided');
  if (first.outcome !== 'confirmed') return { kind: first.outcome, seq: first.entry_seq };
  const order: Order = {
    orderId: orderIdOf(first.order_id),
    // A reservation id is one customer's: both are the stored order's too.
    reservationId: request.reservationId,
    customer: request.customer,
    saleNumber,
    saleId: first.sale_id,
    lines: rows.flatMap((row) => (row.outcome === 'confirmed' ? [orderLineOf(row)] : [])),
    paymentReference: first.payment_reference,
    confirmedAtMs: first.confirmed_at_ms,
  };
  return { kind: 'confirmed', order, seq: first.entry_seq };
}

/** The resolver: `expired` for those without an outcome. @throws StaleEpoch, LedgerUnavailable, AmbiguousCommit */
export async function resolveExpired(
  pool: Pool,
  saleNumber: number,
  epoch: number,
  records: readonly ReservationRecord[],
): Promise<Outcome[]> {
  if (records.length === 0) return [];
  const reservationIds = byteaArray(records.map((record) => idBytes(record.reservationId)));
  const createdSeqs = numberArray(records.map((record) => record.createdSeq));
  const customers = byteaArray(records.map((record) => keyBytes(record.customer)));
  const lines = textArray(records.map((record) => packLines(record.lines)));
  const rows = await pool.write(
    (sql) => sql<{ outcome: Outcome }[]>`
      SELECT resolved.outcome
      FROM holdfast.resolve_expired(
        ${saleNumber}::integer, ${epoch}::integer, ${reservationIds}::bytea[], ${createdSeqs}::bigint[],
        ${customers}::bytea[], ${lines}::text[]) AS resolved
      ORDER BY resolved.request`,
  );
  return rows.map((row) => row.outcome);
}
