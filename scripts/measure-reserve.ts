// What a reserve costs Redis: `npm run measure:reserve`. Drives the function library itself, a batch a call as a sale's
// channel does, on a Redis of its own: accepted, sold out and repeated reserves at several batch sizes, each with a
// customer of its own, and their expiry in sweeps of the same sizes; then what the live reservations hold in memory. The
// service's default limit a customer is on.
import { randomBytes } from 'node:crypto';
import type { ReserveCommand, ReserveLimits, ReserveReply } from '../server/src/domain/sale-store.ts';
import { connectRedis, type StoreConnection, untilConnected } from '../server/src/stock/connect.ts';
import { saleKey } from '../server/src/stock/keys.ts';
import { identify, loadLibrary } from '../server/src/stock/library.ts';
import { SaleRebuild } from '../server/src/stock/rebuild.ts';
import { SaleStock } from '../server/src/stock/sale-stock.ts';
import { startRedis, stopAll } from '../server/test/harness/stores.ts';
import { describeMachine, redisVersion, redisWork, since } from './measure-machine.ts';

const SIZES = [1, 16, 64, 128];
const ROUNDS = Number(process.env.MEASURE_ROUNDS ?? 5);
/** Reserves of one kind at one size in one round. */
const EACH = 6_400;
/** Calls under way: one, as a channel has; where nothing is batched, one for each of the 128 who ask at once. */
const inFlight = (size: number) => (size === 1 ? 128 : 1);
const EPOCH = 1;
const LEASE_MS = 3_600_000;
const CONNECT_WITHIN_MS = 5_000;
const LIMITS: ReserveLimits = { perCustomer: 10, perAddress: 0 };
const FSYNC = process.env.HOLDFAST_REDIS_FSYNC === 'everysec' ? 'everysec' : 'always';
const KINDS = ['accepted', 'sold out', 'repeated', 'expired'] as const;
type Kind = (typeof KINDS)[number];
const TTL_SECONDS = 300;

let sales = 0;
/** The sales' clock: set on past all deadlines when they are to expire. */
let aheadMs = 0;

try {
  // No rewriting of the append-only file meanwhile: its child would be measured too.
  const server = await startRedis({ appendfsync: FSYNC, configLines: ['auto-aof-rewrite-percentage 0'] });
  const redis = connectRedis(server.url, () => undefined);
  await untilConnected(redis, CONNECT_WITHIN_MS);
  await loadLibrary(redis);
  console.log(`${describeMachine(await redisVersion(redis))}, fsync ${FSYNC}; median of ${ROUNDS} rounds`);
  await measureAll(redis);
  redis.disconnect();
  await server.stop();
} finally {
  await stopAll();
}

async function measureAll(redis: StoreConnection): Promise<void> {
  const costs = new Map<string, number[]>();
  const note = (kind: Kind, size: number, microseconds: number) => {
    const key = `${kind} ${size}`;
    costs.set(key, [...(costs.get(key) ?? []), microseconds]);
  };
  let bytes = '';
  for (let round = 0; round <= ROUNDS; round++) {
    for (const size of SIZES) {
      const sale = await openSale(redis);
      const commands = Array.from({ length: EACH }, () => command('PLENTY'));
      const accepted = await cost(redis, sale, commands, size, 'reserved');
      const repeated = await cost(redis, sale, commands, size, 'replayed');
      const refused = commands.map(() => command('GONE'));
      const soldOut = await cost(redis, sale, refused, size, 'short');
      bytes = await describeBytes(redis, sales);
      const expired = await expiry(redis, sale, size);
      // The first round warms up.
      if (round > 0) {
        note('accepted', size, accepted);
        note('sold out', size, soldOut);
        note('repeated', size, repeated);
        note('expired', size, expired);
      }
      await redis.flushall('ASYNC');
    }
  }
  console.log(
    `µs Redis CPU each   ${SIZES.map((size) => `${size} a call`.padStart(11)).join('')}   least ÷ one a call`,
  );
  for (const kind of KINDS) {
    const row = SIZES.map((size) => median(costs.get(`${kind} ${size}`) as number[]));
    const ratio = Math.min(...row) / (row[0] as number);
    console.log(
      `  ${kind.padEnd(18)}${row.map((us) => us.toFixed(1).padStart(11)).join('')}   ${ratio.toFixed(2)}`,
    );
  }
  console.log(bytes);
}

