// Walks the journal newest first for operators, a bounded look at a time, whatever the filter and however long the journal.
// Where a look begins, and what it costs:
//
//   a customer or a reservation   their own rows, by index; of a customer those of the newest CUSTOMER_LIVES_MAX reservations
//   a sale of few rows            all of its rows, by key, sorted
//   everything else               the rows of the journal by time, LOOK_ROWS of them, and of those the ones that fit
//
// A look that found too few says how far it came, so the next one goes on there: pages may be short, never wrong.
import { byteaArray, idBytes, keyBytes, numberArray, textArray } from './columns.ts';
import type { Fragment, Statements } from './connection.ts';
import { BadCursor, type PageRequest } from './contract.ts';
import { decodeCursor } from './cursors.ts';
import type { EntryFilter } from './findings.ts';
import type { Pool } from './pool.ts';

/** Rows one look passes by: some 10 ms. */
const LOOK_ROWS = 5_000;
/** Looks for one page, before it is answered as short as it is. */
const LOOKS_A_PAGE = 10;
/** Up to here a sale's rows are read and sorted as a whole. */
const SMALL_SALE_ROWS = 20_000;
/** Sales that had a SKU, one after the other. */
const SALES_OF_SKU_MAX = 1_000;
const CUSTOMER_LIVES_MAX = 5_000;
const PAGE_ROWS_MAX = 1_000;

/** A row's place: newest first is this, descending. */
interface Spot {
  readonly atMs: number;
  readonly sale: number;
  readonly source: 'r' | 'l';
  readonly epoch: number;
  readonly seq: number;
}

export interface SpotRow {
  readonly at_ms: number;
  readonly sale: number;
  readonly source: 'r' | 'l';
  readonly epoch: number;
  readonly seq: number;
}

const TOP: Spot = { atMs: Number.MAX_SAFE_INTEGER, sale: 0, source: 'r', epoch: 0, seq: 0 };

export interface Walk<Row, Found> {
  readonly filter: EntryFilter;
  /** Only these; null: all. */
  readonly kinds: readonly string[] | null;
  /** What is found of the rows that fit, in their order: the row that each was found at comes with it. */
  readonly find: (sql: Statements, rows: readonly Row[]) => Promise<readonly { at: Row; found: Found }[]>;
}

/** One page; `next` is where the walk stopped, null at the journal's beginning. */
export async function walkJournal<Row extends SpotRow, Found>(
  pool: Pool,
  walk: Walk<Row, Found>,
  page: PageRequest,
): Promise<{ rows: Found[]; next: string | null }> {
  const wanted = Math.min(Math.max(Math.trunc(page.limit), 1), PAGE_ROWS_MAX);
  let before: Spot | null = cursorSpot(page.cursor);
  const rows: Found[] = [];
  for (let looks = 0; looks < LOOKS_A_PAGE && before !== null && rows.length < wanted; looks++) {
    const from: Spot = before;
    const look = await pool.read((sql) =>
      sql.begin('read only', async (snapshot) => {
        // Rows are met by index and in its order, whatever old statistics suggest, or none.
        await snapshot`
          SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
                 set_config('jit', 'off', true)`;
        const plan = await planOf(snapshot, walk.filter);
        if (plan === null) return { found: [], reached: null };
        const { fitting, reached } = await lookFrom<Row>(snapshot, walk, plan, from, wanted - rows.length);
        return { found: await walk.find(snapshot, fitting), reached };
      }),
    );
    rows.push(...look.found.map(({ found }) => found));
    before = look.reached;
  }
  return { rows, next: before === null ? null : encodeSpot(before) };
}

/** What a look reads: a source of rows, and whether a look reads all that there are. */
interface Plan {
  readonly rows: Fragment;
  readonly sales: readonly number[] | null;
  readonly bounded: boolean;
}

