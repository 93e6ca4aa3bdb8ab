// The report of a run: a table for the sceptic, then what was done and seen, scenario by scenario. Pure: figures in, text out.
import type { ActResult, Recovery } from './act.ts';
import { brokenPromises } from './act.ts';
import { emptyTally, type Tally } from './diary.ts';
import { INVARIANTS } from './judge.ts';

export interface Played {
  readonly number: number;
  readonly title: string;
  readonly about: string;
  readonly seconds: number;
  readonly acts: readonly ActResult[];
  readonly skipped: string | undefined;
  /** The scenario itself broke down, in words. */
  readonly failed: string | undefined;
}

export interface Run {
  readonly date: string;
  readonly machine: string;
  readonly versions: string;
  readonly command: string;
  readonly seed: number;
  readonly seconds: number;
  readonly short: boolean;
  readonly played: readonly Played[];
  readonly elsewhere: readonly { readonly number: number; readonly why: string }[];
}

export function totalOf(acts: readonly ActResult[]): Tally {
  const sum = emptyTally();
  for (const { tally } of acts)
    for (const name of Object.keys(sum) as (keyof Tally)[]) sum[name] += tally[name];
  return sum;
}

export function failuresOf(run: Run): string[] {
  return run.played.flatMap(({ number, failed, acts }) =>
    [...(failed === undefined ? [] : [failed]), ...acts.flatMap(brokenPromises)].map(
      (each) => `${number}. ${each}`,
    ),
  );
}

export function asMarkdown(run: Run): string {
  const acts = run.played.flatMap((played) => played.acts);
  const all = totalOf(acts);
  const broken = failuresOf(run);
  const sum = (of: (act: ActResult) => number) => acts.reduce((total, act) => total + of(act), 0);
  return [
    '# Faults',
    '',
    'What happens to acknowledged reservations and orders when things break. Written by the run itself; do not edit.',
    '',
    '| | |',
    '|---|---|',
    `| Command | \`${run.command}\` |`,
    `| Seed | ${run.seed}: the same seed gives every client loop the same visits |`,
    `| Date | ${run.date}, ${minutes(run.seconds)} |`,
    `| Machine | ${run.machine} |`,
    `| Versions | ${run.versions} |`,
    '',
    `**${count(all.attempts)} reserve attempts, ${count(all.accepted)} accepted, ${count(all.orders)} orders acknowledged. ` +
      `${count(sum((act) => act.verdict.oversoldUnits))} units oversold, ${count(sum((act) => act.verdict.lostOrders))} confirmed orders lost. ` +
      `${count(sum((act) => act.verdict.losses))} acknowledged reservations lost, ${count(sum((act) => act.verdict.explained))} of them inside a window that the fault cut off.** ` +
      (broken.length === 0
        ? 'Every promise held.'
        : `${broken.length} promises broke; they are listed first.`),
    '',
    ...(broken.length === 0 ? [] : ['## Broken promises', '', ...broken.map((each) => `- ${each}`), '']),
    '## Table',
    '',
    'Attempts are reserve requests sent, retries included. Refused: sold out or above the cap. Come again: 503. No answer: the connection broke or the',
    'customer gave up. Lost: acknowledged and gone (in brackets: acknowledged inside the window that the fault cut off, which explains it). Recovery: from',
    'the first step of the repair to the first answer 201 (or order) to a request sent after it, the slowest of the act.',
    '',
    '| Fault | Attempts | Accepted | Orders | Refused | Come again | No answer | Lost | Oversold | Orders lost | Recovery | Invariants |',
    '|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|',
    ...run.played.flatMap(rowsOf),
    `| **Sum** | **${count(all.attempts)}** | ${count(all.accepted)} | ${count(all.orders)} | ${count(all.soldOut + all.refused)} | ${count(all.unavailable)} | ${count(all.unanswered)} | ${count(sum((act) => act.verdict.losses))} (${count(sum((act) => act.verdict.explained))}) | ${count(sum((act) => act.verdict.oversoldUnits))} | ${count(sum((act) => act.verdict.lostOrders))} | | |`,
    '',
    '## Recovery',
    '',
    '| What | Live reservations | Measured | Promised |',
    '|---|---:|---:|---:|',
    ...acts.flatMap(({ name, recoveries }) => recoveriesOf(name, recoveries)),
    '',
    '## How it is judged',
    '',
    'At least 100 client loops keep what they were told and when. After the heal and the TTL, when nothing is live and the journal has caught up: the ledger is read by SQL and',
    'by its own audit (I1–I4, hash chain), Redis in one transaction (I5), expiries against their deadlines (I6), keys and their answers (I7), both',
    'stores and the journal against each other (I8). Over the client history: the units that surely were promised at one moment never exceed the total (I9),',
    'and nobody was refused while all that could have been taken left enough (I10). Every acknowledged order is looked up with its lines. Every',
    'acknowledged reservation that neither the ledger nor Redis knows is asked for: it must be answered 409 `reservation-lost`.',
    '',
    '## Scenarios',
    '',
    ...run.played.flatMap(describe),
    '## Not in this suite',
    '',
    ...run.elsewhere.map(({ number, why }) => `- Scenario ${number}. ${why}`),
    '',
  ].join('\n');
}

