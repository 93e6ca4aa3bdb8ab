// Whoever gets the service gets the licence texts of what is in it.
import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isShipped, readLockfile } from './lockfile.ts';
import { installedTexts, noticesText } from './notices.ts';

const root = path.join(import.meta.dir, '../..');
const lockfile = readLockfile(root);

test('every-package-that-is-shipped-is-named-with-its-text-and-equal-texts-stand-there-once', () => {
  const text = noticesText(lockfile, (place) => [`text of ${place.includes('react') ? 'react' : place}\r\n`]);
  for (const { name, version, licence, isOptional, ...one } of lockfile.packages)
    expect(text.includes(`\n${name} ${version} (${licence})\n`), name).toBe(isShipped(one) && !isOptional);
  expect(text.split('text of react\n').length).toBe(2);
  expect(text).not.toContain('\r');
});

test('only-packages-that-are-known-to-bring-no-text-have-none-and-the-image-has-the-file', () => {
  const without = lockfile.packages
    .filter((one) => isShipped(one) && !one.isOptional && installedTexts(root, one.place).length === 0)
    .map(({ name }) => name);
  expect(without).toEqual(WITHOUT_TEXT);
  expect(readFileSync(path.join(root, '.dockerignore'), 'utf8')).toContain('\n!THIRD-PARTY-NOTICES.txt\n');
  expect(readFileSync(path.join(root, 'scripts/assemble.mjs'), 'utf8')).toContain(
    "'THIRD-PARTY-NOTICES.txt'",
  );
});

/** What is in Bun: docs/licences.md. The Unlicense asks for no notice. */
const WITHOUT_TEXT = ['bun', 'postgres'];
