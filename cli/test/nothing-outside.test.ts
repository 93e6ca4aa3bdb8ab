// What a start leaves behind: its data and cache folders, and nothing else.
import { afterAll, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';

const LAUNCHER = path.join(import.meta.dir, '../bin/holdfast.mjs');
const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-outside-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the command as a user would: under Node, from a folder of their own, with a home that was empty before. */
async function run(
  args: readonly string[],
): Promise<{ code: number; output: string; home: string; here: string }> {
  const [home, here] = [mkdtempSync(path.join(folder, 'home-')), mkdtempSync(path.join(folder, 'here-'))];
  writeFileSync(path.join(here, '.env'), 'HOLDFAST_WORKERS=nonsense\n');
  const { HOLDFAST_CACHE_DIR, XDG_CACHE_HOME, BUN_RUNTIME_TRANSPILER_CACHE_PATH: _, ...env } = process.env;
  const cache = HOLDFAST_CACHE_DIR ?? path.join(XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'holdfast');
  const child = spawn('node', [LAUNCHER, ...args], {
    cwd: here,
    env: { ...env, HOME: home, HOLDFAST_CACHE_DIR: cache },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk));
  const [code] = (await once(child, 'close')) as [number];
  return { code, output, home, here };
}

test('a-race-writes-nothing-to-the-home-folder-or-the-one-it-was-started-in', async () => {
  const { code, output, home, here } = await run(['race', '--shoppers', '5', '--units', '1', '--seed', '7']);
  expect({ code, output }).toMatchObject({ code: 0 });
  expect(readdirSync(home)).toEqual([]);
  // The stray .env neither configures the service nor is touched.
  expect(readdirSync(here)).toEqual(['.env']);
});
