// Nothing is decided or written without a live lease of the caller's epoch, and only the server that was looked at is
// leased (protocols §6); a rebuild accepts the chunks of its own rebuilder alone, in order (§7). Straight at the library.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { Redis } from 'ioredis';
import { NotReady, type SaleSettings } from '../src/domain/sale-store.ts';
import { connectRedis, untilConnected } from '../src/stock/connect.ts';
import { saleKey, saleKeys } from '../src/stock/keys.ts';
import { identify, loadLibrary, type StoreIdentity } from '../src/stock/library.ts';
import { SaleRebuild } from '../src/stock/rebuild.ts';
import { SaleStock } from '../src/stock/sale-stock.ts';
import { startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';

const LONG_MS = 3_600_000;
const SETTINGS: SaleSettings = { opensAtMs: null, closesAtMs: null, closed: false, cooldown: null };
const NAME = 'A'.repeat(22);
const REF = { reservationId: `rsv_${NAME}`, customer: NAME };

let server: TestStore;
let redis: Redis;
let identity: StoreIdentity;
let salesMade = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(server.url, () => undefined);
  await untilConnected(redis, 5_000);
  await loadLibrary(redis);
  identity = await identify(redis);
});

afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

/** A sale of ten, rebuilt under the epoch and not leased. */
async function rebuilt(epoch: number): Promise<number> {
  salesMade += 1;
  const rebuild = new SaleRebuild(redis, salesMade, epoch);
  await rebuild.begin(identity);
  await rebuild.clear();
  await rebuild.apply([{ seq: 1, atMs: 1, kind: 'item-added', sku: 'A', total: 10, maxPerCustomer: null }]);
  await rebuild.finish(0, { applied: 1, settings: SETTINGS });
  return salesMade;
}

async function leased(epoch: number): Promise<number> {
  const saleNumber = await rebuilt(epoch);
  const grant = await new SaleRebuild(redis, saleNumber, epoch).grant(identity, identity.nowMs + LONG_MS);
  expect(grant.kind).toBe('granted');
  return saleNumber;
}

const storeOf = (saleNumber: number, epoch: number) =>
  new SaleStock({ redis, saleNumber, epoch: () => epoch });

/** Every command of the store; each would change something, or tell something, if it ran. */
const COMMANDS: readonly [name: string, run: (store: SaleStock) => Promise<unknown>][] = [
  [
    'reserve',
    (store) =>
      store.reserve(
        [{ ...REF, address: '', lines: [{ sku: 'A', quantity: 1 }], ttlSeconds: 60, fingerprint: 'f' }],
        { perCustomer: 9, perAddress: 9 },
      ),
  ],
  ['pin', (store) => store.pin([REF])],
  ['unpin', (store) => store.unpin([REF])],
  ['release', (store) => store.release([REF])],
  ['expire', (store) => store.expire(10)],
  ['apply', (store) => store.apply([{ seq: 2, atMs: 1, kind: 'closed' }])],
  ['trim', (store) => store.trim(5, 1)],
  ['purge', (store) => store.purge(10)],
  ['duePins', (store) => store.duePins(10)],
  ['read', (store) => store.read([REF.reservationId])],
  ['snapshot', (store) => store.snapshot()],
];

async function expectAllRefused(saleNumber: number, epoch: number, why: string): Promise<void> {
  const before = await everything(saleNumber);
  for (const [name, run] of COMMANDS) {
    const error = await run(storeOf(saleNumber, epoch)).then(
      () => `${name} was answered`,
      (refusal: unknown) => refusal,
    );
    expect(error).toBeInstanceOf(NotReady);
    expect((error as Error).message).toContain(why);
  }
  expect(await everything(saleNumber)).toEqual(before);
}

async function reloadLibrary(): Promise<void> {
  await redis.call('FUNCTION', 'FLUSH');
  await loadLibrary(redis);
}

async function everything(saleNumber: number): Promise<(string | undefined)[]> {
  return await Promise.all(
    saleKeys(saleNumber).map(async (key) => (await redis.dumpBuffer(key))?.toString('base64')),
  );
}

describe('every command is refused and nothing written', () => {
  test('without-a-lease', async () => {
    await expectAllRefused(await rebuilt(1), 1, 'rebuilding');
    await expectAllRefused(9_999, 1, 'no lease');
  });

  test('once-the-lease-has-ended', async () => {
    const saleNumber = await rebuilt(1);
    const { nowMs } = await identify(redis);
    await new SaleRebuild(redis, saleNumber, 1).grant(identity, nowMs + 30);
    const store = storeOf(saleNumber, 1);
    await until(
      'the lease has ended',
      () =>
        store.snapshot().then(
          () => false,
          () => true,
        ),
      2_000,
    );
    await expectAllRefused(saleNumber, 1, 'lease ended');
  });

  test('under-another-epoch', async () => {
    const saleNumber = await leased(2);
    await expectAllRefused(saleNumber, 1, 'another epoch');
    await expectAllRefused(saleNumber, 3, 'another epoch');
    expect((await storeOf(saleNumber, 2).snapshot()).items).toHaveLength(1);
  });

  test('from-the-beginning-of-a-rebuild-to-its-grant', async () => {
    const saleNumber = await leased(1);
    const rebuild = new SaleRebuild(redis, saleNumber, 2);
    await rebuild.begin(identity);
    for (const epoch of [1, 2]) await expectAllRefused(saleNumber, epoch, 'rebuilding');
    await rebuild.finish(0, null);
    for (const epoch of [1, 2]) await expectAllRefused(saleNumber, epoch, 'rebuilding');
    expect((await rebuild.grant(identity, identity.nowMs + LONG_MS)).kind).toBe('granted');
    expect((await storeOf(saleNumber, 2).snapshot()).items).toHaveLength(1);
  });

  test('while-any-key-is-missing', async () => {
    for (const key of saleKeys(await leased(1))) {
      await redis.rename(key, 'away');
      await expectAllRefused(salesMade, 1, 'a key is missing');
      await redis.rename('away', key);
    }
    expect((await storeOf(salesMade, 1).snapshot()).items).toHaveLength(1);
  });
});

