// Two servers, two services, and a moment in which both could grant the same units (protocols §6): whatever the old one still
// grants, it granted before the new one's first. Every grant carries its server's clock, and both servers are on this machine.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { LedgerUnavailable } from '../src/domain/ledger-facts.ts';
import { NotReady } from '../src/domain/sale-store.ts';
import { LEASE_MS } from '../src/reservations/lease.ts';
import { leaseKeeper } from '../src/workers/lease-keeper.ts';
import { startForwarder, through } from './harness/forwarder.ts';
import { PRIMARY_LINES, startReplica } from './harness/replicas.ts';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { type FreshDatabase, freshDatabase, startRedis } from './harness/stores.ts';
import { until } from './harness/until.ts';

let database: FreshDatabase;
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  database = await freshDatabase();
}, 60_000);

afterAll(async () => {
  while (ends.length > 0) await ends.pop()?.();
  await database.drop();
});

const QUIET = { info() {}, warn() {}, error() {} };

/** A service on this server; `away` is the ledger out of its reach, `stumbles` a rebuild that stops half-way. */
interface Service {
  readonly rooms: Rooms;
  away: boolean;
  stumbles: boolean;
}

async function serviceOn(redisUrl: string, replicas: number | null = null): Promise<Service> {
  const service = { away: false, stumbles: false };
  const reached = async <T>(answer: () => Promise<T>): Promise<T> => {
    if (service.away) throw new LedgerUnavailable('out of reach');
    return await answer();
  };
  const rooms = await openRooms({
    redisUrl,
    databaseUrl: database.url,
    storesArePrivate: false,
    replicas,
    instead: (real) => ({
      lineages: () => reached(() => real.lineages()),
      lineage: (saleNumber) => reached(() => real.lineage(saleNumber)),
      coldSnapshot: async (saleNumber) => {
        const { stumbles } = service;
        service.stumbles = false;
        if (stumbles) throw new LedgerUnavailable('stopped half-way');
        return await real.coldSnapshot(saleNumber);
      },
    }),
  });
  ends.push(() => rooms.close());
  return Object.assign(service, { rooms });
}

/** Reserves one unit after the other without a pause; when each was granted, by the server's clock. */
class Shopper {
  readonly grantedAtMs: number[] = [];
  private stopped = false;
  private readonly going: Promise<void>;

  constructor(
    private readonly rooms: Rooms,
    private readonly sku: string,
  ) {
    this.going = this.goOn();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.going;
  }

  private async goOn(): Promise<void> {
    const customer = this.rooms.customer('shopper');
    for (let n = 0; !this.stopped; n++) {
      const idempotencyKey = `${this.sku} ${Math.random()} ${n}`;
      const request = {
        customer,
        address: '',
        idempotencyKey,
        lines: [{ sku: this.sku, quantity: 1 }],
        ttlSeconds: null,
      };
      // Refused for want of a lease: tried again, as clients do.
      const answer = await this.rooms.desk.reserve(request).catch(() => null);
      if (answer?.ok) this.grantedAtMs.push(answer.value.view.record.createdAtMs);
      else await Bun.sleep(1);
    }
  }
}

/** Both shop, until the new one has been granted something and the old one has had time for more. */
async function expectNoneBesides(older: Shopper, sku: string, newer: Rooms): Promise<void> {
  const shopper = new Shopper(newer, sku);
  await until('the new one grants', () => shopper.grantedAtMs.length > 0);
  const firstAtMs = shopper.grantedAtMs[0] ?? 0;
  await until('a lease has gone by', () => (shopper.grantedAtMs.at(-1) ?? 0) > firstAtMs + LEASE_MS);
  await Promise.all([older.stop(), shopper.stop()]);
  expect(older.grantedAtMs.length).toBeGreaterThan(0);
  expect(Math.max(...older.grantedAtMs)).toBeLessThan(firstAtMs);
}

