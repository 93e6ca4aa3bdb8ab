// One running store: spawned in a group of its own so that Ctrl-C reaches the service first, its output read
// line by line, ready when it says so, its end awaited. Knows nothing of Redis or PostgreSQL but what it is told.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Command, spawnIdentity } from './run-program.ts';

export type StoreName = 'redis' | 'postgres';

/** Asks for an orderly stop: Redis flushes its append-only file, PostgreSQL ends its sessions and writes a checkpoint. */
export const STOP_SIGNAL = { redis: 'SIGTERM', postgres: 'SIGINT' } as const satisfies Record<
  StoreName,
  NodeJS.Signals
>;
/** How long an orderly stop may take before SIGKILL: the service promises to be gone within 10 s. */
export const STOP_LIMIT_MS = 8_000;
/** Loading a large AOF or replaying WAL takes minutes at worst; past this the store is stuck. */
const READY_LIMIT_MS = 10 * 60_000;
/** Children of a killed store keep its output open for a moment; their last lines are worth this wait. */
const LAST_LINES_LIMIT_MS = 1_000;
const TAIL_LINES = 12;

/** Why a store died before it was ready, as far as its own words tell. */
export type DeathReason = 'port-taken' | 'still-in-use' | 'other';

export class StoreDied extends Error {
  override readonly name = 'StoreDied';
  constructor(
    readonly store: StoreName,
    readonly reason: DeathReason,
    message: string,
  ) {
    super(message);
  }
}

export interface Launch {
  readonly store: StoreName;
  readonly command: Command;
  readonly cwd: string;
  /** The line that says it takes connections. */
  readonly readyLine: RegExp;
  /** Lines that tell why it could not start. */
  readonly portTakenLine: RegExp;
  readonly stillInUseLine?: RegExp;
  readonly onLine: (line: string) => void;
}

export class StoreProcess {
  /** 0 when the program could not even be started. */
  readonly pid: number;
  /** Rejects with StoreDied if the process ends first. */
  readonly ready: Promise<void>;
  /** How it ended, in words. Never rejects. */
  readonly exited: Promise<string>;
  private readonly child: ChildProcess;
  private readonly launch: Launch;
  private readonly tail: string[] = [];
  private hasExited = false;

  constructor(launch: Launch) {
    this.launch = launch;
    const { command } = launch;
    this.child = spawn(command.file, [...command.args], {
      cwd: launch.cwd,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...spawnIdentity(command),
    });
    this.pid = this.child.pid ?? 0;
    this.exited = this.watchExit();
    this.ready = this.watchOutput();
    this.ready.catch(() => undefined); // the owner may await `exited` alone
  }

  /** Asks it to stop, waits, and kills it past STOP_LIMIT_MS. Safe to call again, and after its end. */
  async stop(): Promise<void> {
    if (!this.hasExited) this.child.kill(STOP_SIGNAL[this.launch.store]);
    const timer = setTimeout(() => this.kill9(), STOP_LIMIT_MS);
    await this.exited;
    clearTimeout(timer);
  }

  kill9(): void {
    if (!this.hasExited) this.child.kill('SIGKILL');
  }

  private watchExit(): Promise<string> {
    return new Promise((resolve) => {
      this.child.on('error', (error) => {
        this.hasExited = true;
        resolve(`could not be started: ${error.message}`);
      });
      this.child.on('exit', (code, signal) => {
        this.hasExited = true;
        const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
        const timer = setTimeout(() => resolve(how), LAST_LINES_LIMIT_MS);
        this.child.on('close', () => {
          clearTimeout(timer);
          resolve(how);
        });
      });
    });
  }

  private watchOutput(): Promise<void> {
    const { readyLine, onLine } = this.launch;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.kill9(), READY_LIMIT_MS);
      for (const stream of [this.child.stdout, this.child.stderr]) {
        if (stream === null) continue;
        createInterface({ input: stream }).on('line', (line) => {
          onLine(line);
          this.tail.push(line);
          if (this.tail.length > TAIL_LINES) this.tail.shift();
          if (!readyLine.test(line)) return;
          clearTimeout(timer);
          resolve();
        });
      }
      void this.exited.then((how) => {
        clearTimeout(timer);
        reject(this.died(how));
      });
    });
  }

  private died(how: string): StoreDied {
    const { store, portTakenLine, stillInUseLine } = this.launch;
    const says = (pattern: RegExp | undefined) =>
      pattern !== undefined && this.tail.some((line) => pattern.test(line));
    const reason = says(portTakenLine) ? 'port-taken' : says(stillInUseLine) ? 'still-in-use' : 'other';
    const lastWords = this.tail.length === 0 ? '' : `; its last lines:\n${this.tail.join('\n')}`;
    return new StoreDied(store, reason, `${store} ${how} before it was ready${lastWords}`);
  }
}
