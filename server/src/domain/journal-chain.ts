// The journal's hash chains: which rows a seal covers, and what bytes it hashes. Pure, and the only place that knows.
//
//   row bytes   for every column that is not null, by name: length ‖ name ‖ length ‖ value, after the number of them
//   digest      SHA-256(row bytes)
//   seal hash   SHA-256(header ‖ previous hash ‖ the rows' digests, in order)
//   header      "holdfast seal 1\n<sale> <source> <position> <epoch> <from> <to> <rows> <sealed at, ms>\n"
//
// Lengths and numbers of columns are 4 bytes, big-endian; values are as PostgreSQL writes them in text. No column and
// no kind is named here: a column that a later version adds is null in old rows, and covered in new ones.
import { createHash, hash } from 'node:crypto';

/** r: numbered by the stock store. l: numbered by the ledger. */
export type Source = 'r' | 'l';

export interface Chain {
  /** 0: what the ledger journals of no sale. */
  readonly saleNumber: number;
  readonly source: Source;
}

/** A row's place in its chain: rows are in order of epoch, then number. */
export interface Place {
  readonly epoch: number;
  readonly seq: number;
}

export interface RowDigest extends Place {
  readonly digest: Uint8Array;
}

/** Numbers of one epoch that follow each other: all there, or (no rows) none. */
export interface Run {
  readonly epoch: number;
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly rows: readonly RowDigest[];
}

export interface SealHeader {
  /** 1, 2, 3 … in its chain. */
  readonly position: number;
  readonly epoch: number;
  readonly fromSeq: number;
  readonly toSeq: number;
  /** 0 seals a gap; otherwise every number has its row. */
  readonly rowCount: number;
  readonly sealedAtMs: number;
}

export interface Seal extends SealHeader {
  /** MARK_BYTES of each row's digest. */
  readonly marks: Uint8Array;
  /** The hash of the seal before; zeros in the first. */
  readonly previous: Uint8Array;
  readonly hash: Uint8Array;
}

export const HASH_BYTES = 32;
/** Enough to tell which row of a seal is not the one that was sealed; the hash is what proves it. */
export const MARK_BYTES = 8;
const LENGTH_BYTES = 4;

/** Where a chain begins: before any row, and linked to nothing. */
export const NO_HASH: Uint8Array = new Uint8Array(HASH_BYTES);

/** The canonical form of rows that all have these columns. No two rows that differ have the same bytes. */
export class RowForm {
  private readonly columns: readonly { readonly index: number; readonly label: Buffer }[];

  constructor(names: readonly string[]) {
    this.columns = names
      .map((name, index) => ({ name, index }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, index }) => ({ index, label: prefixed(Buffer.from(name)) }));
  }

  /** `values` in the order of the names; null where the row has none. */
  bytes(values: readonly (Uint8Array | null)[]): Buffer {
    let length = LENGTH_BYTES;
    let present = 0;
    for (const { index, label } of this.columns) {
      const value = values[index];
      if (!value) continue;
      present += 1;
      length += label.length + LENGTH_BYTES + value.length;
    }
    const bytes = Buffer.allocUnsafe(length);
    let at = bytes.writeUInt32BE(present, 0);
    for (const { index, label } of this.columns) {
      const value = values[index];
      if (!value) continue;
      bytes.set(label, at);
      at = bytes.writeUInt32BE(value.length, at + label.length);
      bytes.set(value, at);
      at += value.length;
    }
    return bytes;
  }

  digest(values: readonly (Uint8Array | null)[]): Uint8Array {
    return hash('sha256', this.bytes(values), 'buffer');
  }
}

function prefixed(text: Buffer): Buffer {
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32BE(text.length, 0);
  return Buffer.concat([length, text]);
}

