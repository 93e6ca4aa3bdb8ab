// The journal as operators search it.
import { customerKeyOf, reservationIdOf } from './columns.ts';
import type { Statements } from './connection.ts';
import type { Page, PageRequest } from './contract.ts';
import type { AuditRow, EntryFilter } from './findings.ts';
import { type SpotRow, walkJournal } from './journal-walk.ts';
import type { Pool } from './pool.ts';

interface EntryRow extends SpotRow {
  readonly kind: string;
  readonly reservation_id: Buffer | null;
  readonly customer: Buffer | null;
  readonly lines: string | null;
  readonly ttl_seconds: number | null;
  readonly deadline_ms: number | null;
  readonly detail: Readonly<Record<string, unknown>> | null;
}

/** Newest first. */
export function findEntries(pool: Pool, filter: EntryFilter, page: PageRequest): Promise<Page<AuditRow>> {
  return walkJournal<EntryRow, AuditRow>(pool, { filter, kinds: null, find: named }, page);
}

/** With the names of the sales and customers that the rows are about. */
async function named(
  sql: Statements,
  rows: readonly EntryRow[],
): Promise<{ at: EntryRow; found: AuditRow }[]> {
  const saleIds = await saleIdsOf(sql, rows);
  const subs = await subsOf(
    sql,
    rows.map(({ customer }) => customer),
  );
  return rows.map((row) => ({ at: row, found: auditRowOf(row, saleIds, subs) }));
}

function auditRowOf(
  row: EntryRow,
  saleIds: ReadonlyMap<number, string>,
  subs: ReadonlyMap<string, string>,
): AuditRow {
  const customer = row.customer === null ? null : customerKeyOf(row.customer);
  const asked = row.detail?.reservation;
  const about = row.reservation_id ?? (typeof asked === 'string' ? Buffer.from(asked, 'hex') : null);
  return {
    saleNumber: row.sale,
    saleId: saleIds.get(row.sale) ?? null,
    source: row.source,
    epoch: row.epoch,
    seq: row.seq,
    kind: row.kind,
    atMs: row.at_ms,
    reservationId: about === null ? null : reservationIdOf(about),
    customer,
    customerId: customer === null ? null : (subs.get(customer) ?? null),
    lines: row.lines === null ? [] : movementsOf(row.lines),
    ttlSeconds: row.ttl_seconds,
    deadlineMs: row.deadline_ms,
    detail: row.detail ?? {},
  };
}

/** Not unpackLines: an item may come in with no stock, and units may go out. */
function movementsOf(packed: string): { sku: string; quantity: number }[] {
  return packed.split(',').map((word) => {
    const star = word.lastIndexOf('*');
    return { sku: word.slice(0, star), quantity: Number(word.slice(star + 1)) };
  });
}

async function saleIdsOf(sql: Statements, rows: readonly EntryRow[]): Promise<ReadonlyMap<number, string>> {
  const numbers = `{${[...new Set(rows.map(({ sale }) => sale))].join(',')}}`;
  const sales = await sql<{ number: number; id: string }[]>`
    SELECT number, id FROM holdfast.sale WHERE number = ANY (${numbers}::integer[])`;
  return new Map(sales.map(({ number, id }) => [number, id]));
}

/** The `sub` of each customer whose name the ledger knows, by key. */
export async function subsOf(
  sql: Statements,
  keys: readonly (Buffer | null)[],
): Promise<ReadonlyMap<string, string>> {
  const wanted = new Set(keys.flatMap((key) => (key === null ? [] : [`"\\\\x${key.toString('hex')}"`])));
  const known = await sql<{ key: Buffer; sub: string }[]>`
    SELECT key, sub FROM holdfast.customer WHERE key = ANY (${`{${[...wanted].join(',')}}`}::bytea[])`;
  return new Map(known.map(({ key, sub }) => [customerKeyOf(key), sub]));
}
