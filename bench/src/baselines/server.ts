// A server to compare with, as a process of its own that ends with this one.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Place } from '../load/order.ts';

export type BaselineName = 'node' | 'bun' | 'naive';

export interface Baseline {
  readonly place: Place;
  readonly pid: number;
  stop(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
const START_WITHIN_MS = 10_000;
const STOP_WITHIN_MS = 5_000;
const FILES = { node: 'node-server.mjs', bun: 'bun-server.ts', naive: 'naive-server.mjs' } as const;

export async function startBaseline(
  name: BaselineName,
  env: Readonly<Record<string, string>> = {},
): Promise<Baseline> {
  const program = name === 'bun' ? process.execPath : nodeProgram();
  const child = spawn(program, [path.join(import.meta.dir, FILES[name])], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env },
  });
  const failed = Promise.withResolvers<never>();
  child.once('error', failed.reject);
  child.once('exit', (code) => failed.reject(new Error(`the ${name} server ended with ${code}`)));
  const timer = setTimeout(() => failed.reject(new Error(`the ${name} server is not up`)), START_WITHIN_MS);
  try {
    const [line] = (await Promise.race([once(child.stdout, 'data'), failed.promise])) as [Buffer];
    failed.promise.catch(() => undefined);
    return {
      place: { host: LOOPBACK, port: Number(line.toString()) },
      pid: child.pid as number,
      stop: async () => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = once(child, 'exit');
        child.stdin.end();
        const late = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
        await ended.finally(() => clearTimeout(late));
      },
    };
  } finally {
    clearTimeout(timer);
  }
}

/** The Node.js that npm runs on; started by hand, the first one on the path. */
function nodeProgram(): string {
  return process.env.npm_node_execpath ?? 'node';
}
