import { expect, test } from 'bun:test';
import { readLog } from './log-lines.ts';

const ORIGIN_MS = Date.parse('2030-01-01T00:00:00.000Z');
const FAULTS = [{ fromMs: 60_000, toMs: 62_000, why: 'one of two workers killed (SIGKILL)' }];

function line(second: number, level: string, msg: string): string {
  return JSON.stringify({ level, time: new Date(ORIGIN_MS + second * 1000).toISOString(), msg });
}

test('an-error-is-explained-by-the-fault-that-brings-it-and-what-is-no-log-line-by-none', () => {
  const log = [
    line(1, 'info', 'ready'),
    line(2, 'warn', 'worker run failed'),
    line(61, 'error', 'a worker ended'),
    line(61, 'fatal', 'ended by an error that nobody caught'),
    line(300, 'error', 'a worker ended'),
    'Segmentation fault',
    '',
  ].join('\n');
  const found = readLog(log, FAULTS, ORIGIN_MS);
  expect(found.lines).toBe(6);
  expect([...found.explained]).toEqual([['a worker ended', 1]]);
  expect(found.unexplained).toEqual([
    line(61, 'fatal', 'ended by an error that nobody caught'),
    line(300, 'error', 'a worker ended'),
    'Segmentation fault',
  ]);
  expect(found.unexplainedCount).toBe(3);
});
