// After a store lost what it had acknowledged, what this process still knows of the past must not spoil the present:
// numbers it saw, attempts that were under way, indexes of a former life, decisions about reservations nobody has.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { LedgerUnavailable } from '../src/domain/ledger-facts.ts';
import type { LedgerContract } from '../src/ledger/contract.ts';
import { untilConnected } from '../src/stock/connect.ts';
import { saleKey, saleKeys } from '../src/stock/keys.ts';
import { ledgerWriter } from '../src/workers/ledger-writer.ts';
import type { Worker } from '../src/workers/periodic.ts';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';

let redis: TestStore;
let database: FreshDatabase;
let rooms: Rooms;
/** Stands in for the next confirm of the ledger. */
let instead: ((real: LedgerContract['confirm']) => LedgerContract['confirm']) | undefined;
/** Runs before the ledger answers which sales there are, once. */
let beforeLineages: (() => Promise<void>) | undefined;

beforeAll(async () => {
  [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
  rooms = await openRooms({
    redisUrl: redis.url,
    databaseUrl: database.url,
    instead: (real) => ({
      confirm: (...args) => {
        const own: LedgerContract['confirm'] = (...given) => real.confirm(...given);
        const stand = instead?.(own) ?? own;
        instead = undefined;
        return stand(...args);
      },
      lineages: async () => {
        const rows = await real.lineages();
        const first = beforeLineages;
        beforeLineages = undefined;
        await first?.();
        return rows;
      },
    }),
  });
}, 60_000);

afterAll(async () => {
  await rooms.close();
  await Promise.all([redis.stop(), database.drop()]);
});

const ann = () => rooms.customer('ann');

async function journalAll(saleNumber: number): Promise<void> {
  const channel = rooms.channels.of(saleNumber);
  const waiting = await channel.store.pending(100_000);
  const last = waiting[waiting.length - 1];
  if (!last) return;
  await rooms.ledger.appendTransitions(saleNumber, channel.epoch, waiting);
  await channel.store.trim(last.seq, last.epoch);
}

async function stateOf(saleNumber: number, id: string): Promise<string> {
  const answer = await rooms.desk.read(ann(), saleNumber, id);
  return answer.ok ? answer.value.status : answer.refusal.code;
}

/** The sale as the store has it now; the function brings it back, as another server that knows no more. */
async function remember(saleNumber: number): Promise<() => Promise<void>> {
  const dumps = new Map<string, Buffer>();
  for (const key of saleKeys(saleNumber)) dumps.set(key, (await rooms.redis.dumpBuffer(key)) as Buffer);
  return async () => {
    for (const [key, dump] of dumps) await rooms.redis.restore(key, 0, dump, 'REPLACE');
    await redis.kill9();
    await redis.restart();
    await untilConnected(rooms.redis, 5_000);
  };
}

/** The ledger writer, and the moment when its first run is over. */
function watchedWriter(): { writer: Worker; cameBy: Promise<void> } {
  const cameBy = Promise.withResolvers<void>();
  let runs = 0;
  const writer = ledgerWriter({
    ...rooms,
    // Asked at the beginning of a run: the second time, the first is over.
    isOurTurn: () => {
      runs += 1;
      if (runs === 2) cameBy.resolve();
      return true;
    },
    log: { info() {}, warn() {}, error() {} },
    onWritten: () => undefined,
  });
  return { writer, cameBy: cameBy.promise };
}

describe('the ledger writer', () => {
  test('writes-nothing-from-a-stream-of-another-epoch', async () => {
    const saleNumber = await openSale(rooms, { foreign: 100 });
    await rooms.reserveOne(ann(), 'foreign', 'k');
    const events = saleKey(saleNumber, 'events');
    const [entry] = await rooms.redis.xrange(events, '-', '+');
    if (entry === undefined) throw new Error('nothing is in the stream');
    // As an older server would have it, where it went on after the ledger had turned to this one.
    await rooms.redis.del(events);
    await rooms.redis.xadd(events, '0-1', ...entry[1]);
    const { writer, cameBy } = watchedWriter();
    writer.start();
    await cameBy;
    await writer.stop();
    expect(await rooms.ledger.lastTransition(saleNumber)).toBe(0);
  });

  test('journals-what-comes-after-a-loss-though-it-has-lower-numbers', async () => {
    const saleNumber = await openSale(rooms, { lower: 100 });
    for (let i = 0; i < 10; i++) await rooms.reserveOne(ann(), 'lower', `lost ${i}`);
    const { writer, cameBy } = watchedWriter();
    await rooms.redis.flushall();
    writer.start();
    try {
      // It knows of the ten and finds an empty stream; then the sale begins again without them.
      await cameBy;
      for (const seq of [1, 2]) {
        await rooms.reserveOne(ann(), 'lower', `kept ${seq}`);
        await until(
          'it is journaled',
          async () => (await rooms.ledger.lastTransition(saleNumber)) === seq,
          3_000,
        );
      }
    } finally {
      await writer.stop();
    }
  });
});

describe('an attempt to confirm that failed', () => {
  test('in-an-older-epoch-does-not-free-what-a-newer-attempt-is-committing', async () => {
    const saleNumber = await openSale(rooms, { attempts: 5 });
    const id = await rooms.reserveOne(ann(), 'attempts', 'k');
    await journalAll(saleNumber); // the reservation is journaled, its confirming will not be
    const [began, fail] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    instead = () => async () => {
      began.resolve();
      await fail.promise;
      throw new LedgerUnavailable('out of reach');
    };
    const older = rooms.desk.confirm(ann(), saleNumber, id, null);
    await began.promise;
    await rooms.redis.flushall();
    expect(await stateOf(saleNumber, id)).toBe('active'); // a new epoch that has never heard of the attempt
    const newer = await rooms.channels.of(saleNumber).pin({ reservationId: id, customer: ann().key });
    expect(newer.reply.kind).toBe('pinned');
    fail.resolve();
    expect((await older).ok).toBe(false);
    expect(await stateOf(saleNumber, id)).toBe('confirming');
    const release = await rooms.desk.release(ann(), saleNumber, id);
    expect(!release.ok && release.refusal.code).toBe('confirm-in-progress');
  });
});

describe('a sale made while the leases are being renewed', () => {
  test('keeps-its-channel', async () => {
    let saleNumber = 0;
    beforeLineages = async () => {
      saleNumber = await openSale(rooms, { made: 1 });
    };
    const before = new Map([...rooms.gate.watches.keys()].map((n) => [n, rooms.channels.of(n)]));
    await rooms.gate.renew();
    expect(rooms.gate.watches.has(saleNumber)).toBe(true);
    for (const [n, channel] of before) expect(rooms.channels.of(n)).toBe(channel);
  });
});

describe('a store that is put back', () => {
  test('before-a-key-was-used-anew-does-not-purge-the-new-life-with-the-old', async () => {
    const saleNumber = await openSale(rooms, { lives: 5 });
    const { store } = rooms.channels.of(saleNumber);
    const id = await rooms.reserveOne(ann(), 'lives', 'k');
    await rooms.desk.release(ann(), saleNumber, id);
    await journalAll(saleNumber);
    // A day later.
    await rooms.redis.zadd(saleKey(saleNumber, 'done'), 'XX', 1, id.slice('rsv_'.length));
    const putBack = await remember(saleNumber);
    expect(await store.purge(10)).toBe(1);
    expect(await rooms.reserveOne(ann(), 'lives', 'k')).toBe(id);
    await journalAll(saleNumber);
    await putBack();
    expect(await stateOf(saleNumber, id)).toBe('active');
    expect(await store.purge(10)).toBe(0);
    expect(await stateOf(saleNumber, id)).toBe('active');
  });

  test('before-a-reservation-that-was-confirmed-gives-its-key-no-second-effect', async () => {
    const saleNumber = await openSale(rooms, { keys: 5 });
    await rooms.reserveOne(ann(), 'keys', 'first');
    await journalAll(saleNumber);
    const putBack = await remember(saleNumber);
    await rooms.reserveOne(ann(), 'keys', 'lost too');
    const id = await rooms.reserveOne(ann(), 'keys', 'k');
    const order = await rooms.desk.confirm(ann(), saleNumber, id, 'paid');
    if (!order.ok) throw new Error(order.refusal.code);
    await putBack();
    expect(await stateOf(saleNumber, id)).toBe('confirmed');
    expect(rooms.reserveOne(ann(), 'keys', 'k')).rejects.toThrow('idempotency-key-reused');
    expect(await rooms.desk.confirm(ann(), saleNumber, id, null)).toEqual(order);
    // Nobody gets the number that its order is made from.
    const [next] = await numbersOf(saleNumber, await rooms.reserveOne(ann(), 'keys', 'next'));
    expect(next).toBe(4);
    const { items } = await rooms.channels.of(saleNumber).snapshot();
    expect(items[0]).toMatchObject({ reserved: 2, sold: 1 });
  });
});

async function numbersOf(saleNumber: number, ...ids: string[]): Promise<number[]> {
  const replies = await rooms.channels.of(saleNumber).store.read(ids);
  return replies.map((reply) => (reply.kind === 'found' ? reply.record.createdSeq : 0));
}

test('a-store-that-lost-everything-gives-the-key-of-an-order-no-second-effect', async () => {
  const saleNumber = await openSale(rooms, { cold: 5 });
  await rooms.reserveOne(ann(), 'cold', 'lost too');
  const id = await rooms.reserveOne(ann(), 'cold', 'k');
  const order = await rooms.desk.confirm(ann(), saleNumber, id, 'paid');
  await rooms.redis.flushall(); // before the ledger writer came by
  expect(rooms.reserveOne(ann(), 'cold', 'k')).rejects.toThrow('idempotency-key-reused');
  expect(await rooms.desk.confirm(ann(), saleNumber, id, null)).toEqual(order);
  const [next] = await numbersOf(saleNumber, await rooms.reserveOne(ann(), 'cold', 'next'));
  expect(next).toBe(3);
  const { items } = await rooms.channels.of(saleNumber).snapshot();
  expect(items[0]).toMatchObject({ reserved: 1, sold: 1 });
});

test('a-release-that-was-lost-comes-back-beside-the-order-that-took-its-unit-and-nothing-more-is-sold', async () => {
  const [bob, cid] = [rooms.customer('bob'), rooms.customer('cid')];
  const saleNumber = await openSale(rooms, { returned: 1 });
  const released = await rooms.reserveOne(ann(), 'returned', 'k');
  await journalAll(saleNumber);
  await rooms.desk.release(ann(), saleNumber, released);
  const order = await rooms.desk.confirm(
    bob,
    saleNumber,
    await rooms.reserveOne(bob, 'returned', 'k'),
    'paid',
  );
  expect(order.ok).toBe(true);
  await rooms.redis.flushall(); // neither the release nor the second reservation was journaled
  await expect(rooms.reserveOne(cid, 'returned', 'k')).rejects.toThrow('insufficient-stock');
  // One unit, counted for both (docs/decisions/0002): what was held and what was bought.
  const itemNow = async () => (await rooms.channels.of(saleNumber).snapshot()).items[0];
  expect(await itemNow()).toMatchObject({ total: 1, reserved: 1, sold: 1 });
  const again = await rooms.desk.confirm(ann(), saleNumber, released, 'paid');
  expect(!again.ok && again.refusal.code).toBe('reservation-lost');
  expect(await itemNow()).toMatchObject({ total: 1, reserved: 0, sold: 1 });
  await expect(rooms.reserveOne(cid, 'returned', 'k')).rejects.toThrow('insufficient-stock');
});
