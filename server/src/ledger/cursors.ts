// Opaque positions in lists: the last row's key, as base64url of JSON. A cursor comes back from a client, so
// nothing in it is believed before its form was checked.
import { BadCursor, type Page, type PageRequest } from './contract.ts';

const PAGE_ROWS_MAX = 200;
const CURSOR_LENGTH_MAX = 512;

type KeyPart = string | number;

/** Rows to ask for: the page, and one more that tells whether there is a next page. */
export function rowsToAsk(page: PageRequest): number {
  return pageRows(page) + 1;
}

/** The page out of `rowsToAsk` rows. `keyOf` gives the key of its last row. */
export function pageOf<Row, T>(
  page: PageRequest,
  rows: readonly Row[],
  keyOf: (row: Row) => readonly KeyPart[],
  read: (row: Row) => T,
): Page<T> {
  const shown = rows.slice(0, pageRows(page));
  const last = shown.at(-1);
  const next = rows.length > shown.length && last !== undefined ? encodeCursor(keyOf(last)) : null;
  return { rows: shown.map(read), next };
}

function encodeCursor(key: readonly KeyPart[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/** The key in a cursor, or null where the list begins. @throws BadCursor unless its parts are of these types */
export function decodeCursor<Form extends readonly ('string' | 'number')[]>(
  cursor: string | null,
  form: readonly [...Form],
): { [Part in keyof Form]: Form[Part] extends 'string' ? string : number } | null {
  if (cursor === null) return null;
  const key = parse(cursor);
  const fits =
    Array.isArray(key) &&
    key.length === form.length &&
    key.every((part, index) => typeof part === form[index] && isPlain(part));
  if (!fits) throw new BadCursor('the cursor is not one of this list');
  return key as { [Part in keyof Form]: Form[Part] extends 'string' ? string : number };
}

/** What a column can be compared with: PostgreSQL's text has no NUL. */
function isPlain(part: unknown): boolean {
  return typeof part === 'string' ? !part.includes('\0') : Number.isSafeInteger(part);
}

function parse(cursor: string): unknown {
  if (cursor.length > CURSOR_LENGTH_MAX) return null;
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return null;
  }
}

function pageRows(page: PageRequest): number {
  return Math.min(Math.max(Math.trunc(page.limit), 1), PAGE_ROWS_MAX);
}
