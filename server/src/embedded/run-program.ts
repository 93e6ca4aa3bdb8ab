// Runs a short program (initdb, apt-get, --version) to its end: bounded in time and output, stoppable.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

/** Enough for any list of packages or error text; what comes after is dropped. */
const OUTPUT_LIMIT_CHARACTERS = 256 * 1024;

/** What a store's programs see of the environment: no secrets of the service, no PG* or LC_* settings of a shell. */
export const STORE_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};

export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** A command line, complete: what to execute, with which environment, as whom. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** undefined: this process's own environment (apt-get needs its proxy settings). */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** undefined: the user of this process. */
  readonly identity?: Identity | undefined;
}

export interface RunOptions {
  readonly timeoutMs: number;
  readonly cwd?: string;
  readonly input?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface RunResult {
  /** Exit code; null when it did not start, was stopped, or ran past its time. */
  readonly code: number | null;
  readonly stdout: string;
  /** With the reason as its last line when code is null. */
  readonly stderr: string;
}

/** Never rejects: a program that cannot start is a result like any other. */
export function runProgram(command: Command, options: RunOptions): Promise<RunResult> {
  return new Promise((resolve) => {
    let child: ChildProcessWithoutNullStreams;
    try {
      child = spawn(command.file, [...command.args], {
        stdio: 'pipe',
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        ...spawnIdentity(command),
      });
    } catch (error) {
      // Bun throws what Node tells by an event when the user does not exist in this user namespace.
      resolve({ code: null, stdout: '', stderr: error instanceof Error ? error.message : String(error) });
      return;
    }
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text.slice(0, OUTPUT_LIMIT_CHARACTERS - output[name].length);
      });
    }

    let stoppedBecause = '';
    const stop = (reason: string) => {
      stoppedBecause ||= reason;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => stop(`did not end within ${options.timeoutMs} ms`), options.timeoutMs);
    const onAbort = () => stop('was stopped');
    options.signal?.addEventListener('abort', onAbort);
    if (options.signal?.aborted) onAbort();

    const settle = (code: number | null, reason: string) => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
      resolve({
        code,
        stdout: output.stdout,
        stderr: reason === '' ? output.stderr : `${output.stderr}\n${reason}`,
      });
    };
    child.on('error', (error) => settle(null, error.message));
    child.on('close', (code, signal) =>
      settle(code, code === null ? stoppedBecause || `ended by ${signal}` : ''),
    );
    child.stdin.on('error', () => undefined); // a program that ends before it has read its input has its own answer
    child.stdin.end(options.input ?? '');
  });
}

/** Environment and user in the form that spawn takes. */
export function spawnIdentity(command: Command): {
  env?: Record<string, string>;
  uid?: number;
  gid?: number;
} {
  return {
    ...(command.env === undefined ? {} : { env: { ...command.env } }),
    ...(command.identity === undefined ? {} : { uid: command.identity.uid, gid: command.identity.gid }),
  };
}

/** The last line that says anything, for a one-line error message. */
export function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1)?.trim() ?? '';
}
