// The journal: transitions come in from the stock store's stream (r), entries go out to be applied there (l).

import type { OperatorRelease } from '../domain/ledger-facts.ts';
import { packLines, unpackLines } from '../domain/reservation.ts';
import type { Cooldown, LedgerEntry, Transition, TransitionKind } from '../domain/sale-store.ts';
import {
  byteaArray,
  customerKeyOf,
  idBytes,
  keyBytes,
  numberArray,
  reservationIdOf,
  textArray,
} from './columns.ts';
import type { Pool } from './pool.ts';

/** Transitions in one insert: about 20 ms of work, far below the statement timeout. */
const APPEND_MAX = 1000;
/** Rows in one answer, whatever the caller asks for. */
const READ_MAX = 10_000;

/** @throws StaleEpoch, LedgerUnavailable, AmbiguousCommit; appending again is always safe */
export async function appendTransitions(
  pool: Pool,
  saleNumber: number,
  epoch: number,
  transitions: readonly Transition[],
): Promise<void> {
  for (let from = 0; from < transitions.length; from += APPEND_MAX) {
    const rows = transitions.slice(from, from + APPEND_MAX);
    const seqs = numberArray(rows.map((row) => row.seq));
    const epochs = numberArray(rows.map((row) => row.epoch));
    const kinds = textArray(rows.map((row) => row.kind));
    const atMs = numberArray(rows.map((row) => row.atMs));
    const reservationIds = byteaArray(rows.map((row) => idBytes(row.reservationId)));
    const createdSeqs = numberArray(rows.map((row) => row.createdSeq));
    const customers = byteaArray(rows.map((row) => keyBytes(row.customer)));
    const lines = textArray(rows.map((row) => packLines(row.lines)));
    const ttlSeconds = numberArray(rows.map((row) => row.ttlSeconds));
    const deadlinesMs = numberArray(rows.map((row) => row.deadlineMs));
    const fingerprints = textArray(rows.map((row) => row.fingerprint));
    await pool.write(
      (sql) => sql`
        SELECT holdfast.append_transitions(
          ${saleNumber}::integer, ${epoch}::integer, ${epochs}::integer[], ${seqs}::bigint[], ${kinds}::text[],
          ${atMs}::bigint[], ${reservationIds}::bytea[], ${createdSeqs}::bigint[], ${customers}::bytea[],
          ${lines}::text[], ${ttlSeconds}::integer[], ${deadlinesMs}::bigint[], ${fingerprints}::text[])`,
    );
  }
}

interface TransitionRow {
  readonly seq: number;
  readonly epoch: number;
  readonly kind: TransitionKind;
  readonly at_ms: number;
  readonly reservation_id: Buffer;
  readonly created_seq: number;
  readonly customer: Buffer;
  readonly lines: string;
  readonly ttl_seconds: number;
  readonly deadline_ms: number;
  readonly fingerprint: string;
}

/**
 * Transitions after `seq`, in order of their numbers. Two epochs may have given out the same number (one of
 * them was lost in a failover): such a pair is never split, so there may be more rows than `limit`.
 */
export async function transitionsAfter(
  pool: Pool,
  saleNumber: number,
  seq: number,
  limit: number,
): Promise<Transition[]> {
  const rowsMax = bounded(limit);
  const rows = await pool.read(
    (sql) => sql<TransitionRow[]>`
      SELECT * FROM (
        SELECT moved.*
        FROM generate_series(0, (SELECT epoch FROM holdfast.sale WHERE number = ${saleNumber}::integer)) AS held (epoch)
        CROSS JOIN LATERAL (
          SELECT seq, epoch, kind, at_ms, reservation_id, created_seq, customer, lines, ttl_seconds, deadline_ms, fingerprint
          FROM holdfast.journal
          WHERE sale = ${saleNumber}::integer AND source = 'r' AND epoch = held.epoch AND seq > ${seq}::bigint
          ORDER BY seq
          FETCH FIRST (${rowsMax}::integer) ROWS ONLY
        ) AS moved
        ORDER BY moved.seq
        FETCH FIRST (${rowsMax}::integer) ROWS WITH TIES
      ) AS page
      ORDER BY seq, epoch`,
  );
  return rows.map((row) => ({
    seq: row.seq,
    epoch: row.epoch,
    kind: row.kind,
    atMs: row.at_ms,
    reservationId: reservationIdOf(row.reservation_id),
    createdSeq: row.created_seq,
    customer: customerKeyOf(row.customer),
    lines: unpackLines(row.lines),
    ttlSeconds: row.ttl_seconds,
    deadlineMs: row.deadline_ms,
    fingerprint: row.fingerprint,
  }));
}

