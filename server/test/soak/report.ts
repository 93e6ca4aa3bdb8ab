// The report of a soak: what it was, what came of it, and whether it held. Pure: figures in, text out.
import type { Tally } from '../faults/diary.ts';
import { totalOf } from '../faults/report.ts';
import { ALLOWANCE_MS, type Explained } from './answers.ts';
import type { Fault } from './breakages.ts';
import { KINDS, PROCESSES_END_UNTIL } from './deck.ts';
import {
  HANDLES_MORE,
  type Judged,
  judgeSeries,
  neverJudged,
  PERCENT_A_MINUTE,
  warmUpOf,
} from './memory-verdict.ts';
import { FULL_MINUTES, type SoakOptions } from './options.ts';
import type { SoakResult } from './soak.ts';

export interface SoakRun extends SoakResult {
  readonly options: SoakOptions;
  readonly date: string;
  readonly machine: string;
  readonly versions: string;
  readonly command: string;
}

/** A machine that stands still for more of the run than this cannot tell what the service does. */
const STALLED_SHARE_MAX = 0.05;

export function failuresOf(run: SoakRun): string[] {
  const { answers, log, broken, options, stalledMs, seconds } = run;
  const judged = judgedOf(run);
  const full = options.minutes >= FULL_MINUTES;
  const missing = KINDS.filter((kind) => !run.faults.some((fault) => fault.kind === kind));
  return [
    ...broken,
    ...(answers.unexplainedCount > 0
      ? [`${answers.unexplainedCount} errors are not explained: ${answers.unexplained.join('; ')}`]
      : []),
    ...(log.unexplainedCount > 0
      ? [
          `${log.unexplainedCount} lines of the log at error level are not explained: ${log.unexplained.join(' | ')}`,
        ]
      : []),
    ...judged
      .filter(({ grows }) => grows)
      .map(
        ({ of, measure, trend }) => `${of}: ${measure} grow by ${percent(trend?.percentPerMinute)} a minute`,
      ),
    ...(full
      ? neverJudged(judged).map((role) => `no ${role} lived long enough for its memory to be judged`)
      : []),
    ...(full && missing.length > 0 ? [`these faults never came: ${missing.join(', ')}`] : []),
    ...(stalledMs / 1000 > seconds * STALLED_SHARE_MAX
      ? [
          `the machine stood still for ${(stalledMs / 1000).toFixed(1)} s: repeat the run on one that has nothing else to do`,
        ]
      : []),
  ];
}

