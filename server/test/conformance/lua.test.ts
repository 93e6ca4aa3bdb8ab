// The Redis function library keeps every promise of the suite, and on random sequences it cannot be told from the
// reference model. One real Redis for the file; every store is a sale of its own in it.
import { afterAll, beforeAll, test } from 'bun:test';
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { connectRedis, untilConnected } from '../../src/stock/connect.ts';
import { identify, loadLibrary } from '../../src/stock/library.ts';
import { SaleRebuild } from '../../src/stock/rebuild.ts';
import { SaleStock } from '../../src/stock/sale-stock.ts';
import { startRedis, type TestStore } from '../harness/stores.ts';
import { EPOCH, makeModel } from './model-store.ts';
import { compareStores } from './play.ts';
import { sequences } from './random.ts';
import { announced } from './seed.ts';
import type { StoreUnderTest } from './stage.ts';
import { describeSaleStore } from './suite.ts';

/** No test outlives its lease: the gate that renews it is not what is tested here. */
const LEASE_MS = 3_600_000;
const CONNECT_WITHIN_MS = 5_000;
const MAX_STEPS = 80;

let server: TestStore | undefined;
let redis: Redis | undefined;
let salesMade = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(server.url, () => undefined);
  await untilConnected(redis, CONNECT_WITHIN_MS);
  await loadLibrary(redis);
});

afterAll(async () => {
  await redis?.quit();
  await server?.stop();
});

/** A new sale, empty and leased, as a cold rebuild from an empty ledger leaves it. */
async function makeSale(): Promise<StoreUnderTest> {
  if (redis === undefined) throw new Error('Redis is not up');
  salesMade += 1;
  const saleNumber = salesMade;
  const identity = await identify(redis);
  const rebuild = new SaleRebuild(redis, saleNumber, EPOCH);
  await rebuild.begin(identity);
  await rebuild.clear();
  await rebuild.finish(0, {
    applied: 0,
    settings: { opensAtMs: null, closesAtMs: null, closed: false, cooldown: null },
  });
  const grant = await rebuild.grant(identity, identity.nowMs + LEASE_MS);
  if (grant.kind !== 'granted') throw new Error(`no lease: ${grant.why}`);

  let nowMs = 0;
  const setNow = (ms: number) => {
    nowMs = ms;
  };
  return {
    store: new SaleStock({ redis, saleNumber, epoch: () => EPOCH, clock: () => nowMs }),
    setNow,
    close: () => {},
  };
}

describeSaleStore('the function library', makeSale);

const { parameters, label } = announced(40);

test(`the-library-cannot-be-told-from-the-model ${label}`, async () => {
  await fc.assert(
    fc.asyncProperty(sequences(MAX_STEPS), async (sequence) => {
      await compareStores(await makeModel(), await makeSale(), sequence);
    }),
    parameters,
  );
}, 60_000);
