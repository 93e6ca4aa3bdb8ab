// A connection that PostgreSQL ends in the middle of a transaction fails the call, and nothing else: what the client
// then still had to say has nowhere to go, and that must not reach the process as an error that nobody catches.
import { afterAll, beforeAll, expect, spyOn, test } from 'bun:test';
import { Socket } from 'node:net';
import { Connection, type Statements } from '../src/ledger/connection.ts';
import { type FreshDatabase, freshDatabase } from './harness/stores.ts';

let database: FreshDatabase;
const surprises: unknown[] = [];
const note = (error: unknown) => surprises.push(error);

beforeAll(async () => {
  database = await freshDatabase();
  process.on('uncaughtException', note);
  process.on('unhandledRejection', note);
});
afterAll(async () => {
  process.off('uncaughtException', note);
  process.off('unhandledRejection', note);
  await database.drop();
});

const SETTINGS = { statementTimeoutMs: 1_000, lockTimeoutMs: 500, idleInTransactionTimeoutMs: 1_000 };
const OPEN_WITHIN_MS = 5_000;
const CUT_AFTER_MS = 50;

async function failsAlone(
  deed: (transaction: Statements, connection: Connection) => Promise<unknown>,
): Promise<void> {
  const connection = new Connection({ url: database.url }, SETTINGS);
  try {
    const sql = await connection.open(OPEN_WITHIN_MS);
    const transaction = sql.begin('read only', (statements) => deed(statements, connection));
    await expect(Promise.resolve(transaction)).rejects.toThrow();
    connection.cut();
    const [row] = await (await connection.open(OPEN_WITHIN_MS))`SELECT 1 AS one`;
    expect(row).toEqual({ one: 1 });
    // What was still to be said would have been said in the turns of the event loop until here.
    expect(surprises).toEqual([]);
  } finally {
    await connection.close();
  }
}

test('cut-off-by-us-in-the-middle-of-a-transaction-because-its-time-was-over', () =>
  failsAlone(async (statements, connection) => {
    setTimeout(() => connection.cut(), CUT_AFTER_MS);
    await statements`SELECT pg_sleep(0.9)`;
  }));

/** As on a busy machine, where the end of the socket is noticed before any timer. */
test('cut-off-and-known-to-be-closed-before-anything-else-could-happen', async () => {
  const destroy = Socket.prototype.destroy;
  const atOnce = spyOn(Socket.prototype, 'destroy').mockImplementation(function (this: Socket, error) {
    destroy.call(this, error);
    if (error === undefined) this.emit('close', false);
    return this;
  });
  try {
    await failsAlone(async (statements, connection) => {
      setTimeout(() => connection.cut(), CUT_AFTER_MS);
      await statements`SELECT pg_sleep(0.9)`.catch((error) => {
        setImmediate(() => atOnce.mockRestore());
        throw error;
      });
    });
  } finally {
    atOnce.mockRestore();
  }
});

test('ended-by-the-server-in-the-middle-of-a-transaction', () =>
  failsAlone((statements) => statements`SELECT pg_terminate_backend(pg_backend_pid())`));

test('ended-by-the-server-in-a-transaction-that-goes-on-all-the-same', () =>
  failsAlone(async (statements) => {
    await statements`SELECT pg_terminate_backend(pg_backend_pid())`.catch(() => undefined);
    await statements`SELECT 1`;
  }));
