// One chain held against the journal: every seal's hash, every link, every row. It reads both once, side by side, in
// order, and says of each row that does not fit what is wrong with it. It stops at nothing: one broken seal hides no other.
import {
  type Chain,
  MARK_BYTES,
  marksOf,
  NO_HASH,
  type Place,
  type RowDigest,
  type Seal,
  sealHash,
} from '../domain/journal-chain.ts';

/** What can be wrong. One word each, the same in the report's JSON. */
export type Wrong =
  /** A row is not as it was sealed. */
  | 'changed'
  /** A row is not there. */
  | 'missing'
  /** A row is there that was not, before the end of what is sealed: in a gap, after an epoch's end, of no epoch. */
  | 'inserted'
  /** A seal is not there, or was there and is not (a noted head lies beyond the chain's end). */
  | 'seal-missing'
  /** A seal is not as it was made, or not the one that the next seal or a noted head knows. */
  | 'seal-changed'
  /** Stock, orders or register do not say what the journal says. */
  | 'disagrees';

export interface ChainFinding {
  readonly what: Wrong;
  readonly epoch: number | null;
  readonly seq: number | null;
  /** A sentence for an operator. */
  readonly detail: string;
}

export interface Gap {
  readonly epoch: number;
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly sealedAtMs: number;
}

export interface ChainWalk {
  readonly findings: readonly ChainFinding[];
  readonly findingsLeftOut: number;
  readonly gaps: readonly Gap[];
  readonly seals: number;
  /** Rows that were held against their seals. */
  readonly rows: number;
}

/** Findings and gaps kept of one chain: past this it is broken, and more would not say how. */
const KEPT_MAX = 100;

export interface WalkOptions {
  readonly chain: Chain;
  /** By position. */
  readonly seals: AsyncIterable<Seal>;
  /** In order, to the end of the last seal. */
  readonly rows: AsyncIterable<RowDigest>;
  /** Heads that were noted elsewhere. */
  readonly noted: readonly NotedSeal[];
  /** Where the walk begins; from the chain's beginning without it. Seals and rows are those that follow it. */
  readonly after?: Seal | null;
}

export interface NotedSeal {
  readonly position: number;
  /** Hexadecimal. */
  readonly hash: string;
}

export async function walkChain(options: WalkOptions): Promise<ChainWalk> {
  const walk = new Walk(options);
  await walk.run();
  return {
    findings: walk.findings,
    findingsLeftOut: walk.found - walk.findings.length,
    gaps: walk.gaps,
    seals: walk.seals,
    rows: walk.rows,
  };
}

class Walk {
  readonly findings: ChainFinding[] = [];
  readonly gaps: Gap[] = [];
  found = 0;
  seals = 0;
  rows = 0;
  private last: Seal | null = null;
  private readonly journal: RowReader;

  constructor(private readonly options: WalkOptions) {
    this.journal = new RowReader(options.rows);
    this.last = options.after ?? null;
  }

  async run(): Promise<void> {
    for await (const seal of this.options.seals) {
      await this.seal(seal);
      this.last = seal;
      this.seals += 1;
    }
    for (const { position } of this.options.noted) {
      if (position <= (this.last?.position ?? 0)) continue;
      const end = this.last === null ? 'it has no seals' : `it ends with seal ${this.last.position}`;
      this.report(
        'seal-missing',
        this.last,
        `seal ${position} of the chain was noted as its head, and ${end}`,
      );
    }
  }

  private async seal(seal: Seal): Promise<void> {
    const expected = (this.last?.position ?? 0) + 1;
    if (seal.position === expected) {
      await this.journal.before(start(seal), (row) =>
        this.report('inserted', row, 'it lies before the end of what is sealed, in no seal'),
      );
      this.link(seal);
    } else {
      let rows = 0;
      await this.journal.before(start(seal), () => {
        rows += 1;
      });
      const gone =
        seal.position === expected + 1 ? `seal ${expected}` : `seals ${expected} to ${seal.position - 1}`;
      this.report(
        'seal-missing',
        start(seal),
        `${gone} of the chain: gone, and ${rows} rows before this one can be held against nothing`,
      );
    }
    for (const { position, hash } of this.options.noted) {
      if (position !== seal.position || hash === Buffer.from(seal.hash).toString('hex')) continue;
      this.report('seal-changed', start(seal), `seal ${position} is not the one whose hash was noted`);
    }
    await this.content(seal);
  }

