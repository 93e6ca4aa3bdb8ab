// Starts the fake service as a user would start the real one: a program, an environment, what it prints, how it ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';

const PROGRAM = path.join(import.meta.dir, 'fake-service.ts');
const READY_LIMIT_MS = 10_000;
const POLL_MS = 10;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What `GET /about` of the fake app says. */
export interface About {
  readonly pid: number;
  readonly parent: number;
  readonly peerAddress: string;
  readonly prepare: boolean;
  readonly seedDemo: boolean;
  readonly draining: boolean;
}

const dataDir = mkdtempSync(path.join(tmpdir(), 'holdfast-processes-'));
const running = new Set<RunningService>();

export class RunningService {
  readonly ended: Promise<Ended>;
  readonly stdout: string[] = [];
  stderr = '';
  private readonly child: ChildProcess;

  constructor(env: Record<string, string>) {
    this.child = spawn(process.execPath, [PROGRAM], {
      detached: true, // a process group of its own, as a terminal gives it
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        PORT: '0',
        HOLDFAST_METRICS_PORT: '0',
        HOLDFAST_DATA_DIR: dataDir,
        REDIS_URL: 'redis://127.0.0.1:1',
        DATABASE_URL: 'postgres://127.0.0.1:1/none',
        ...env,
      },
    });
    this.child.stdout?.on('data', (chunk) => this.stdout.push(...`${chunk}`.split('\n').filter(Boolean)));
    this.child.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
    running.add(this);
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        running.delete(this);
        resolve({ code, signal });
      });
    });
  }

  static async start(env: Record<string, string> = {}): Promise<RunningService> {
    const service = new RunningService(env);
    await until(
      () => service.metricsUrl !== undefined,
      READY_LIMIT_MS,
      () => service.stderr,
    );
    return service;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get url(): string {
    return this.match(/^Holdfast is ready at (http:\S+)$/) ?? 'http://not-ready.invalid';
  }

  get metricsUrl(): string | undefined {
    return this.match(/^ +metrics +(http:\S+)$/);
  }

  /** Asks until a worker answers: between a worker's end and its successor nobody listens. */
  async about(): Promise<About> {
    let about: About | undefined;
    await until(async () => {
      about = await fetch(`${this.url}/about`, { headers: { connection: 'close' } })
        .then((response) => response.json() as Promise<About>)
        .catch(() => undefined);
      return about !== undefined;
    }, READY_LIMIT_MS);
    return about as About;
  }

  /** Asks until this many different workers have answered. */
  async workers(count: number): Promise<About[]> {
    const byPid = new Map<number, About>();
    await until(async () => {
      const about = await this.about();
      byPid.set(about.pid, about);
      return byPid.size >= count;
    }, READY_LIMIT_MS);
    return [...byPid.values()];
  }

  /** The value of a series; undefined when it is absent. */
  async metric(series: string): Promise<number | undefined> {
    const text = await (await fetch(this.metricsUrl ?? '')).text();
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** As Ctrl-C does: every process of the group hears it. */
  signalGroup(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal);
  }

  /** The launcher's end of the pipe that the service watches, file descriptor 3. */
  closeParentPipe(): void {
    (this.child.stdio[3] as Readable).destroy();
  }

  private match(pattern: RegExp): string | undefined {
    return this.stdout.map((line) => pattern.exec(line)?.[1]).find((found) => found !== undefined);
  }
}

/** Ends what a failed test left running, and says that it did. */
export async function endAll(): Promise<number> {
  const left = [...running];
  for (const service of left) process.kill(-service.pid, 'SIGKILL');
  await Promise.all(left.map(({ ended }) => ended));
  return left.length;
}

export function removeDataDir(): void {
  rmSync(dataDir, { recursive: true, force: true });
}

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Polls until the condition holds. @throws when it does not within the limit. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  limitMs: number,
  explain: () => string = () => '',
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${condition}\n${explain()}`);
    await Bun.sleep(POLL_MS);
  }
}