/** A sale of one item that nobody can exhaust and one that is sold out, under a lease. */
async function openSale(redis: StoreConnection): Promise<SaleStock> {
  sales += 1;
  aheadMs = 0;
  const identity = await identify(redis);
  const rebuild = new SaleRebuild(redis, sales, EPOCH);
  await rebuild.begin(identity);
  await rebuild.clear();
  await rebuild.finish(0, {
    applied: 0,
    settings: { opensAtMs: null, closesAtMs: null, closed: false, cooldown: null },
  });
  const grant = await rebuild.grant(identity, identity.nowMs + LEASE_MS);
  if (grant.kind !== 'granted') throw new Error(`no lease: ${grant.why}`);
  const clock = () => Date.now() + aheadMs;
  const sale = new SaleStock({ redis, saleNumber: sales, epoch: () => EPOCH, clock });
  await sale.apply([
    { kind: 'item-added', seq: 1, atMs: 0, sku: 'PLENTY', total: 100_000_000, maxPerCustomer: 2 },
    { kind: 'item-added', seq: 2, atMs: 0, sku: 'GONE', total: 0, maxPerCustomer: 2 },
  ]);
  return sale;
}

/** Microseconds of Redis CPU a command. */
async function cost(
  redis: StoreConnection,
  sale: SaleStock,
  commands: readonly ReserveCommand[],
  size: number,
  expected: ReserveReply['kind'],
): Promise<number> {
  const before = await redisWork(redis);
  let next = 0;
  const send = async () => {
    while (next < commands.length) {
      const batch = commands.slice(next, next + size);
      next += size;
      const replies = await sale.reserve(batch, LIMITS);
      if (replies.some(({ kind }) => kind !== expected)) throw new Error(`not all ${expected}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight(size) }, send));
  return since(before, await redisWork(redis)).cpuMicroseconds / commands.length;
}

/** Microseconds of Redis CPU a reservation that expires. */
async function expiry(redis: StoreConnection, sale: SaleStock, size: number): Promise<number> {
  aheadMs += (TTL_SECONDS + 1) * 1_000;
  const before = await redisWork(redis);
  let ended = 0;
  for (let more = true; more; ) {
    const swept = await sale.expire(size);
    ended += swept.expired;
    more = swept.more;
  }
  const { cpuMicroseconds } = since(before, await redisWork(redis));
  if (ended !== EACH) throw new Error(`${ended} expired, of ${EACH}`);
  return cpuMicroseconds / ended;
}

/** By key, so that the stream does not count: it waits for the ledger writer only. */
async function describeBytes(redis: StoreConnection, saleNumber: number): Promise<string> {
  const of = async (name: Parameters<typeof saleKey>[1]) =>
    Number(await redis.call('MEMORY', 'USAGE', saleKey(saleNumber, name), 'SAMPLES', '0')) / EACH;
  const [res, dead, cust, win0, win1, events] = await Promise.all(
    (['res', 'dead', 'cust', 'win0', 'win1', 'events'] as const).map(of),
  );
  const live = (res as number) + (dead as number) + (cust as number);
  const part = (bytes: number | undefined) => (bytes as number).toFixed(0);
  return (
    `bytes a live reservation: ${part(live)} (record ${part(res)}, deadline ${part(dead)}, customer ${part(cust)}); ` +
    `rate window ${part(((win0 as number) + (win1 as number)) / 2)} an attempt; in the stream ${part(events)}`
  );
}

function command(sku: string): ReserveCommand {
  return {
    reservationId: `rsv_${randomBytes(16).toString('base64url')}`,
    customer: randomBytes(16).toString('base64url'),
    address: '',
    lines: [{ sku, quantity: 1 }],
    ttlSeconds: TTL_SECONDS,
    fingerprint: randomBytes(8).toString('base64url'),
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}
