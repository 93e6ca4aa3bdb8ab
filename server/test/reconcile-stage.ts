// Rooms with a reconciler, workers that keep leases and journal going, and somebody who damages a sale past every guard.
import { randomUUID } from 'node:crypto';
import { SQL } from 'bun';
import { Reconciler, type ReconcilerOptions, type SaleReport } from '../src/reservations/reconciler.ts';
import type { Customer } from '../src/reservations/reservations.ts';
import { type SaleKeyName, saleKey } from '../src/stock/keys.ts';
import { leaseKeeper } from '../src/workers/lease-keeper.ts';
import { ledgerWriter } from '../src/workers/ledger-writer.ts';
import type { Worker } from '../src/workers/periodic.ts';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { freshDatabase, startRedis } from './harness/stores.ts';
import { until } from './harness/until.ts';

export interface ReconcileStage {
  readonly rooms: Rooms;
  readonly sql: SQL;
  readonly repairs: ('rebuild' | 'expire')[];
  /** One whole run by hand over a sale, to its end. */
  run(sale: StagedSale): Promise<SaleReport>;
  /** Statements of a superuser who has switched the guards off. */
  tamper(statement: string): Promise<void>;
  redis(sale: StagedSale, command: string, key: SaleKeyName, ...args: readonly string[]): Promise<unknown>;
  close(): Promise<void>;
}

/** 20 units of A and B each, at most 5 a customer; live, confirming, confirmed, released and a cart. All of it journaled. */
export interface StagedSale {
  readonly saleNumber: number;
  readonly saleId: string;
  readonly a: string;
  readonly b: string;
  /** Still active: three of A by ann, bob and cleo, and ann's cart of A and B. */
  readonly live: readonly { readonly customer: Customer; readonly id: string }[];
  /** Confirmed, of dora, who holds nothing else. */
  readonly sold: { readonly customer: Customer; readonly id: string };
  readonly released: { readonly customer: Customer; readonly id: string };
}

export async function reconcileStage(
  more: (rooms: Rooms) => readonly Worker[] = () => [],
): Promise<ReconcileStage> {
  const [store, database] = await Promise.all([startRedis(), freshDatabase()]);
  const rooms = await openRooms({ redisUrl: store.url, databaseUrl: database.url });
  const sql = new SQL(database.url, { max: 4 });
  const { ledger, gate, channels, redis } = rooms;
  const workers = [
    leaseKeeper(gate, quiet),
    ledgerWriter({
      gate,
      channels,
      ledger,
      isOurTurn: () => true,
      log: quiet,
      onWritten: () => undefined,
    }),
    ...more(rooms),
  ];
  for (const worker of workers) worker.start();
  const repairs: ReconcileStage['repairs'] = [];
  return {
    rooms,
    sql,
    repairs,
    run: async ({ saleId }) => {
      const reconciler = reconcilerOf(rooms, { onRepaired: (what) => repairs.push(what) });
      for (let cursor: string | null = null; ; ) {
        const answer = await reconciler.reconcile(saleId, cursor);
        if (!answer.ok) throw new Error(answer.refusal.detail);
        const [report] = answer.value.sales;
        if (report) return report;
        cursor = answer.value.next;
        if (cursor === null) throw new Error('the run ended without the sale');
      }
    },
    tamper: async (statement) => {
      await sql.begin(async (tampering) => {
        await tampering.unsafe('SET LOCAL session_replication_role = replica');
        await tampering.unsafe(statement);
      });
    },
    redis: async ({ saleNumber }, command, key, ...args) =>
      redis.call(command, saleKey(saleNumber, key), ...args),
    close: async () => {
      await Promise.all(workers.map((worker) => worker.stop()));
      await rooms.close();
      await sql.close();
      await Promise.all([store.stop(), database.drop()]);
    },
  };
}

const quiet = { info() {}, warn() {}, error() {} };

export function reconcilerOf(
  { redis, ledger, gate, channels, logged }: Rooms,
  options: Partial<Pick<ReconcilerOptions, 'onRepaired' | 'clock'>> = {},
): Reconciler {
  const note = (fields: object, message: string) => void logged.push([message, fields]);
  const log = { info: note, warn: note, error: note };
  return new Reconciler({ redis, ledger, gate, channels, log, onRepaired: () => undefined, ...options });
}

export async function stagedSale({ rooms }: ReconcileStage): Promise<StagedSale> {
  const name = randomUUID().slice(0, 8);
  const [a, b] = [`A-${name}`, `B-${name}`];
  const saleNumber = await openSale(rooms, { [a]: 20, [b]: 20 }, { cap: 5 });
  const sale = await rooms.ledger.saleByNumber(saleNumber);
  const who = (sub: string) => rooms.customer(`${sub}-${name}`);
  const one = async (sub: string, ...skus: readonly string[]) => {
    const answer = await rooms.desk.reserve({
      customer: who(sub),
      address: '',
      idempotencyKey: `${sub}-${skus.join()}`,
      lines: skus.map((sku) => ({ sku, quantity: 1 })),
      ttlSeconds: null,
    });
    if (!answer.ok) throw new Error(answer.refusal.code);
    return { customer: who(sub), id: answer.value.view.record.reservationId };
  };
  const live = [await one('ann', a), await one('bob', a), await one('cleo', a), await one('ann', a, b)];
  const sold = await one('dora', b);
  const released = await one('emil', b);
  const bought = await rooms.desk.confirm(sold.customer, saleNumber, sold.id, null);
  const given = await rooms.desk.release(released.customer, saleNumber, released.id);
  if (!bought.ok || !given.ok) throw new Error('the sale could not be staged');
  await journaled(rooms, saleNumber);
  return { saleNumber, saleId: sale?.id ?? '', a, b, live, sold, released };
}

/** Everything that was numbered is in the journal and dropped from the stream. */
export async function journaled(rooms: Rooms, saleNumber: number): Promise<void> {
  await until('the stream is journaled', async () => {
    // Reserves are what makes the writer look; releases and confirms it sees with the next lease.
    const [seq, trimmed] = await rooms.redis.hmget(saleKey(saleNumber, 'stock'), '@seq', '@trimmed');
    return seq === trimmed;
  });
}

/** What was found, as `I5 sku-or-reservation repaired`. */
export function words({ differences }: SaleReport, names: Readonly<Record<string, string>> = {}): string[] {
  return differences.map(({ invariant, sku, reservationId, repaired }) => {
    const about = reservationId ?? sku;
    return [invariant, ...(about ? [names[about] ?? about] : []), ...(repaired ? ['repaired'] : [])].join(
      ' ',
    );
  });
}
