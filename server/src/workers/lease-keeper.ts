// Keeps every sale's lease alive, and so notices a store that restarted, was flushed, or is another one, within half
// a second (protocols §6). It runs in every process: it is also how a process learns of sales made by others.
import type { LineageGate } from '../reservations/gate.ts';
import { Periodic, type Worker, type WorkerLog } from './periodic.ts';

const RENEW_MS = 500;

export function leaseKeeper(gate: LineageGate, log: WorkerLog): Worker {
  return new Periodic({ name: 'lease-keeper', everyMs: RENEW_MS, run: () => gate.renew(), log });
}
