// What the service logged at error level, and lines that are no log lines at all, by the wall clock that stands in them. A fault
// explains an answer that says "come again"; of errors in the log it explains only those that it must bring.
import type { Window } from '../faults/windows.ts';
import { explanationOf } from './answers.ts';

export interface LogFindings {
  readonly lines: number;
  /** Message → how often, while a fault explains it. */
  readonly explained: ReadonlyMap<string, number>;
  readonly unexplainedCount: number;
  readonly unexplained: readonly string[];
}

const EXAMPLES = 20;
const SHOWN = 1_000;
/** Message → the faults that bring it. */
const EXPECTED: Readonly<Record<string, RegExp>> = {
  'a worker ended': /workers killed/,
  // A race needs both stores all the while, and its sale a ledger to be closed in.
  'a race could not be run to its end': /./,
  'the sale of a race could not be closed': /./,
};
const LOUD: ReadonlySet<string> = new Set(['error', 'fatal']);

/** `originMs`: when `performance.now()` was 0, by the wall clock. */
export function readLog(log: string, faults: readonly Window[], originMs: number): LogFindings {
  const explained = new Map<string, number>();
  const unexplained: string[] = [];
  let [lines, unexplainedCount] = [0, 0];
  const complain = (line: string) => {
    unexplainedCount += 1;
    if (unexplained.length < EXAMPLES) unexplained.push(line.slice(0, SHOWN));
  };
  for (const line of log.split('\n')) {
    if (line === '') continue;
    lines += 1;
    const entry = entryOf(line);
    if (entry === undefined) {
      complain(line);
      continue;
    }
    if (!LOUD.has(entry.level)) continue;
    const atMs = Date.parse(entry.time) - originMs;
    const bringing = faults.filter(({ why }) => EXPECTED[entry.msg]?.test(why));
    if (explanationOf({ sentAtMs: atMs, endedAtMs: atMs }, bringing) === undefined) complain(line);
    else explained.set(entry.msg, (explained.get(entry.msg) ?? 0) + 1);
  }
  return { lines, explained, unexplainedCount, unexplained };
}

interface Entry {
  readonly level: string;
  readonly time: string;
  readonly msg: string;
}

function entryOf(line: string): Entry | undefined {
  try {
    const entry = JSON.parse(line) as Partial<Entry> | null;
    const { level, time, msg = '' } = entry ?? {};
    return typeof level === 'string' && typeof time === 'string' ? { level, time, msg } : undefined;
  } catch {
    return undefined;
  }
}