function rowsOf({ number, title, acts, skipped, failed }: Played): string[] {
  if (skipped !== undefined) return [`| ${number}. ${title} | skipped: ${skipped} |${' |'.repeat(10)}`];
  const rows = acts.map((act) => {
    const { name, tally, verdict, recoveries, failures } = act;
    const slowest = Math.max(0, ...recoveries.map(({ ms }) => ms ?? Number.POSITIVE_INFINITY));
    return `| ${number}. ${name} | ${[
      count(tally.attempts),
      count(tally.accepted),
      count(tally.orders),
      count(tally.soldOut + tally.refused),
      count(tally.unavailable),
      count(tally.unanswered),
      `${count(verdict.losses)} (${count(verdict.explained)})`,
      count(verdict.oversoldUnits),
      count(verdict.lostOrders),
      recoveries.length === 0 ? '–' : seconds(slowest),
      verdict.broken.size > 0
        ? `**broken: ${[...verdict.broken.keys()].join(', ')}**`
        : failures.length > 0
          ? `I1–I${INVARIANTS.length} hold; **see above**`
          : `I1–I${INVARIANTS.length} hold`,
    ].join(' | ')} |`;
  });
  return failed === undefined
    ? rows
    : [...rows, `| ${number}. ${title} | **broke down** |${' |'.repeat(10)}`];
}

function recoveriesOf(name: string, recoveries: readonly Recovery[]): string[] {
  const groups = new Map<string, Recovery[]>();
  for (const recovery of recoveries) {
    const key = `${recovery.what} ${recovery.live}`;
    groups.set(key, [...(groups.get(key) ?? []), recovery]);
  }
  return [...groups.values()].map((group) => {
    const [first] = group;
    const times = group.map(({ ms }) => ms ?? Number.POSITIVE_INFINITY);
    const measured =
      times.length === 1
        ? seconds(times[0] ?? 0)
        : `${seconds(Math.min(...times))} – ${seconds(Math.max(...times))} (${times.length} times)`;
    const promised = first?.limitMs === undefined ? '' : `≤ ${seconds(first.limitMs)}`;
    return `| ${name}: ${first?.what} | ${count(first?.live ?? 0)} | ${measured} | ${promised} |`;
  });
}

function describe({ number, title, about, acts, skipped, failed, seconds: took }: Played): string[] {
  const seen = acts.flatMap(
    ({ name, notes, verdict, tally, loadSeconds, reserveP50Ms, reserveP99Ms, slowestReserveMs }) => [
      `- **${name}**: ${count(tally.attempts)} attempts in ${Math.round(loadSeconds)} s of load; answers to reserve: median ${Math.round(reserveP50Ms)} ms, 99 % within ${Math.round(reserveP99Ms)} ms, slowest ${Math.round(slowestReserveMs)} ms. ` +
        `${count(verdict.orders)} acknowledged orders found in the ledger. ` +
        (verdict.losses === 0
          ? 'No acknowledged reservation was lost. '
          : `${count(verdict.losses)} acknowledged reservations were lost, ${count(verdict.explained)} of them acknowledged inside the window; ${count(verdict.answeredLost)} were asked for afterwards and answered \`reservation-lost\`. `) +
        (verdict.lostReleases === 0
          ? ''
          : `${count(verdict.lostReleases)} acknowledged releases were lost with them: those reservations expired instead. `) +
        notes.join(' '),
    ],
  );
  return [
    `### ${number}. ${title}`,
    '',
    about,
    '',
    ...(skipped === undefined ? [] : [`Skipped: ${skipped}`, '']),
    ...(failed === undefined ? [] : [`**It broke down:** ${failed}`, '']),
    ...seen,
    '',
    `It took ${minutes(took)}.`,
    '',
  ];
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function seconds(ms: number): string {
  return Number.isFinite(ms) ? `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s` : 'never';
}

function minutes(value: number): string {
  return value < 90 ? `${Math.round(value)} s` : `${(value / 60).toFixed(1)} min`;
}
