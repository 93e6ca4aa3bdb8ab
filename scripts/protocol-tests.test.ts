// docs/protocol-tests.md names the test and the mutation of every rule: all of them exist, and no mutation is left out.
import { expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CONFIRMING } from './mutations/confirming.ts';
import { LEASING } from './mutations/leasing.ts';
import { REBUILDING } from './mutations/rebuilding.ts';
import { RESERVING } from './mutations/reserving.ts';

const root = path.join(import.meta.dir, '..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

interface Rule {
  readonly tests: readonly { readonly file: string; readonly names: readonly string[] }[];
  readonly mutations: readonly string[];
}

const RULES: readonly Rule[] = read('docs/protocol-tests.md')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| Rule'))
  .map((line) => line.split(' | '))
  .map(([, tests = '', mutations = '']) => ({
    tests: tests.split('; ').flatMap((part) => {
      const [file, names] = part.split(' › ');
      return names === undefined
        ? []
        : [{ file: file ?? '', names: [...names.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '') }];
    }),
    mutations: mutations.startsWith('—') ? [] : mutations.replace(/ \|$/, '').split('; '),
  }));

function textOf(name: string): string {
  if (name === 'conformance') {
    const folder = 'server/test/conformance';
    return readdirSync(path.join(root, folder))
      .map((file) => read(`${folder}/${file}`))
      .join('\n');
  }
  const file = name.startsWith('domain/') ? `server/src/${name}.test.ts` : `server/test/${name}.test.ts`;
  return existsSync(path.join(root, file)) ? read(file) : '';
}

test('every-test-that-the-page-names-is-in-its-file', () => {
  const missing = RULES.flatMap(({ tests }) =>
    tests.flatMap(({ file, names }) =>
      names.filter((name) => !textOf(file).includes(name)).map((name) => `${file} › ${name}`),
    ),
  );
  expect(missing).toEqual([]);
  expect(RULES.every(({ tests }) => tests.length > 0)).toBe(true);
});

test('every-mutation-is-named-by-the-page-and-the-other-way-round', () => {
  const known = [...RESERVING, ...CONFIRMING, ...LEASING, ...REBUILDING].map(({ guard }) => guard);
  const named = RULES.flatMap(({ mutations }) => mutations);
  expect(new Set(known).size).toBe(known.length);
  expect(named.toSorted()).toEqual(known.toSorted());
});
