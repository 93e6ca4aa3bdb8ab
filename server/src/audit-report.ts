// The audit's results, as words for a person and as JSON for a program; and chain heads as lines that a person can keep
// in a file, a mail or a notary's register, and hand back later.
//
//   <sale number> <r|l> <position> <hash in hexadecimal>   and whatever else helps to read it
import type { AuditReport, ChainEnd, ChainReport, Finding, NotedHead } from './ledger/audit.ts';

const HEAD_LINE = /^(\d{1,9}) ([rl]) ([1-9]\d{0,9}) ([0-9a-f]{64})(?:\s.*)?$/;

type SaleIds = ReadonlyMap<number, string>;

export function isVerified(report: AuditReport): boolean {
  return report.findings.length === 0;
}

export function reportWords(report: AuditReport, seconds: number): string {
  const { sales, findings, findingsLeftOut } = report;
  const told = report.chains.filter((chain) => chain.head !== null || chain.unsealed.rows > 0);
  const lines = told.flatMap((chain) => chainWords(chain, sales));
  const rows = told.reduce((sum, chain) => sum + chain.rows, 0);
  const took = `(${seconds.toFixed(1)} s)`;
  if (isVerified(report)) {
    const agree = 'stock, orders and register agree with the journal';
    lines.push(`Verified: ${count(rows, 'sealed row')} as they were sealed, and ${agree} ${took}.`);
  } else {
    lines.push(`NOT VERIFIED: ${count(findings.length + findingsLeftOut, 'finding')} ${took}.`);
    lines.push(...findings.map((finding) => `  ${findingWords(finding, sales)}`));
    if (findingsLeftOut > 0) lines.push(`  … and ${findingsLeftOut} more.`);
  }
  return lines.join('\n');
}

export function reportJson(report: AuditReport, seconds: number): string {
  const { sales } = report;
  return JSON.stringify(
    {
      verified: isVerified(report),
      chains: report.chains.map((chain) => ({
        sale: chain.saleNumber,
        sale_id: sales.get(chain.saleNumber) || null,
        source: chain.source,
        seals: chain.seals,
        rows: chain.rows,
        head: chain.head && headFields(chain.head),
        gaps: chain.gaps.map((gap) => ({
          epoch: gap.epoch,
          from_seq: gap.fromSeq,
          to_seq: gap.toSeq,
          sealed_at: time(gap.sealedAtMs),
        })),
        unsealed: {
          rows: chain.unsealed.rows,
          oldest_at: chain.unsealed.oldestAtMs === null ? null : time(chain.unsealed.oldestAtMs),
        },
      })),
      findings: report.findings.map(({ sale, source, epoch, seq, what, detail }) => ({
        sale,
        sale_id: sales.get(sale) || null,
        source,
        epoch,
        seq,
        what,
        detail,
      })),
      findings_left_out: report.findingsLeftOut,
      seconds: Number(seconds.toFixed(3)),
    },
    null,
    2,
  );
}

export function headsWords(heads: readonly ChainEnd[], sales: SaleIds, nowMs: number): string {
  const lines = heads.map(
    ({ saleNumber, source, head }) =>
      `${saleNumber} ${source} ${head.position} ${hex(head.hash)}  ${saleName(saleNumber, sales)}, ` +
      `sealed through ${placeWords(source, head.epoch, head.toSeq)}`,
  );
  return [`# Ends of the journal's chains, ${time(nowMs)}`, ...lines].join('\n');
}

export function headsJson(heads: readonly ChainEnd[], sales: SaleIds, nowMs: number): string {
  const ends = heads.map(({ saleNumber, source, head }) => ({
    sale: saleNumber,
    sale_id: sales.get(saleNumber) || null,
    source,
    ...headFields(head),
  }));
  return JSON.stringify({ at: time(nowMs), heads: ends }, null, 2);
}

/** What headsWords printed, read back. @throws Error naming the first line that is none, or that there is none at all */
export function parseHeads(text: string): NotedHead[] {
  const heads: NotedHead[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, sale, source, position, hash] = HEAD_LINE.exec(line) ?? [];
    if (hash === undefined)
      throw new Error(`line ${index + 1} is not the end of a chain as audit head prints it`);
    heads.push({ saleNumber: Number(sale), source: source as 'r' | 'l', position: Number(position), hash });
  }
  if (heads.length === 0) throw new Error('it holds no end of a chain');
  return heads;
}

function chainWords(chain: ChainReport, sales: SaleIds): string[] {
  const { saleNumber, source, head, unsealed } = chain;
  const sealed =
    head === null
      ? 'nothing sealed yet'
      : `${count(chain.rows, 'row')} in ${count(chain.seals, 'seal')}, through ${placeWords(source, head.epoch, head.toSeq)}`;
  const oldest = unsealed.oldestAtMs === null ? '' : `, the oldest of ${time(unsealed.oldestAtMs)}`;
  const rest = unsealed.rows === 0 ? '' : `; not sealed yet: ${count(unsealed.rows, 'row')}${oldest}`;
  return [
    `${saleName(saleNumber, sales)} ${source}: ${sealed}${rest}`,
    ...chain.gaps.map(({ epoch, fromSeq, toSeq, sealedAtMs }) => {
      const numbers = fromSeq === toSeq ? `${fromSeq}` : `${fromSeq} to ${toSeq}`;
      return `  gap: ${numbers} of epoch ${epoch} never reached the journal (sealed as a gap ${time(sealedAtMs)})`;
    }),
  ];
}

function findingWords({ sale, source, epoch, seq, what, detail }: Finding, sales: SaleIds): string {
  const place = source === null || epoch === null || seq === null ? '' : ` ${placeWords(source, epoch, seq)}`;
  return `${saleName(sale, sales)}${source === null ? '' : ` ${source}`}${place}: ${what}: ${detail}`;
}

function placeWords(source: string, epoch: number, seq: number): string {
  return source === 'l' ? `${seq}` : `epoch ${epoch}, ${seq}`;
}

function saleName(saleNumber: number, sales: SaleIds): string {
  if (saleNumber === 0) return '(no sale)';
  return `${sales.get(saleNumber) || '(unknown sale)'} [${saleNumber}]`;
}

function headFields(head: ChainEnd['head']) {
  return { position: head.position, epoch: head.epoch, seq: head.toSeq, hash: hex(head.hash) };
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString('en-US')} ${noun}${number === 1 ? '' : 's'}`;
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
