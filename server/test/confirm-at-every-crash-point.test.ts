// A confirm stops after each of its steps, and whoever comes next (the client's retry, the resolver at the pin's end, the
// relay), in every order, ends it the same way: one outcome, the same in both stores, the same bytes to the client (protocols
// §4). The clock is the test's: nobody waits for a pin.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { once } from 'node:events';
import { AmbiguousCommit, LedgerUnavailable, type Order } from '../src/domain/ledger-facts.ts';
import type { LedgerContract } from '../src/ledger/contract.ts';
import { resolvePins, resolver } from '../src/workers/resolver.ts';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';

type Confirming = LedgerContract['confirm'];

const TTL_SECONDS = 10;
/** A confirm gets at least this long, whatever is left of the reservation. */
const PIN_MIN_MS = 30_000;
const QUIET = { info() {}, warn() {}, error() {} };

let redis: TestStore;
let database: FreshDatabase;
let rooms: Rooms;
let nowMs = Date.now() + 3_600_000;
/** Stands in for the next confirm of the ledger. */
let instead: ((real: Confirming) => Confirming) | undefined;

beforeAll(async () => {
  [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
  rooms = await openRooms({
    redisUrl: redis.url,
    databaseUrl: database.url,
    clock: () => nowMs,
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
let made = 0;

interface Held {
  readonly sku: string;
  readonly saleNumber: number;
  readonly id: string;
}

async function held(units = 1): Promise<Held> {
  made += 1;
  const sku = `crash-${made}`;
  const saleNumber = await openSale(rooms, { [sku]: units }, { ttlSeconds: TTL_SECONDS });
  return { sku, saleNumber, id: await rooms.reserveOne(ann(), sku, 'k') };
}

async function stateOf({ saleNumber, id }: Held): Promise<string> {
  const answer = await rooms.desk.read(ann(), saleNumber, id);
  return answer.ok ? answer.value.status : answer.refusal.code;
}

async function stock({ saleNumber }: Held) {
  const { items } = await rooms.channels.of(saleNumber).snapshot();
  const [row] = await rooms.ledger.itemsOfSale(saleNumber);
  return { reserved: items[0]?.reserved, sold: items[0]?.sold, soldInLedger: row?.sold };
}

const SOLD = { reserved: 0, sold: 1, soldInLedger: 1 };
const FREE = { reserved: 0, sold: 0, soldInLedger: 0 };

async function confirm({ saleNumber, id }: Held): Promise<Order | string> {
  const answer = await rooms.desk.confirm(ann(), saleNumber, id, 'paid');
  return answer.ok ? answer.value : answer.refusal.code;
}

async function resolve({ saleNumber }: Held): Promise<void> {
  const { channels, ledger, relay } = rooms;
  await resolvePins({ channels, ledger, relay, log: QUIET }, saleNumber);
}

async function relay({ saleNumber }: Held): Promise<void> {
  await rooms.relay.catchUpFromStore(rooms.channels.of(saleNumber));
}

const cutAfterCommit =
  (real: Confirming): Confirming =>
  async (...args) => {
    await real(...args);
    throw new AmbiguousCommit('the connection was cut after COMMIT');
  };

/** Where the first confirm stops; the order, where one was made. */
const STOPS: Readonly<Record<string, (of: Held) => Promise<void>>> = {
  'after-the-pin': async ({ saleNumber, id }) => {
    await rooms.channels.of(saleNumber).pin({ reservationId: id, customer: ann().key });
  },
  'after-the-commit': async (of) => {
    instead = cutAfterCommit;
    expect(await confirm(of)).toBe('unavailable'); // it is not known: never a 409
  },
  'after-the-apply': async (of) => {
    expect(await confirm(of)).toHaveProperty('orderId'); // and the answer never came
  },
};

const WHO = { retry: confirm, resolver: resolve, relay } as const;
type Who = keyof typeof WHO;
const ORDERS: readonly (readonly Who[])[] = [
  ['retry', 'resolver', 'relay'],
  ['retry', 'relay', 'resolver'],
  ['resolver', 'retry', 'relay'],
  ['resolver', 'relay', 'retry'],
  ['relay', 'retry', 'resolver'],
  ['relay', 'resolver', 'retry'],
];

for (const [stop, crash] of Object.entries(STOPS)) {
  describe(`stopped-${stop}`, () => {
    for (const order of ORDERS) {
      test(`then-${order.join('-')}`, async () => {
        const one = await held();
        await crash(one);
        nowMs += 60_000; // past the pin's end
        const retried: unknown[] = [];
        for (const who of order) {
          const answer = await WHO[who](one);
          if (who === 'retry') retried.push(answer);
        }
        // Only where nothing was committed can the resolver come first, and then the client is told.
        const expired = stop === 'after-the-pin' && order.indexOf('resolver') < order.indexOf('retry');
        expect(await stateOf(one)).toBe(expired ? 'expired' : 'confirmed');
        const [first, again] = [await confirm(one), await confirm(one)];
        if (expired) expect(first).toBe('reservation-expired');
        else expect(first).toMatchObject({ reservationId: one.id, paymentReference: 'paid' });
        expect(again).toEqual(first);
        expect(retried).toEqual([first]); // whoever had come before it
        expect(await stock(one)).toEqual(expired ? FREE : SOLD);
        expect(await rooms.ledger.verifySale(one.saleNumber)).toEqual([]);
      });
    }
  });
}

describe('a pin', () => {
  test('lasts-30-seconds-even-where-the-reservation-had-less-left', async () => {
    const one = await held();
    nowMs += TTL_SECONDS * 1000 - 1; // live by a millisecond
    await STOPS['after-the-pin']?.(one);
    nowMs += PIN_MIN_MS - 1;
    await resolve(one);
    expect(await stateOf(one)).toBe('confirming');
    expect(await rooms.channels.of(one.saleNumber).store.expire(10)).toEqual({ expired: 0, more: false });
    nowMs += 1;
    await resolve(one);
    expect(await stateOf(one)).toBe('expired');
  });

  test('is-not-ended-by-a-resolver-while-clients-come-back-after-an-outage', async () => {
    const [one, other] = [await held(), await held()];
    for (const each of [one, other]) await STOPS['after-the-pin']?.(each);
    nowMs += 60_000;
    /** Two runs of the worker, to which both pins are due. */
    const resolveTwice = async () => {
      await rooms.gate.renew();
      rooms.gate.clockOffsetMs = nowMs - Date.now();
      let runs = 0;
      const isOurTurn = () => {
        runs += 1;
        return runs <= 2;
      };
      const worker = resolver({ ...rooms, isOurTurn, log: QUIET });
      worker.start();
      await until('it came by twice', () => runs > 2);
      await worker.stop();
    };
    rooms.gate.noteLedgerFailure();
    await resolveTwice();
    expect(await stateOf(one)).toBe('confirming');
    expect(await confirm(one)).toHaveProperty('orderId');
    // Half a minute after the outage.
    rooms.gate.ledgerFailedAtMs = performance.now() - PIN_MIN_MS;
    await resolveTwice();
    expect(await stateOf(other)).toBe('expired');
  });
});

/** A confirm that is stopped between its steps 1 and 2 until `goOn`. */
async function stoppedBetween(one: Held): Promise<{ goOn: () => void; answer: Promise<Order | string> }> {
  const [began, woken] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  instead =
    (real) =>
    async (...args) => {
      began.resolve();
      await woken.promise;
      return await real(...args);
    };
  const answer = confirm(one);
  await began.promise;
  return { goOn: () => woken.resolve(), answer };
}

describe('a process that was stopped for 60 s between pin and commit', () => {
  test('and-nobody-came-meanwhile-confirms', async () => {
    const one = await held();
    const zombie = await stoppedBetween(one);
    nowMs += 60_000;
    zombie.goOn();
    expect(await zombie.answer).toHaveProperty('orderId');
    expect(await stock(one)).toEqual(SOLD);
  });

  test('commits-nothing-once-the-resolver-has-expired-it-and-the-unit-is-anothers', async () => {
    const one = await held();
    const zombie = await stoppedBetween(one);
    nowMs += 60_000;
    await resolve(one);
    const bob = rooms.customer('bob');
    const bobs = await rooms.reserveOne(bob, one.sku, 'k');
    zombie.goOn();
    expect(await zombie.answer).toBe('reservation-expired');
    expect((await rooms.desk.confirm(bob, one.saleNumber, bobs, null)).ok).toBe(true);
    expect(await stock(one)).toEqual(SOLD);
    expect(await rooms.ledger.verifySale(one.saleNumber)).toEqual([]);
  });

  test('gets-the-order-that-the-retry-made-and-makes-no-second-one', async () => {
    const one = await held();
    const zombie = await stoppedBetween(one);
    nowMs += 60_000;
    const order = await confirm(one);
    zombie.goOn();
    expect(await zombie.answer).toEqual(order);
    expect(await stock(one)).toEqual(SOLD);
  });

  test('gives-nothing-back-that-a-retry-is-committing', async () => {
    const one = await held();
    const failing = Promise.withResolvers<void>();
    const began = Promise.withResolvers<void>();
    instead = () => async () => {
      began.resolve();
      await failing.promise;
      throw new LedgerUnavailable('out of reach');
    };
    const zombie = confirm(one);
    await began.promise;
    const retry = await stoppedBetween(one);
    failing.resolve();
    expect(await zombie).toBe('unavailable');
    nowMs += TTL_SECONDS * 1000; // were it active again, it would expire now
    expect(await rooms.channels.of(one.saleNumber).store.expire(10)).toEqual({ expired: 0, more: false });
    retry.goOn();
    expect(await retry.answer).toHaveProperty('orderId');
    expect(await stock(one)).toEqual(SOLD);
  });
});

describe('a confirm that waits for its turn', () => {
  test('while-the-store-changes-hands-commits-nothing-under-the-new-epoch', async () => {
    const one = await held(3);
    const others = await Promise.all(['a', 'b'].map((key) => rooms.reserveOne(ann(), one.sku, key)));
    const ahead: Awaited<ReturnType<typeof stoppedBetween>>[] = [];
    for (const id of others) ahead.push(await stoppedBetween({ ...one, id })); // as many as are under way at a time
    const waiting = confirm(one);
    await until('it is pinned', async () => (await stateOf(one)) === 'confirming');
    await rooms.redis.flushall(); // before the ledger writer came by: nobody knows of the three any more
    const bob = rooms.customer('bob');
    const bobs = await Promise.all(['a', 'b', 'c'].map((key) => rooms.reserveOne(bob, one.sku, key)));
    for (const { goOn } of ahead) goOn();
    const answers = await Promise.all([waiting, ...ahead.map(({ answer }) => answer)]);
    expect(answers).toEqual(['reservation-lost', 'reservation-lost', 'reservation-lost']);
    for (const id of bobs) expect((await rooms.desk.confirm(bob, one.saleNumber, id, null)).ok).toBe(true);
    expect(await rooms.ledger.verifySale(one.saleNumber)).toEqual([]);
  });
});

describe('the ledgers entries', () => {
  test('delivered-twice-and-in-any-order-count-once-and-none-is-skipped', async () => {
    const units = 6;
    const one = await held(units);
    const channel = rooms.channels.of(one.saleNumber);
    const ids = [
      one.id,
      ...(await Promise.all([1, 2, 3].map((n) => rooms.reserveOne(ann(), one.sku, `k${n}`)))),
    ];
    for (const id of ids) {
      instead = cutAfterCommit;
      await confirm({ ...one, id });
    }
    const entries = await rooms.ledger.entriesAfter(one.saleNumber, 0, 100);
    const late = entries.slice(-ids.length);
    // The last alone first: those before it are fetched and applied before it.
    await rooms.relay.deliver(channel, late.slice(-1));
    expect((await channel.snapshot()).applied).toBe(entries.length);
    for (const again of [late.toReversed(), late, [...late, ...late], entries]) {
      expect(await rooms.relay.deliver(channel, again)).toBe(entries.length);
      expect(await stock(one)).toEqual({ reserved: 0, sold: ids.length, soldInLedger: ids.length });
    }
    // The store itself takes none before its turn.
    const id = await rooms.reserveOne(ann(), one.sku, 'gap');
    instead = cutAfterCommit;
    await confirm({ ...one, id });
    const [next] = await rooms.ledger.entriesAfter(one.saleNumber, entries.length, 1);
    if (!next) throw new Error('the order has an entry');
    expect(await channel.apply([{ ...next, seq: next.seq + 1 }])).toBe(entries.length);
    expect(await channel.apply([next])).toBe(next.seq);
  });

  test('reach-a-store-that-was-away-when-they-were-decided', async () => {
    const one = await held();
    instead =
      (real) =>
      async (...args) => {
        const decisions = await real(...args);
        const away = once(rooms.redis, 'close');
        rooms.redis.disconnect(true); // and connects again
        await away;
        return decisions;
      };
    const order = await confirm(one);
    expect(order).toHaveProperty('orderId'); // the COMMIT is the confirmation
    await until('Redis is back', () =>
      rooms.redis.ping().then(
        () => true,
        () => false,
      ),
    );
    expect(await confirm(one)).toEqual(order);
    await relay(one);
    expect(await stateOf(one)).toBe('confirmed');
    expect(await stock(one)).toEqual(SOLD);
  });
});
