// The resident memory of processes, watched while something goes on.
import { readFileSync } from 'node:fs';

const EVERY_MS = 500;

export function residentMib(pids: readonly number[]): number {
  let kib = 0;
  for (const pid of pids) {
    try {
      kib += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    } catch {
      // It ended while we looked.
    }
  }
  return kib / 1024;
}

/** @returns the most that was seen while it went on. */
export async function mostMibDuring(
  pids: () => readonly number[],
  what: () => Promise<unknown>,
): Promise<number> {
  let most = 0;
  const look = () => {
    most = Math.max(most, residentMib(pids()));
  };
  const timer = setInterval(look, EVERY_MS);
  try {
    await what();
  } finally {
    clearInterval(timer);
  }
  look();
  return most;
}
