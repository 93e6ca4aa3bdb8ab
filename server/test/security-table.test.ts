// docs/security.md says for each hostile input and each convention which test covers it. This holds the page against the
// tests: a test that was renamed or taken out, or a row that waits for a route that has come, is named here.
import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { OPERATIONS } from '@holdfast/contract/operations';
import { PROBLEMS } from '@holdfast/contract/problems';

const PAGE = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');

interface Row {
  readonly name: string;
  /** As the page names them: a file, an arrow, a test. */
  readonly tests: readonly string[];
  /** Empty where the table has no such column. */
  readonly status: string;
}

const INPUTS = rowsUnder('## Inputs', 2, 3);
const CONVENTIONS = rowsUnder('## Conventions', 1);
const ENCRYPTION = rowsUnder('## TLS to the stores', 2);
const PRIVILEGES = rowsUnder('## Least privilege at the stores', 3);

/** The rows of the table under a heading; the numbers say in which column tests and status stand. */
function rowsUnder(heading: string, tests: number, status?: number): Row[] {
  const section = PAGE.slice(PAGE.indexOf(`\n${heading}\n`) + 1).split('\n## ')[0] ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('| '));
  return lines.slice(1).map((line) => {
    const cells = line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim());
    const named = (cells[tests] ?? '').split('<br>').filter((entry) => entry !== '—');
    return { name: cells[0] ?? '', tests: named, status: status === undefined ? '' : (cells[status] ?? '') };
  });
}

/** What is wrong with a named test; undefined if it is there. `read`: the text of a file of this folder. */
function missing(named: string, read: (file: string) => string | undefined): string | undefined {
  const [, file, name] = /^`([a-z0-9-]+\.test\.ts)` › (.+)$/.exec(named) ?? [];
  if (file === undefined || name === undefined) return `not a file, " › " and a test: ${named}`;
  const text = read(file);
  if (text === undefined) return `there is no ${file}`;
  const literal = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  // As the name of a test, or as the first entry of a case in a table of tests; not one that is skipped.
  const asTest = new RegExp(`(?:\\btest\\(|\\[)\\s*(['"\`])${literal}\\1,`);
  const code = text.replace(/^\s*\/\/.*$/gm, '');
  return asTest.test(code) ? undefined : `${file} has no test "${name}"`;
}

function readTest(file: string): string | undefined {
  const path = new URL(file, import.meta.url);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

describe('docs/security.md', () => {
  test('has its tables', () => {
    expect(INPUTS.length).toBeGreaterThanOrEqual(31);
    expect(CONVENTIONS.length).toBeGreaterThanOrEqual(10);
    expect(ENCRYPTION.length).toBeGreaterThanOrEqual(9);
    expect(PRIVILEGES.length).toBeGreaterThanOrEqual(5);
  });

  for (const { name, tests } of [...INPUTS, ...CONVENTIONS, ...ENCRYPTION, ...PRIVILEGES]) {
    if (tests.length === 0) continue;
    test(`names tests that exist: ${name}`, () => {
      expect(tests.map((named) => missing(named, readTest)).filter(Boolean), name).toEqual([]);
    });
  }

  test('a row is green with tests, or waits without any', () => {
    for (const { name, tests, status } of INPUTS) {
      if (status === 'green') expect(tests.length, name).toBeGreaterThan(0);
      else
        expect(`${status} (${tests.length} tests)`, name).toMatch(
          /^not yet: there is no `[^`]+` \(0 tests\)$/,
        );
    }
    for (const { name, tests } of CONVENTIONS) expect(tests.length, name).toBeGreaterThan(0);
  });

  test('a row that waits for a route or a code waits for one that is not there', () => {
    const waiting = INPUTS.filter(({ status }) => status !== 'green');
    const there = [...OPERATIONS.map(({ path }) => path), ...Object.keys(PROBLEMS)];
    for (const { name, status } of waiting) {
      const awaited = /`([^`]+)`/.exec(status)?.[1] ?? '';
      expect(
        there.filter((one) => one.includes(awaited)),
        `now that it is there, test it: ${name}`,
      ).toEqual([]);
    }
  });
});

test('a test that is gone, renamed, skipped or commented out is noticed', () => {
  const text = `test('is there', () => {}); test.skip('is skipped', () => {}); 
    // test('is commented out', () => {});
    const cases = [['is a case', 1], ["has an apostrophe's", 2]];`;
  const read = (file: string) => (file === 'a.test.ts' ? text : undefined);
  expect(missing('`a.test.ts` › is there', read)).toBeUndefined();
  expect(missing('`a.test.ts` › is a case', read)).toBeUndefined();
  expect(missing("`a.test.ts` › has an apostrophe's", read)).toBeUndefined();
  for (const gone of ['is', 'is skipped', 'is commented out', 'there']) {
    expect(missing(`\`a.test.ts\` › ${gone}`, read)).toBe(`a.test.ts has no test "${gone}"`);
  }
  expect(missing('`b.test.ts` › is there', read)).toBe('there is no b.test.ts');
  expect(missing('is there', read)).toStartWith('not a file');
});
