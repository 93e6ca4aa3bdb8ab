// The walk through the lockfile finds for each package what it is for, as npm would.
import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isShipped, parseLockfile, readLockfile } from './lockfile.ts';
import { isProduction } from './sbom.ts';

const root = path.join(import.meta.dir, '../..');

const lock = (packages: object) =>
  JSON.stringify({ lockfileVersion: 3, packages: { '': { name: 'x', version: '1.0.0' }, ...packages } });
const at = (version: string, more: object = {}) => ({ version, license: 'MIT', ...more });

test('what-a-package-is-for-is-what-needs-it-also-through-our-own-workspaces', () => {
  const { packages, direct } = parseLockfile(
    lock({
      server: { dependencies: { '@h/contract': '1', a: '1' }, devDependencies: { d: '1' } },
      contract: { dependencies: { c: '1' } },
      web: { dependencies: { a: '2' } },
      bench: { optionalDependencies: { e: '1', gone: '1' } },
      'node_modules/@h/contract': { resolved: 'contract', link: true },
      'node_modules/a': at('1.0.0', {
        peerDependencies: { p: '1', q: '1' },
        peerDependenciesMeta: { q: { optional: true } },
      }),
      'web/node_modules/a': at('2.0.0', { dependencies: { n: '1' } }),
      'web/node_modules/a/node_modules/n': at('3.0.0'),
      'node_modules/n': at('1.0.0'),
      'node_modules/c': at('1.0.0'),
      'node_modules/d': at('1.0.0', { dependencies: { c: '1' } }),
      'node_modules/e': at('1.0.0', { optional: true }),
      'node_modules/p': at('1.0.0'),
      'node_modules/q': at('1.0.0'),
    }),
  );
  const uses = Object.fromEntries(packages.map((one) => [one.place, one.uses.join(' ')]));
  expect(uses).toEqual({
    'node_modules/a': 'service',
    'web/node_modules/a': 'web',
    'web/node_modules/a/node_modules/n': 'web',
    'node_modules/n': '',
    'node_modules/c': 'service development',
    'node_modules/d': 'development',
    'node_modules/e': 'tools',
    'node_modules/p': 'service',
    'node_modules/q': '',
  });
  expect(direct.service).toEqual(['node_modules/a', 'node_modules/c']);
});

test('a-workspace-that-nobody-said-the-use-of-and-another-version-of-the-file-are-refused', () => {
  expect(() => parseLockfile(lock({ plugins: {} }))).toThrow('plugins');
  expect(() => parseLockfile('{"lockfileVersion":2,"packages":{}}')).toThrow('not 3');
});

test('in-the-real-lockfile-production-is-what-npm-takes-for-it-and-nothing-is-used-by-nobody', () => {
  const { packages } = readLockfile(root);
  const { packages: entries } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
  };
  const flagged = (place: string) => entries[place]?.dev === true || entries[place]?.devOptional === true;
  const different = packages.filter((one) => isProduction(one) === flagged(one.place));
  expect(different.map(({ place }) => place)).toEqual([]);
  expect(packages.filter(({ uses }) => uses.length === 0)).toEqual([]);
  const shipped = packages.filter(isShipped).map(({ name }) => name);
  for (const name of ['bun', 'ioredis', 'postgres', 'zod', 'react-dom']) expect(shipped).toContain(name);
  for (const name of ['express', 'vite', 'typescript']) expect(shipped).not.toContain(name);
});
