// What `npm run soak` understands.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  /** Where the report goes; undefined: nowhere. */
  readonly report: string | undefined;
  readonly json: string | undefined;
}

/** Long enough to say something about memory; only such a run is a full one. */
export const FULL_MINUTES = 30;
const MINUTES_MAX = 24 * 60;
export const FULL_REPORT = 'docs/soak.md';

export const HELP = `Usage: npm run soak -- [--minutes N] [--seed N] [--report FILE] [--json FILE]

Runs a service under mixed load for a while, with faults at random, and checks all along that nothing breaks, grows or
fails without a reason. Starts every server that it needs.

  --minutes N    how long (default: ${FULL_MINUTES}); below ${FULL_MINUTES} it is a trial: not every fault may come, memory may not be judged
  --seed N       which faults when, and who does what (default: random, printed)
  --report FILE  where the report goes (default: ${FULL_REPORT} after a full run in which everything held, else none)
  --json FILE    the figures as JSON, series included

Exit code: 0 everything held, 1 something did not, 2 usage, 130 interrupted.`;

/** @throws Error in words for whoever typed it */
export function readSoakOptions(args: readonly string[]): SoakOptions | 'help' {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { ...text, default: String(FULL_MINUTES) },
      seed: text,
      report: text,
      json: text,
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const minutes = Number(values.minutes);
  if (!(minutes >= 1 && minutes <= MINUTES_MAX))
    throw new Error(`--minutes is a number from 1 to ${MINUTES_MAX}.`);
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error('--seed is a whole number.');
  return { minutes, seed, report: values.report, json: values.json };
}
