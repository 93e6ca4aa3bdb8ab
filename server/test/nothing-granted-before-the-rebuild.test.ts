// P1, P3, P4 when Redis forgets: whatever it lost is noticed before the next grant, the sale is rebuilt from the
// ledger, and what can't be rebuilt is answered reservation-lost, never 404 and never sold twice (protocols §6, §7).
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { untilConnected } from '../src/stock/connect.ts';
import { saleKey } from '../src/stock/keys.ts';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';

let redis: TestStore;
let database: FreshDatabase;
let rooms: Rooms;

beforeAll(async () => {
  [redis, database] = await Promise.all([startRedis({ appendfsync: 'always' }), freshDatabase()]);
  rooms = await openRooms({ redisUrl: redis.url, databaseUrl: database.url });
}, 60_000);

afterAll(async () => {
  await rooms.close();
  await Promise.all([redis.stop(), database.drop()]);
});

/** As the ledger writer does. */
async function journalAll(saleNumber: number): Promise<void> {
  const channel = rooms.channels.of(saleNumber);
  const waiting = await channel.store.pending(100_000);
  const last = waiting[waiting.length - 1];
  if (!last) return;
  await rooms.ledger.appendTransitions(saleNumber, channel.epoch, waiting);
  await channel.store.trim(last.seq, last.epoch);
}

interface Cast {
  readonly saleNumber: number;
  readonly ids: Readonly<Record<'live' | 'sold' | 'released' | 'pinned', string>>;
}

/** A sale of ten with one reservation in each state; `journaled` says whether the stream was written out. */
async function stageSale(sku: string, journaled: boolean): Promise<Cast> {
  const saleNumber = await openSale(rooms, { [sku]: 10 }, { cap: 4 });
  const ann = rooms.customer('ann');
  const ids = {
    live: await rooms.reserveOne(ann, sku, 'live'),
    sold: await rooms.reserveOne(ann, sku, 'sold'),
    released: await rooms.reserveOne(ann, sku, 'released'),
    pinned: await rooms.reserveOne(ann, sku, 'pinned'),
  };
  expect((await rooms.desk.confirm(ann, saleNumber, ids.sold, null)).ok).toBe(true);
  expect((await rooms.desk.release(ann, saleNumber, ids.released)).ok).toBe(true);
  await rooms.channels.of(saleNumber).pin({ reservationId: ids.pinned, customer: ann.key });
  if (journaled) await journalAll(saleNumber);
  return { saleNumber, ids };
}

async function expectAllThere({ saleNumber, ids }: Cast, deadlines: Map<string, number>): Promise<void> {
  const ann = rooms.customer('ann');
  const status = async (id: string) => {
    const answer = await rooms.desk.read(ann, saleNumber, id);
    return answer.ok ? answer.value.status : answer.refusal.code;
  };
  expect(await status(ids.live)).toBe('active');
  expect(await status(ids.sold)).toBe('confirmed');
  expect(await status(ids.released)).toBe('released');
  expect(await status(ids.pinned)).toBe('confirming');
  for (const [id, deadlineMs] of deadlines) {
    const answer = await rooms.desk.read(ann, saleNumber, id);
    expect(answer.ok && answer.value.record.deadlineMs).toBe(deadlineMs);
  }
  const { items } = await rooms.channels.of(saleNumber).snapshot();
  expect(items[0]).toMatchObject({ total: 10, reserved: 2, sold: 1 });
}

async function deadlinesOf({ saleNumber, ids }: Cast): Promise<Map<string, number>> {
  const replies = await rooms.channels.of(saleNumber).store.read([ids.live, ids.pinned]);
  return new Map(
    replies.flatMap((reply) =>
      reply.kind === 'found' ? [[reply.record.reservationId, reply.record.deadlineMs]] : [],
    ),
  );
}

function lastRebuild(): { mode: string; why: string } {
  const found = rooms.logged.findLast(([message]) => message === 'sale rebuilt');
  return found?.[1] as { mode: string; why: string };
}

