// npm test: every test of every workspace, under Bun, several files at a time. Arguments go to the runner, which then
// takes one file after the other:
//
//   npm test -- server/test/config.test.ts        one file
//   npm test -- --test-name-pattern never-oversells
//   npm run test:long                             what takes long beside the others and is none of the first promises; CI runs both
//
// One seed a run, printed first; HOLDFAST_TEST_SEED replays it.
// Ends with what failed, once more, and the runner's own totals as `N passed, N failed`. A run without a test fails, and
// so does one that leaves a process behind.
import { spawn } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { bunEnvironment, findBun } from '../cli/bin/find-bun.mjs';
import { failures } from './failures.mjs';

/** Many tests wait for stores and clocks more than they compute; more than this many files would get in each other's way. */
const FILES_AT_A_TIME = Math.min(4, Math.max(2, availableParallelism()));
/** Left to `npm run test:long`, so that the others stay within eight minutes on two cores; by name they run like any other. */
const LONG = [
  'bench/test/a-broken-run-has-no-result.test.ts',
  'cli/test/no-secret-is-shown.test.ts',
  'cli/test/race-sees.test.ts',
  'server/test/a-backup-brings-everything-back.test.ts',
  'server/test/a-dump-or-a-copied-folder-is-a-backup.test.ts',
  'server/test/analytics-stay-fast.test.ts',
  'server/test/embedded-crash.test.ts',
  'server/test/fuzz.test.ts',
  'server/test/hostile-secrets.test.ts',
  'server/test/hostile-slow.test.ts',
  'server/test/limits-settings.test.ts',
  'server/test/live-slow-readers.test.ts',
  'server/test/live-stops-and-silence.test.ts',
  'server/test/processes/processes.test.ts',
  'server/test/redis-user-has-only-what-it-needs.test.ts',
  'server/test/starts-only-on-stores-that-keep.test.ts',
  'server/test/stopping-drops-nothing.test.ts',
  'server/test/stores-over-tls.test.ts',
  'server/test/the-service-cannot-rewrite-the-journal.test.ts',
  'server/test/tokens-rotation.test.ts',
];
/** Of a file whose tests say that they may run together. */
const TESTS_AT_A_TIME = 4;
/** For a test that starts stores and races hundreds of shoppers on two cores; a single wait has its own, shorter one. */
const TEST_LIMIT_MS = 30_000;
/** What ends with the run may take a moment to be gone. */
const LEFTOVER_LIMIT_MS = 5_000;
const POLL_MS = 50;

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
/** Inherited by everything that the tests start, and so the way to find what they left running. */
const mark = `HOLDFAST_TEST_RUN=${randomUUID()}`;

const seed = process.env.HOLDFAST_TEST_SEED || String(randomInt(2 ** 31));
console.log(`HOLDFAST_TEST_SEED=${seed}`);

const { code, output } = await runTests(process.argv.slice(2));
const passed = lastTotal(output, 'pass');
const failed = lastTotal(output, 'fail');
const leftovers = await leftRunning();

const problems = [];
if (passed === undefined || failed === undefined) problems.push('The runner gave no totals.');
else if (passed + failed === 0) problems.push('No test was run.');
if (leftovers.length > 0) problems.push(`Left running: ${leftovers.join(', ')}`);
for (const line of failures(output)) console.log(line);
for (const problem of problems) console.error(problem);

const success = code === 0 && failed === 0 && problems.length === 0;
console.log(`${passed ?? 0} passed, ${failed ?? 0} failed`);
process.exitCode = success ? 0 : code || 1;

/** Runs Bun's test runner, shows what it prints, and keeps it. */
async function runTests(args) {
  const [name, value] = mark.split('=');
  const colors = process.stderr.isTTY ? { FORCE_COLOR: '1' } : {};
  const limits = [`--timeout=${TEST_LIMIT_MS}`, `--max-concurrency=${TESTS_AT_A_TIME}`];
  const together = `--parallel=${FILES_AT_A_TIME}`;
  const [all, long] = [args.length === 0, args[0] === '--long'];
  const runner = all ? [together] : long ? [together, ...LONG] : args;
  // The browser's tests are `npm run e2e`: one after the other, with time limits of their own.
  const elsewhere = args.some((arg) => arg.includes('web/e2e')) ? [] : ['web/e2e/**'];
  if (all) elsewhere.push(...LONG);
  const others = elsewhere.map((pattern) => `--path-ignore-patterns=${pattern}`);
  const child = spawn(findBun(), ['test', ...limits, ...others, ...runner], {
    cwd: root,
    env: { ...bunEnvironment(process.env), ...colors, [name]: value, HOLDFAST_TEST_SEED: seed },
    stdio: ['inherit', 'pipe', 'pipe'],
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  const chunks = [];
  child.stdout.pipe(process.stdout);
  child.stderr.on('data', (chunk) => {
    process.stderr.write(chunk);
    chunks.push(chunk); // the runner reports on standard error; tests may print what they like on the other
  });
  const exitCode = await new Promise((resolve) => child.on('close', (status) => resolve(status ?? 1)));
  return { code: exitCode, output: stripVTControlCharacters(Buffer.concat(chunks).toString()) };
}

/** The number in the runner's closing line ` 12 pass`, which comes after anything that a test may have printed. */
function lastTotal(output, word) {
  const lines = [...output.matchAll(new RegExp(`^\\s*(\\d+) ${word}$`, 'gm'))];
  const last = lines.at(-1)?.[1];
  return last === undefined ? undefined : Number(last);
}

/** Processes of this run that are still there, as `name (pid)`. Where there is no /proc, none can be named. */
async function leftRunning() {
  const deadline = Date.now() + LEFTOVER_LIMIT_MS;
  for (;;) {
    const found = markedProcesses();
    if (found.length === 0 || Date.now() > deadline) return found;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function markedProcesses() {
  const found = [];
  for (const pid of listProcesses()) {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
      if (environment.includes(mark))
        found.push(`${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()} (${pid})`);
    } catch {
      // Another user's, or gone meanwhile.
    }
  }
  return found;
}

function listProcesses() {
  try {
    return readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  } catch {
    return [];
  }
}
