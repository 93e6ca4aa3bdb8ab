// Plays scenarios one after the other, whatever becomes of each, and hands back what was seen.
import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { stopServices } from '../harness/service.ts';
import { stopAll } from '../harness/stores.ts';
import { brokenPromises } from './act.ts';
import { ELSEWHERE, SCENARIOS } from './playbill.ts';
import type { Played, Run } from './report.ts';
import { Company, type Scenario } from './scenario.ts';

export interface FaultOptions {
  readonly only: readonly number[] | undefined;
  readonly seed: number;
  readonly short: boolean;
  /** Where the report goes; undefined: nowhere. */
  readonly report: string | undefined;
  readonly json: string | undefined;
}

export const HELP = `Usage: npm run faults -- [--only N[,N]] [--seed N] [--selection short|full] [--report FILE] [--json FILE]

Breaks things under load, with servers of its own, and checks every promise afterwards.

  --only N,N        these scenarios (there are: ${SCENARIOS.map(({ number }) => number).join(', ')})
  --seed N          who does what; the same seed gives the same visits (default: random, printed)
  --selection WHAT  full: all scenarios at full length (the default); short: a few, shortened
  --report FILE     where the report goes (default: docs/faults.md after a full run, else none)
  --json FILE       the same figures as JSON

Exit code: 0 all promises held, 1 one broke, 2 usage.`;

/** @throws Error in words for whoever typed it */
export function readFaultOptions(args: readonly string[]): FaultOptions | 'help' {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: text,
      seed: text,
      selection: { ...text, default: 'full' },
      report: text,
      json: text,
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  if (values.selection !== 'full' && values.selection !== 'short')
    throw new Error('--selection is short or full.');
  const short = values.selection === 'short';
  const only = values.only?.split(',').map(Number);
  for (const number of only ?? []) {
    if (!SCENARIOS.some((scenario) => scenario.number === number))
      throw new Error(`There is no scenario ${number} here.`);
  }
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error('--seed is a whole number.');
  const wholeRun = only === undefined && !short;
  return {
    only,
    seed,
    short,
    report: values.report ?? (wholeRun ? 'docs/faults.md' : undefined),
    json: values.json,
  };
}

export async function playAll(
  options: FaultOptions,
  say: (line: string) => void,
): Promise<Pick<Run, 'played' | 'seconds' | 'elsewhere'>> {
  const chosen = SCENARIOS.filter(({ number, inShort }) =>
    options.only === undefined ? !options.short || inShort : options.only.includes(number),
  );
  const startedMs = performance.now();
  const played: Played[] = [];
  try {
    for (const scenario of chosen) played.push(await play(scenario, options, say));
  } finally {
    await stopServices();
    await stopAll();
  }
  return { played, seconds: (performance.now() - startedMs) / 1000, elsewhere: ELSEWHERE };
}

async function play(scenario: Scenario, options: FaultOptions, say: (line: string) => void): Promise<Played> {
  const { number, title, about } = scenario;
  const seed = options.seed + number * 100_000;
  say(`${number}. ${title} (seed ${options.seed})`);
  const company = new Company(seed, options.short, say);
  const startedMs = performance.now();
  let failed: string | undefined;
  try {
    await scenario.play(company);
  } catch (error) {
    failed = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    say(`    BROKE DOWN: ${error instanceof Error ? (error.stack ?? failed) : failed}`);
  } finally {
    await company.close();
  }
  if (failed !== undefined || company.results.some((act) => brokenPromises(act).length > 0)) {
    const file = path.join(tmpdir(), `holdfast-faults-${options.seed}-${number}.log`);
    writeFileSync(file, company.log);
    say(`    what the services logged: ${file}`);
  }
  if (company.skipped !== undefined) say(`    skipped: ${company.skipped}`);
  const seconds = (performance.now() - startedMs) / 1000;
  say(`    ${Math.round(seconds)} s`);
  return { number, title, about, seconds, acts: company.results, skipped: company.skipped, failed };
}
