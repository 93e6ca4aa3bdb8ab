// A process and everything below it, as anybody with `ps` sees them.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface SeenProcess {
  readonly pid: number;
  readonly command: string;
  /** Null where the system shows none (outside of Linux), or the process has ended. */
  readonly environment: string | null;
}

/** The process, its children, theirs, and so on. */
export function processTree(root: number): SeenProcess[] {
  const parents = process.platform === 'linux' ? parentsFromProc() : parentsFromPs();
  const tree = [root];
  for (const known of tree) {
    for (const [pid, parent] of parents) if (parent === known && !tree.includes(pid)) tree.push(pid);
  }
  return tree.map((pid) => ({
    pid,
    command: read(pid, 'cmdline') ?? fromPs(pid),
    environment: read(pid, 'environ'),
  }));
}

function parentsFromProc(): [pid: number, parent: number][] {
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return ids.flatMap((id) => {
    const parent = /^PPid:\s+(\d+)$/m.exec(read(Number(id), 'status') ?? '')?.[1];
    return parent === undefined ? [] : [[Number(id), Number(parent)]];
  });
}

function parentsFromPs(): [pid: number, parent: number][] {
  const lines = spawnSync('ps', ['-axo', 'pid=,ppid='], { encoding: 'utf8' }).stdout.trim().split('\n');
  return lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
}

function fromPs(pid: number): string {
  return spawnSync('ps', ['-wwo', 'command=', '-p', `${pid}`], { encoding: 'utf8' }).stdout;
}

function read(pid: number, what: 'cmdline' | 'environ' | 'status'): string | null {
  try {
    return readFileSync(`/proc/${pid}/${what}`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return null;
  }
}
