// What may be typed after `npm run bench --`.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { chosen, SCENARIOS } from './scenarios/program.ts';

export interface Options {
  readonly quick: boolean;
  readonly only: readonly string[] | undefined;
  readonly rounds: number;
  readonly seed: number;
  readonly json: string | undefined;
  readonly html: string | undefined;
}

const ROUNDS = { quick: 1, full: 5 };
const ROUNDS_MAX = 50;
/** Seeds of the orders are made of it by multiplying, and stay whole numbers. */
const SEED_MAX = 2 ** 31;

export const HELP = `Usage: npm run bench -- [--quick] [--only NAME[,NAME]] [--rounds N] [--seed N] [--json FILE] [--html FILE]

Measures the service and what it is compared with, on this machine, with servers of its own, and checks after every
scenario that nothing was oversold or lost. A run in which something was has no result.

  --quick           everything but what takes minutes each, shorter, in at most two minutes
  --only NAME,NAME  these scenarios, and those whose figures they need
  --rounds N        every figure is the median of so many rounds, of 20 minutes or so (default: ${ROUNDS.full}, quick ${ROUNDS.quick})
  --seed N          when customers come and what they want (default: random, printed)
  --json FILE       all figures of all rounds
  --html FILE       a page with the tables and the curves of latency by load

Scenarios:
${SCENARIOS.map(({ name, title }) => `  ${name.padEnd(17)} ${title}`).join('\n')}

Exit code: 0 everything was measured and every invariant held, 1 not, 2 usage. Figures that miss a goal do not count.`;

/** @throws Error in words for whoever typed it */
export function readOptions(args: readonly string[]): Options | 'help' {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { quick: flag, only: text, rounds: text, seed: text, json: text, html: text, help: flag },
  });
  if (values.help) return 'help';
  const only = values.only?.split(',');
  chosen(only);
  const rounds = Number(values.rounds ?? (values.quick ? ROUNDS.quick : ROUNDS.full));
  if (!Number.isSafeInteger(rounds) || rounds < 1 || rounds > ROUNDS_MAX)
    throw new Error(`--rounds is a whole number from 1 to ${ROUNDS_MAX}.`);
  const seed = values.seed === undefined ? randomInt(SEED_MAX) : Number(values.seed);
  if (!Number.isSafeInteger(seed) || seed < 0 || seed >= SEED_MAX)
    throw new Error(`--seed is a whole number below ${SEED_MAX}.`);
  return { quick: values.quick, only, rounds, seed, json: values.json, html: values.html };
}
