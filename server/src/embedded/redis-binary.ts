// A Redis or Valkey server program, and the question whether it will do.
import path from 'node:path';
import { lastLine, runProgram, STORE_ENVIRONMENT } from './run-program.ts';

/** Functions came with 7.0, which is also what Debian 12 has. */
const OLDEST_MAJOR = 7;
const VERSION_LIMIT_MS = 5_000;

export type RedisEngine = 'redis' | 'valkey';

export interface RedisProgram {
  readonly file: string;
  /** What it needs in its environment to find its libraries. */
  readonly env: Readonly<Record<string, string>>;
}

export interface RedisBinary extends RedisProgram {
  readonly engine: RedisEngine;
  readonly version: string;
  readonly major: number;
  readonly minor: number;
}

/** Runs it for its version. A string says, as the end of a sentence, why it will not do. */
export async function checkRedis(program: RedisProgram): Promise<RedisBinary | string> {
  const command = { file: program.file, args: ['--version'], env: { ...STORE_ENVIRONMENT, ...program.env } };
  const result = await runProgram(command, { timeoutMs: VERSION_LIMIT_MS });
  const match = /\bv=((\d+)\.(\d+)\.\d+)/.exec(result.stdout);
  const [, version, major, minor] = match ?? [];
  if (version === undefined)
    return `does not run as a Redis server (${lastLine(result.stderr) || 'no version'})`;
  if (Number(major) < OLDEST_MAJOR)
    return `is version ${version}, too old: Holdfast needs ${OLDEST_MAJOR}.0 or later`;
  const engine = /valkey/i.test(`${path.basename(program.file)} ${result.stdout}`) ? 'valkey' : 'redis';
  return { ...program, engine, version, major: Number(major), minor: Number(minor) };
}
