// A run as it is reported, and how its figures are written. Pure.
import type { CurvePoint } from '../company.ts';
import type { Figures, Goal, Row, Verdict } from '../figures.ts';

export interface Report {
  readonly date: string;
  readonly machine: string;
  readonly versions: string;
  readonly command: string;
  readonly seed: number;
  readonly seconds: number;
  readonly rounds: readonly Figures[];
  readonly curve: readonly CurvePoint[];
  readonly rows: readonly Row[];
  readonly medians: Figures;
}

export const VERDICTS: Readonly<Record<Verdict, string>> = {
  aim: 'reaches the aim',
  must: 'holds',
  missed: 'MISSED',
  'not measured': 'not measured',
};

/** What verify.ts does after each scenario; the bounds are its own. */
export const CHECKED =
  'Every invariant held after every scenario: what customers were told, Redis and the ledger agree in sum, record by record up to 300,000 records, and the reconciler found nothing up to 4,000 live.';

export function written(value: number | undefined, unit: Goal['unit']): string {
  if (value === undefined) return '–';
  if (unit === '×') return value.toFixed(2);
  return unit === 'ms' ? `${value.toFixed(value < 10 ? 1 : 0)} ms` : `${value.toFixed(0)} B`;
}

export function bound({ better, unit }: Goal, value: number): string {
  const plain = unit === '×' ? String(value) : `${value} ${unit}`;
  return `${better === 'more' ? '≥' : '≤'} ${plain}`;
}

export function spread({ lowest, highest, rounds, goal }: Row): string {
  return rounds < 2 ? '' : `${written(lowest, goal.unit)} … ${written(highest, goal.unit)}`;
}

/** Less than this is what any machine does beside. */
const QUIET_CORES = 0.1;

/** What to make of the figures, in a sentence or two. */
export function caution({ medians }: Pick<Report, 'medians'>): string {
  const shared =
    'Generator, service and stores share this machine: rates are floors, ratios are what to compare.';
  const cores = medians['others.cores'];
  if (cores === undefined || cores < QUIET_CORES) return shared;
  return `${shared} Other programs used ${cores.toFixed(1)} cores meanwhile: measure again when the machine is quiet.`;
}

