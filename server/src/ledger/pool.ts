// A bounded pool of connections. Every call has a deadline that covers its wait for a connection, the opening
// of one and its statement; the queue for connections is bounded in length and in time.
import { LedgerNotAsked, LedgerUnavailable } from '../domain/ledger-facts.ts';
import type { RetryBudget } from '../domain/retry-budget.ts';
import { Connection, type SessionSettings, type Sql } from './connection.ts';
import type { LedgerAddress } from './encryption.ts';
import {
  afterSending,
  beforeSending,
  type Effect,
  isConnectionLost,
  isWorthRetrying,
  within,
} from './failures.ts';

export interface PoolLimits {
  /** Most connections. */
  readonly size: number;
  /** Longest wait for a free connection. */
  readonly waitMs: number;
  /** Longest time for opening one. */
  readonly connectMs: number;
  /** Longest time for a call as a whole. Past it a statement in flight is cut off. */
  readonly callMs: number;
  /** Keep connections open between calls: for calls that are frequent. */
  readonly keepIdle: boolean;
  readonly session: SessionSettings;
}

/** Calls waiting for a connection beyond this are refused at once: they would only wait and then be refused. */
const WAITING_MAX = 1000;
/** Attempts at a statement that lost a deadlock or a serialization race; its connection is not kept waiting between them. */
const ATTEMPTS_MAX = 3;
/** How long close waits for calls in flight before it cuts them off. */
const CLOSE_WAIT_MS = 3000;

interface Waiting {
  readonly give: (connection: Connection) => void;
  readonly refuse: (error: LedgerUnavailable) => void;
}

export class Pool {
  private readonly idle: Connection[] = [];
  private readonly taken = new Set<Connection>();
  private readonly waiting: Waiting[] = [];
  /** Connections on their way out. */
  private readonly parting = new Set<Promise<void>>();
  private closing: Promise<void> | null = null;
  private drained: (() => void) | null = null;

  constructor(
    private readonly address: LedgerAddress,
    private readonly limits: PoolLimits,
    private readonly retries?: RetryBudget,
  ) {}

  /** Runs statements that only read. @throws LedgerUnavailable */
  read<T>(run: (sql: Sql) => Promise<T>): Promise<T> {
    return this.call('reads', run);
  }

  /**
   * Runs one writing statement, again if it lost a deadlock. @throws LedgerUnavailable if nothing was
   * committed, AmbiguousCommit if it was sent and its answer did not come, StaleEpoch, SkuInUse
   */
  write<T>(run: (sql: Sql) => Promise<T>): Promise<T> {
    return this.call('writes', run);
  }

  private async call<T>(effect: Effect, run: (sql: Sql) => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.limits.callMs;
    const connection = await this.take();
    try {
      const sql = await this.open(connection, deadline);
      for (let attempt = 1; ; attempt++) {
        try {
          return await within(deadline - performance.now(), run(sql), () => connection.cut());
        } catch (error) {
          if (isWorthRetrying(error) && this.mayRetry(attempt, deadline)) continue;
          if (isConnectionLost(error)) connection.cut();
          throw afterSending(error, effect);
        }
      }
    } finally {
      this.giveBack(connection);
    }
  }

  private mayRetry(attempt: number, deadline: number): boolean {
    if (attempt >= ATTEMPTS_MAX || performance.now() >= deadline) return false;
    return this.retries?.take('transaction') ?? true;
  }

  /**
   * Runs `work` with a connection of its own for as long as it takes: for locks that live in a session.
   * The connection is ended afterwards, and what was locked with it.
   */
  async withSession<T>(
    work: (ask: <R>(run: (sql: Sql) => Promise<R>) => Promise<R>) => Promise<T>,
  ): Promise<T> {
    const connection = await this.take();
    try {
      const sql = await this.open(connection, performance.now() + this.limits.callMs);
      return await work(async (run) => {
        try {
          return await within(this.limits.callMs, run(sql), () => connection.cut());
        } catch (error) {
          if (isConnectionLost(error)) connection.cut();
          throw afterSending(error, 'reads');
        }
      });
    } finally {
      this.giveBack(connection);
    }
  }

  /** Refuses new calls, waits a bounded time for those in flight, and ends the connections. Twice is safe. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    for (const { refuse } of this.waiting.splice(0)) refuse(new LedgerUnavailable('the ledger is closing'));
    for (const connection of this.idle.splice(0)) this.part(connection);
    if (this.taken.size > 0) {
      const done = new Promise<void>((resolve) => {
        this.drained = resolve;
      });
      await within(CLOSE_WAIT_MS, done, () => {
        for (const connection of this.taken) connection.cut();
      }).catch(() => undefined);
    }
    await Promise.all(this.parting);
  }

  private async open(connection: Connection, deadline: number): Promise<Sql> {
    try {
      return await connection.open(Math.min(this.limits.connectMs, deadline - performance.now()));
    } catch (error) {
      throw beforeSending(error);
    }
  }

  private async take(): Promise<Connection> {
    if (this.closing !== null) throw new LedgerUnavailable('the ledger is closing');
    const free =
      this.idle.pop() ??
      (this.taken.size < this.limits.size ? new Connection(this.address, this.limits.session) : null);
    if (free === null) return this.waitForOne();
    this.taken.add(free);
    return free;
  }

  private waitForOne(): Promise<Connection> {
    if (this.waiting.length >= WAITING_MAX) {
      throw new LedgerNotAsked('too many calls wait for a connection to PostgreSQL', 0);
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(waiting), 1);
        reject(new LedgerNotAsked('no connection to PostgreSQL became free in time', 0));
      }, this.limits.waitMs);
      const waiting: Waiting = {
        give: (connection) => {
          clearTimeout(timer);
          resolve(connection);
        },
        refuse: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.waiting.push(waiting);
    });
  }

  private giveBack(connection: Connection): void {
    const next = this.waiting.shift();
    if (next !== undefined) {
      next.give(connection);
      return;
    }
    this.taken.delete(connection);
    if (this.closing !== null || !this.limits.keepIdle) {
      this.part(connection);
    } else {
      this.idle.push(connection);
    }
    if (this.taken.size === 0) this.drained?.();
  }

  private part(connection: Connection): void {
    const parted = connection.close().finally(() => this.parting.delete(parted));
    this.parting.add(parted);
  }
}
