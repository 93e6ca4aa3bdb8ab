// The service's rooms without HTTP and without its workers, on real stores: for tests that stop between two steps, and
// move the work that workers do by hand. Made as app.ts makes them; parts of the ledger can be replaced to fail on cue.
import { Ids } from '../../src/domain/ids.ts';
import { type NewItem, usualExtensions } from '../../src/domain/ledger-facts.ts';
import type { ReserveLimits } from '../../src/domain/sale-store.ts';
import { Catalog } from '../../src/ledger/catalog.ts';
import type { LedgerContract } from '../../src/ledger/contract.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { migrate } from '../../src/ledger/migrate.ts';
import { Desk } from '../../src/reservations/desk.ts';
import { LineageGate } from '../../src/reservations/gate.ts';
import { JournalReach } from '../../src/reservations/journal-reach.ts';
import { Relay } from '../../src/reservations/relay.ts';
import type { Customer } from '../../src/reservations/reservations.ts';
import { SalesDesk } from '../../src/sales/sales-desk.ts';
import { connectRedis, type StoreConnection, untilConnected } from '../../src/stock/connect.ts';
import { loadLibrary } from '../../src/stock/library.ts';
import { type SaleChannel, SaleChannels } from '../../src/stock/sale-channel.ts';

export interface Rooms {
  readonly redis: StoreConnection;
  /** The real one, whatever was replaced. */
  readonly ledger: Ledger;
  readonly gate: LineageGate;
  readonly channels: SaleChannels;
  readonly relay: Relay;
  readonly desk: Desk;
  readonly sales: SalesDesk;
  /** Everything the gate logged, newest last: `[message, fields]`. */
  readonly logged: [message: string, fields: object][];
  /** Reservations answered reservation-lost. */
  readonly lost: () => number;
  customer(sub: string): Customer;
  /** Reserves one unit; the id. @throws unless it was reserved */
  reserveOne(customer: Customer, sku: string, key: string): Promise<string>;
  close(): Promise<void>;
}

export interface RoomsOptions {
  readonly redisUrl: string;
  readonly databaseUrl: string;
  readonly storesArePrivate?: boolean;
  readonly limits?: ReserveLimits;
  /** As HOLDFAST_REDIS_REPLICAS. */
  readonly replicas?: number | null;
  /** The sales' own clock (ms); the store's if not given. */
  readonly clock?: () => number;
  /** Calls of the ledger to put in place of the real ones. */
  readonly instead?: (real: LedgerContract) => Partial<LedgerContract>;
}

export async function openRooms(options: RoomsOptions): Promise<Rooms> {
  await migrate(options.databaseUrl);
  const real = new Ledger({ databaseUrl: options.databaseUrl });
  const ledger = withReplaced(real, options.instead?.(real) ?? {});
  const redis = connectRedis(options.redisUrl, () => undefined);
  await untilConnected(redis, 5_000);
  await loadLibrary(redis);
  const logged: Rooms['logged'] = [];
  const note = (fields: object, message: string) => void logged.push([message, fields]);
  const log = { info: note, warn: note, error: note };
  const { storesArePrivate = true, limits = { perCustomer: 0, perAddress: 0 } } = options;
  const gate: LineageGate = new LineageGate({
    redis,
    ledger,
    channels: () => channels,
    storesArePrivate,
    openPauseMs: 0,
    replicas: options.replicas ?? null,
    log,
    ...(options.clock && { clock: options.clock }),
  });
  const channels = new SaleChannels(redis, limits, gate.open, options.clock);
  const channelOf = (saleNumber: number): SaleChannel => channels.of(saleNumber);
  const ids = new Ids(await real.secret('ids', 32));
  const catalog = new Catalog(ledger);
  const relay = new Relay(ledger);
  const reach = new JournalReach(ledger, channels);
  let lost = 0;
  const desk = new Desk({
    ledger,
    catalog,
    ids,
    relay,
    limits,
    channelOf,
    open: gate.open,
    journalReached: () => reach.wait(),
    onLost: () => {
      lost += 1;
    },
    onLedgerFailure: (error) => gate.noteLedgerFailure(error),
  });
  const deliver = async (saleNumber: number) => {
    await relay.catchUpFromStore(channels.of(saleNumber));
  };
  return {
    redis,
    ledger: real,
    gate,
    channels,
    relay,
    desk,
    sales: new SalesDesk({ ledger, catalog, ids, channelOf, open: gate.open, deliver }),
    logged,
    lost: () => lost,
    customer: (sub) => ({ sub, key: ids.customerKey(sub) }),
    reserveOne: async (customer, sku, key) => {
      const answer = await desk.reserve({
        customer,
        address: '',
        idempotencyKey: key,
        lines: [{ sku, quantity: 1 }],
        ttlSeconds: null,
      });
      if (!answer.ok) throw new Error(`refused: ${answer.refusal.code}`);
      return answer.value.view.record.reservationId;
    },
    close: async () => {
      await gate.stop();
      redis.disconnect();
      await real.close();
    },
  };
}

/** The ledger with some of its calls replaced; all others are its own. */
function withReplaced(real: LedgerContract, instead: Partial<LedgerContract>): LedgerContract {
  return new Proxy(real, {
    get: (target, name) => {
      const own = Reflect.get(instead, name) ?? Reflect.get(target, name);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}

let salesMade = 0;

/** A fresh sale; returns its number. */
export async function openSale(
  rooms: Rooms,
  stock: Readonly<Record<string, number>>,
  { ttlSeconds = 300, cap = null as number | null } = {},
): Promise<number> {
  salesMade += 1;
  const items: NewItem[] = Object.entries(stock).map(([sku, units]) => ({
    sku,
    name: sku,
    stock: units,
    price: null,
    maxPerCustomer: cap,
  }));
  const id = `rooms-${salesMade}`;
  const sale = {
    id,
    name: id,
    opensAtMs: null,
    closesAtMs: null,
    reservationTtlSeconds: ttlSeconds,
    extensions: usualExtensions(ttlSeconds),
    items,
  };
  const answer = await rooms.sales.create(sale, 'operator');
  if (!answer.ok) throw new Error(`refused: ${answer.refusal.code}`);
  return answer.value.row.number;
}
