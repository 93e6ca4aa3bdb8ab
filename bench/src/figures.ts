// What a run measured, and what it must show. Pure: figures by name in, rows out. Each ratio is taken within one round,
// whose parts were measured seconds apart; a row shows the median over the rounds.
import { median } from './percentiles.ts';

/** Figures of one round, by name: `reserve.always.perSecond`. */
export type Figures = Readonly<Record<string, number>>;

export interface Goal {
  readonly row: string;
  /** What exactly is shown, for who reads the table. */
  readonly how: string;
  readonly better: 'more' | 'less';
  readonly must: number;
  readonly aim: number;
  readonly unit: '×' | 'ms' | 'B';
  /** Undefined where the round did not measure it. */
  of(figures: Figures): number | undefined;
}

const ratio = (above: string, below: string) => (figures: Figures) => over(figures[above], figures[below]);
const plain = (name: string) => (figures: Figures) => figures[name];

function over(above: number | undefined, below: number | undefined): number | undefined {
  return above === undefined || below === undefined || below === 0 ? undefined : above / below;
}

export const GOALS: readonly Goal[] = [
  {
    row: 'accepted reservations/s, fsync everysec ÷ empty node:http JSON POST/s',
    how: 'closed loop, the same request bytes and connections for both',
    better: 'more',
    must: 1.2,
    aim: 1.8,
    unit: '×',
    of: ratio('reserve.everysec.perSecond', 'node.perSecond'),
  },
  {
    row: 'accepted reservations/s, fsync always (the default) ÷ empty node:http',
    how: 'closed loop',
    better: 'more',
    must: 0.9,
    aim: 1.5,
    unit: '×',
    of: ratio('reserve.always.perSecond', 'node.perSecond'),
  },
  {
    row: 'CPU of service + Redis an accepted reservation ÷ CPU of an empty node:http request',
    how: 'fsync always; all processes of the service',
    better: 'less',
    must: 0.9,
    aim: 0.6,
    unit: '×',
    of: (figures) => {
      const { 'reserve.always.cpu.service': service, 'reserve.always.cpu.redis': redis } = figures;
      if (service === undefined || redis === undefined) return undefined;
      return over(service + redis, figures['node.cpu']);
    },
  },
  {
    row: 'sold-out refusals/s ÷ empty node:http',
    how: 'closed loop, fsync always, every customer new',
    better: 'more',
    must: 1.5,
    aim: 2.2,
    unit: '×',
    of: ratio('sold-out.perSecond', 'node.perSecond'),
  },
  {
    row: 'Redis CPU an accepted reservation ÷ one unbatched call a request, same library',
    how: 'fsync everysec for both; 64 connections call without a service',
    better: 'less',
    must: 0.5,
    aim: 0.35,
    unit: '×',
    of: ratio('reserve.everysec.cpu.redis', 'calls.cpu.redis'),
  },
  {
    row: 'reserve → confirm pairs/s with one hot SKU ÷ single-row ledger transactions/s at 64 clients',
    how: 'the better of closed loops with 128 and 256 customers, fsync always in both stores',
    better: 'more',
    must: 1.5,
    aim: 3,
    unit: '×',
    of: ratio('pairs.peakPerSecond', 'row.perSecond'),
  },
  {
    row: 'accepted reservations/s ÷ the naive way',
    how: 'fsync everysec for both',
    better: 'more',
    must: 4,
    aim: 8,
    unit: '×',
    of: ratio('reserve.everysec.perSecond', 'naive.perSecond'),
  },
  {
    row: 'p99 of accepted reserves at 50 % of saturation, open model',
    how: 'fsync always, from the intended time',
    better: 'less',
    must: 25,
    aim: 10,
    unit: 'ms',
    of: plain('latency.50.p99Ms'),
  },
  {
    row: 'reserve → confirm offered at 3 × saturation: goodput ÷ peak',
    how: 'open model; goodput: pairs bought a second; peak: of closed loops with 128 and 256 customers',
    better: 'more',
    must: 0.8,
    aim: 0.95,
    unit: '×',
    of: ratio('overload.goodputPerSecond', 'pairs.peakPerSecond'),
  },
  {
    row: '— p99 of accepted',
    how: 'reserves and confirms, from the intended time',
    better: 'less',
    must: 500,
    aim: 250,
    unit: 'ms',
    of: plain('overload.accepted.p99Ms'),
  },
  {
    row: '— p99 of refusals',
    how: 'told to come later, from the intended time; no answer within 5 s counts as 5 s',
    better: 'less',
    must: 100,
    aim: 50,
    unit: 'ms',
    of: plain('overload.refused.p99Ms'),
  },
  {
    row: 'cost a reservation at 10⁶ live ÷ at 10³ live',
    how: 'CPU of service + Redis + PostgreSQL',
    better: 'less',
    must: 1.2,
    aim: 1.05,
    unit: '×',
    of: ratio('growth.1000000.cpu', 'growth.1000.cpu'),
  },
  {
    row: '— at 10⁵ live ÷ at 10³ live',
    how: 'the same, for runs that stop there',
    better: 'less',
    must: 1.2,
    aim: 1.05,
    unit: '×',
    of: ratio('growth.100000.cpu', 'growth.1000.cpu'),
  },
  {
    row: '— with 300,000 resolved that day ÷ with none',
    how: 'CPU of service + Redis + PostgreSQL',
    better: 'less',
    must: 1.2,
    aim: 1.05,
    unit: '×',
    of: ratio('resolved.after.cpu', 'resolved.before.cpu'),
  },
  {
    row: 'Redis bytes a live reservation without the stream',
    how: 'keys of the sale, without rate windows, which last two minutes',
    better: 'less',
    must: 450,
    aim: 300,
    unit: 'B',
    of: plain('growth.bytesLive'),
  },
  {
    row: 'reserve p99 while 10⁵ expire ÷ normal',
    how: 'open model at 30 % of saturation, both on the same sale',
    better: 'less',
    must: 3,
    aim: 1.5,
    unit: '×',
    of: ratio('expiry.during.p99Ms', 'expiry.normal.p99Ms'),
  },
  {
    row: 'reserve p99 while 5,000 WebSockets watch the item ÷ without them',
    how: 'open model at 50 % of saturation, one process, fsync always, from the intended time',
    better: 'less',
    must: 1.2,
    aim: 1.05,
    unit: '×',
    of: ratio('live.watched.p99Ms', 'live.alone.p99Ms'),
  },
  {
    row: 'age of what the journal lacks, p99, at 70 % load',
    how: 'open model, fsync always; the oldest transition that only Redis has, looked at every 20 ms',
    better: 'less',
    must: 1_000,
    aim: 200,
    unit: 'ms',
    of: plain('journal.lagP99Ms'),
  },
  {
    row: 'resident memory of a process after 10 min at 70 % load ÷ after 2 min',
    how: 'reserves that end within 20 s',
    better: 'less',
    must: 1.2,
    aim: 1,
    unit: '×',
    of: ratio('memory.lateBytes', 'memory.earlyBytes'),
  },
];

