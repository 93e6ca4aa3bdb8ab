import { expect, test } from 'bun:test';
import { HELP, readOptions } from '../src/options.ts';
import { chosen, SCENARIOS } from '../src/scenarios/program.ts';

test('a-full-run-is-five-rounds-and-a-quick-one-is-said-so', () => {
  expect(readOptions([])).toMatchObject({ quick: false, rounds: 5, only: undefined });
  expect(readOptions(['--quick', '--seed', '7'])).toMatchObject({ quick: true, rounds: 1, seed: 7 });
  expect(readOptions(['--rounds', '3', '--json', 'a', '--html', 'b'])).toMatchObject({
    rounds: 3,
    json: 'a',
    html: 'b',
  });
  expect(readOptions(['--help'])).toBe('help');
});

test('what-is-not-understood-is-refused-in-words', () => {
  for (const [args, words] of [
    [['--only', 'nothing'], /no scenario nothing/],
    [['--rounds', '0'], /--rounds/],
    [['--rounds', 'many'], /--rounds/],
    [['--seed', '-1'], /--seed/],
    [['--fast'], /--fast/],
  ] as const)
    expect(() => readOptions(args)).toThrow(words);
});

test('a-scenario-brings-along-what-it-is-divided-by', () => {
  expect(chosen(['latency']).map(({ name }) => name)).toEqual(['reserve-always', 'latency']);
  expect(chosen(undefined)).toHaveLength(SCENARIOS.length);
  for (const { name } of SCENARIOS) expect(HELP).toContain(`\n  ${name} `);
});
