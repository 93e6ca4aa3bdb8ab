// The functions in Redis are those that this service was built with, or nothing is granted (protocols §2, §6): an older
// library, as an older backup brings back, is replaced before the next grant; a newer one is left alone, and said so.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { identify, LIBRARY_VERSION, loadLibrary } from '../src/stock/library.ts';
import { SaleRebuild } from '../src/stock/rebuild.ts';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { startService, stopServices } from './harness/service.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';

const NEWER = LIBRARY_VERSION + 1;

let redis: TestStore;
let database: FreshDatabase;
let rooms: Rooms;
let own = '';

beforeAll(async () => {
  [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
  rooms = await openRooms({ redisUrl: redis.url, databaseUrl: database.url });
  own = await code();
}, 60_000);

afterEach(async () => {
  await rooms.redis.call('FUNCTION', 'LOAD', 'REPLACE', own);
});

afterAll(async () => {
  await stopServices();
  await rooms.close();
  await Promise.all([redis.stop(), database.drop()]);
});

async function code(): Promise<string> {
  const [library] = (await rooms.redis.call('FUNCTION', 'LIST', 'WITHCODE')) as unknown[][];
  return String(library?.[library.indexOf('library_code') + 1]);
}

/** As a service of another version would have loaded it. */
async function put(version: number): Promise<void> {
  const source = own.replace(/^local VERSION = \d+$/m, `local VERSION = ${version}`);
  await rooms.redis.call('FUNCTION', 'LOAD', 'REPLACE', source);
}

const present = async () => (await identify(rooms.redis)).libraryVersion;

describe('an older library', () => {
  test('is-replaced-before-the-next-grant-and-no-reservation-is-lost', async () => {
    const saleNumber = await openSale(rooms, { older: 5 });
    const ann = rooms.customer('ann');
    const id = await rooms.reserveOne(ann, 'older', 'before');
    await put(LIBRARY_VERSION - 1);
    await rooms.reserveOne(ann, 'older', 'after');
    expect(await present()).toBe(LIBRARY_VERSION);
    const answer = await rooms.desk.read(ann, saleNumber, id);
    expect(answer.ok && answer.value.status).toBe('active');
    expect((await rooms.ledger.lineage(saleNumber))?.epoch).toBe(1); // the store lost nothing but its leases
  });

  test('is-noticed-by-the-renewal-where-nobody-asks', async () => {
    await openSale(rooms, { idle: 5 });
    await put(LIBRARY_VERSION - 1);
    await rooms.gate.renewAndOpen();
    expect(await present()).toBe(LIBRARY_VERSION);
    expect(rooms.gate.reasonsNotReady()).toEqual([]);
  });
});

describe('a newer library', () => {
  test('is-never-replaced-and-grants-nothing-to-this-service-which-says-so', async () => {
    await openSale(rooms, { newer: 5 });
    await put(NEWER);
    await expect(rooms.reserveOne(rooms.customer('ann'), 'newer', 'k')).rejects.toThrow();
    await expect(rooms.gate.renew()).rejects.toThrow('update this one');
    await expect(loadLibrary(rooms.redis)).rejects.toThrow('update this one');
    expect(rooms.gate.reasonsNotReady().join()).toContain(
      `version ${NEWER}, this service was built for ${LIBRARY_VERSION}`,
    );
    expect(await present()).toBe(NEWER);
    expect(await code()).toContain(`local VERSION = ${NEWER}`);
  });

  test('loaded-between-the-look-and-the-grant-refuses-grant-and-rebuild', async () => {
    const saleNumber = await openSale(rooms, { between: 5 });
    const identity = await identify(rooms.redis);
    await put(NEWER);
    const grant = await new SaleRebuild(rooms.redis, saleNumber, 1).grant(identity, identity.nowMs + 1_000);
    expect(grant).toEqual({ kind: 'refused', why: 'another library' });
    await expect(new SaleRebuild(rooms.redis, saleNumber, 2).begin(identity)).rejects.toThrow(
      'another library',
    );
  });

  test('a-service-does-not-start-on-it-and-tells-why', async () => {
    await put(NEWER);
    const starting = startService({ redisUrl: redis.url, databaseUrl: database.url });
    await expect(starting).rejects.toThrow('update this one');
    expect(await present()).toBe(NEWER);
  });
});
