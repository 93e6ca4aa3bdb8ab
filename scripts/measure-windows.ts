// What the rate windows of a sale cost Redis in memory when a million customers try within a minute, and whether that
// stays bounded: `npm run measure:windows`. Drives the library itself, by a clock of its own, against an item that is
// sold out, so that every attempt is counted and nothing else is written. Starts a Redis of its own.
import { randomBytes } from 'node:crypto';
import type { ReserveCommand, ReserveLimits } from '../server/src/domain/sale-store.ts';
import { connectRedis, type StoreConnection, untilConnected } from '../server/src/stock/connect.ts';
import { saleKey } from '../server/src/stock/keys.ts';
import { identify, loadLibrary } from '../server/src/stock/library.ts';
import { SaleRebuild } from '../server/src/stock/rebuild.ts';
import { SaleStock } from '../server/src/stock/sale-stock.ts';
import { startRedis, stopAll } from '../server/test/harness/stores.ts';
import { until } from '../server/test/harness/until.ts';
import { describeMachine, redisVersion, usedMemoryBytes } from './measure-machine.ts';

const CUSTOMERS = 1_000_000;
/** As the service sends them. */
const BATCH = 128;
const IN_FLIGHT = 2;
const SALE = 1;
const EPOCH = 1;
const CONNECT_WITHIN_MS = 5_000;
const LEASE_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** The beginning of a minute, ahead of any real clock: the store's time never goes back. */
const START_MS = Date.UTC(2100, 0, 1);
/** Longer than a million fields take to be freed. */
const WATCH_MS = 500;
/** The service's own, by default. */
const LIMITS: ReserveLimits = { perCustomer: 10, perAddress: 100 };

try {
  for (const shared of [true, false]) await onRedisOfItsOwn((redis, probe) => measure(redis, probe, shared));
} finally {
  await stopAll();
}

async function onRedisOfItsOwn(
  work: (redis: StoreConnection, probe: StoreConnection) => Promise<void>,
): Promise<void> {
  // No rewriting of the append-only file meanwhile: its buffers would be measured too.
  const server = await startRedis({ configLines: ['auto-aof-rewrite-percentage 0'] });
  const [redis, probe] = [
    connectRedis(server.url, () => undefined),
    connectRedis(server.url, () => undefined),
  ];
  try {
    await Promise.all([redis, probe].map((connection) => untilConnected(connection, CONNECT_WITHIN_MS)));
    await work(redis, probe);
  } finally {
    redis.disconnect();
    probe.disconnect();
    await server.stop();
  }
}

/** @param shared all customers behind a few addresses, else each behind one of their own: the windows' worst case */
async function measure(redis: StoreConnection, probe: StoreConnection, shared: boolean): Promise<void> {
  if (shared) console.log(describeMachine(await redisVersion(redis)));
  let nowMs = START_MS;
  const sale = await soldOutSale(redis, () => nowMs);
  const empty = await usedMemoryBytes(redis);
  const report = async (what: string) => {
    await until('what was dropped is freed', async () =>
      /^lazyfree_pending_objects:0\r?$/m.test(await redis.info('memory')),
    );
    const [windows, all] = await Promise.all([windowBytes(redis), usedMemoryBytes(redis)]);
    const each = windows[0] + windows[1];
    console.log(
      `  ${what.padEnd(66)} ${mb(windows[0])} + ${mb(windows[1])} = ${mb(each)} MB in windows, ${mb(all - empty)} MB in all`,
    );
    return each;
  };
  console.log(
    `\n${CUSTOMERS.toLocaleString('en')} customers a minute, ${shared ? 'behind 1,000 addresses' : 'each behind an address of its own'}:`,
  );

  const seconds = await fill(sale, shared);
  const one = await report(
    `minute 1: one attempt each (${Math.round(CUSTOMERS / seconds).toLocaleString('en')}/s)`,
  );
  console.log(`  ${(one / CUSTOMERS).toFixed(0)} bytes a customer and minute`);
  nowMs += MINUTE_MS;
  await fill(sale, shared);
  const two = await report('minute 2: a million others');
  const still = await watched(probe, async () => undefined);
  nowMs += MINUTE_MS;
  const unlinkedBefore = await unlinkMicroseconds(redis);
  const turn = await turnOver(sale, probe);
  const unlinkMs = ((await unlinkMicroseconds(redis)) - unlinkedBefore) / 1000;
  await report('minute 3: its first attempt drops the window of minute 1');
  console.log(
    `  that call took ${turn.tookMs.toFixed(2)} ms, the UNLINK in it ${unlinkMs.toFixed(3)} ms; PINGs beside it and for ${WATCH_MS} ms after waited at most ${turn.longestPingMs.toFixed(2)} ms, without it ${still.longestPingMs.toFixed(2)} ms`,
  );
  await fill(sale, shared);
  const three = await report('minute 3: another million others');
  console.log(`  bounded: minute 3 stands at ${((three / two) * 100).toFixed(0)} % of minute 2`);
  nowMs += 10 * MINUTE_MS;
  await report('ten minutes later, nobody has tried since');
  for (const minute of [14, 15]) {
    await turnOver(sale, probe);
    await report(`minute ${minute}: one attempt`);
    nowMs += MINUTE_MS;
  }
}