/** Null: nothing can fit. */
async function planOf(sql: Statements, filter: EntryFilter): Promise<Plan | null> {
  const { reservationId, customer, saleNumber, sku } = filter;
  const sales = saleNumber !== null ? [saleNumber] : sku !== null ? await salesOf(sql, sku) : null;
  if (sales?.length === 0) return null;
  if (reservationId !== null || customer !== null)
    return { rows: livesRows(sql, filter), sales, bounded: false };
  const [only, ...others] = sales ?? [];
  if (only !== undefined && others.length === 0 && (await isSmall(sql, only))) {
    const rows = sql`(SELECT * FROM holdfast.journal WHERE sale = ${only}::integer OFFSET 0)`;
    return { rows, sales, bounded: false };
  }
  return { rows: sql`holdfast.journal`, sales, bounded: true };
}

async function salesOf(sql: Statements, sku: string): Promise<number[]> {
  const rows = await sql<{ sale: number }[]>`
    SELECT sale FROM holdfast.item WHERE sku = ${sku} ORDER BY sale DESC LIMIT ${SALES_OF_SKU_MAX}`;
  return rows.map(({ sale }) => sale);
}

async function isSmall(sql: Statements, saleNumber: number): Promise<boolean> {
  const [row] = await sql<{ rows: number }[]>`
    SELECT entry_seq + holdfast.last_transition(number) AS rows
    FROM holdfast.sale WHERE number = ${saleNumber}::integer`;
  return (row?.rows ?? 0) <= SMALL_SALE_ROWS;
}

/** Every row about these reservations, in whichever numbering, and what became of the customer's name. */
function livesRows(sql: Statements, { reservationId, customer }: EntryFilter): Fragment {
  const key = customer === null ? null : keyBytes(customer);
  const mine =
    reservationId !== null
      ? sql`SELECT ${idBytes(reservationId)}::bytea AS reservation_id`
      : sql`
        (SELECT reservation_id FROM holdfast.journal WHERE customer = ${key}::bytea AND kind = 'reserved'
         ORDER BY at_ms DESC LIMIT ${CUSTOMER_LIVES_MAX})
        UNION
        (SELECT reservation_id FROM holdfast.orders WHERE customer = ${key}::bytea
         ORDER BY confirmed_at_ms DESC LIMIT ${CUSTOMER_LIVES_MAX})`;
  const forgotten =
    key === null || reservationId !== null
      ? sql``
      : sql`UNION ALL SELECT * FROM holdfast.journal
            WHERE sale = 0 AND source = 'l' AND customer = ${key}::bytea AND kind = 'customer-forgotten'`;
  // With both filters, nothing unless the reservation is the customer's.
  const owned =
    key === null || reservationId === null
      ? sql``
      : sql`WHERE EXISTS (SELECT FROM holdfast.journal AS begun
              WHERE begun.reservation_id = mine.reservation_id AND begun.source = 'r' AND begun.customer = ${key}::bytea)
            OR EXISTS (SELECT FROM holdfast.outcome AS decided JOIN holdfast.orders AS bought USING (order_id)
              WHERE decided.reservation_id = mine.reservation_id AND bought.customer = ${key}::bytea)`;
  return sql`(
    WITH mine AS MATERIALIZED (SELECT * FROM (${mine}) AS mine ${owned})
    SELECT moved.* FROM mine JOIN holdfast.journal AS moved
      ON moved.reservation_id = mine.reservation_id AND moved.source = 'r'
    UNION ALL
    SELECT decided.* FROM mine JOIN holdfast.outcome USING (reservation_id)
      JOIN holdfast.journal AS decided ON decided.sale = outcome.sale AND decided.source = 'l' AND decided.epoch = 0
        AND decided.seq = outcome.entry_seq
    UNION ALL
    SELECT asked.* FROM mine JOIN holdfast.journal AS asked
      ON asked.kind = 'operator-release' AND asked.detail ->> 'reservation' = encode(mine.reservation_id, 'hex')
    ${forgotten}
  )`;
}

