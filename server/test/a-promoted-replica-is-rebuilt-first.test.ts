// Failover to a replica that had fallen behind (protocols §6, §7): it holds no lease, whoever was connected to it before; it
// is rebuilt from the ledger under a new epoch; and what only the lost primary knew is answered reservation-lost, never 404.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { NotReady, StockUnavailable } from '../src/domain/sale-store.ts';
import { freePort } from '../src/embedded/free-port.ts';
import { untilConnected } from '../src/stock/connect.ts';
import { identify } from '../src/stock/library.ts';
import { SaleRebuild } from '../src/stock/rebuild.ts';
import { SaleStock } from '../src/stock/sale-stock.ts';
import { writeSale } from '../src/workers/ledger-writer.ts';
import { type Forwarder, startForwarder, through } from './harness/forwarder.ts';
import { PRIMARY_LINES, type Replica, startReplica } from './harness/replicas.ts';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { Caller, startService, stopServices } from './harness/service.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';

const SKU = 'failover';
const UNITS = 160;
/** A lease of the old primary may live this long after the new epoch was committed. */
const OLD_LEASE_GONE_MS = 1_700;

let primary: TestStore;
let replica: Replica;
let address: Forwarder;
let database: FreshDatabase;
/** Through the address that moves. */
let rooms: Rooms;
/** Connected to the replica itself, from before its promotion on. */
let early: Rooms;
let saleNumber = 0;
/** By how far each came: into the replica too; into the journal, but not the replica; nowhere but into the primary. */
const held: Record<'replicated' | 'journaled' | 'lost', string[]> = {
  replicated: [],
  journaled: [],
  lost: [],
};
let bought = { replicated: '', lost: '' };

const ann = () => rooms.customer('ann');

async function reserveSome(count: number, purpose: string): Promise<string[]> {
  return await Promise.all(
    Array.from({ length: count }, (_, i) => rooms.reserveOne(ann(), SKU, `${purpose} ${i}`)),
  );
}

async function buy(id: string): Promise<string> {
  const answer = await rooms.desk.confirm(ann(), saleNumber, id, null);
  if (!answer.ok) throw new Error(answer.refusal.code);
  return answer.value.orderId;
}

const journal = () =>
  writeSale({ ledger: rooms.ledger, onWritten: () => undefined }, rooms.channels.of(saleNumber));

beforeAll(async () => {
  [primary, database] = await Promise.all([startRedis({ configLines: PRIMARY_LINES }), freshDatabase()]);
  [replica, address] = await Promise.all([startReplica(primary), startForwarder(primary.port)]);
  const databaseUrl = database.url;
  rooms = await openRooms({ redisUrl: through(address, primary.url), databaseUrl, storesArePrivate: false });
  early = await openRooms({ redisUrl: replica.url, databaseUrl, storesArePrivate: false });
  saleNumber = await openSale(rooms, { [SKU]: UNITS });
  held.replicated = await reserveSome(10, 'replicated');
  bought.replicated = await buy(held.replicated[0] ?? '');
  await replica.caughtUp();
  replica.link.hold();
  held.journaled = await reserveSome(60, 'journaled');
  await journal();
  held.lost = await reserveSome(60, 'lost');
  bought.lost = await buy(held.lost[0] ?? '');
}, 60_000);

afterAll(async () => {
  await stopServices();
  await Promise.all([rooms.close(), early.close()]);
  await Promise.all([primary.stop(), replica.stop(), address.close(), database.drop()]);
});

describe('before its promotion', () => {
  test('a-replica-grants-nothing-and-begins-no-epoch', async () => {
    await expect(early.reserveOne(early.customer('bob'), SKU, 'too early')).rejects.toThrow(StockUnavailable);
    await early.gate.renewAndOpen();
    expect((await rooms.ledger.lineage(saleNumber))?.epoch).toBe(1);
    const identity = await identify(early.redis);
    const grant = await new SaleRebuild(early.redis, saleNumber, 1).grant(identity, identity.nowMs + 1_000);
    expect(grant).toEqual({ kind: 'refused', why: 'another server' });
    expect(early.gate.reasonsNotReady().join()).toContain('a replica');
    // The primary's own service was not disturbed: a confirm under its epoch.
    bought = { ...bought, replicated: await buy(held.replicated[0] ?? '') };
  });
});

