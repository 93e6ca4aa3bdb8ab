// The service as a child process: started under the same Bun, told to stop in an orderly way, and never left
// behind. All of that is one pipe: the service holds one end and stops when the other, which is here, is closed,
// be it on purpose or because this process is gone. A signal would not do for stopping: on Ctrl-C a terminal
// sends one to the service as well, and the service takes a second one as "hurry".
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PARENT_FD, PARENT_FD_VARIABLE } from './parent.ts';

export const SERVER_ENTRY = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url));

/** The service promises to be gone 10 s after it was told to stop; a little more for a busy machine. */
const STOP_LIMIT_MS = 15_000;
/** A first start may fetch a Redis and make a database. */
const READY_LIMIT_MS = 180_000;
/** What is shown of a service that did not start. */
const LAST_WORDS_LINES = 30;
/** The shell's code for a program that cannot be executed. */
const CANNOT_EXECUTE = 126;
const READY_LINE = /^Holdfast is ready at (https?:\/\/\S+)/;

export type ServerEnv = Readonly<Record<string, string | undefined>>;

export class ServerFailed extends Error {
  override readonly name = 'ServerFailed';
}

export interface ServerProcess {
  /** Its exit code, once it has ended: 128 + n if signal n ended it. */
  readonly exited: Promise<number>;
  /** Asks it to stop and waits until it has; again is safe. Ends it by force when it overstays. */
  stop(): Promise<void>;
}

/** Starts the service with its output on this process's own. */
export function startServer(env: ServerEnv, args: readonly string[], entry = SERVER_ENTRY): ServerProcess {
  return lifeOf(spawnServer(env, [entry, ...args], 'inherit'));
}

export interface ReadyServer extends ServerProcess {
  readonly url: string;
}

/** Starts the service with its output kept to itself; resolves once it is ready. @throws ServerFailed with its last words. */
export async function startQuietServer(
  env: ServerEnv,
  signal: AbortSignal,
  entry = SERVER_ENTRY,
): Promise<ReadyServer> {
  const child = spawnServer(env, [entry], 'pipe');
  const life = lifeOf(child);
  const lastWords: string[] = [];
  const ready = Promise.withResolvers<string>();
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      const url = READY_LINE.exec(line)?.[1];
      if (url !== undefined) ready.resolve(url);
      lastWords.push(line);
      if (lastWords.length > LAST_WORDS_LINES) lastWords.shift();
    });
  }
  const limit = setTimeout(() => ready.reject(new Error('it was not ready in time')), READY_LIMIT_MS);
  const giveUp = () => ready.reject(new Error('it was told to stop'));
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  void life.exited.then((code) => ready.reject(new Error(`it ended with exit code ${code}`)));
  try {
    const url = await ready.promise;
    return { ...life, url };
  } catch (error) {
    await life.stop();
    const why = error instanceof Error ? error.message : String(error);
    throw new ServerFailed([`The service could not be started: ${why}.`, ...lastWords].join('\n'));
  } finally {
    clearTimeout(limit);
    signal.removeEventListener('abort', giveUp);
  }
}

function spawnServer(env: ServerEnv, command: readonly string[], output: 'inherit' | 'pipe'): ChildProcess {
  const announced = { ...env, [PARENT_FD_VARIABLE]: String(PARENT_FD) };
  return spawn(process.execPath, ['--no-env-file', ...command], {
    stdio: ['ignore', output, output, 'pipe'],
    env: announced,
  });
}

function lifeOf(child: ChildProcess): ServerProcess {
  const exited = new Promise<number>((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
    // It never began: there is nothing to stop, and nothing that could say why.
    child.once('error', () => resolve(CANNOT_EXECUTE));
  });
  const stop = async () => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.stdio[PARENT_FD]?.destroy();
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await exited;
    clearTimeout(force);
  };
  return { exited, stop };
}
