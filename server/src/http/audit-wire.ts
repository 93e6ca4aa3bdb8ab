// A row of the journal in the words of the wire, and as a line of CSV.
import { type AuditEntry, CSV_CUT } from '@holdfast/contract/admin-audit';
import type { AuditRow } from '../ledger/findings.ts';
import { instant } from './wire.ts';

type Facts = NonNullable<AuditEntry['before']>;

const SOURCES = { r: 'store', l: 'ledger' } as const;
/** What `detail` has of its own place in an entry. */
const ELSEWHERE = new Set(['operator', 'reason', 'reference', 'reservation', 'before']);

export function auditWire(row: AuditRow): AuditEntry {
  const { detail } = row;
  const source = SOURCES[row.source];
  const more = detailOf(row);
  return {
    entry_id: `${row.saleNumber}-${source}-${row.epoch}-${row.seq}`,
    sale_id: row.saleId,
    source,
    seq: row.seq,
    kind: row.kind,
    at: instant(row.atMs),
    ...(row.reservationId !== null && { reservation_id: row.reservationId }),
    ...(row.customerId !== null && { customer_id: row.customerId }),
    ...(row.customer !== null && { customer_key: row.customer }),
    ...(row.lines.length > 0 && { items: row.lines.map(({ sku, quantity }) => ({ sku, quantity })) }),
    ...changeOf(row),
    ...textOf(detail, 'reason'),
    ...textOf(detail, 'reference'),
    ...textOf(detail, 'operator'),
    ...(Object.keys(more).length > 0 && { detail: more }),
  };
}

function textOf(detail: AuditRow['detail'], name: 'reason' | 'reference' | 'operator') {
  const value = detail[name];
  return typeof value === 'string' ? { [name]: value } : {};
}

/** What an operator's action found and left. */
function changeOf({ kind, detail }: AuditRow): { before?: Facts; after?: Facts } {
  switch (kind) {
    case 'stock-changed':
      return { before: facts({ total: detail.total_before }), after: facts({ total: detail.total }) };
    case 'item-added':
      return { after: facts(detail) };
    case 'settings-changed': {
      const { before } = detail;
      if (typeof before !== 'object' || before === null) return { after: facts(detail) };
      const after = Object.fromEntries(Object.keys(before).map((name) => [name, detail[name]]));
      return { before: facts(before as Record<string, unknown>), after: facts(after) };
    }
    default:
      return {};
  }
}

function detailOf({ kind, detail, ttlSeconds, deadlineMs }: AuditRow): Facts {
  const granted = {
    ...(ttlSeconds !== null && { ttl_seconds: ttlSeconds }),
    ...(deadlineMs !== null && { expires_at: instant(deadlineMs) }),
  };
  if (kind === 'settings-changed' || kind === 'item-added') return granted;
  const { total, total_before, operation, ...others } = detail;
  return { ...granted, ...facts(typeof operation === 'string' ? { ...others, operation } : others) };
}

/** Flat, and with instants as the wire writes them: `opens_at_ms` is `opens_at`. */
function facts(detail: Readonly<Record<string, unknown>>): Facts {
  const flat: Facts = {};
  for (const [name, value] of Object.entries(detail)) {
    if (ELSEWHERE.has(name)) continue;
    if (name.endsWith('_at_ms')) flat[name.slice(0, -3)] = typeof value === 'number' ? instant(value) : null;
    else if (value === null || ['string', 'number', 'boolean'].includes(typeof value))
      flat[name] = value as string | number | boolean | null;
    else if (name === 'cooldown')
      for (const [part, limit] of Object.entries(value as Record<string, number>))
        flat[`${name}_${part}`] = limit;
  }
  return flat;
}

// ---- CSV (RFC 4180) ----------------------------------------------------------------------------------------

const COLUMNS = [
  'entry_id',
  'sale_id',
  'source',
  'seq',
  'kind',
  'at',
  'reservation_id',
  'customer_id',
  'customer_key',
  'items',
  'before',
  'after',
  'reason',
  'reference',
  'operator',
  'detail',
] as const satisfies readonly (keyof AuditEntry)[];

export const CSV_HEAD = `${COLUMNS.join(',')}\r\n`;

/** Items as `SKU*quantity,…`, objects as JSON, what is absent as nothing. */
export function csvLine(entry: Partial<AuditEntry>): string {
  const cells = COLUMNS.map((column) => {
    const value = entry[column];
    if (value === undefined || value === null) return '';
    if (Array.isArray(value)) return cell(value.map(({ sku, quantity }) => `${sku}*${quantity}`).join(','));
    return cell(typeof value === 'object' ? JSON.stringify(value) : String(value));
  });
  return `${cells.join(',')}\r\n`;
}

/** The last line of a file that is not the whole answer. */
export function csvCut(why: string, cursor: string): string {
  return csvLine({ kind: CSV_CUT, reason: why, detail: { cursor } });
}

/** A spreadsheet takes what begins so (some of them the full-width forms as well) for a formula; behind an apostrophe it is text. */
const FORMULA = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;

function cell(text: string): string {
  const defused = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(defused) ? `"${defused.replaceAll('"', '""')}"` : defused;
}
