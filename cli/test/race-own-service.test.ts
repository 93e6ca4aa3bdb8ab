// The promise: in an empty folder one command starts real stores, races, gives its verdict, and leaves nothing
// behind; called off in the middle it leaves nothing either.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const LAUNCHER = path.join(import.meta.dir, '..', 'bin', 'holdfast.mjs');
/** A first start may have to fetch a Redis. */
const LIMIT_MS = 120_000;

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'holdfast-test-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** In a temporary folder of its own, which is then to be empty. */
function startRace(...args: string[]) {
  return Bun.spawn(['node', LAUNCHER, 'race', ...args], {
    cwd: folder,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, TMPDIR: folder },
  });
}

test(
  '200 shoppers, 1 unit, 1 winner',
  async () => {
    const race = startRace('--shoppers', '200', '--units', '1', '--json');
    const verdict = JSON.parse(await new Response(race.stdout).text());
    console.log(`raced with seed ${verdict.seed}`);
    expect(verdict).toMatchObject({
      verdict: 'held',
      winners: [{}],
      oversold: 0,
      duplicates: 0,
      false_sold_outs: 0,
    });
    expect(verdict.item).toMatchObject({ total: 1, available: 0, reserved: 0, sold: 1 });
    expect(await race.exited).toBe(0);
    expect(await readdir(folder)).toEqual([]);
  },
  LIMIT_MS,
);

test(
  'a race that is called off stops its service and removes its folder',
  async () => {
    const race = startRace('--shoppers', '50', '--units', '50', '--ttl-seconds', '600');
    const reader = race.stderr.getReader();
    const decoder = new TextDecoder();
    for (let seen = ''; !seen.includes('race for'); ) seen += decoder.decode((await reader.read()).value);
    race.kill('SIGTERM');
    // The pipe ends when the last process that has it is gone: the service and its stores, too.
    while (!(await reader.read()).done) {}
    expect(await race.exited).toBe(130);
    expect(await readdir(folder)).toEqual([]);
  },
  LIMIT_MS,
);
