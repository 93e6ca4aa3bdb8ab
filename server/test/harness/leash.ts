// Keeps a test run from leaving anything behind, even one that was killed. The stores and folders of a run are named
// to this small process, line by line on its standard input; when that input ends, for whatever reason, it ends the
// stores and removes the folders.
//
//   pid <process id>      gone <process id>      folder <path>
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { recordOf } from '../../src/embedded/processes.ts';

/** SIGQUIT ends both kinds of store at once; PostgreSQL also gives back its shared memory, which SIGKILL would leak. */
const QUIT_LIMIT_MS = 2_000;
const POLL_MS = 20;
/** A dying store may still create files. */
const REMOVE_TRIES = 50;

const pids = new Set<number>();
const folders = new Set<string>();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

for await (const line of createInterface({ input: process.stdin })) {
  const space = line.indexOf(' ');
  const [word, value] = [line.slice(0, space), line.slice(space + 1)];
  if (word === 'pid') pids.add(Number(value));
  if (word === 'gone') pids.delete(Number(value));
  if (word === 'folder') folders.add(value);
}
for (const pid of pids) signalStore(pid, 'SIGQUIT');
const killAt = performance.now() + QUIT_LIMIT_MS;
while ([...pids].some((pid) => recordOf(pid) !== null) && performance.now() < killAt)
  await Bun.sleep(POLL_MS);
for (const pid of pids) signalStore(-pid, 'SIGKILL'); // each store leads a process group of its own
for (const folder of folders) {
  rmSync(folder, { recursive: true, force: true, maxRetries: REMOVE_TRIES, retryDelay: POLL_MS });
}

function signalStore(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Already gone: what was wanted.
  }
}
