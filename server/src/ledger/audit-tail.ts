// What comes after a chain's last seal: rows that the sealer has not come to yet. They prove nothing, but even so a
// number among them that is missing, or an epoch that no store was ever granted, should not be.
import type { Chain, Seal } from '../domain/journal-chain.ts';
import type { ChainFinding } from './audit-chain.ts';
import type { Statements } from './connection.ts';

export interface UnsealedRows {
  readonly rows: number;
  /** When the first of them happened; null if there are none. */
  readonly oldestAtMs: number | null;
}

interface EpochRow {
  readonly epoch: number;
  readonly rows: number;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly oldest_at_ms: number;
  /** The first number after which one is missing, null if none is. */
  readonly whole_through: number | null;
  readonly granted_epoch: number | null;
}

export async function unsealedRows(
  sql: Statements,
  { saleNumber, source }: Chain,
  head: Seal | null,
): Promise<{ unsealed: UnsealedRows; findings: ChainFinding[] }> {
  const epochs = await sql<EpochRow[]>`
    SELECT epoch, count(*)::integer AS rows, min(seq) AS first_seq, max(seq) AS last_seq, min(at_ms) AS oldest_at_ms,
           min(seq) FILTER (WHERE next_seq > seq + 1) AS whole_through,
           holdfast.last_granted_epoch(${saleNumber}::integer) AS granted_epoch
    FROM (
      SELECT epoch, seq, at_ms, lead(seq) OVER (PARTITION BY epoch ORDER BY seq) AS next_seq
      FROM holdfast.journal
      WHERE sale = ${saleNumber}::integer AND source = ${source}::"char"
        AND (epoch, seq) > (${head?.epoch ?? -1}::integer, ${head?.toSeq ?? 0}::bigint)
    ) AS tail
    GROUP BY epoch
    ORDER BY epoch`;
  const findings = epochs.flatMap((epoch): ChainFinding[] => {
    if (source === 'r' && epoch.epoch > (epoch.granted_epoch ?? -1)) {
      const detail = `${epoch.rows} rows of an epoch that no store was ever granted`;
      return [{ what: 'inserted', epoch: epoch.epoch, seq: epoch.first_seq, detail }];
    }
    const missing = firstMissing(
      epoch,
      source === 'l' ? (head?.toSeq ?? 0) : sealedThrough(epoch.epoch, head),
    );
    if (missing === null) return [];
    const detail = `it was never sealed; later ones are there, to ${epoch.last_seq}`;
    return [{ what: 'missing', epoch: epoch.epoch, seq: missing, detail }];
  });
  const oldest = epochs.map((epoch) => epoch.oldest_at_ms);
  return {
    unsealed: {
      rows: epochs.reduce((sum, { rows }) => sum + rows, 0),
      oldestAtMs: oldest.length === 0 ? null : Math.min(...oldest),
    },
    findings,
  };
}

/** The number before the epoch's first that is to come; null where its first may be any. */
function sealedThrough(epoch: number, head: Seal | null): number | null {
  return head?.epoch === epoch ? head.toSeq : null;
}

function firstMissing(epoch: EpochRow, before: number | null): number | null {
  if (before !== null && epoch.first_seq > before + 1) return before + 1;
  return epoch.whole_through === null ? null : epoch.whole_through + 1;
}
