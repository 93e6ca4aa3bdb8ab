// The audit: is the journal what was sealed, and do stock, orders and register say what it says? It only reads, page by
// page, beside a running service: what is sealed never changes, so no page needs the snapshot of another. It has a pool
// of its own, and is no part of the service that answers customers.
import type { Chain, Place, RowDigest, Seal, Source } from '../domain/journal-chain.ts';
import { LedgerUnavailable } from '../domain/ledger-facts.ts';
import type { StoreCertificates } from '../domain/store-trust.ts';
import { type ChainFinding, type Gap, type NotedSeal, walkChain } from './audit-chain.ts';
import { type UnsealedRows, unsealedRows } from './audit-tail.ts';
import { knownMigrations, requireSchema } from './migrate.ts';
import { Pool, type PoolLimits } from './pool.ts';
import { BEGINNING, digestsAfter, headOf, type SealRow, sealOf } from './seal.ts';
import { verifySale } from './verify.ts';

/** Nobody waits for an audit but the one who asked: every statement may take its time. */
const LIMITS: PoolLimits = {
  size: 2,
  waitMs: 30_000,
  connectMs: 5_000,
  callMs: 300_000,
  keepIdle: true,
  session: { statementTimeoutMs: 300_000, lockTimeoutMs: 8_000, idleInTransactionTimeoutMs: 300_000 },
};

const ROWS_A_PAGE = 5_000;
const SEALS_A_PAGE = 1_000;
const SOURCES: readonly Source[] = ['l', 'r'];

export interface Finding extends ChainFinding {
  readonly sale: number;
  readonly source: Source | null;
}

export interface ChainReport extends Chain {
  readonly head: Seal | null;
  readonly seals: number;
  /** Rows that are as they were sealed, or found not to be. */
  readonly rows: number;
  readonly gaps: readonly Gap[];
  /** Rows after the last seal. */
  readonly unsealed: UnsealedRows;
}

export interface AuditReport {
  readonly sales: ReadonlyMap<number, string>;
  readonly chains: readonly ChainReport[];
  readonly findings: readonly Finding[];
  /** Found beyond what one report tells. */
  readonly findingsLeftOut: number;
}

/** The end of a chain as somebody noted it down elsewhere. */
export interface NotedHead extends Chain, NotedSeal {}

export interface ChainEnd extends Chain {
  readonly head: Seal;
}

export class Audit {
  private readonly pool: Pool;

  constructor(url: string, certificates?: StoreCertificates) {
    this.pool = new Pool({ url, certificates }, LIMITS);
  }

  /** @throws in words unless this is a ledger with the schema of this version */
  async check(): Promise<void> {
    const known = await knownMigrations();
    await this.pool.read((sql) => requireSchema(sql, known));
  }

  /** Ids of all sales by number, with '' for numbers that only the journal or its seals know. */
  async sales(): Promise<ReadonlyMap<number, string>> {
    // The journal's numbers one look-up each: it may have millions of rows and has few sales.
    const rows = await this.pool.read(
      (sql) => sql<{ number: number; id: string | null }[]>`
        WITH RECURSIVE journaled (sale) AS (
          SELECT min(sale) FROM holdfast.journal
          UNION ALL
          SELECT (SELECT min(next.sale) FROM holdfast.journal AS next WHERE next.sale > journaled.sale)
          FROM journaled WHERE journaled.sale IS NOT NULL
        )
        SELECT number, sale.id
        FROM (
          SELECT number FROM holdfast.sale
          UNION SELECT sale FROM journaled WHERE sale IS NOT NULL
          UNION SELECT sale FROM holdfast.seal
        ) AS known LEFT JOIN holdfast.sale USING (number)
        ORDER BY number`,
    );
    return new Map(rows.map(({ number, id }) => [number, id ?? '']));
  }

  /** Verifies these sales, or all. `noted` heads of other sales are left aside. */
  async verify(only: readonly number[] | null, noted: readonly NotedHead[]): Promise<AuditReport> {
    const sales = await this.sales();
    const chosen = new Set(only ?? [...sales.keys(), ...noted.map(({ saleNumber }) => saleNumber)]);
    const report = { sales, chains: [] as ChainReport[], findings: [] as Finding[], findingsLeftOut: 0 };
    for (const saleNumber of [...chosen].sort((a, b) => a - b)) {
      for (const source of SOURCES) {
        const { chain, findings, leftOut } = await this.verifyChain({ saleNumber, source }, noted);
        report.chains.push(chain);
        report.findings.push(...findings.map((finding) => ({ sale: saleNumber, source, ...finding })));
        report.findingsLeftOut += leftOut;
      }
      report.findings.push(...(await this.disagreements(saleNumber, sales)));
    }
    return report;
  }

