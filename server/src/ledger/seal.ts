// Sealing: hash-chains gapless prefixes of the journal into a table of its own (protocols §1). It reads the journal in
// pages and adds seals; it takes no row locks. Two sealers at once do the same work twice and never fork a chain: the
// key of holdfast.seal lets one in, and the other looks again at what is now the end.
import {
  type Chain,
  HASH_BYTES,
  type Place,
  planRuns,
  type RowDigest,
  RowForm,
  type Seal,
  type Source,
  type Stop,
  sealRun,
} from '../domain/journal-chain.ts';
import type { Statements } from './connection.ts';
import type { Pool } from './pool.ts';

/** Rows of one page, and of one seal: some 4 ms of the event loop, which also answers customers. */
const PAGE_ROWS = 500;
/** Chains one look finds; the next look finds the others. */
const CHAINS_MAX = 1_000;

export interface SealStep {
  readonly rows: number;
  /** There may be rows that could be sealed now. */
  readonly more: boolean;
  /** Where it stopped short of the journal's end, and why. */
  readonly stop: Stop | null;
}

/** Before every row. Epochs and numbers are not negative. */
export const BEGINNING: Place = { epoch: -1, seq: 0 };

/**
 * Chains that the journal has rows of after their last seal. Two look-ups a chain, however long the journal is: each is
 * a subquery with a LIMIT, which the planner cannot turn into a join that reads it all.
 */
export async function unsealedChains(pool: Pool): Promise<Chain[]> {
  const rows = await pool.read(
    (sql) => sql<{ sale: number; source: Source }[]>`
      SELECT chain.sale, chain.source
      FROM (
        SELECT number AS sale, source FROM holdfast.sale CROSS JOIN (VALUES ('r'::"char"), ('l'::"char")) AS of (source)
        UNION ALL
        SELECT 0, 'l'::"char"
      ) AS chain
      LEFT JOIN LATERAL (
        SELECT epoch, to_seq FROM holdfast.seal
        WHERE seal.sale = chain.sale AND seal.source = chain.source
        ORDER BY position DESC
        LIMIT 1
      ) AS head ON true
      CROSS JOIN LATERAL (
        SELECT FROM holdfast.journal
        WHERE journal.sale = chain.sale AND journal.source = chain.source
          AND (journal.epoch, journal.seq) > (coalesce(head.epoch, -1), coalesce(head.to_seq, 0))
        ORDER BY epoch, seq
        LIMIT 1
      ) AS next
      ORDER BY chain.sale, chain.source
      LIMIT ${CHAINS_MAX}`,
  );
  return rows.map(({ sale, source }) => ({ saleNumber: sale, source }));
}

/** Seals the next page of the chain. @throws LedgerUnavailable, AmbiguousCommit; sealing again is always safe */
export async function sealNext(pool: Pool, chain: Chain): Promise<SealStep> {
  // In this order: what the granted epoch says of the ones before it holds for rows that are read later.
  const { head, grantedEpoch, nowMs } = await pool.read((sql) => headOf(sql, chain));
  const after: Place | null = head === null ? null : { epoch: head.epoch, seq: head.toSeq };
  const rows = await pool.read((sql) => digestsAfter(sql, chain, after ?? BEGINNING, PAGE_ROWS));
  const { runs, stop } = planRuns(chain, after, rows, grantedEpoch);
  let last = head;
  let sealed = 0;
  for (const run of runs) {
    const seal = sealRun(chain, run, last, nowMs);
    if (!(await append(pool, chain, seal))) return { rows: sealed, more: true, stop: null };
    sealed += seal.rowCount;
    last = seal;
  }
  return { rows: sealed, more: stop === null && rows.length === PAGE_ROWS, stop };
}

export interface SealRow {
  readonly position: number;
  readonly epoch: number;
  readonly from_seq: number;
  readonly to_seq: number;
  readonly row_count: number;
  readonly sealed_at_ms: number;
  readonly marks: Buffer;
  readonly previous: Buffer;
  readonly hash: Buffer;
}

