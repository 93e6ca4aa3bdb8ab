// Runs the program that sells one row at a time (ledger-row.ts), and reads what it printed.
import path from 'node:path';
import type { Stage } from '../stage.ts';

const PROGRAM = path.join(import.meta.dir, 'ledger-row.ts');
const LONGER_MS = 30_000;

/** @returns transactions a second */
export async function singleRowTransactions(stage: Stage, seconds: number): Promise<number> {
  const child = Bun.spawn([process.execPath, PROGRAM, String(seconds)], {
    env: { PATH: process.env.PATH ?? '', DATABASE_URL: stage.postgres.url },
    stdout: 'pipe',
    stderr: 'inherit',
    timeout: seconds * 1_000 + LONGER_MS,
  });
  const perSecond = Number(await new Response(child.stdout).text());
  if ((await child.exited) !== 0 || !(perSecond > 0))
    throw new Error('the single-row transactions gave no figure');
  return perSecond;
}