export function asMarkdown(run: SoakRun): string {
  const { options, acts, faults, answers, log, market, watched } = run;
  const all = totalOf(acts);
  const failures = failuresOf(run);
  const sum = (of: (act: (typeof acts)[number]) => number) => acts.reduce((total, act) => total + of(act), 0);
  const requests =
    answers.done + total(answers.refused) + total(answers.explained) + answers.unexplainedCount;
  const worst = worstOf(judgedOf(run));
  return [
    '# Soak',
    '',
    'A service under mixed load with faults at random, watched for what only time shows. Written by the run itself; do not edit.',
    '',
    '| | |',
    '|---|---|',
    `| Command | \`${run.command}\` |`,
    `| Seed | ${options.seed}: the same seed deals the same faults and gives every client loop the same visits |`,
    `| Date | ${run.date} |`,
    `| Duration | ${(run.loadSeconds / 60).toFixed(1)} min of load, ${(run.seconds / 60).toFixed(1)} min with the checks at the end |`,
    `| Machine | ${run.machine} |`,
    `| Versions | ${run.versions} |`,
    '',
    `**${Math.round(run.loadSeconds / 60)} minutes of soak with ${count(run.broken.length)} broken invariants, ${count(answers.unexplainedCount + log.unexplainedCount)} unexplained errors, ${worst === undefined ? 'resident memory not judged: the run was too short' : `resident memory slope ${percent(worst)} a minute at most after warm-up`}.** ` +
      (failures.length === 0 ? 'Everything held.' : 'Not everything held:'),
    '',
    ...failures.map((failure) => `- ${failure}`),
    ...(failures.length === 0 ? [] : ['']),
    '## Load',
    '',
    `${count(requests)} requests (${Math.round(requests / run.loadSeconds)} a second), ${count(faults.length)} faults.`,
    '',
    '| Who | What |',
    '|---|---|',
    ...loadRows(all, run),
    '',
    '## Faults',
    '',
    'Recovery: from the first step of the repair to the first answer 201 (or order, after faults of PostgreSQL) to a request sent after it.',
    `Faults that end processes come in the first ${PROCESSES_END_UNTIL * 100} % of the run, so that those that follow live long enough for their memory to be judged.`,
    '',
    '| At | Fault | Lasted | Recovery |',
    '|---:|---|---:|---:|',
    ...faults.map((fault) => faultRow(fault, run.originMs)),
    '',
    '## Answers',
    '',
    `${count(answers.done)} requests were done. Refusals are those of the contract that can be right while others buy, expire and close. 503 and no answer are`,
    `explained only during a fault or within ${ALLOWANCE_MS / 1000} s after it${run.stalls.length > 0 ? ', or while the machine itself stood still (below)' : ''}; \`reservation-lost\` only once Redis has forgotten.`,
    '',
    '| What | Answer | Times | |',
    '|---|---|---:|---|',
    ...answers.refused.map((one) => answerRow(one, 'refused by contract')),
    ...answers.explained.map((one) => answerRow(one, 'explained by a fault')),
    `| any | anything else | ${count(answers.unexplainedCount)} | **unexplained** |`,
    '',
    ...logLines(run),
    ...stallLines(run),
    '## Memory and handles',
    '',
    `Looked at ${count(run.looks)} times. The warm-up is the first ${(warmUpOf(options.minutes * 60_000) / 60_000).toFixed(1)} min of each process. Slopes are the median of the slopes between all pairs of looks after it`,
    `(Theil–Sen). Held to less than ${PERCENT_A_MINUTE} % a minute: resident memory of the supervisor and of each worker; descriptors and connections too,`,
    `unless it is ${HANDLES_MORE} or fewer. A process that was killed begins a new series; one that lived too short is not judged. What a worker`,
    'remembers of tokens (50,000, at most 32 MB) is filled when it starts: this load would take half an hour. Redis keeps what was resolved for a day, so it is told only.',
    '',
    '| What | Lived | After warm-up | End | Slope | |',
    '|---|---:|---:|---:|---:|---|',
    ...judgedOf(run).map(memoryRow),
    '',
    '## Verdict',
    '',
    ...[
      [
        `0 units oversold (${count(sum((act) => act.verdict.oversoldUnits))})`,
        sum((act) => act.verdict.oversoldUnits) === 0,
      ],
      [
        `every acknowledged order is in the ledger (${count(sum((act) => act.verdict.orders) + market.orders)} looked up)`,
        sum((act) => act.verdict.lostOrders) === 0,
      ],
      [
        `acknowledged reservations lost: ${count(sum((act) => act.verdict.losses))}, inside a window that FLUSHALL cut off: ${count(sum((act) => act.verdict.explained))}`,
        sum((act) => act.verdict.losses) === sum((act) => act.verdict.explained),
      ],
      [
        `I1–I10 held in each of ${acts.length} judgements, by the service's own word at each of ${count(run.looks)} looks, and by \`reconcile\` of ${count(run.reconciled)} sales`,
        run.broken.length === 0,
      ],
      [
        `\`holdfast audit verify\`: ${run.auditWords.split('\n').at(-1) ?? ''}`,
        !run.broken.some((each) => each.includes('audit verify')),
      ],
      [
        `${count(run.salesUnloaded)} closed sales left Redis (their last resolutions were put a day back)`,
        !run.broken.some((each) => each.includes('still in Redis')),
      ],
      [
        `viewers were told ${count(watched.itemsTold)} items, none older than the one before`,
        watched.wentBack === 0,
      ],
      [
        `${count(answers.unexplainedCount)} unexplained answers, ${count(log.unexplainedCount)} unexplained lines of the log`,
        answers.unexplainedCount + log.unexplainedCount === 0,
      ],
      [
        worst === undefined
          ? 'memory: not judged, no process lived long enough'
          : `resident memory grows by ${percent(worst)} a minute at most`,
        !judgedOf(run).some(({ grows }) => grows),
      ],
    ].map(([what, held]) => `- ${held ? 'held' : '**broken**'}: ${what}`),
    '',
  ].join('\n');
}