export interface Section {
  readonly title: string;
  readonly head: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

type Column = readonly [
  head: string,
  name: string,
  unit: 'rate' | 's' | 'µs' | 'ms' | 'B' | 'count' | 'share',
];

const THROUGHPUT: readonly Column[] = [
  ['a second', 'perSecond', 'rate'],
  ['for', 'seconds', 's'],
  ['p99', 'p99Ms', 'ms'],
  ['service CPU', 'cpu.service', 'µs'],
  ['Redis CPU', 'cpu.redis', 'µs'],
  ['PostgreSQL CPU', 'cpu.postgres', 'µs'],
  ['generator CPU', 'cpu.generator', 'µs'],
  ['journal after', 'caughtUpMs', 'ms'],
  ['told to come later', 'turnedAway', 'count'],
];

const SERVED: readonly (readonly [label: string, prefix: string])[] = [
  ['accepted reserves, fsync everysec', 'reserve.everysec'],
  ['accepted reserves, fsync always', 'reserve.always'],
  ['… over 20 SKUs', 'skus.20'],
  ['… over 1,000 SKUs', 'skus.1000'],
  ['… by two processes', 'workers-2.reserve'],
  ['reserve → confirm pairs, one hot SKU', 'pairs'],
  ['… by 256 customers at once', 'pairs-256'],
  ['… by two processes', 'workers-2.pairs'],
  ['sold-out refusals', 'sold-out'],
  ['last-item attempts', 'last-item'],
  ['mixed reads', 'reads'],
  ['with 10³ live', 'growth.1000'],
  ['with 10⁵ live', 'growth.100000'],
  ['with 10⁶ live', 'growth.1000000'],
  ['with none resolved that day', 'resolved.before'],
  ['with 300,000 resolved that day', 'resolved.after'],
  ['retries of resolved ones', 'resolved.retries'],
];

const COMPARED: readonly (readonly [label: string, prefix: string])[] = [
  ['empty node:http', 'node'],
  ['empty Bun.serve', 'bun'],
  ['the naive way (Express, one EVAL a request)', 'naive'],
  ['the library, one unbatched call a reservation', 'calls'],
  ['PostgreSQL, one row, 64 clients', 'row'],
];

const COMPARED_COLUMNS: readonly Column[] = [
  ['a second', 'perSecond', 'rate'],
  ['for', 'seconds', 's'],
  ['p99', 'p99Ms', 'ms'],
  ['server CPU', 'cpu', 'µs'],
  ['Redis CPU', 'cpu.redis', 'µs'],
  ['generator CPU', 'cpu.generator', 'µs'],
];

const TIMES: readonly (readonly [label: string, prefix: string])[] = [
  ['ticket sale: accepted reserves', 'hot-sale.reserve'],
  ['ticket sale: confirms', 'hot-sale.confirm'],
  ['ticket sale: refusals', 'hot-sale.refusal'],
  ['ticket sale: reads', 'hot-sale.read'],
  ['overload: accepted reserves', 'overload.reserve'],
  ['overload: confirms', 'overload.confirm'],
  ['mixed reads, closed loop: one item', 'reads.item'],
  ['mixed reads, closed loop: a page of 20 items', 'reads.page'],
  ['mixed reads, closed loop: their own reservations', 'reads.own'],
  ['nobody watches', 'live.alone'],
  ['5,000 WebSockets watch the item', 'live.watched'],
  ['before 10⁵ expire', 'expiry.normal'],
  ['while 10⁵ expire', 'expiry.during'],
];

const TIME_COLUMNS: readonly Column[] = [
  ['p50', 'p50Ms', 'ms'],
  ['p99', 'p99Ms', 'ms'],
  ['p99.9', 'p999Ms', 'ms'],
];

const SINGLE: readonly (readonly [label: string, name: string, unit: Column[2]])[] = [
  ['overload: pairs bought a second in closed loops, at best', 'pairs.peakPerSecond', 'rate'],
  ['overload: pairs offered a second', 'overload.offeredPerSecond', 'rate'],
  ['overload: pairs bought a second', 'overload.goodputPerSecond', 'rate'],
  ['overload: told to come later', 'overload.refused', 'count'],
  ['overload: not answered', 'overload.unanswered', 'count'],
  ['overload: no connection free until the end', 'overload.notSent', 'count'],
  ['overload: left to the resolver', 'overload.pinned', 'count'],
  ['overload: ms until the journal had everything', 'overload.caughtUpMs', 'count'],
  ['10⁵ expiring: ms until the last was free', 'expiry.freedMs', 'count'],
  ['ticket sale: told to come later', 'hot-sale.turnedAway', 'count'],
  ['ticket sale: cores that service and stores used', 'hot-sale.cores', 'share'],
  ['Redis bytes a live reservation', 'growth.bytesLive', 'B'],
  ['Redis bytes a resolved one, kept for a day', 'resolved.bytes', 'B'],
  ['5,000 WebSockets: messages a second', 'live.messagesPerSecond', 'rate'],
  ['journal: load, a second', 'journal.perSecond', 'rate'],
  ['journal: transitions that waited for PostgreSQL, 5 s away', 'journal.behindAtMost', 'count'],
  ['journal: ms after its return until it was less than a second behind', 'journal.backMs', 'count'],
  ['load while memory was watched, a second', 'memory.perSecond', 'rate'],
  ['resident bytes after 2 min', 'memory.earlyBytes', 'count'],
  ['resident bytes at the end', 'memory.lateBytes', 'count'],
];

/** The absolute figures: medians over the rounds. What was not measured has no line. */
export function sectionsOf({ medians, curve }: Pick<Report, 'medians' | 'curve'>): Section[] {
  const sections = [
    table('Served', medians, SERVED, THROUGHPUT),
    table('Compared with', medians, COMPARED, COMPARED_COLUMNS),
    {
      title: 'Waiting, by load (open model, fsync always)',
      head: ['of saturation', 'offered a second', 'p50', 'p99', 'p99.9'],
      lines: pointsOf(curve).map(({ share, perSecond, p50Ms, p99Ms, p999Ms }) => [
        `${Math.round(share * 100)} %`,
        figure(perSecond, 'rate'),
        ...[p50Ms, p99Ms, p999Ms].map((ms) => figure(ms, 'ms')),
      ]),
    },
    table('Waiting (open model unless said otherwise, fsync always)', medians, TIMES, TIME_COLUMNS),
    {
      title: 'And',
      head: [''],
      lines: SINGLE.filter(([, name]) => medians[name] !== undefined).map(([label, name, unit]) => [
        label,
        figure(medians[name], unit),
      ]),
    },
  ];
  return sections.filter(({ lines }) => lines.length > 0);
}

function table(
  title: string,
  medians: Figures,
  lines: readonly (readonly [string, string])[],
  columns: readonly Column[],
): Section {
  return {
    title,
    head: columns.map(([head]) => head),
    lines: lines
      .filter(([, prefix]) => columns.some(([, name]) => medians[`${prefix}.${name}`] !== undefined))
      .map(([label, prefix]) => [
        label,
        ...columns.map(([, name, unit]) => figure(medians[`${prefix}.${name}`], unit)),
      ]),
  };
}

function figure(value: number | undefined, unit: Column[2]): string {
  if (value === undefined) return '';
  if (unit === 'µs') return `${value.toFixed(value < 10 ? 1 : 0)} µs`;
  if (unit === 'ms') return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  if (unit === 'share') return value.toFixed(2);
  if (unit === 's') return `${value.toFixed(1)} s`;
  return Math.round(value).toLocaleString('en');
}

/** One point a share of saturation: that of the round whose p99 is the middle one. */
export function pointsOf(curve: readonly CurvePoint[]): CurvePoint[] {
  const shares = [...new Set(curve.map(({ share }) => share))].sort((a, b) => a - b);
  return shares.map((share) => {
    const all = curve.filter((point) => point.share === share).sort((a, b) => a.p99Ms - b.p99Ms);
    return all[all.length >> 1] as CurvePoint;
  });
}