export function sealHash(
  chain: Chain,
  seal: SealHeader & { readonly previous: Uint8Array },
  digests: Iterable<Uint8Array>,
): Uint8Array {
  const { position, epoch, fromSeq, toSeq, rowCount, sealedAtMs } = seal;
  const header = [chain.saleNumber, chain.source, position, epoch, fromSeq, toSeq, rowCount, sealedAtMs];
  const sha = createHash('sha256')
    .update(`holdfast seal 1\n${header.join(' ')}\n`)
    .update(seal.previous);
  for (const digest of digests) sha.update(digest);
  return sha.digest();
}

/** The seal of a run, after `previous`. */
export function sealRun(chain: Chain, run: Run, previous: Seal | null, sealedAtMs: number): Seal {
  const header = {
    position: (previous?.position ?? 0) + 1,
    epoch: run.epoch,
    fromSeq: run.fromSeq,
    toSeq: run.toSeq,
    rowCount: run.rows.length,
    sealedAtMs,
    previous: previous?.hash ?? NO_HASH,
  };
  const digests = run.rows.map(({ digest }) => digest);
  return { ...header, marks: marksOf(run.rows), hash: sealHash(chain, header, digests) };
}

export function marksOf(rows: readonly RowDigest[]): Uint8Array {
  return Buffer.concat(rows.map(({ digest }) => digest.subarray(0, MARK_BYTES)));
}

/** Why sealing stops at a place. */
export interface Stop extends Place {
  /**
   * missing: later numbers are there and this one is not, and it may still come, or was taken out.
   * epoch-open: the epoch is not granted yet, or the one before it is not complete yet.
   */
  readonly why: 'missing' | 'epoch-open';
}

export interface Plan {
  readonly runs: readonly Run[];
  /** Null if every row is in the runs. */
  readonly stop: Stop | null;
}

/**
 * Which runs to seal after `sealed` (null: nothing is sealed yet), from the rows that follow it in order. `grantedEpoch`
 * was the last that a store had been granted when the rows were read, or before: every epoch before it is complete.
 *
 * - A number that is missing within an epoch is waited for until the epoch is complete; then it is a gap for ever.
 * - An epoch is begun only when the one before is complete. Its numbers go on after the highest that the store or the
 *   journal had, and its rows are journaled in order, the first first: so what its first number skips is a gap at once.
 * - l entries are numbered without a gap, all in epoch 0: a missing one is waited for, and somebody has to look.
 */
export function planRuns(
  { source }: Chain,
  sealed: Place | null,
  rows: readonly RowDigest[],
  grantedEpoch: number | null,
): Plan {
  const runs: { epoch: number; fromSeq: number; toSeq: number; rows: RowDigest[] }[] = [];
  const isGranted = (epoch: number) => source === 'l' || (grantedEpoch !== null && epoch <= grantedEpoch);
  const isComplete = (epoch: number) => source === 'r' && grantedEpoch !== null && epoch < grantedEpoch;
  let last = sealed;
  for (const row of rows) {
    const next = (last?.seq ?? 0) + 1;
    const beginsEpoch = source === 'r' && last?.epoch !== row.epoch;
    if (!isGranted(row.epoch) || (beginsEpoch && last !== null && !isComplete(last.epoch))) {
      return { runs, stop: { why: 'epoch-open', epoch: row.epoch, seq: row.seq } };
    }
    if (row.seq > next) {
      if (!beginsEpoch && !isComplete(row.epoch)) {
        return { runs, stop: { why: 'missing', epoch: row.epoch, seq: next } };
      }
      runs.push({ epoch: row.epoch, fromSeq: next, toSeq: row.seq - 1, rows: [] });
    }
    const run = runs.at(-1);
    if (run !== undefined && run.rows.length > 0 && run.epoch === row.epoch && run.toSeq + 1 === row.seq) {
      run.toSeq = row.seq;
      run.rows.push(row);
    } else {
      runs.push({ epoch: row.epoch, fromSeq: row.seq, toSeq: row.seq, rows: [row] });
    }
    last = row;
  }
  return { runs, stop: null };
}