describe('after its promotion', () => {
  test('no-old-connection-is-answered-under-the-old-epoch', async () => {
    await primary.kill9();
    await replica.promote();
    address.pointTo(replica.port);
    await untilConnected(rooms.redis, 5_000);
    for (const { redis } of [early, rooms]) {
      for (const epoch of [1, 2]) {
        const store = new SaleStock({ redis, saleNumber, epoch: () => epoch });
        await expect(store.snapshot()).rejects.toThrow('no lease');
        await expect(
          store.release([{ reservationId: held.replicated[1] ?? '', customer: ann().key }]),
        ).rejects.toThrow('no lease');
      }
    }
  });

  test('the-first-grant-is-of-a-new-epoch-and-after-the-old-lease', async () => {
    const beganAtMs = Date.now();
    await early.gate.renew(); // the ledger says that another server holds the epoch whose keys this one has
    const store = new SaleStock({ redis: early.redis, saleNumber, epoch: () => 1 });
    await expect(store.snapshot()).rejects.toThrow(NotReady);
    // A command waits 2 s at most; the old lease and a busy machine may take longer together.
    const opens = ({ gate }: Rooms) =>
      until('the sale opens', async () => (await gate.open(saleNumber)) === 'open');
    await Promise.all([opens(early), opens(rooms)]);
    expect(Date.now() - beganAtMs).toBeGreaterThanOrEqual(OLD_LEASE_GONE_MS);
    expect((await rooms.ledger.lineage(saleNumber))?.epoch).toBe(2);
    const rebuilt = [...early.logged, ...rooms.logged].filter(([message]) => message === 'sale rebuilt');
    expect(rebuilt.map(([, fields]) => fields)).toContainEqual(
      expect.objectContaining({ epoch: 2, mode: 'warm', transitions: 60, granted: true }),
    );
  });

  test('what-the-replica-or-the-journal-had-is-there', async () => {
    const live = [...held.replicated.slice(1), ...held.journaled];
    for (const id of live) {
      const answer = await rooms.desk.read(ann(), saleNumber, id);
      expect(answer.ok && answer.value.status).toBe('active');
    }
    const { items } = await rooms.channels.of(saleNumber).snapshot();
    expect(items[0]).toMatchObject({ total: UNITS, reserved: live.length, sold: 2 });
  });

  test('orders-stand-and-their-confirmation-is-repeated-to-the-letter', async () => {
    for (const [id, orderId] of [
      [held.replicated[0], bought.replicated],
      [held.lost[0], bought.lost],
    ] as const) {
      const answer = await early.desk.confirm(ann(), saleNumber, id ?? '', null);
      expect(answer.ok && answer.value.orderId).toBe(orderId);
    }
    expect(await rooms.ledger.verifySale(saleNumber)).toEqual([]);
  });

  test('each-lost-reservation-is-409-reservation-lost-over-HTTP-and-counted', async () => {
    const lost = held.lost.slice(1);
    const metricsPort = String(await freePort());
    const service = await startService({
      redisUrl: through(address, replica.url),
      databaseUrl: database.url,
      env: { HOLDFAST_METRICS_PORT: metricsPort },
    });
    const caller = new Caller(service.url, 'ann');
    let answers = 0;
    for (const id of lost) {
      const ways = [caller.get(`/api/v1/reservations/${id}`), caller.confirm(id), caller.release(id)];
      for (const { status, body } of await Promise.all(ways)) {
        expect([status, body.code]).toEqual([409, 'reservation-lost']);
        answers += 1;
      }
    }
    const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    expect(metrics).toContain(`holdfast_reservations_lost_total ${answers}\n`);
    // Their units are for others: all that is left can be had.
    const left = UNITS - 2 - (held.replicated.length - 1) - held.journaled.length;
    expect((await new Caller(service.url, 'bob').reserve({ [SKU]: left })).status).toBe(201);
    expect((await new Caller(service.url, 'cleo').reserve({ [SKU]: 1 })).body.code).toBe(
      'insufficient-stock',
    );
  });
});