  private link(seal: Seal): void {
    if (sameBytes(seal.previous, this.last?.hash ?? NO_HASH)) return;
    const words =
      this.last === null
        ? `seal ${seal.position} does not begin the chain`
        : `seal ${seal.position} does not follow seal ${this.last.position} as it now is: one of the two was replaced`;
    this.report('seal-changed', start(seal), words);
  }

  /** The seal's hash over the rows that are there now. */
  private async content(seal: Seal): Promise<void> {
    const rows = await this.journal.through({ epoch: seal.epoch, seq: seal.toSeq });
    if (seal.rowCount === 0) {
      for (const row of rows)
        this.report('inserted', row, 'it lies in a gap: it was not there when that was sealed');
      if (this.gaps.length < KEPT_MAX) this.gaps.push(seal);
      if (rows.length === 0) this.proof(seal, rows);
      return;
    }
    this.rows += rows.length;
    if (rows.length === seal.rowCount) this.proof(seal, rows);
    else this.compare(seal, rows);
  }

  private proof(seal: Seal, rows: readonly RowDigest[]): void {
    const { chain } = this.options;
    const digests = rows.map(({ digest }) => digest);
    const marksFit = sameBytes(seal.marks, marksOf(rows));
    const hashFits = sameBytes(seal.hash, sealHash(chain, seal, digests));
    if (hashFits && marksFit) return;
    if (hashFits || marksFit)
      this.report('seal-changed', start(seal), `seal ${seal.position} is not as it was made`);
    else this.compare(seal, rows);
  }

  /** Which rows are not those of the seal, by their marks. */
  private compare(seal: Seal, rows: readonly RowDigest[]): void {
    const there = new Map(rows.map((row) => [row.seq, row]));
    for (let index = 0; index < seal.rowCount; index++) {
      const place = { epoch: seal.epoch, seq: seal.fromSeq + index };
      const row = there.get(place.seq);
      const mark = seal.marks.subarray(index * MARK_BYTES, (index + 1) * MARK_BYTES);
      if (row === undefined) {
        this.report('missing', place, `it was sealed in seal ${seal.position}`);
      } else if (!sameBytes(row.digest.subarray(0, MARK_BYTES), mark)) {
        this.report('changed', place, `it is not as it was sealed in seal ${seal.position}`);
      }
    }
  }

  private report(what: Wrong, place: Place | Seal | null, detail: string): void {
    this.found += 1;
    if (this.findings.length >= KEPT_MAX) return;
    const seq = place === null ? null : 'seq' in place ? place.seq : place.toSeq;
    this.findings.push({ what, epoch: place?.epoch ?? null, seq, detail });
  }
}

/** Rows in order, read as far as asked. */
class RowReader {
  private readonly rows: AsyncIterator<RowDigest>;
  private ahead: RowDigest | null = null;

  constructor(rows: AsyncIterable<RowDigest>) {
    this.rows = rows[Symbol.asyncIterator]();
  }

  /** Shows the rows not read yet that come before the place. */
  async before(place: Place, show: (row: RowDigest) => void): Promise<void> {
    for (let row = await this.peek(); row !== null && order(row, place) < 0; row = await this.peek()) {
      show(row);
      this.ahead = null;
    }
  }

  /** The rows not read yet, to the place and with it. */
  async through(place: Place): Promise<RowDigest[]> {
    const rows: RowDigest[] = [];
    for (let row = await this.peek(); row !== null && order(row, place) <= 0; row = await this.peek()) {
      rows.push(row);
      this.ahead = null;
    }
    return rows;
  }

  private async peek(): Promise<RowDigest | null> {
    this.ahead ??= (await this.rows.next()).value ?? null;
    return this.ahead;
  }
}

function order(a: Place, b: Place): number {
  return a.epoch - b.epoch || a.seq - b.seq;
}

function start(seal: Seal): Place {
  return { epoch: seal.epoch, seq: seal.fromSeq };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