describe('an old primary that goes on', () => {
  test('while-its-service-cannot-ask-the-ledger-grants-until-its-replica-is-taken-away', async () => {
    const primary = await startRedis({ configLines: PRIMARY_LINES });
    ends.push(() => primary.stop());
    const replica = await startReplica(primary);
    ends.push(() => replica.stop());
    const isolated = await serviceOn(primary.url);
    const sku = 'isolated';
    const saleNumber = await openSale(isolated.rooms, { [sku]: 1_000_000 });
    const keeper = leaseKeeper(isolated.rooms.gate, QUIET);
    keeper.start();
    ends.push(() => keeper.stop());
    await isolated.rooms.gate.renew();
    const older = new Shopper(isolated.rooms, sku);
    await until('it grants', () => older.grantedAtMs.length > 0);

    // The ledger alone is out of reach: the replica acknowledges, and two leases later it still grants.
    isolated.away = true;
    const awayAtMs = Date.now();
    await until('it goes on', () => (older.grantedAtMs.at(-1) ?? 0) > awayAtMs + 2 * LEASE_MS);
    expect(isolated.rooms.gate.reasonsNotReady()).toEqual(['PostgreSQL does not answer']);

    replica.link.hold();
    await replica.promote();
    // The last that the ledger says before it is out of reach again: a look at a primary whose replica is gone already.
    isolated.away = false;
    await isolated.rooms.gate.renew();
    isolated.away = true;
    const successor = await serviceOn(replica.url);
    await expectNoneBesides(older, sku, successor.rooms);
    expect(isolated.rooms.gate.reasonsNotReady().join()).toContain('not every Redis replica acknowledges');
    expect((await successor.rooms.ledger.lineage(saleNumber))?.epoch).toBe(2);
  }, 30_000);

  test('is-not-taken-for-its-promoted-replica-when-the-address-moves-while-the-ledger-is-away', async () => {
    const primary = await startRedis({ configLines: PRIMARY_LINES });
    ends.push(() => primary.stop());
    const replica = await startReplica(primary);
    ends.push(() => replica.stop());
    const address = await startForwarder(primary.port);
    ends.push(() => address.close());
    const service = await serviceOn(through(address, primary.url), 0); // of replicas it is told that there are none
    await openSale(service.rooms, { moved: 10 });
    await replica.caughtUp();
    service.away = true;
    await service.rooms.gate.renew();
    await service.rooms.reserveOne(service.rooms.customer('ann'), 'moved', 'before');
    await replica.promote();
    address.pointTo(replica.port);
    address.cut();
    await until('it is connected again', () => service.rooms.redis.ping().then(Boolean, () => false));
    await service.rooms.gate.renew();
    await expect(
      service.rooms.reserveOne(service.rooms.customer('ann'), 'moved', 'after'),
    ).rejects.toBeInstanceOf(NotReady);
  }, 30_000);

  test('grants-nothing-after-the-epoch-that-ended-its-own-has-begun-to-grant', async () => {
    await expectOldLeaseWaitedOut('waited', async () => undefined);
  }, 30_000);

  test('nor-where-the-first-rebuild-of-its-successor-stopped-half-way', async () => {
    await expectOldLeaseWaitedOut('stumbled', async (successor, saleNumber) => {
      successor.stumbles = true;
      expect(await successor.rooms.gate.open(saleNumber)).toBe('not-ready');
    });
  }, 30_000);
});

/** A lease just granted by the old one, and a successor that knows nothing of it but what the ledger says. */
async function expectOldLeaseWaitedOut(
  sku: string,
  begin: (successor: Service, saleNumber: number) => Promise<void>,
): Promise<void> {
  const servers = await Promise.all([startRedis(), startRedis()]);
  for (const server of servers) ends.push(() => server.stop());
  const old = await serviceOn(servers[0].url);
  const successor = await serviceOn(servers[1].url);
  const saleNumber = await openSale(old.rooms, { [sku]: 1_000_000 });
  await old.rooms.gate.renew();
  old.away = true;
  const older = new Shopper(old.rooms, sku);
  await until('it grants', () => older.grantedAtMs.length > 0);
  await begin(successor, saleNumber);
  await expectNoneBesides(older, sku, successor.rooms);
}
