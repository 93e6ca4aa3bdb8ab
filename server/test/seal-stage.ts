// A ledger whose journal is sealed, and somebody who may change it past every guard: for tests of what an audit sees.
import type { Chain, Source } from '../src/domain/journal-chain.ts';
import type { Transition } from '../src/domain/sale-store.ts';
import { Audit, type Finding } from '../src/ledger/audit.ts';
import type { Ledger } from '../src/ledger/ledger.ts';
import { item, type LedgerStage, ledgerStage, makeSale, request, transition } from './ledger-stage.ts';

export interface SealStage extends LedgerStage {
  readonly audit: Audit;
  /** Statements of a superuser who has switched the guards off. */
  tamper(statement: string): Promise<void>;
  /** Every finding about the sale, as `what source epoch:seq`, and the details beside. */
  findings(saleNumber: number): Promise<{ readonly words: string[]; readonly findings: readonly Finding[] }>;
}

export async function sealStage(): Promise<SealStage> {
  const stage = await ledgerStage();
  const audit = new Audit(stage.url);
  return {
    ...stage,
    audit,
    tamper: async (statement) => {
      await stage.sql.begin(async (sql) => {
        await sql.unsafe('SET LOCAL session_replication_role = replica');
        await sql.unsafe(statement);
      });
    },
    findings: async (saleNumber) => {
      const { findings } = await audit.verify([saleNumber], []);
      return { findings, words: findings.map(wordsOf) };
    },
    close: async () => {
      await audit.close();
      await stage.close();
    },
  };
}

function wordsOf({ what, source, epoch, seq }: Finding): string {
  return what === 'disagrees' ? what : `${what} ${source} ${epoch}:${seq}`;
}

/** Seals what can be sealed of the chain; the number of rows. */
export async function sealChain(ledger: Ledger, chain: Chain): Promise<number> {
  for (let sealed = 0; ; ) {
    const { rows, more } = await ledger.sealNext(chain);
    sealed += rows;
    if (!more) return sealed;
  }
}

export async function sealSale(ledger: Ledger, saleNumber: number): Promise<void> {
  for (const source of ['l', 'r'] as const) await sealChain(ledger, { saleNumber, source });
}

/** Transitions of an epoch, `from` to `through`. */
export function moved(
  stage: LedgerStage,
  sale: number,
  epoch: number,
  from: number,
  through: number,
): Transition[] {
  return Array.from({ length: through - from + 1 }, (_, index) => {
    const seq = from + index;
    const of = request(stage, sale, `c${seq}`, `e${epoch}`, [{ sku: 'ANY', quantity: 1 }], seq);
    return transition(of, 'reserved', seq, 1_700_000_000_000 + seq, epoch);
  });
}

/** The sale's next epoch, granted. */
export async function grantEpoch(ledger: Ledger, saleNumber: number): Promise<number> {
  const { epoch } = await ledger.beginEpoch(saleNumber);
  await ledger.recordLineage(saleNumber, epoch, `run-${epoch} repl`);
  return epoch;
}

/**
 * A sale with a past: l entries in two seals (1–4, 5–6); r transitions in seals 1–10 and 11–20 of epoch 1, then a gap
 * 21–25 of numbers that were lost, then 26–30 of epoch 2. Everything is sealed.
 */
export async function sealedSale(stage: LedgerStage): Promise<number> {
  const { ledger } = stage;
  const sale = await makeSale(stage, [item(`S-${crypto.randomUUID()}`, 10)]);
  const [made] = await ledger.itemsOfSale(sale);
  const sku = made?.sku ?? '';
  const first = await grantEpoch(ledger, sale);
  const confirmed = [1, 2, 3, 4].map((seq) =>
    request(stage, sale, `c${seq}`, 'k', [{ sku, quantity: 1 }], seq),
  );
  await ledger.confirm(sale, first, confirmed.slice(0, 2));
  await ledger.appendTransitions(sale, first, moved(stage, sale, first, 1, 10));
  await sealSale(ledger, sale);
  await ledger.confirm(sale, first, confirmed.slice(2));
  await ledger.appendTransitions(sale, first, moved(stage, sale, first, 11, 20));
  await sealSale(ledger, sale);
  const second = await grantEpoch(ledger, sale);
  await ledger.appendTransitions(sale, second, moved(stage, sale, second, 26, 30));
  await sealSale(ledger, sale);
  return sale;
}

export interface Sealed {
  readonly position: number;
  readonly epoch: number;
  readonly from_seq: number;
  readonly to_seq: number;
  readonly row_count: number;
}

export async function sealsOf(stage: LedgerStage, sale: number, source: Source): Promise<string[]> {
  const seals: Sealed[] = await stage.sql`
    SELECT position, epoch, from_seq::integer, to_seq::integer, row_count FROM holdfast.seal
    WHERE sale = ${sale} AND source = ${source} ORDER BY position`;
  return seals.map(
    (seal) => `${seal.epoch}:${seal.from_seq}-${seal.to_seq}${seal.row_count === 0 ? ' gap' : ''}`,
  );
}
