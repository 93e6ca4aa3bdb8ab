// A sale whose store or ledger fails keeps no other sale from its leases, its expiry, its journal, its orders or its
// resolver: every worker goes on to the next sale, and the gate renews before it opens.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { LedgerContract } from '../src/ledger/contract.ts';
import { LEASE_MS } from '../src/reservations/lease.ts';
import { saleKey } from '../src/stock/keys.ts';
import { expiry } from '../src/workers/expiry.ts';
import { ledgerWriter } from '../src/workers/ledger-writer.ts';
import type { Worker } from '../src/workers/periodic.ts';
import { relayWorker } from '../src/workers/relay-worker.ts';
import { resolver } from '../src/workers/resolver.ts';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';

let redis: TestStore;
let database: FreshDatabase;
let rooms: Rooms;
/** The sale made first, of which every call of the ledger fails while `failing`. */
let broken = 0;
let healthy = 0;
let failing = false;

beforeAll(async () => {
  [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
  rooms = await openRooms({
    redisUrl: redis.url,
    databaseUrl: database.url,
    instead: (real) => ({
      entriesAfter: refusing(real, 'entriesAfter'),
      // As if another process held the lock and never finished.
      withRebuildLock: async (saleNumber, work) =>
        failing && saleNumber === broken ? null : await real.withRebuildLock(saleNumber, work),
    }),
  });
  broken = await openSale(rooms, { broken: 5 });
  healthy = await openSale(rooms, { healthy: 5 });
  expect(broken).toBeLessThan(healthy);
}, 60_000);

afterAll(async () => {
  await rooms.close();
  await Promise.all([redis.stop(), database.drop()]);
});

function refusing<K extends 'appendTransitions' | 'entriesAfter' | 'resolveExpired'>(
  real: LedgerContract,
  name: K,
): LedgerContract[K] {
  const call = (async (saleNumber: number, ...rest: unknown[]) => {
    if (failing && saleNumber === broken) throw new Error(`${name} fails for this sale`);
    return await (real[name] as (...args: unknown[]) => Promise<unknown>).call(real, saleNumber, ...rest);
  }) as unknown;
  return call as LedgerContract[K];
}

const failingLedger = () => ({
  appendTransitions: refusing(rooms.ledger, 'appendTransitions'),
  resolveExpired: refusing(rooms.ledger, 'resolveExpired'),
  refuseStockOperation: rooms.ledger.refuseStockOperation.bind(rooms.ledger),
});
const ann = () => rooms.customer('ann');
const options = () => ({ ...rooms, isOurTurn: () => true, log: { info() {}, warn() {}, error() {} } });

async function whileFailing(worker: Worker, done: () => Promise<boolean>): Promise<void> {
  failing = true;
  worker.start();
  try {
    await until('the healthy sale was served', done, 5_000);
  } finally {
    failing = false;
    await worker.stop();
  }
}

/** One reservation in both sales, so that both have work. */
async function reserveInBoth(key: string): Promise<{ brokenId: string; healthyId: string }> {
  const brokenId = await rooms.reserveOne(ann(), 'broken', key);
  return { brokenId, healthyId: await rooms.reserveOne(ann(), 'healthy', key) };
}

describe('a sale that fails', () => {
  test('keeps-no-other-from-its-journal', async () => {
    await reserveInBoth('journal');
    await rooms.gate.renew();
    await whileFailing(
      ledgerWriter({ ...options(), ledger: failingLedger(), onWritten: () => undefined }),
      async () => (await rooms.ledger.lastTransition(healthy)) > 0,
    );
  });

  test('keeps-no-other-from-its-expiry', async () => {
    const { brokenId, healthyId } = await reserveInBoth('expiry');
    for (const [saleNumber, id] of [[broken, brokenId] as const, [healthy, healthyId] as const])
      await rooms.redis.zadd(saleKey(saleNumber, 'dead'), 'XX', 1, id.slice('rsv_'.length));
    await rooms.gate.renew();
    const channel = rooms.channels.of(broken);
    const { epoch } = channel;
    channel.epoch = epoch - 1;
    await whileFailing(
      expiry({ ...options(), onExpired: () => undefined }),
      async () => !(await isLive(healthy, healthyId)),
    );
    channel.epoch = epoch;
  });

  test('keeps-no-other-from-the-ledgers-entries', async () => {
    const { brokenId, healthyId } = await reserveInBoth('relay');
    await confirmInTheLedgerAlone(broken, brokenId);
    await confirmInTheLedgerAlone(healthy, healthyId);
    await rooms.gate.renew();
    await whileFailing(relayWorker(options()), async () => !(await isLive(healthy, healthyId)));
  });

  test('keeps-no-other-from-its-resolver', async () => {
    const { brokenId, healthyId } = await reserveInBoth('resolver');
    for (const [saleNumber, id] of [[broken, brokenId] as const, [healthy, healthyId] as const]) {
      await rooms.channels.of(saleNumber).pin({ reservationId: id, customer: ann().key });
      await rooms.redis.zadd(saleKey(saleNumber, 'pinned'), 'XX', 1, id.slice('rsv_'.length));
    }
    await rooms.gate.renew();
    await whileFailing(
      resolver({ ...options(), ledger: failingLedger() }),
      async () => !(await isLive(healthy, healthyId)),
    );
  });

  test('to-open-costs-no-other-its-lease', async () => {
    await rooms.redis.del(saleKey(broken, 'meta'));
    failing = true;
    const beganAtMs = performance.now();
    await rooms.gate.renew();
    const tookMs = performance.now() - beganAtMs;
    failing = false;
    expect(tookMs).toBeLessThan(LEASE_MS / 2);
    await rooms.reserveOne(ann(), 'broken', 'opened again');
  });
});

async function isLive(saleNumber: number, id: string): Promise<boolean> {
  const packed = await rooms.redis.hget(saleKey(saleNumber, 'res'), id.slice('rsv_'.length));
  return /^[AC]/.test(packed ?? '');
}

async function confirmInTheLedgerAlone(saleNumber: number, reservationId: string): Promise<void> {
  const channel = rooms.channels.of(saleNumber);
  const { reply, epoch } = await channel.pin({ reservationId, customer: ann().key });
  if (reply.kind !== 'pinned') throw new Error(reply.kind);
  const { createdSeq, lines } = reply.record;
  const orderId = reservationId.replace('rsv_', 'ord_');
  const request = { reservationId, createdSeq, customer: ann().key, sub: 'ann', orderId, lines };
  await rooms.ledger.confirm(saleNumber, epoch, [{ ...request, paymentReference: null }]);
}