  /** The end of every chain that has one, to be noted down where whoever can change the ledger cannot. */
  async heads(): Promise<ChainEnd[]> {
    const ends: ChainEnd[] = [];
    for (const saleNumber of (await this.sales()).keys()) {
      for (const source of SOURCES) {
        const { head } = await this.pool.read((sql) => headOf(sql, { saleNumber, source }));
        if (head !== null) ends.push({ saleNumber, source, head });
      }
    }
    return ends;
  }

  /** Erases who the customer's key stands for, and journals that. False if the ledger does not know the customer. */
  async forget(sub: string, operator: string): Promise<boolean> {
    const [row] = await this.pool.write(
      (sql) => sql<{ erased: number }[]>`SELECT holdfast.forget_customer(${sub}, ${operator}) AS erased`,
    );
    return (row?.erased ?? 0) > 0;
  }

  /** Twice is safe. */
  close(): Promise<void> {
    return this.pool.close();
  }

  private async verifyChain(
    chain: Chain,
    noted: readonly NotedHead[],
  ): Promise<{ chain: ChainReport; findings: readonly ChainFinding[]; leftOut: number }> {
    // What is sealed or journaled after this is the next audit's.
    const { head } = await this.pool.read((sql) => headOf(sql, chain));
    const end = head === null ? BEGINNING : { epoch: head.epoch, seq: head.toSeq };
    const walk = await walkChain({
      chain,
      seals: this.sealsOf(chain, head?.position ?? 0),
      rows: this.rowsOf(chain, end),
      noted: noted.filter(
        ({ saleNumber, source }) => saleNumber === chain.saleNumber && source === chain.source,
      ),
    });
    const { unsealed, findings } = await this.pool.read((sql) => unsealedRows(sql, chain, head));
    return {
      chain: { ...chain, head, seals: walk.seals, rows: walk.rows, gaps: walk.gaps, unsealed },
      findings: [...walk.findings, ...findings],
      leftOut: walk.findingsLeftOut,
    };
  }

  private async *sealsOf({ saleNumber, source }: Chain, through: number): AsyncGenerator<Seal> {
    for (let after = 0; after < through; ) {
      const from = after;
      const page = await this.pool.read(
        (sql) => sql<SealRow[]>`
          SELECT * FROM holdfast.seal
          WHERE sale = ${saleNumber}::integer AND source = ${source}::"char"
            AND position > ${from}::integer AND position <= ${through}::integer
          ORDER BY position
          LIMIT ${SEALS_A_PAGE}`,
      );
      yield* page.map(sealOf);
      after = page.at(-1)?.position ?? through;
    }
  }

  /** In order, to the place and with it. */
  private async *rowsOf(chain: Chain, through: Place): AsyncGenerator<RowDigest> {
    for (let after: Place | null = BEGINNING; after !== null; ) {
      const from: Place = after;
      const page: RowDigest[] = await this.pool.read((sql) => digestsAfter(sql, chain, from, ROWS_A_PAGE));
      for (const row of page) {
        if (row.epoch > through.epoch || (row.epoch === through.epoch && row.seq > through.seq)) return;
        yield row;
      }
      after = page.at(-1) ?? null;
    }
  }

  private async disagreements(saleNumber: number, sales: ReadonlyMap<number, string>): Promise<Finding[]> {
    if (saleNumber === 0) return [];
    const violations = sales.get(saleNumber)
      ? await this.violations(saleNumber)
      : ['the ledger has no such sale, and its journal or its seals do, or a noted head did'];
    return violations.map((detail) => ({
      sale: saleNumber,
      source: null,
      what: 'disagrees',
      epoch: null,
      seq: null,
      detail,
    }));
  }

  /** A row that nothing but tampering could have written may be one that the comparison cannot even read. */
  private async violations(saleNumber: number): Promise<readonly string[]> {
    try {
      return await verifySale(this.pool, saleNumber);
    } catch (error) {
      if (error instanceof LedgerUnavailable) throw error;
      return [`the journal cannot be read as one: ${error instanceof Error ? error.message : String(error)}`];
    }
  }
}