export type Verdict = 'aim' | 'must' | 'missed' | 'not measured';

export interface Row {
  readonly goal: Goal;
  readonly measured: number | undefined;
  readonly rounds: number;
  readonly lowest: number | undefined;
  readonly highest: number | undefined;
  readonly verdict: Verdict;
}

export function rowsOf(rounds: readonly Figures[]): Row[] {
  return GOALS.map((goal) => {
    const values = rounds.map((figures) => goal.of(figures)).filter((value) => value !== undefined);
    const measured = median(values);
    return {
      goal,
      measured,
      rounds: values.length,
      lowest: values.length === 0 ? undefined : Math.min(...values),
      highest: values.length === 0 ? undefined : Math.max(...values),
      verdict: verdictOf(goal, measured),
    };
  });
}

export function verdictOf(
  goal: Pick<Goal, 'better' | 'must' | 'aim'>,
  measured: number | undefined,
): Verdict {
  if (measured === undefined) return 'not measured';
  const reaches = (bound: number) => (goal.better === 'more' ? measured >= bound : measured <= bound);
  if (reaches(goal.aim)) return 'aim';
  return reaches(goal.must) ? 'must' : 'missed';
}

/** Medians of everything that was measured, by name. */
export function mediansOf(rounds: readonly Figures[]): Record<string, number> {
  const names = [...new Set(rounds.flatMap((figures) => Object.keys(figures)))];
  return Object.fromEntries(
    names.map((name) => {
      const values = rounds.map((figures) => figures[name]).filter((value) => value !== undefined);
      return [name, median(values) as number];
    }),
  );
}
