// While only PostgreSQL is out of reach, customers go on reserving: the leases are renewed on the identity that was
// verified last. It makes no difference whether PostgreSQL refuses, or is silent for longer than a lease lives.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { LedgerUnavailable, type SaleLineage } from '../src/domain/ledger-facts.ts';
import { Catalog } from '../src/ledger/catalog.ts';
import { LEASE_MS } from '../src/reservations/lease.ts';
import { catalogReader } from '../src/workers/catalog-reader.ts';
import { leaseKeeper } from '../src/workers/lease-keeper.ts';
import { storeClockMs } from './harness/rate-minutes.ts';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';

type Mood = 'well' | 'refusing' | 'silent';

let redis: TestStore;
let database: FreshDatabase;
let rooms: Rooms;
let mood: Mood = 'well';
let slowlyByMs = 0;
/** When the ledger was asked who may grant, by the store's clock; noted while it is slow. */
const askedAtMs: number[] = [];
/** What the ledger was asked while it was silent: answered at the end, so that nothing is left waiting. */
const unanswered: (() => void)[] = [];

async function moody<T>(answer: () => Promise<T>): Promise<T> {
  if (mood === 'refusing') throw new LedgerUnavailable('refused');
  if (mood === 'silent') {
    const { promise, reject } = Promise.withResolvers<never>();
    unanswered.push(() => reject(new LedgerUnavailable('too late')));
    return await promise;
  }
  return await answer();
}

beforeAll(async () => {
  [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
  rooms = await openRooms({
    redisUrl: redis.url,
    databaseUrl: database.url,
    instead: (real) => ({
      lineages: async () => {
        if (slowlyByMs > 0) askedAtMs.push(await storeClockMs(redis.url));
        const rows = await moody<SaleLineage[]>(() => real.lineages());
        if (slowlyByMs > 0) await Bun.sleep(slowlyByMs);
        return rows;
      },
      lineage: (saleNumber) => moody(() => real.lineage(saleNumber)),
      confirm: (...args) => moody(() => real.confirm(...args)),
    }),
  });
}, 60_000);

afterAll(async () => {
  mood = 'well';
  for (const answer of unanswered) answer();
  await rooms.close();
  await Promise.all([redis.stop(), database.drop()]);
});

describe('reserve', () => {
  for (const away of ['refusing', 'silent'] as const) {
    test(`goes-on-while-the-ledger-is-${away}`, async () => {
      await openSale(rooms, { [away]: 100_000 });
      const ann = rooms.customer('ann');
      await rooms.reserveOne(ann, away, 'before');
      const keeper = leaseKeeper(rooms.gate, { info() {}, warn() {}, error() {} });
      keeper.start();
      mood = away;
      try {
        // Two leases long: none of the old ones is left at the end.
        const endMs = performance.now() + 2 * LEASE_MS;
        let reserved = 0;
        await until('two leases have gone by', async () => {
          await rooms.reserveOne(ann, away, `during ${reserved}`);
          reserved += 1;
          return performance.now() > endMs;
        });
        expect(rooms.gate.reasonsNotReady()).toContain('PostgreSQL does not answer');
      } finally {
        mood = 'well';
        await keeper.stop();
      }
    });
  }

  test('is-under-a-lease-counted-from-before-the-ledger-was-asked', async () => {
    const saleNumber = await openSale(rooms, { counted: 1 });
    const { store } = rooms.channels.of(saleNumber);
    /** Until nothing is granted any more. @returns when the last was, by the store's clock: however slow this machine is */
    const goneBy = async (what: string) => {
      let lastMs = Number.NEGATIVE_INFINITY;
      const isOver = () =>
        store.snapshot().then(
          ({ nowMs }) => {
            lastMs = nowMs;
            return false;
          },
          () => true,
        );
      await until(what, isOver);
      return lastMs;
    };
    await goneBy('no lease is left');
    slowlyByMs = 300; // the ledger says who may grant, but late: meanwhile another may have become it
    await rooms.gate.renew();
    slowlyByMs = 0;
    const lastMs = await goneBy('the lease has ended');
    const [ledgerAskedAtMs = Number.NaN] = askedAtMs;
    expect(lastMs).toBeGreaterThan(ledgerAskedAtMs);
    expect(lastMs).toBeLessThan(ledgerAskedAtMs + LEASE_MS);
  });

  test('needs-no-ledger-for-an-item-that-this-process-never-sold', async () => {
    await openSale(rooms, { 'never met': 1, 'nor this': 1 });
    const catalog = new Catalog({
      itemsOfSale: (saleNumber) => moody(() => rooms.ledger.itemsOfSale(saleNumber)),
      itemsBySku: (skus) => moody(() => rooms.ledger.itemsBySku(skus)),
      saleByNumber: (saleNumber) => moody(() => rooms.ledger.saleByNumber(saleNumber)),
      saleById: (id) => moody(() => rooms.ledger.saleById(id)),
    });
    const reader = catalogReader({ gate: rooms.gate, catalog, log: { info() {}, warn() {}, error() {} } });
    reader.start();
    try {
      mood = 'refusing';
      expect(catalog.item('never met')).rejects.toThrow('refused');
      mood = 'well';
      await until('the catalog was read', async () => {
        mood = 'refusing';
        const item = await Promise.resolve(catalog.item('nor this')).catch(() => null);
        mood = 'well';
        return item !== null && (await catalog.sale(item.saleNumber)) !== null;
      });
    } finally {
      mood = 'well';
      await reader.stop();
    }
  });

  test('and-a-confirm-meanwhile-is-503-and-keeps-the-reservation', async () => {
    const saleNumber = await openSale(rooms, { kept: 1 });
    const ann = rooms.customer('ann');
    const id = await rooms.reserveOne(ann, 'kept', 'k');
    mood = 'refusing';
    const refused = await rooms.desk.confirm(ann, saleNumber, id, null);
    mood = 'well';
    expect(!refused.ok && refused.refusal.code).toBe('unavailable');
    expect((await rooms.desk.confirm(ann, saleNumber, id, null)).ok).toBe(true);
  });
});
