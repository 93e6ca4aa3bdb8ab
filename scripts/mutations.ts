// Does the suite see? Each guard of the protocols is taken out of a scratch copy of the repository, one at a time, and the tests
// that promise what it guards are run there: they must fail. `npm run mutations` tries all, `npm run mutations -- lease` those
// whose name has the word. Two copies at a time. Exit code 1 if a mutation goes unnoticed, or no longer fits the code.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CONFIRMING } from './mutations/confirming.ts';
import { LEASING } from './mutations/leasing.ts';
import type { Mutation } from './mutations/mutation.ts';
import { REBUILDING } from './mutations/rebuilding.ts';
import { RESERVING } from './mutations/reserving.ts';

const MUTATIONS = [...RESERVING, ...CONFIRMING, ...LEASING, ...REBUILDING];
/** Most tests wait more than they compute; more copies than this take the processor from each other. */
const COPIES = 2;
const TEST_LIMIT_MS = 60_000;
const NAME_WIDTH = 62;

const root = path.join(import.meta.dir, '..');
const wanted = process.argv.slice(2).join(' ');
const chosen = MUTATIONS.filter(({ guard }) => guard.includes(wanted));
if (chosen.length === 0) {
  console.error(
    `No guard has "${wanted}" in its name. There are: ${MUTATIONS.map(({ guard }) => guard).join(', ')}.`,
  );
  process.exit(2);
}
const misfits = chosen.filter(({ file, find }) => textOf(root, file).split(find).length !== 2);
for (const { guard, file } of misfits)
  console.error(`${guard}: what it takes out does not stand once in ${file}`);
if (misfits.length > 0) process.exit(1);

const beganAtMs = performance.now();
const copies = Array.from({ length: COPIES }, copyRepository);
let unnoticed = 0;
try {
  // What fails by itself says nothing of a guard.
  const failsAnyway = new Map<string, string>();
  await inCopies([...new Set(chosen.map(({ test }) => test))], async (copy, test) => {
    const failed = (await failing(copy, test)) && (await failing(copy, test));
    if (failed) failsAnyway.set(test, failed);
  });
  await inCopies(chosen, async (copy, mutation) => {
    const { guard, test } = mutation;
    const anyway = failsAnyway.get(test);
    const noticedBy = anyway === undefined ? await mutated(copy, mutation) : null;
    if (noticedBy === null) unnoticed += 1;
    const silence = anyway === undefined ? 'NOBODY NOTICED' : `FAILS ANYWAY: ${test} › ${anyway}`;
    console.log(`${guard.padEnd(NAME_WIDTH)} ${noticedBy ?? silence}`);
  });
} finally {
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
}
const minutes = ((performance.now() - beganAtMs) / 60_000).toFixed(1);
console.log(`${chosen.length - unnoticed} of ${chosen.length} guards are watched (${minutes} minutes)`);
process.exitCode = unnoticed === 0 ? 0 : 1;

/** Each task once, in whichever copy is free. */
async function inCopies<T>(
  tasks: readonly T[],
  work: (copy: string, task: T) => Promise<void>,
): Promise<void> {
  const waiting = [...tasks];
  await Promise.all(
    copies.map(async (copy) => {
      for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) await work(copy, task);
    }),
  );
}

/** What git knows of, changed files as they are, and the installed packages by a link. */
function copyRepository(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-mutations-'));
  const listed = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (listed.status !== 0) throw new Error(`git ls-files: ${listed.stderr}`);
  for (const file of listed.stdout.split('\0')) {
    // What was removed since is still in git's index.
    if (file !== '' && existsSync(path.join(root, file)))
      cpSync(path.join(root, file), path.join(folder, file), { force: true });
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  return folder;
}

function textOf(folder: string, file: string): string {
  return readFileSync(path.join(folder, file), 'utf8');
}

/** The first test that fails once the guard is out, or null. */
async function mutated(copy: string, { file, find, put, test, only }: Mutation): Promise<string | null> {
  const original = textOf(copy, file);
  writeFileSync(
    path.join(copy, file),
    original.replace(find, () => put),
  );
  try {
    return await failing(copy, test, only);
  } finally {
    writeFileSync(path.join(copy, file), original);
  }
}

/** Runs the file until a test fails: its name; null if none does. */
async function failing(copy: string, test: string, only?: string): Promise<string | null> {
  const pattern = only === undefined ? [] : ['--test-name-pattern', only];
  const child = spawn(
    process.execPath,
    ['test', '--bail', `--timeout=${TEST_LIMIT_MS}`, ...pattern, `./${test}`],
    { cwd: copy, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const status = await new Promise((resolve) => child.on('close', resolve));
  if (status === 0) return null;
  return /^\(fail\) (.+?)(?: \[[\d.]+m?s\])?$/m.exec(output)?.[1] ?? 'the run itself';
}
