// A ledger of the test's own: a fresh database, migrated, and the few words in which its tests speak. Ends with
// proof that nothing was left behind: no session, no open transaction.
import { SQL } from 'bun';
import { Ids } from '../src/domain/ids.ts';
import type { ConfirmRequest, NewItem } from '../src/domain/ledger-facts.ts';
import type { Line, ReservationRecord } from '../src/domain/reservation.ts';
import type { Transition, TransitionKind } from '../src/domain/sale-store.ts';
import { Ledger } from '../src/ledger/ledger.ts';
import { migrate } from '../src/ledger/migrate.ts';
import { freshDatabase } from './harness/stores.ts';
import { until } from './harness/until.ts';

export interface LedgerStage {
  readonly url: string;
  readonly ledger: Ledger;
  readonly ids: Ids;
  /** Past the ledger: locks, kills and looks. */
  readonly sql: SQL;
  close(): Promise<void>;
}

export async function ledgerStage(): Promise<LedgerStage> {
  const database = await freshDatabase();
  await migrate(database.url);
  const ledger = new Ledger({ databaseUrl: database.url });
  const sql = new SQL(database.url, { max: 4 });
  return {
    url: database.url,
    ledger,
    ids: new Ids(new Uint8Array(32).fill(7)),
    sql,
    close: async () => {
      await ledger.close();
      await until(
        'every session of the ledger has ended',
        async () => (await ledgerSessions(sql)).length === 0,
      );
      await sql.close();
      await database.drop();
    },
  };
}

/** Backends of the ledger under test. */
export async function ledgerSessions(sql: SQL): Promise<{ pid: number; wait_event_type: string | null }[]> {
  return sql`SELECT pid, wait_event_type FROM pg_stat_activity
             WHERE application_name = 'holdfast' AND datname = current_database()`;
}

export function item(sku: string, stock: number, maxPerCustomer: number | null = null): NewItem {
  return { sku, name: `Item ${sku}`, stock, price: { amountMinor: 2999, currency: 'USD' }, maxPerCustomer };
}

let salesMade = 0;

/** A sale with these items; its number. */
export async function makeSale(stage: LedgerStage, items: readonly NewItem[]): Promise<number> {
  salesMade += 1;
  const made = await stage.ledger.createSale(
    {
      id: `sale-${salesMade}`,
      name: 'A sale',
      opensAtMs: null,
      closesAtMs: null,
      reservationTtlSeconds: 300,
      extensions: { max: 1, maxLifetimeSeconds: 900 },
      items,
    },
    'operator-1',
  );
  if (made.kind !== 'created') throw new Error(made.kind);
  return made.sale.number;
}

/** What the confirm verb would ask for a reservation of this customer, made with this key. */
export function request(
  stage: LedgerStage,
  saleNumber: number,
  sub: string,
  key: string,
  lines: readonly Line[],
  createdSeq = 1,
): ConfirmRequest {
  const customer = stage.ids.customerKey(sub);
  const reservationId = stage.ids.reservationId(saleNumber, customer, key);
  const orderId = stage.ids.orderId(reservationId, createdSeq, customer);
  return { reservationId, createdSeq, customer, sub, orderId, lines, paymentReference: `pay-${sub}-${key}` };
}

/** The same reservation as the resolver would find it in the store. */
export function pinned(of: ConfirmRequest): ReservationRecord {
  return {
    reservationId: of.reservationId,
    customer: of.customer,
    state: 'confirming',
    createdSeq: of.createdSeq,
    createdAtMs: 1_000,
    ttlSeconds: 300,
    deadlineMs: 301_000,
    attempts: 1,
    extensions: 0,
    fingerprint: 'fingerprint',
    lines: of.lines,
  };
}

/** A transition of that reservation. */
export function transition(
  of: ConfirmRequest,
  kind: TransitionKind,
  seq: number,
  atMs: number,
  epoch = 0,
): Transition {
  return {
    seq,
    epoch,
    kind,
    atMs,
    reservationId: of.reservationId,
    createdSeq: of.createdSeq,
    customer: of.customer,
    lines: of.lines,
    ttlSeconds: 300,
    deadlineMs: atMs + 300_000,
    fingerprint: 'fingerprint',
  };
}

/** Random choices that a printed seed plays again (mulberry32). */
export class Dice {
  constructor(private state: number) {}

  /** A whole number from 0 to below `sides`. */
  roll(sides: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
  }

  shuffled<T>(values: readonly T[]): T[] {
    const left = [...values];
    return values.flatMap(() => left.splice(this.roll(left.length), 1));
  }
}