/** The last transition number in the journal; 0 if none. */
export async function lastTransition(pool: Pool, saleNumber: number): Promise<number> {
  const rows = await pool.read(
    (sql) => sql<{ seq: number }[]>`SELECT holdfast.last_transition(${saleNumber}::integer) AS seq`,
  );
  return rows[0]?.seq ?? 0;
}

type EntryRow = { readonly seq: number; readonly at_ms: number } & (
  | {
      readonly kind: 'confirmed' | 'refused' | 'expired';
      readonly reservation_id: Buffer;
      readonly created_seq: number;
      readonly customer: Buffer;
      readonly lines: string;
    }
  | {
      readonly kind: 'item-added';
      readonly lines: string;
      readonly detail: { max_per_customer: number | null };
    }
  | {
      readonly kind: 'stock-changed';
      readonly lines: string;
      readonly detail: { operation: string | null };
    }
  | {
      readonly kind: 'settings-changed';
      readonly detail: {
        opens_at_ms: number | null;
        closes_at_ms: number | null;
        closed: boolean;
        /** Not there in entries of before 0012. */
        cooldown?: Cooldown | null;
      };
    }
  | { readonly kind: 'closed' }
  | { readonly kind: 'operator-release' }
);

/** Who has a reservation released, and why; nothing moves by it. */
export async function recordRelease(pool: Pool, release: OperatorRelease): Promise<void> {
  const { saleNumber, reservationId, createdSeq, operator, reason } = release;
  await pool.write(
    (sql) => sql`
      SELECT holdfast.record_operator_release(
        ${saleNumber}::integer, ${idBytes(reservationId)}::bytea, ${createdSeq}::bigint, ${operator}, ${reason})`,
  );
}

/** Ledger entries after `seq`, in order. */
export async function entriesAfter(
  pool: Pool,
  saleNumber: number,
  seq: number,
  limit: number,
): Promise<LedgerEntry[]> {
  const rows = await pool.read(
    (sql) => sql<EntryRow[]>`
      SELECT seq, at_ms, kind, reservation_id, created_seq, customer, lines, detail
      FROM holdfast.journal
      WHERE sale = ${saleNumber}::integer AND source = 'l' AND epoch = 0 AND seq > ${seq}::bigint
      ORDER BY seq
      LIMIT ${bounded(limit)}`,
  );
  return rows.map(entryOf);
}

/**
 * What moved: units that came in, or went out if below zero. Not unpackLines: an item may come in with no stock yet, and
 * a reservation's line is never of nothing.
 */
function movementOf(lines: string): { sku: string; units: number } {
  const star = lines.lastIndexOf('*');
  return { sku: lines.slice(0, star), units: Number(lines.slice(star + 1)) };
}

function entryOf(row: EntryRow): LedgerEntry {
  const { seq, at_ms: atMs } = row;
  switch (row.kind) {
    case 'item-added': {
      const { sku, units } = movementOf(row.lines);
      return { seq, atMs, kind: row.kind, sku, total: units, maxPerCustomer: row.detail.max_per_customer };
    }
    case 'stock-changed': {
      const { sku, units } = movementOf(row.lines);
      const { operation } = row.detail;
      const operationId = operation === null ? null : Buffer.from(operation, 'hex').toString('base64url');
      return { seq, atMs, kind: row.kind, sku, delta: units, operationId };
    }
    case 'settings-changed': {
      const { opens_at_ms: opensAtMs, closes_at_ms: closesAtMs, closed, cooldown = null } = row.detail;
      return { seq, atMs, kind: row.kind, settings: { opensAtMs, closesAtMs, closed, cooldown } };
    }
    case 'closed':
    case 'operator-release':
      return { seq, atMs, kind: row.kind };
    default:
      return {
        seq,
        atMs,
        kind: row.kind,
        reservationId: reservationIdOf(row.reservation_id),
        createdSeq: row.created_seq,
        customer: customerKeyOf(row.customer),
        lines: unpackLines(row.lines),
      };
  }
}

function bounded(limit: number): number {
  return Math.min(Math.max(Math.trunc(limit), 1), READ_MAX);
}
