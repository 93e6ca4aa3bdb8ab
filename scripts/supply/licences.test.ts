// A package under a licence that is not on the list is named, and so is one of unknown origin; the page leaves nobody out.
import { describe, expect, test } from 'bun:test';
import path from 'node:path';
import { differsInstalled, licencesText, refused } from './licences.ts';
import { type LockedPackage, type Lockfile, readLockfile } from './lockfile.ts';
import { INSTALL_SCRIPTS } from './policy.ts';
import { isAllowed } from './spdx.ts';

const lockfile = readLockfile(path.join(import.meta.dir, '../..'));

/** A lockfile with one package, good but for these parts. */
function withOne(parts: Partial<LockedPackage>): Lockfile {
  const good: LockedPackage = {
    place: 'node_modules/one',
    name: 'one',
    version: '1.0.0',
    licence: 'MIT',
    integrity: 'sha512-AAAA',
    from: undefined,
    uses: ['service'],
    isOptional: false,
    hasInstallScript: false,
    needs: [],
  };
  return { ...lockfile, packages: [{ ...good, ...parts }] };
}

describe('an expression', () => {
  const allowed = new Set(['MIT', 'Apache-2.0', 'GPL-2.0-only WITH Classpath-exception-2.0']);
  test('is met by one side of an OR and both of an AND', () => {
    for (const met of [
      'MIT',
      'MIT OR GPL-3.0',
      'GPL-3.0 OR (MIT AND Apache-2.0)',
      '(MIT)',
      'MIT AND (X OR MIT)',
    ])
      expect(isAllowed(met, allowed), met).toBe(true);
    expect(isAllowed('GPL-2.0-only WITH Classpath-exception-2.0', allowed)).toBe(true);
  });
  test('is not met by anything else, nor where it cannot be read', () => {
    for (const unmet of ['GPL-3.0', 'MIT AND GPL-3.0', '(MIT AND X) OR GPL-3.0', 'MIT WITH X', 'mit'])
      expect(isAllowed(unmet, allowed), unmet).toBe(false);
    for (const broken of [
      '',
      '()',
      'MIT OR',
      'MIT MIT',
      '(MIT',
      'MIT)',
      'OR MIT',
      'SEE LICENSE IN x',
      'MIT WITH',
    ])
      expect(isAllowed(broken, allowed), broken).toBe(false);
  });
});

describe('a package', () => {
  const cases: readonly (readonly [what: string, parts: Partial<LockedPackage>, line: RegExp])[] = [
    ['of an unknown licence', { licence: undefined }, /^one 1\.0\.0 \(service\) does not say its licence/],
    [
      'under a forbidden one',
      { licence: 'GPL-3.0-only' },
      /^one 1\.0\.0 \(service\) is under "GPL-3.0-only"/,
    ],
    [
      'with a licence for development alone, shipped',
      { licence: 'MPL-2.0', uses: ['web', 'development'] },
      /"MPL/,
    ],
    ['without a hash', { integrity: undefined }, /no SHA-512/],
    ['with a weak hash', { integrity: 'sha1-AAAA' }, /no SHA-512/],
    ['from a git repository', { from: 'git+ssh://git@example/x.git#1' }, /not come from the registry/],
    ['with a program that is run on installation', { hasInstallScript: true }, /runs a program/],
  ];
  for (const [what, parts, line] of cases) {
    test(`${what} is refused by its name`, () => {
      const lines = refused(withOne(parts));
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(line);
    });
  }

  test('that is good, or under a licence for development where it is for that, is let in', () => {
    expect(refused(withOne({}))).toEqual([]);
    expect(refused(withOne({ licence: 'MPL-2.0', uses: ['development'] }))).toEqual([]);
  });

  test('that is installed under another licence than the lockfile says is named; one that is not installed is not', () => {
    expect(differsInstalled(withOne({}), () => 'SSPL-1.0')).toEqual([
      'one is under "SSPL-1.0" as installed, and under "MIT" in the lockfile.',
    ]);
    expect(differsInstalled(withOne({}), () => undefined)).toEqual([]);
  });
});

describe('the lockfile of this repository', () => {
  test('is let in as it is, and no exception for a program is left over', () => {
    expect(refused(lockfile)).toEqual([]);
    const running = new Set(lockfile.packages.filter((one) => one.hasInstallScript).map(({ name }) => name));
    expect(Object.keys(INSTALL_SCRIPTS).filter((name) => !running.has(name))).toEqual([]);
  });

  test('is on the page whole', () => {
    const page = licencesText(lockfile);
    const missing = lockfile.packages.filter(
      ({ name, version, licence }) => !page.includes(`\n| ${name} | ${version} | ${licence} |\n`),
    );
    expect(missing).toEqual([]);
  });
});