export function sealOf(row: SealRow): Seal {
  return {
    position: row.position,
    epoch: row.epoch,
    fromSeq: row.from_seq,
    toSeq: row.to_seq,
    rowCount: row.row_count,
    sealedAtMs: row.sealed_at_ms,
    marks: row.marks,
    previous: row.previous,
    hash: row.hash,
  };
}

export interface ChainHead {
  readonly head: Seal | null;
  readonly grantedEpoch: number | null;
  readonly nowMs: number;
}

/** The chain's last seal, and the last epoch of its sale that was ever granted. */
export async function headOf(sql: Statements, { saleNumber, source }: Chain): Promise<ChainHead> {
  const [row] = await sql<
    ((SealRow | { readonly position: null }) & { granted_epoch: number | null; now_ms: number })[]
  >`
    SELECT head.*, holdfast.last_granted_epoch(${saleNumber}::integer) AS granted_epoch, holdfast.now_ms() AS now_ms
    FROM (VALUES (1)) AS one
    LEFT JOIN LATERAL (
      SELECT * FROM holdfast.seal
      WHERE sale = ${saleNumber}::integer AND source = ${source}::"char"
      ORDER BY position DESC
      LIMIT 1
    ) AS head ON true`;
  if (row === undefined) throw new Error('a row beside an optional one is always there');
  return {
    head: row.position === null ? null : sealOf(row),
    grantedEpoch: row.granted_epoch,
    nowMs: row.now_ms,
  };
}

/**
 * The digests of the rows after a place, in order. Values come as PostgreSQL's text, unparsed: all columns of the journal
 * are of types whose text no setting changes (bytea's is hex, as everywhere in this room).
 */
export async function digestsAfter(
  sql: Statements,
  { saleNumber, source }: Chain,
  after: Place,
  limit: number,
): Promise<RowDigest[]> {
  const rows = await sql`
    SELECT * FROM holdfast.journal
    WHERE sale = ${saleNumber}::integer AND source = ${source}::"char"
      AND (epoch, seq) > (${after.epoch}::integer, ${after.seq}::bigint)
    ORDER BY epoch, seq
    LIMIT ${limit}`.raw();
  const names = rows.columns.map(({ name }) => name);
  const form = new RowForm(names);
  const [epoch, seq] = [names.indexOf('epoch'), names.indexOf('seq')];
  return rows.map((values) => ({
    epoch: numberIn(values[epoch]),
    seq: numberIn(values[seq]),
    digest: form.digest(values),
  }));
}

function numberIn(text: Buffer | null | undefined): number {
  return Number(text?.toString('latin1'));
}

/** True if it is the chain's new end; false if another sealer was first. */
async function append(pool: Pool, chain: Chain, seal: Seal): Promise<boolean> {
  if (seal.hash.byteLength !== HASH_BYTES) throw new Error('a seal has a hash');
  const rows = await pool.write(
    (sql) => sql`
      INSERT INTO holdfast.seal
        (sale, source, position, epoch, from_seq, to_seq, row_count, sealed_at_ms, marks, previous, hash)
      SELECT ${chain.saleNumber}::integer, ${chain.source}::"char", ${seal.position}::integer, ${seal.epoch}::integer,
             ${seal.fromSeq}::bigint, ${seal.toSeq}::bigint, ${seal.rowCount}::integer, ${seal.sealedAtMs}::bigint,
             ${seal.marks}::bytea, ${seal.previous}::bytea, ${seal.hash}::bytea
      WHERE ${seal.position}::integer = 1 OR EXISTS (
        SELECT FROM holdfast.seal AS before
        WHERE before.sale = ${chain.saleNumber}::integer AND before.source = ${chain.source}::"char"
          AND before.position = ${seal.position}::integer - 1 AND before.hash = ${seal.previous}::bytea)
      ON CONFLICT DO NOTHING
      RETURNING position`,
  );
  return rows.length > 0;
}