describe('what Redis forgot comes back', () => {
  test('after-kill-9-and-restart-warm-with-the-stream-still-unwritten', async () => {
    const cast = await stageSale('restart-unwritten', false);
    const deadlines = await deadlinesOf(cast);
    await redis.kill9();
    await redis.restart();
    await untilConnected(rooms.redis, 5_000);
    await expectAllThere(cast, deadlines);
    expect(lastRebuild()).toMatchObject({ mode: 'warm' });
    // What was only in the stream is in the journal now.
    expect(await rooms.ledger.lastTransition(cast.saleNumber)).toBe(7);
    expect(await rooms.ledger.verifySale(cast.saleNumber)).toEqual([]);
  });

  test('after-FLUSHALL-cold-with-everything-that-was-journaled', async () => {
    const cast = await stageSale('flushall', true);
    const deadlines = await deadlinesOf(cast);
    await rooms.redis.flushall();
    await expectAllThere(cast, deadlines);
    expect(lastRebuild()).toMatchObject({ mode: 'cold', why: 'a key is missing' });
    // Replays and caps survive too: the same key, and one unit more than the cap.
    const ann = rooms.customer('ann');
    expect(await rooms.reserveOne(ann, 'flushall', 'live')).toBe(cast.ids.live);
    await rooms.reserveOne(ann, 'flushall', 'fourth');
    expect(rooms.reserveOne(ann, 'flushall', 'fifth')).rejects.toThrow('limit-exceeded');
  });

  const KEYS = ['stock', 'res', 'dead', 'pinned', 'done', 'cust', 'events', 'meta', 'win0', 'win1'] as const;
  for (const key of KEYS) {
    test(`after-the-key-${key}-was-deleted`, async () => {
      const cast = await stageSale(`deleted-${key}`, true);
      const deadlines = await deadlinesOf(cast);
      await rooms.redis.del(saleKey(cast.saleNumber, key));
      await expectAllThere(cast, deadlines);
    });
  }

  test('after-a-deleted-key-also-what-was-only-in-the-stream', async () => {
    const cast = await stageSale('deleted-with-stream', false);
    const deadlines = await deadlinesOf(cast);
    await rooms.redis.del(saleKey(cast.saleNumber, 'res'));
    await expectAllThere(cast, deadlines);
  });

  test('after-FUNCTION-FLUSH-the-library-is-loaded-again', async () => {
    const cast = await stageSale('function-flush', true);
    const deadlines = await deadlinesOf(cast);
    await rooms.redis.call('FUNCTION', 'FLUSH');
    await expectAllThere(cast, deadlines);
  });
});

describe('what cannot come back', () => {
  test('is-answered-reservation-lost-and-counted-and-its-units-are-sold-to-others', async () => {
    const saleNumber = await openSale(rooms, { lost: 1 });
    const [ann, bob] = [rooms.customer('ann'), rooms.customer('bob')];
    const id = await rooms.reserveOne(ann, 'lost', 'k');
    await rooms.redis.flushall(); // before the ledger writer came by
    const before = rooms.lost();
    const read = await rooms.desk.read(ann, saleNumber, id);
    const confirm = await rooms.desk.confirm(ann, saleNumber, id, null);
    const release = await rooms.desk.release(ann, saleNumber, id);
    for (const answer of [read, confirm, release])
      expect(!answer.ok && answer.refusal.code).toBe('reservation-lost');
    expect(rooms.lost()).toBe(before + 3);
    const next = await rooms.reserveOne(bob, 'lost', 'k');
    expect((await rooms.desk.confirm(bob, saleNumber, next, null)).ok).toBe(true);
  });

  test('numbers-are-never-given-twice-after-a-loss', async () => {
    const saleNumber = await openSale(rooms, { numbers: 10 });
    const ann = rooms.customer('ann');
    for (const key of ['a', 'b', 'c']) await rooms.reserveOne(ann, 'numbers', key);
    await journalAll(saleNumber);
    await rooms.redis.flushall();
    await rooms.reserveOne(ann, 'numbers', 'd');
    const [transition] = await rooms.channels.of(saleNumber).store.pending(10);
    expect(transition?.seq).toBeGreaterThan(3);
  });
});

describe('a lease', () => {
  test('of-an-older-epoch-grants-nothing-beside-the-newer', async () => {
    const saleNumber = await openSale(rooms, { epochs: 5 });
    const channel = rooms.channels.of(saleNumber);
    const stale = channel.epoch;
    await rooms.redis.flushall();
    await rooms.reserveOne(rooms.customer('ann'), 'epochs', 'new');
    expect(channel.epoch).toBe(stale + 1);
    channel.epoch = stale;
    const id = rooms.customer('bob');
    expect(
      channel.store.release([{ reservationId: `rsv_${'A'.repeat(22)}`, customer: id.key }]),
    ).rejects.toThrow('another epoch');
    channel.epoch = stale + 1;
  });

  test('two-processes-that-both-find-it-gone-rebuild-once-each-time', async () => {
    const other = await openRooms({ redisUrl: redis.url, databaseUrl: database.url });
    try {
      const saleNumber = await openSale(rooms, { both: 100 });
      for (let round = 0; round < 5; round++) {
        await rooms.redis.flushall();
        const before = (await rooms.ledger.lineage(saleNumber))?.epoch ?? 0;
        await Promise.all(
          [rooms, other].flatMap((one, side) =>
            Array.from({ length: 4 }, (_, i) =>
              one.reserveOne(one.customer(`c${side}-${i}`), 'both', `k${round}`),
            ),
          ),
        );
        expect((await rooms.ledger.lineage(saleNumber))?.epoch).toBe(before + 1);
      }
    } finally {
      await other.close();
    }
  });
});
