// Who reads only the end of a run learns which test failed, in which file, and what it said.
import { describe, expect, test } from 'bun:test';
import { failures } from './failures.mjs';

const OUTPUT = `bun test v1.4.5

server/test/a.test.ts:
(pass) a > goes well [1.00ms]

server/test/b.test.ts:
12 shoppers, seed 7
error: expect(received).toBe(expected)
Expected: 1
Received: 2
(fail) b > sells the last unit once [20.00ms]

server/test/a.test.ts:
(pass) a > goes on [2.00ms]

1 tests failed:
(fail) b > sells the last unit once [20.00ms]

 2 pass
 1 fail
`;

describe('the end of a run', () => {
  test('names each failed test with its file and what it said, and nothing of those that passed', () => {
    expect(failures(OUTPUT)).toEqual([
      '',
      'server/test/b.test.ts:',
      '12 shoppers, seed 7',
      'error: expect(received).toBe(expected)',
      'Expected: 1',
      'Received: 2',
      '(fail) b > sells the last unit once [20.00ms]',
    ]);
  });

  test('says nothing where nothing failed', () => {
    expect(failures(OUTPUT.replaceAll('(fail)', '(pass)'))).toEqual([]);
  });

  test('names a file whose process ended before its tests did', () => {
    expect(failures('x.test.ts:\nerror: out of memory\n✗ x.test.ts (worker crashed: exit code 1)\n')).toEqual(
      ['', 'x.test.ts:', 'error: out of memory', '✗ x.test.ts (worker crashed: exit code 1)'],
    );
  });

  test('says after which time a test was given up, and what was thrown outside any', () => {
    const late = ['x.test.ts:', '(fail) x [100.15ms]', '  ^ this test timed out after 100ms.'];
    const rule = '-'.repeat(31);
    const thrown = ['y.test.ts:', '# Unhandled error between tests', rule, 'error: out', rule];
    expect(failures([...late, '(pass) z', ...thrown, '(pass) y'].join('\n'))).toEqual([
      '',
      ...late,
      '',
      ...thrown,
    ]);
  });

  test('is bounded: ten failures, of each the last sixty lines, and how much is left out', () => {
    const one = `x.test.ts:\n${'said\n'.repeat(100)}(fail) x\n`;
    const lines = failures(one.repeat(12));
    expect(lines.filter((line) => line === '(fail) x')).toHaveLength(10);
    expect(lines.filter((line) => line === 'said')).toHaveLength(600);
    expect(lines.filter((line) => line === '(40 lines before)')).toHaveLength(10);
    expect(lines.at(-1)).toBe('and 2 more');
  });
});
