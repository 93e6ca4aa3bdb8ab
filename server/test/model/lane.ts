// Real stores of one sequence after the other: a Redis to break and a database whose clock the test holds. Every sequence
// finds them empty, so that the same one gives the same ids, and with them the same order of everything, whenever it runs.
import { AmbiguousCommit, LedgerUnavailable } from '../../src/domain/ledger-facts.ts';
import type { LedgerContract } from '../../src/ledger/contract.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { migrate } from '../../src/ledger/migrate.ts';
import { Pool } from '../../src/ledger/pool.ts';
import { beginEpoch, coldSnapshot, recordLineage, withRebuildLock } from '../../src/ledger/rebuild.ts';
import { connectRedis, type StoreConnection, untilConnected } from '../../src/stock/connect.ts';
import { saleKeys } from '../../src/stock/keys.ts';
import { loadLibrary } from '../../src/stock/library.ts';
import { freshDatabase, startRedis, type TestStore } from '../harness/stores.ts';
import type { LedgerFault } from './steps.ts';

const CONNECT_WITHIN_MS = 10_000;
/** As the ledger's own pools, but for the connections that a rebuild takes: they stay, because there are many rebuilds. */
const KEPT = {
  size: 4,
  waitMs: 30_000,
  connectMs: 5_000,
  callMs: 60_000,
  keepIdle: true,
  session: { statementTimeoutMs: 30_000, lockTimeoutMs: 8_000, idleInTransactionTimeoutMs: 30_000 },
};

/** What happens to the next call of one of these methods; then it is over. */
export interface Armed {
  readonly methods: readonly (keyof LedgerContract)[];
  readonly fault: LedgerFault;
  readonly before?: () => Promise<void>;
  readonly after?: () => Promise<void>;
}

export type Copy = ReadonlyMap<string, Buffer>;

/** Calls that only look. */
const READS: readonly (keyof LedgerContract)[] = [
  ...(['lineage', 'lineages', 'entriesAfter', 'transitionsAfter', 'itemsBySku', 'saleByNumber'] as const),
  ...(['reservation', 'orderOfReservation', 'stockChange', 'coldSnapshot', 'withRebuildLock'] as const),
];

export class Lane {
  armed: Armed | null = null;
  /** Calls of the ledger to put in place of the real ones. */
  instead: Partial<LedgerContract> = {};
  /** Calls of the ledger so far that may have changed it. */
  writes = 0;
  private clockMs = 0;

  private constructor(
    private readonly server: TestStore,
    readonly redis: StoreConnection,
    /** As the system has it: faults can be put between. */
    readonly ledger: LedgerContract,
    readonly ledgerItself: LedgerContract,
    readonly pool: Pool,
    private readonly end: () => Promise<void>,
  ) {}

  static async open(): Promise<Lane> {
    const [server, database] = await Promise.all([
      // Written at once and never waited for: nothing acknowledged is lost with the process, and no disk is in the way.
      startRedis({ configLines: ['appendfsync no', 'auto-aof-rewrite-min-size 1mb'] }),
      freshDatabase(),
    ]);
    await migrate(database.url);
    const pool = new Pool({ url: database.url }, KEPT);
    await pool.write(
      (sql) => sql`
        DO $do$ BEGIN
          CREATE TABLE holdfast.model_clock (ms bigint NOT NULL);
          INSERT INTO holdfast.model_clock VALUES (0);
          CREATE OR REPLACE FUNCTION holdfast.now_ms() RETURNS bigint
          LANGUAGE sql VOLATILE AS 'SELECT ms FROM holdfast.model_clock';
        END $do$`,
    );
    const real = new Ledger({ databaseUrl: database.url });
    const redis = connectRedis(server.url, () => undefined);
    await untilConnected(redis, CONNECT_WITHIN_MS);
    const ledger: LedgerContract = new Proxy<LedgerContract>(real, {
      get: (target, name: keyof LedgerContract) =>
        lane.wrapped(name, onPool(pool, name) ?? target[name].bind(target)),
    });
    const lane = new Lane(server, redis, ledger, real, pool, async () => {
      redis.disconnect();
      await Promise.all([real.close(), pool.close(), server.stop()]);
      await database.drop();
    });
    return lane;
  }

