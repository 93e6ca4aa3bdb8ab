// CPU time of processes, from /proc: Linux only. What a server cost is the difference of two looks.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

export const CAN_READ_CPU = existsSync('/proc/self/stat');

const ticksPerSecond = CAN_READ_CPU
  ? Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout?.trim() || 100)
  : 100;
const MS_PER_TICK = 1_000 / ticksPerSecond;

/** Of the processes themselves, children apart. Ones that ended count nothing. */
export function cpuMs(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = statOf(pid);
    if (stat !== undefined) ticks += stat.ownTicks;
  }
  return ticks * MS_PER_TICK;
}

/** Of a process and everything below it, ended children included: PostgreSQL has a process a connection. */
export function treeCpuMs(root: number): number {
  const children = new Map<number, number[]>();
  const stats = new Map<number, Stat>();
  for (const pid of allPids()) {
    const stat = statOf(pid);
    if (stat === undefined) continue;
    stats.set(pid, stat);
    children.set(stat.parent, [...(children.get(stat.parent) ?? []), pid]);
  }
  let ticks = 0;
  const waiting = [root];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    const stat = stats.get(pid);
    if (stat === undefined) continue;
    ticks += stat.ownTicks + stat.endedChildrenTicks;
    waiting.push(...(children.get(pid) ?? []));
  }
  return ticks * MS_PER_TICK;
}

/** What all programs of the machine have used so far, in ms. Undefined where that can't be read. */
export function machineCpuMs(): number | undefined {
  if (!CAN_READ_CPU) return undefined;
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = (
    readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? ''
  )
    .split(/\s+/)
    .map(Number);
  return (user + nice + system + irq + softIrq) * MS_PER_TICK;
}

/** Resident bytes. Undefined where that can't be read. */
export function residentBytes(pid: number): number | undefined {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}

/** The processes of a supervisor that serve requests. */
export function workersOf(supervisor: number): number[] {
  return allPids().filter((pid) => parentOf(pid) === supervisor && commandOf(pid).includes('--role=worker'));
}

/**
 * Pids by what they do, of a service with private stores: the workers are the supervisor's children, the stores have the
 * data folder in their names or in those of their ancestors.
 */
export function processGroups(
  supervisor: number,
  folder: string,
): Record<'service' | 'redis' | 'postgres', number[]> {
  const groups = { service: workersOf(supervisor), redis: [] as number[], postgres: [] as number[] };
  for (const pid of allPids()) {
    const command = commandOf(pid);
    if (/redis|valkey/.test(command) && belongsTo(pid, folder)) groups.redis.push(pid);
    else if (/postgres/.test(command) && belongsTo(pid, folder)) groups.postgres.push(pid);
  }
  return groups;
}

function belongsTo(pid: number, folder: string): boolean {
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = parentOf(at)) {
    if (commandOf(at).includes(folder)) return true;
  }
  return false;
}

function allPids(): number[] {
  if (!CAN_READ_CPU) return [];
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

function parentOf(pid: number): number | undefined {
  return statOf(pid)?.parent;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // It ended meanwhile.
  }
}

interface Stat {
  readonly parent: number;
  readonly ownTicks: number;
  readonly endedChildrenTicks: number;
}

/** Undefined if it has ended. Fields as proc(5) numbers them, counted from after the name, which may hold anything. */
function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(') ') + 2).split(' ');
    return {
      parent: Number(fields[1]),
      ownTicks: Number(fields[11]) + Number(fields[12]),
      endedChildrenTicks: Number(fields[13]) + Number(fields[14]),
    };
  } catch {
    return undefined;
  }
}
