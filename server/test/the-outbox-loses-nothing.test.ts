// From the stream to the journal (protocols §8): what was acknowledged is in one of them at every moment, wherever a ledger
// writer stops and however many there are; and the journal has each transition once.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { LedgerUnavailable } from '../src/domain/ledger-facts.ts';
import { writeSale } from '../src/workers/ledger-writer.ts';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';

let redis: TestStore;
let database: FreshDatabase;
let rooms: Rooms;

beforeAll(async () => {
  [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
  rooms = await openRooms({ redisUrl: redis.url, databaseUrl: database.url });
}, 60_000);

afterAll(async () => {
  await rooms.close();
  await Promise.all([redis.stop(), database.drop()]);
});

const ann = () => rooms.customer('ann');
type Append = Rooms['ledger']['appendTransitions'];

/** A writer's run, with another step in place of its write. */
async function write(saleNumber: number, instead?: (real: Append) => Append): Promise<void> {
  const real: Append = (...args) => rooms.ledger.appendTransitions(...args);
  const ledger = { appendTransitions: instead?.(real) ?? real };
  await writeSale({ ledger, onWritten: () => undefined }, rooms.channels.of(saleNumber));
}

const waiting = async (saleNumber: number) =>
  (await rooms.channels.of(saleNumber).store.pending(1_000)).map(({ seq }) => seq);
const journaled = async (saleNumber: number) =>
  (await rooms.ledger.transitionsAfter(saleNumber, 0, 1_000)).map(({ seq }) => seq);

describe('a writer', () => {
  test('that-cannot-write-drops-nothing', async () => {
    const saleNumber = await openSale(rooms, { unwritten: 9 });
    for (const key of ['a', 'b']) await rooms.reserveOne(ann(), 'unwritten', key);
    const stopped = write(saleNumber, () => async () => {
      throw new LedgerUnavailable('out of reach');
    });
    await expect(stopped).rejects.toThrow('out of reach');
    expect(await waiting(saleNumber)).toEqual([1, 2]);
    await write(saleNumber);
    expect([await waiting(saleNumber), await journaled(saleNumber)]).toEqual([[], [1, 2]]);
  });

  test('that-is-stopped-between-write-and-trim-writes-nothing-twice', async () => {
    const saleNumber = await openSale(rooms, { untrimmed: 9 });
    await rooms.reserveOne(ann(), 'untrimmed', 'a');
    const stopped = write(saleNumber, (real) => async (...args) => {
      await real(...args);
      throw new Error('stopped');
    });
    await expect(stopped).rejects.toThrow('stopped');
    await rooms.reserveOne(ann(), 'untrimmed', 'b');
    await write(saleNumber);
    expect([await waiting(saleNumber), await journaled(saleNumber)]).toEqual([[], [1, 2]]);
  });

  test('drops-only-what-it-saw-committed-not-what-came-meanwhile', async () => {
    const saleNumber = await openSale(rooms, { meanwhile: 9 });
    await rooms.reserveOne(ann(), 'meanwhile', 'a');
    await write(saleNumber, (real) => async (...args) => {
      await real(...args);
      await rooms.reserveOne(ann(), 'meanwhile', 'b');
    });
    expect(await waiting(saleNumber)).toEqual([2]);
    await write(saleNumber);
    expect([await waiting(saleNumber), await journaled(saleNumber)]).toEqual([[], [1, 2]]);
  });

  test('is-not-harmed-by-another-that-is-behind-it', async () => {
    const saleNumber = await openSale(rooms, { two: 99 });
    await rooms.reserveOne(ann(), 'two', 'a');
    await rooms.reserveOne(ann(), 'two', 'b');
    // Read everything, then stopped; the other one writes and trims all of it and more; then it goes on.
    await write(saleNumber, (real) => async (...args) => {
      await write(saleNumber);
      await rooms.reserveOne(ann(), 'two', 'c');
      await write(saleNumber);
      await rooms.reserveOne(ann(), 'two', 'd');
      await real(...args);
    });
    expect(await waiting(saleNumber)).toEqual([4]);
    await write(saleNumber);
    expect(await journaled(saleNumber)).toEqual([1, 2, 3, 4]);
  });

  test('of-an-epoch-that-is-over-can-neither-write-nor-trim', async () => {
    const saleNumber = await openSale(rooms, { over: 9 });
    await rooms.reserveOne(ann(), 'over', 'a');
    const channel = rooms.channels.of(saleNumber);
    const old = channel.epoch;
    await rooms.redis.call('FUNCTION', 'FLUSH');
    await rooms.redis.unlink(`hf:{${saleNumber}}:done`); // noticed: a new epoch, and the stream drained into the journal
    await rooms.reserveOne(ann(), 'over', 'b');
    expect(channel.epoch).toBe(old + 1);
    const stream = await channel.store.pending(10);
    channel.epoch = old; // as a process that has not heard of it
    await expect(rooms.ledger.appendTransitions(saleNumber, old, stream)).rejects.toThrow('another epoch');
    await expect(channel.store.trim(99, old)).rejects.toThrow('another epoch');
    channel.epoch = old + 1;
    expect(await waiting(saleNumber)).toEqual([2]);
  });
});