  async close(): Promise<void> {
    await this.end();
  }

  /** Nothing of the sequence before is left, in either store or in the memory of the server. */
  async clear(): Promise<void> {
    this.armed = null;
    await this.connect(); // what went wrong in the sequence before is not this one's
    await this.pool.write(
      (sql) => sql`
        DO $do$ DECLARE emptied text; BEGIN
          PERFORM set_config('session_replication_role', 'replica', true); -- the journal would refuse, and rightly
          FOREACH emptied IN ARRAY '{epoch_end,item,open_sku,customer,customer_item,outcome,orders,order_lines,journal,
                                     stock_operation,stock_change,sale}'::text[] LOOP
            EXECUTE format('DELETE FROM holdfast.%I', emptied);
          END LOOP;
          PERFORM setval(pg_get_serial_sequence('holdfast.sale', 'number'), 1, false);
        END $do$`,
    );
    await this.redis.flushall();
    await this.reload();
  }

  async setLedgerClock(ms: number): Promise<void> {
    if (ms === this.clockMs) return;
    this.clockMs = ms;
    await this.pool.write((sql) => sql`UPDATE holdfast.model_clock SET ms = ${ms}::bigint`);
  }

  async restart(kill: boolean): Promise<void> {
    // The client's own retries come later and later: here it is told when.
    const ended = new Promise((resolve) => this.redis.once('end', resolve));
    this.redis.disconnect();
    await ended;
    await (kill ? this.server.kill9() : this.server.stop());
    await this.connect();
  }

  private async connect(): Promise<void> {
    if (this.server.pid === 0) await this.server.restart();
    if (this.redis.status === 'ready') return;
    await this.redis.connect();
  }

  async reload(): Promise<void> {
    await this.redis.call('FUNCTION', 'FLUSH');
    await loadLibrary(this.redis);
  }

  async changeIdentity(): Promise<void> {
    await this.redis.call('DEBUG', 'CHANGE-REPL-ID');
  }

  async copy(saleNumber: number): Promise<Copy> {
    const keys = saleKeys(saleNumber);
    const dumps = await Promise.all(keys.map((key) => this.redis.dumpBuffer(key)));
    return new Map(keys.map((key, i) => [key, dumps[i] as Buffer]));
  }

  /** As a server that was started from an older copy of its data: another identity, and no memory. */
  async comeBackWith(copy: Copy): Promise<void> {
    const restoring = this.redis.multi().unlink(...copy.keys());
    for (const [key, dump] of copy) restoring.restore(key, 0, dump);
    await restoring.exec();
    await this.reload();
    await this.changeIdentity();
  }

  private wrapped(name: keyof LedgerContract, call: unknown): unknown {
    return async (...args: unknown[]) => {
      if (!READS.includes(name)) this.writes += 1;
      const armed = this.armed?.methods.includes(name) ? this.armed : null;
      if (armed) this.armed = null;
      if (armed?.fault === 'unreachable') throw new LedgerUnavailable('as asked');
      if (armed?.fault === 'stopped-before') throw new AmbiguousCommit('as asked');
      await armed?.before?.();
      const own = (this.instead[name] ?? call) as (...args: unknown[]) => Promise<unknown>;
      const reply = await own(...args);
      if (armed?.fault === 'stopped-after') throw new AmbiguousCommit('as asked');
      await armed?.after?.();
      return reply;
    };
  }
}

/** The calls of a rebuild, on connections that are kept. */
const REBUILDING: Partial<Record<keyof LedgerContract, unknown>> = {
  beginEpoch,
  recordLineage,
  coldSnapshot,
  withRebuildLock,
};

function onPool(pool: Pool, name: keyof LedgerContract): unknown {
  const call = REBUILDING[name] as ((pool: Pool, ...args: unknown[]) => Promise<unknown>) | undefined;
  return call && ((...args: unknown[]) => call(pool, ...args));
}
