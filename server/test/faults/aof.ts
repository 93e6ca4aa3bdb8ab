// Power loss, as far as Redis shows it: its append-only file ends earlier than what was acknowledged. Redis's own tool cuts the
// file at a second that the file itself names (aof-timestamp-enabled).
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { redisBinary } from '../harness/stores.ts';

const LIMIT_MS = 60_000;

/** The server must be down. Everything written after that second is gone. */
export async function cutAof(dir: string, unixSeconds: number): Promise<void> {
  const binary = await redisBinary();
  const manifest = path.join(dir, 'appendonlydir', 'appendonly.aof.manifest');
  // The tool is the server under another name.
  const ran = spawnSync(binary.file, ['--truncate-to-timestamp', String(unixSeconds), manifest], {
    argv0: `${binary.engine}-check-aof`,
    env: { ...process.env, ...binary.env },
    encoding: 'utf8',
    timeout: LIMIT_MS,
    input: 'y\n',
  });
  if (ran.status !== 0) throw new Error(`the append-only file could not be cut: ${ran.stdout}${ran.stderr}`);
}