/** The rows that fit, at most `wanted`, and where the next look goes on; null if nothing is left. */
async function lookFrom<Row extends SpotRow>(
  sql: Statements,
  { filter, kinds }: Pick<Walk<Row, unknown>, 'filter' | 'kinds'>,
  { rows, sales, bounded }: Plan,
  from: Spot,
  wanted: number,
): Promise<{ fitting: Row[]; reached: Spot | null }> {
  const fits = fitting(sql, filter, kinds, sales);
  const inTime = sql`
    at_ms <= ${from.atMs}::bigint AND at_ms < ${filter.toMs ?? Number.MAX_SAFE_INTEGER}::bigint
    AND at_ms >= ${filter.fromMs ?? 0}::bigint
    AND (at_ms, sale, source::text, epoch, seq)
      < (${from.atMs}::bigint, ${from.sale}::integer, ${from.source}::text, ${from.epoch}::integer, ${from.seq}::bigint)`;
  const order = sql`ORDER BY at_ms DESC, sale DESC, source::text DESC, epoch DESC, seq DESC`;
  if (!bounded) {
    const found = await sql<Row[]>`
      SELECT * FROM ${rows} AS entry WHERE ${inTime} AND ${fits} ${order} LIMIT ${wanted + 1}`;
    const shown = found.slice(0, wanted);
    return { fitting: shown, reached: found.length > wanted ? spotOf(shown.at(-1)) : null };
  }
  const looked = await sql<(Row & { fits: boolean; passed: number })[]>`
    WITH passed AS MATERIALIZED (
      SELECT * FROM ${rows} AS entry WHERE ${inTime} ${order} LIMIT ${LOOK_ROWS}
    ), numbered AS (
      SELECT passed.*, ${fits} AS fits, row_number() OVER (${order}) AS place, count(*) OVER () AS passed FROM passed
    )
    SELECT * FROM (
      (SELECT * FROM numbered WHERE fits ORDER BY place LIMIT ${wanted + 1})
      UNION ALL
      (SELECT * FROM numbered WHERE NOT fits AND place = passed)
    ) AS told ORDER BY place`;
  const found = looked.filter((row) => row.fits);
  const shown = found.slice(0, wanted);
  if (found.length > wanted) return { fitting: shown, reached: spotOf(shown.at(-1)) };
  return { fitting: shown, reached: (looked.at(-1)?.passed ?? 0) < LOOK_ROWS ? null : spotOf(looked.at(-1)) };
}

function fitting(
  sql: Statements,
  { sku }: EntryFilter,
  kinds: readonly string[] | null,
  sales: readonly number[] | null,
): Fragment {
  // `_` and `.` are letters of SKUs: no pattern.
  return sql`
    (${kinds === null}::boolean OR kind = ANY (${textArray(kinds ?? [])}::text[]))
    AND (${sales === null}::boolean OR sale = ANY (${numberArray(sales ?? [])}::integer[]))
    AND (${sku === null}::boolean OR position(',' || ${sku ?? ''}::text || '*' IN ',' || coalesce(lines, '')) > 0)`;
}

function spotOf(row: SpotRow | undefined): Spot | null {
  if (row === undefined) return null;
  const { at_ms: atMs, sale, source, epoch, seq } = row;
  return { atMs, sale, source, epoch, seq };
}

function encodeSpot({ atMs, sale, source, epoch, seq }: Spot): string {
  return Buffer.from(JSON.stringify([atMs, sale, source, epoch, seq])).toString('base64url');
}

/** @throws BadCursor */
function cursorSpot(cursor: string | null): Spot {
  const key = decodeCursor(cursor, ['number', 'number', 'string', 'number', 'number']);
  if (key === null) return TOP;
  const [atMs, sale, source, epoch, seq] = key;
  const isSmallInt = (value: number) => value >= 0 && value <= 0x7fffffff;
  if ((source !== 'r' && source !== 'l') || !isSmallInt(sale) || !isSmallInt(epoch) || atMs < 0 || seq < 0)
    throw new BadCursor('the cursor is not one of this list');
  return { atMs, sale, source, epoch, seq };
}

/** For what is looked up beside the rows: ids as one array. */
export function idsOf(rows: readonly { readonly reservation_id: Buffer | null }[]): string {
  return byteaArray(rows.flatMap(({ reservation_id: id }) => (id === null ? [] : [id])));
}