describe('a grant is refused', () => {
  const why = async (saleNumber: number, epoch: number, of: StoreIdentity = identity) => {
    const grant = await new SaleRebuild(redis, saleNumber, epoch).grant(of, identity.nowMs + LONG_MS);
    return grant.kind === 'refused' ? grant.why : grant.kind;
  };

  test('by-another-server-than-the-one-that-was-looked-at', async () => {
    const saleNumber = await rebuilt(1);
    expect(await why(saleNumber, 1, { ...identity, runId: 'f'.repeat(40) })).toBe('another server');
    expect(await why(saleNumber, 1, { ...identity, replid: 'f'.repeat(40) })).toBe('another server');
    expect(await why(saleNumber, 1)).toBe('granted');
  });

  test('to-an-older-epoch-and-to-one-that-was-not-rebuilt', async () => {
    const saleNumber = await leased(2);
    expect(await why(saleNumber, 1)).toBe('a newer epoch is leased');
    expect(await why(saleNumber, 3)).toBe('another epoch');
    expect(await why(saleNumber, 2)).toBe('granted');
  });

  test('while-a-key-is-missing-or-a-rebuild-is-under-way', async () => {
    const saleNumber = await leased(1);
    const [stock] = saleKeys(saleNumber) as [string];
    await redis.rename(stock, 'away');
    expect(await why(saleNumber, 1)).toBe('a key is missing');
    await redis.rename('away', stock);
    await new SaleRebuild(redis, saleNumber, 2).begin(identity);
    expect(await why(saleNumber, 2)).toBe('rebuilding');
  });
});

describe('a rebuild', () => {
  const entry = { seq: 2, atMs: 1, kind: 'closed' } as const;

  test('that-was-superseded-writes-nothing-more', async () => {
    const saleNumber = await leased(1);
    const older = new SaleRebuild(redis, saleNumber, 2);
    const newer = new SaleRebuild(redis, saleNumber, 3);
    await older.begin(identity);
    await newer.begin(identity);
    const before = await everything(saleNumber);
    for (const step of [() => older.apply([entry]), () => older.clear(), () => older.finish(9, null)])
      expect(step()).rejects.toThrow('this rebuild is over');
    expect(older.begin(identity)).rejects.toThrow('a newer epoch is leased');
    expect(await everything(saleNumber)).toEqual(before);
    await newer.apply([entry]);
    await newer.finish(0, null);
  });

  test('stops-where-its-lease-or-its-mark-in-the-sale-is-gone', async () => {
    const losses: readonly ((meta: string) => Promise<unknown>)[] = [
      () => reloadLibrary(), // as a restart between two chunks: no lease of any kind is left
      (meta) => redis.hset(meta, 'chunk', '0'), // as a copy of the sale from before the chunk
      (meta) => redis.hset(meta, 'building', '9'),
    ];
    for (const lose of losses) {
      const saleNumber = await leased(1);
      const rebuild = new SaleRebuild(redis, saleNumber, 2);
      await rebuild.begin(identity);
      await rebuild.apply([entry]);
      await lose(saleKey(saleNumber, 'meta'));
      const before = await everything(saleNumber);
      for (const step of [() => rebuild.apply([{ ...entry, seq: 3 }]), () => rebuild.finish(0, null)])
        await expect(step()).rejects.toBeInstanceOf(NotReady);
      expect(await everything(saleNumber)).toEqual(before);
    }
  });

  test('empties-nothing-unless-it-is-the-one-that-has-begun', async () => {
    for (const lose of [reloadLibrary, (meta: string) => redis.hset(meta, 'building', '9')]) {
      const saleNumber = await leased(1);
      const rebuild = new SaleRebuild(redis, saleNumber, 2);
      await rebuild.begin(identity);
      await lose(saleKey(saleNumber, 'meta'));
      const before = await everything(saleNumber);
      await expect(rebuild.clear()).rejects.toThrow('this rebuild is over');
      expect(await everything(saleNumber)).toEqual(before);
    }
  });

  test('does-not-begin-behind-a-later-one-though-the-server-has-forgotten-every-lease', async () => {
    const granted = await leased(3);
    const begun = await leased(3);
    await new SaleRebuild(redis, begun, 5).begin(identity);
    await reloadLibrary();
    for (const epoch of [2, 3])
      await expect(new SaleRebuild(redis, granted, epoch).begin(identity)).rejects.toThrow(
        'a newer epoch was granted',
      );
    await expect(new SaleRebuild(redis, begun, 4).begin(identity)).rejects.toThrow(
      'a newer rebuild has begun',
    );
    await new SaleRebuild(redis, begun, 6).begin(identity);
  });

  test('takes-no-chunk-twice-and-none-out-of-order', async () => {
    const saleNumber = await leased(1);
    const rebuild = new SaleRebuild(redis, saleNumber, 2);
    await rebuild.begin(identity);
    await rebuild.apply([entry]);
    // One that believes that nothing was loaded yet, as after a reply that was lost.
    const behind = new SaleRebuild(redis, saleNumber, 2);
    const before = await everything(saleNumber);
    expect(behind.apply([{ ...entry, seq: 3 }])).rejects.toThrow('chunk out of order');
    expect(behind.finish(0, null)).rejects.toThrow('chunk out of order');
    expect(await everything(saleNumber)).toEqual(before);
  });
});
