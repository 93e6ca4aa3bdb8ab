// P3: a confirm may stop after each of its four steps, and the ledger may say no; what was acknowledged stands, what was
// not is one thing or the other, never both (protocols §4). Each test stops between two steps and goes on another way.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { AmbiguousCommit, LedgerUnavailable } from '../src/domain/ledger-facts.ts';
import type { LedgerContract } from '../src/ledger/contract.ts';
import { saleKey } from '../src/stock/keys.ts';
import { relayWorker } from '../src/workers/relay-worker.ts';
import { resolver } from '../src/workers/resolver.ts';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';

type Confirming = LedgerContract['confirm'];

let redis: TestStore;
let database: FreshDatabase;
let rooms: Rooms;
/** What stands in for the ledger's confirm in the next call; the real one otherwise. */
let instead: ((real: Confirming) => Confirming) | undefined;

beforeAll(async () => {
  [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
  rooms = await openRooms({
    redisUrl: redis.url,
    databaseUrl: database.url,
    instead: (real) => ({
      confirm: (...args) => {
        const own: Confirming = (...given) => real.confirm(...given);
        const stand = instead?.(own) ?? own;
        instead = undefined;
        return stand(...args);
      },
    }),
  });
}, 60_000);

afterAll(async () => {
  await rooms.close();
  await Promise.all([redis.stop(), database.drop()]);
});

const ann = () => rooms.customer('ann');

async function held(sku: string, units = 5): Promise<{ saleNumber: number; id: string }> {
  const saleNumber = await openSale(rooms, { [sku]: units });
  return { saleNumber, id: await rooms.reserveOne(ann(), sku, 'k') };
}

async function stateOf(saleNumber: number, id: string): Promise<string> {
  const answer = await rooms.desk.read(ann(), saleNumber, id);
  return answer.ok ? answer.value.status : answer.refusal.code;
}

async function stock(saleNumber: number) {
  const { items } = await rooms.channels.of(saleNumber).snapshot();
  return items[0];
}

/** Lets a pin's end come now. */
async function endPin(saleNumber: number, id: string): Promise<void> {
  await rooms.redis.zadd(saleKey(saleNumber, 'pinned'), 'XX', 1, id.slice('rsv_'.length));
}

/** Runs the worker and renewals until the condition holds. */
async function whileRunning(
  worker: { start(): void; stop(): Promise<void> },
  condition: () => Promise<boolean>,
) {
  worker.start();
  try {
    await until('the worker has done its work', async () => {
      await rooms.gate.renew();
      return await condition();
    });
  } finally {
    await worker.stop();
  }
}

const workerOptions = () => ({ ...rooms, isOurTurn: () => true, log: { info() {}, warn() {}, error() {} } });

describe('stopped after the pin', () => {
  test('the-clients-retry-confirms', async () => {
    const { saleNumber, id } = await held('pin-retry');
    await rooms.channels.of(saleNumber).pin({ reservationId: id, customer: ann().key });
    expect(await stateOf(saleNumber, id)).toBe('confirming');
    const answer = await rooms.desk.confirm(ann(), saleNumber, id, null);
    expect(answer.ok && answer.value.reservationId).toBe(id);
    expect(await stock(saleNumber)).toMatchObject({ reserved: 0, sold: 1 });
  });

  test('release-is-refused-while-confirming', async () => {
    const { saleNumber, id } = await held('pin-release');
    await rooms.channels.of(saleNumber).pin({ reservationId: id, customer: ann().key });
    const answer = await rooms.desk.release(ann(), saleNumber, id);
    expect(!answer.ok && answer.refusal.code).toBe('confirm-in-progress');
  });

  test('nobody-comes-back-and-the-resolver-expires-it-in-ledger-and-store', async () => {
    const { saleNumber, id } = await held('pin-forgotten');
    await rooms.channels.of(saleNumber).pin({ reservationId: id, customer: ann().key });
    await endPin(saleNumber, id);
    await whileRunning(resolver(workerOptions()), async () => (await stateOf(saleNumber, id)) === 'expired');
    expect(await stock(saleNumber)).toMatchObject({ reserved: 0, sold: 0 });
    const late = await rooms.desk.confirm(ann(), saleNumber, id, null);
    expect(!late.ok && late.refusal.code).toBe('reservation-expired');
    expect(await rooms.ledger.verifySale(saleNumber)).toEqual([]);
  });
});

describe('stopped after the commit', () => {
  const cutAfterCommit =
    (real: Confirming): Confirming =>
    async (...args) => {
      await real(...args);
      throw new AmbiguousCommit('the connection was cut after COMMIT');
    };

  test('is-answered-503-and-the-retry-gets-the-one-order', async () => {
    const { saleNumber, id } = await held('cut-retry');
    instead = cutAfterCommit;
    const first = await rooms.desk.confirm(ann(), saleNumber, id, 'pay-1');
    expect(!first.ok && first.refusal.code).toBe('unavailable');
    const second = await rooms.desk.confirm(ann(), saleNumber, id, 'pay-2');
    // The order as it was stored by the first attempt.
    expect(second.ok && second.value.paymentReference).toBe('pay-1');
    const orders = await rooms.ledger.ordersOf(ann().key, { limit: 200, cursor: null });
    expect(orders.rows.filter((order) => order.reservationId === id)).toHaveLength(1);
    expect(await stock(saleNumber)).toMatchObject({ reserved: 0, sold: 1 });
  });

  test('nobody-comes-back-and-the-relay-brings-the-order-to-the-store', async () => {
    const { saleNumber, id } = await held('cut-relay');
    instead = cutAfterCommit;
    await rooms.desk.confirm(ann(), saleNumber, id, null);
    expect(await stateOf(saleNumber, id)).toBe('confirming');
    await whileRunning(
      relayWorker(workerOptions()),
      async () => (await stateOf(saleNumber, id)) === 'confirmed',
    );
  });

  test('the-resolver-finds-it-confirmed-and-does-not-expire-it', async () => {
    const { saleNumber, id } = await held('cut-resolver');
    instead = cutAfterCommit;
    await rooms.desk.confirm(ann(), saleNumber, id, null);
    await endPin(saleNumber, id);
    // The ledger answered well since: no outage to wait out.
    rooms.gate.ledgerFailedAtMs = Number.NEGATIVE_INFINITY;
    await whileRunning(
      resolver(workerOptions()),
      async () => (await stateOf(saleNumber, id)) === 'confirmed',
    );
    expect(await stock(saleNumber)).toMatchObject({ reserved: 0, sold: 1 });
  });

  test('a-store-that-then-forgets-everything-still-knows-the-order', async () => {
    const { saleNumber, id } = await held('cut-flush');
    instead = cutAfterCommit;
    await rooms.desk.confirm(ann(), saleNumber, id, null);
    await rooms.redis.flushall();
    expect(await stock(saleNumber)).toMatchObject({ reserved: 0, sold: 1 });
    const answer = await rooms.desk.confirm(ann(), saleNumber, id, null);
    expect(answer.ok && answer.value.reservationId).toBe(id);
  });
});

describe('a definite failure before the commit', () => {
  const down = (): Confirming => async () => {
    throw new LedgerUnavailable('out of reach');
  };

  test('is-answered-503-and-the-reservation-is-active-again-with-its-deadline', async () => {
    const { saleNumber, id } = await held('down');
    const before = await rooms.desk.read(ann(), saleNumber, id);
    instead = down;
    const answer = await rooms.desk.confirm(ann(), saleNumber, id, null);
    expect(!answer.ok && answer.refusal).toMatchObject({ code: 'unavailable', retryAfterSeconds: 1 });
    const after = await rooms.desk.read(ann(), saleNumber, id);
    expect(after).toEqual(before);
    expect((await rooms.desk.confirm(ann(), saleNumber, id, null)).ok).toBe(true);
  });

  test('does-not-free-what-a-slower-attempt-may-still-commit', async () => {
    const { saleNumber, id } = await held('zombie');
    const [began, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    instead =
      (real) =>
      async (...args) => {
        began.resolve();
        await goOn.promise; // stopped between steps 1 and 2
        return await real(...args);
      };
    const slow = rooms.desk.confirm(ann(), saleNumber, id, 'slow');
    await began.promise;
    instead = down;
    const failed = await rooms.desk.confirm(ann(), saleNumber, id, 'second');
    expect(!failed.ok && failed.refusal.code).toBe('unavailable');
    expect(await stateOf(saleNumber, id)).toBe('confirming');
    const release = await rooms.desk.release(ann(), saleNumber, id);
    expect(!release.ok && release.refusal.code).toBe('confirm-in-progress');
    goOn.resolve();
    const answer = await slow;
    expect(answer.ok && answer.value.paymentReference).toBe('slow');
    expect(await stock(saleNumber)).toMatchObject({ reserved: 0, sold: 1 });
  });
});

describe('the zombie that wakes', () => {
  test('after-the-resolver-expired-it-commits-nothing', async () => {
    const { saleNumber, id } = await held('zombie-resolved', 1);
    const [began, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    instead =
      (real) =>
      async (...args) => {
        began.resolve();
        await goOn.promise;
        return await real(...args);
      };
    const zombie = rooms.desk.confirm(ann(), saleNumber, id, null);
    await began.promise;
    await endPin(saleNumber, id);
    rooms.gate.ledgerFailedAtMs = Number.NEGATIVE_INFINITY;
    await whileRunning(resolver(workerOptions()), async () => (await stateOf(saleNumber, id)) === 'expired');
    const bob = rooms.customer('bob');
    const next = await rooms.reserveOne(bob, 'zombie-resolved', 'k');
    expect((await rooms.desk.confirm(bob, saleNumber, next, null)).ok).toBe(true);
    goOn.resolve();
    const answer = await zombie;
    expect(!answer.ok && answer.refusal.code).toBe('reservation-expired');
    expect(await stock(saleNumber)).toMatchObject({ total: 1, reserved: 0, sold: 1 });
    expect(await rooms.ledger.verifySale(saleNumber)).toEqual([]);
  });

  test('after-the-store-changed-hands-starts-again-at-the-pin', async () => {
    const { saleNumber, id } = await held('zombie-epoch', 1);
    instead =
      (real) =>
      async (...args) => {
        // The store forgets everything, the reservation with it, and another customer gets the unit.
        await rooms.redis.flushall();
        await rooms.reserveOne(rooms.customer('bob'), 'zombie-epoch', 'k');
        return await real(...args);
      };
    const answer = await rooms.desk.confirm(ann(), saleNumber, id, null);
    expect(!answer.ok && answer.refusal.code).toBe('reservation-lost');
    const bobs = await rooms.reserveOne(rooms.customer('bob'), 'zombie-epoch', 'k');
    expect((await rooms.desk.confirm(rooms.customer('bob'), saleNumber, bobs, null)).ok).toBe(true);
    expect(await rooms.ledger.verifySale(saleNumber)).toEqual([]);
  });
});

describe('the ledger says no', () => {
  test('to-what-a-broken-store-oversold-and-the-reservation-is-freed-and-lost', async () => {
    const saleNumber = await openSale(rooms, { oversold: 1 });
    // A store that believes in a second unit.
    await rooms.redis.hset(saleKey(saleNumber, 'stock'), 'oversold', '2 0 0 -');
    const [first, second] = [
      await rooms.reserveOne(ann(), 'oversold', 'one'),
      await rooms.reserveOne(ann(), 'oversold', 'two'),
    ];
    expect((await rooms.desk.confirm(ann(), saleNumber, first, null)).ok).toBe(true);
    const refused = await rooms.desk.confirm(ann(), saleNumber, second, null);
    expect(!refused.ok && refused.refusal.code).toBe('reservation-lost');
    expect(await stateOf(saleNumber, second)).toBe('reservation-lost');
    expect(await stock(saleNumber)).toMatchObject({ reserved: 0, sold: 1 });
    expect(await rooms.ledger.verifySale(saleNumber)).toEqual([]);
  });
});

describe('the ledger writer', () => {
  test('killed-between-write-and-trim-writes-nothing-twice', async () => {
    const { saleNumber } = await held('writer');
    const channel = rooms.channels.of(saleNumber);
    for (let i = 0; i < 3; i++) {
      await rooms.ledger.appendTransitions(saleNumber, channel.epoch, await channel.store.pending(1000));
      await rooms.reserveOne(ann(), 'writer', `more-${i}`);
    }
    const waiting = await channel.store.pending(1000);
    await rooms.ledger.appendTransitions(saleNumber, channel.epoch, waiting);
    const journaled = await rooms.ledger.transitionsAfter(saleNumber, 0, 1000);
    expect(journaled.map((transition) => transition.seq)).toEqual([1, 2, 3, 4]);
    expect(journaled).toEqual(waiting);
  });
});