async function soldOutSale(redis: StoreConnection, clock: () => number): Promise<SaleStock> {
  await loadLibrary(redis);
  const identity = await identify(redis);
  const rebuild = new SaleRebuild(redis, SALE, EPOCH);
  await rebuild.begin(identity);
  await rebuild.clear();
  await rebuild.finish(0, {
    applied: 0,
    settings: { opensAtMs: null, closesAtMs: null, closed: false, cooldown: null },
  });
  const grant = await rebuild.grant(identity, identity.nowMs + LEASE_MS);
  if (grant.kind !== 'granted') throw new Error(`no lease: ${grant.why}`);
  const sale = new SaleStock({ redis: redis, saleNumber: SALE, epoch: () => EPOCH, clock });
  await sale.apply([
    { kind: 'item-added', seq: 1, atMs: START_MS, sku: 'GONE', total: 0, maxPerCustomer: null },
  ]);
  return sale;
}

/** One attempt by each of a million new customers; how many seconds it took. */
async function fill(sale: SaleStock, shared: boolean): Promise<number> {
  const startedMs = performance.now();
  const addresses = Array.from({ length: 1_000 }, newAddress);
  let sent = 0;
  const send = async () => {
    while (sent < CUSTOMERS) {
      const size = Math.min(BATCH, CUSTOMERS - sent);
      sent += size;
      const attempts = Array.from({ length: size }, (_, n) =>
        attempt(shared ? (addresses[(sent + n) % addresses.length] as string) : newAddress()),
      );
      const replies = await sale.reserve(attempts, {
        ...LIMITS,
        perAddress: shared ? CUSTOMERS : LIMITS.perAddress,
      });
      if (replies.some(({ kind }) => kind !== 'short')) throw new Error('an attempt was not counted as one');
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, send));
  return (performance.now() - startedMs) / 1000;
}

/** The first attempt of a new minute: it drops the window of the minute before last. */
function turnOver(sale: SaleStock, probe: StoreConnection): Promise<Watched> {
  return watched(probe, () => sale.reserve([attempt(newAddress())], LIMITS));
}

interface Watched {
  readonly tookMs: number;
  readonly longestPingMs: number;
}

/** What is dropped lazily is freed beside the next commands, so a second connection keeps asking for a while. */
async function watched(probe: StoreConnection, work: () => Promise<unknown>): Promise<Watched> {
  let over = false;
  let longestPingMs = 0;
  const pings = (async () => {
    while (!over) {
      const sentMs = performance.now();
      await probe.ping();
      longestPingMs = Math.max(longestPingMs, performance.now() - sentMs);
    }
  })();
  const sentMs = performance.now();
  await work();
  const tookMs = performance.now() - sentMs;
  await Bun.sleep(WATCH_MS);
  over = true;
  await pings;
  return { tookMs, longestPingMs };
}

/** By Redis's own count: all that it spent unlinking so far. */
async function unlinkMicroseconds(redis: StoreConnection): Promise<number> {
  return Number(/^cmdstat_unlink:calls=\d+,usec=(\d+)/m.exec(await redis.info('commandstats'))?.[1] ?? 0);
}

function attempt(address: string): ReserveCommand {
  return {
    reservationId: `rsv_${randomBytes(16).toString('base64url')}`,
    customer: randomBytes(16).toString('base64url'),
    address,
    lines: [{ sku: 'GONE', quantity: 1 }],
    ttlSeconds: 300,
    fingerprint: 'AAAAAAAAAAA',
  };
}

function newAddress(): string {
  return randomBytes(8).toString('base64url');
}

async function windowBytes(redis: StoreConnection): Promise<[number, number]> {
  const bytes = async (name: 'win0' | 'win1') =>
    Number(await redis.call('MEMORY', 'USAGE', saleKey(SALE, name), 'SAMPLES', '1000'));
  return [await bytes('win0'), await bytes('win1')];
}

function mb(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}
