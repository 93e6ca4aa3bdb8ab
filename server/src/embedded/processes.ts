// Tells one process from another that was later given the same id: a process is its id and the moment it started.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;
/** After SIGKILL the kernel needs a moment, on a busy disk a longer one. */
const KILL_LIMIT_MS = 5_000;

export interface ProcessRecord {
  readonly pid: number;
  /** Opaque; never the same for two processes with one id. */
  readonly startedAt: string;
}

/** The process with this id as it is now, or null when there is none (a zombie is none). */
export function recordOf(pid: number): ProcessRecord | null {
  const startedAt = process.platform === 'linux' ? startedAtOnLinux(pid) : startedAtByPs(pid);
  return startedAt === null ? null : { pid, startedAt };
}

export function isRunning(record: ProcessRecord): boolean {
  return recordOf(record.pid)?.startedAt === record.startedAt;
}

/** Program and arguments of a running process, or null when there is none. */
export function commandLineOf(pid: number): string | null {
  if (recordOf(pid) === null) return null;
  if (process.platform !== 'linux') return ps(pid, 'command=');
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return null;
  }
}

/** Stops a process that is not this one's child: asks, waits, kills. Resolves when it is gone. */
export async function stopProcess(
  record: ProcessRecord,
  signal: NodeJS.Signals,
  limitMs: number,
): Promise<void> {
  for (const [sent, waitMs] of [
    [signal, limitMs],
    ['SIGKILL', KILL_LIMIT_MS],
  ] as const) {
    if (!isRunning(record)) return;
    try {
      process.kill(record.pid, sent);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
      throw error;
    }
    const until = performance.now() + waitMs;
    while (isRunning(record) && performance.now() < until) await delay(POLL_MS);
  }
  if (isRunning(record)) throw new Error(`process ${record.pid} does not end, not even by SIGKILL`);
}

/** Clock ticks from boot to its start, with the boot they count from: see proc(5), field 22 of stat. */
function startedAtOnLinux(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses, which may itself contain spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, ticks] = [fields[0], fields[19]];
    if (state === 'Z' || state === 'X') return null;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${ticks}`;
  } catch {
    return null;
  }
}

function startedAtByPs(pid: number): string | null {
  const [state, ...started] = ps(pid, 'stat=,lstart=').split(/\s+/);
  return state === undefined || state === '' || state.startsWith('Z') ? null : started.join(' ');
}

function ps(pid: number, columns: string): string {
  return spawnSync('ps', ['-wwo', columns, '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
}