function judgedOf({ series, options }: SoakRun): Judged[] {
  return judgeSeries(series, options.minutes * 60_000);
}

/** Of the processes of the service. */
function worstOf(judged: readonly Judged[]): number | undefined {
  const slopes = judged
    .filter(({ limit, role }) => limit === 'memory' && role !== 'Redis')
    .flatMap(({ trend }) => trend?.percentPerMinute ?? []);
  return slopes.length === 0 ? undefined : Math.max(...slopes);
}

function loadRows(all: Tally, { acts, market, watched }: SoakRun): string[] {
  return [
    [
      'shoppers',
      `${count(all.attempts)} reserve attempts in ${acts.length} sales, ${count(all.accepted)} accepted, ${count(all.replayed)} replayed, ${count(all.orders)} orders, ${count(all.releases)} releases, ${count(all.soldOut)} sold out, ${count(all.refused)} above the cap, ${count(all.retries)} retries; the rest vanished, and what they had expired`,
    ],
    [
      'viewers',
      `${count(watched.sockets)} WebSockets and ${count(watched.streams)} event streams opened, ${count(watched.itemsTold)} items told`,
    ],
    [
      'operators',
      `${count(market.restocks)} stock changes in a sale that 8 patrons bought ${count(market.orders)} times in; ${count(market.salesOpened)} sales opened, changed and ${count(market.salesClosed)} of them closed; ${count(market.exportedRows)} rows of the journal exported; searches, histories, analytics, status, releases`,
    ],
    ['race lab', `${count(market.races)} races run to their verdict`],
  ].map(([who, what]) => `| ${who} | ${what} |`);
}

function faultRow({ about, fromMs, toMs, recoveredMs }: Fault, originMs: number): string {
  return `| ${clock(fromMs - originMs)} | ${about} | ${seconds(toMs - fromMs)} | ${recoveredMs === undefined ? '**never**' : seconds(recoveredMs)} |`;
}

function answerRow({ what, outcome, count: times }: Explained, why: string): string {
  return `| ${what} | ${outcome} | ${count(times)} | ${why} |`;
}

function logLines({ log }: SoakRun): string[] {
  const told = [...log.explained].map(([message, times]) => `\`${message}\` (${times} times)`);
  return [
    `The service logged ${count(log.lines)} lines. At error level: ${told.length === 0 ? 'none' : `${told.join(', ')}, all during faults`}; ${count(log.unexplainedCount)} unexplained.`,
    '',
  ];
}

function stallLines({ stalls, stalledMs }: SoakRun): string[] {
  if (stalls.length === 0) return ['The machine itself never stood still for 0.2 s.', ''];
  return [
    `An independent witness saw the machine stand still ${count(stalls.length)} times, for ${seconds(stalledMs)} together: the processor was elsewhere, or the disk took more than 0.2 s for 512 bytes.`,
    '',
  ];
}

function memoryRow({ of, measure, lifeMinutes, trend, limit, grows }: Judged): string {
  const verdict =
    trend === undefined ? 'too short' : grows ? '**grows**' : limit === undefined ? 'told only' : 'flat';
  const figures =
    trend === undefined
      ? ['', '', '']
      : [amount(trend.from), amount(trend.to), `${percent(trend.percentPerMinute)} a minute`];
  return `| ${[`${of}, ${measure}`, `${lifeMinutes.toFixed(1)} min`, ...figures, verdict].join(' | ')} |`;
}

function total(list: readonly Explained[]): number {
  return list.reduce((sum, { count: times }) => sum + times, 0);
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function amount(value: number): string {
  return value.toFixed(value < 100 ? 1 : 0);
}

function percent(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? '–' : `${value.toFixed(2)} %`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

function clock(ms: number): string {
  const whole = Math.round(ms / 1000);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
