// How long a sale is closed while its store is rebuilt from the ledger: `npm run measure:rebuild`. A sale of 20 items with
// 10,000 live reservations, each of another customer, loses everything; everything and its server, so that the old lease has
// to be waited out; the end of its append-only file, with all reservations in it; or its server alone. Then the same with
// 50,000 resolved reservations of the last day beside them. Starts stores of its own, as durable as in production.
import { statSync, truncateSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Customer } from '../server/src/reservations/reservations.ts';
import { untilConnected } from '../server/src/stock/connect.ts';
import { leaseKeeper } from '../server/src/workers/lease-keeper.ts';
import { writeSale } from '../server/src/workers/ledger-writer.ts';
import { openRooms, openSale, type Rooms } from '../server/test/harness/rooms.ts';
import { startPostgres, startRedis, stopAll, type TestStore } from '../server/test/harness/stores.ts';
import { describeMachine, redisVersion } from './measure-machine.ts';

const ITEMS = 20;
const LIVE = 10_000;
const RESOLVED = 50_000;
const UNITS_AN_ITEM = 1_000_000;
/** Shoppers at the same time. */
const CONCURRENCY = 256;
const ROUNDS = 3;
const CONNECT_WITHIN_MS = 10_000;
/** What the service promises of LIVE reservations. */
const LIMIT_MS = 2_000;

interface Rebuilt {
  readonly mode: string;
  readonly milliseconds: number;
  readonly reservations?: number;
  readonly transitions?: number;
}

try {
  const [redis, postgres] = await Promise.all([
    // One file throughout, so that it can be cut where it was when the sale was made.
    startRedis({ appendfsync: 'always', configLines: ['auto-aof-rewrite-percentage 0'] }),
    startPostgres({ durable: true }),
  ]);
  const rooms = await openRooms({ redisUrl: redis.url, databaseUrl: postgres.url, storesArePrivate: false });
  try {
    console.log(describeMachine(await redisVersion(rooms.redis)));
    await measure(rooms, redis);
  } finally {
    await rooms.close();
  }
} finally {
  await stopAll();
}

async function measure(rooms: Rooms, redis: TestStore): Promise<void> {
  const skus = Array.from({ length: ITEMS }, (_, i) => `item-${i}`);
  const saleNumber = await openSale(rooms, Object.fromEntries(skus.map((sku) => [sku, UNITS_AN_ITEM])), {
    ttlSeconds: 86_400,
    cap: 10,
  });
  // Each item once, so that the crowd does not find the catalog empty.
  for (const sku of skus) await rooms.reserveOne(rooms.customer('first'), sku, sku);
  const file = await appendOnlyFile(redis.dir);
  const cutAt = statSync(file).size;
  const old = async () => {
    await redis.kill9();
    truncateSync(file, cutAt);
    await restart(rooms, redis);
  };
  await shop(rooms, saleNumber, skus, LIVE - ITEMS, 'live', async () => undefined);
  await rebuild(rooms, redis, saleNumber, `${LIVE} live`, old);
  await shop(rooms, saleNumber, skus, RESOLVED, 'resolved', async (customer, id) => {
    await rooms.desk.release(customer, saleNumber, id);
  });
  await rebuild(rooms, redis, saleNumber, `${LIVE} live, ${RESOLVED} resolved`, old);
}

async function rebuild(
  rooms: Rooms,
  redis: TestStore,
  saleNumber: number,
  what: string,
  old: () => Promise<void>,
): Promise<void> {
  const losses: readonly [name: string, lose: () => Promise<unknown>][] = [
    ['everything is lost', () => rooms.redis.flushall()],
    [
      'another server, empty',
      async () => {
        await rooms.redis.flushall();
        await restart(rooms, redis);
      },
    ],
    ['an older file', old],
    ['another server, all there', () => restart(rooms, redis)],
  ];
  for (const [name, lose] of losses) {
    const rounds: { rebuilt: Rebuilt; closedMs: number }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await lose();
      const beganAtMs = performance.now();
      while ((await rooms.gate.open(saleNumber)) !== 'open');
      const closedMs = performance.now() - beganAtMs;
      const logged = rooms.logged.findLast(([message]) => message === 'sale rebuilt');
      rounds.push({ rebuilt: logged?.[1] as Rebuilt, closedMs });
    }
    const times = rounds.map(({ closedMs }) => Math.round(closedMs)).sort((a, b) => a - b);
    const { mode, reservations, transitions } = (rounds.at(-1) as (typeof rounds)[number]).rebuilt;
    const size = reservations === undefined ? `${transitions} transitions` : `${reservations} reservations`;
    const median = times[Math.floor(ROUNDS / 2)] ?? 0;
    const verdict = median <= LIMIT_MS ? '' : `   ABOVE ${LIMIT_MS} ms`;
    console.log(
      `${what.padEnd(30)} ${name.padEnd(26)} ${mode.padEnd(5)} ${size.padEnd(20)} ` +
        `${String(median).padStart(5)} ms (${times.join(', ')})${verdict}`,
    );
  }
}

async function restart(rooms: Rooms, redis: TestStore): Promise<void> {
  await redis.kill9();
  await redis.restart();
  await untilConnected(rooms.redis, CONNECT_WITHIN_MS);
}

/** One unit each, by a customer of its own, and what each does with it; all of it is journaled in the end. */
async function shop(
  rooms: Rooms,
  saleNumber: number,
  skus: readonly string[],
  count: number,
  key: string,
  then: (customer: Customer, id: string) => Promise<void>,
): Promise<void> {
  let next = 0;
  const goOn = async () => {
    while (next < count) {
      const n = next++;
      const customer = rooms.customer(`${key}-${n}`);
      await then(customer, await rooms.reserveOne(customer, skus[n % skus.length] ?? '', key));
    }
  };
  const keeper = leaseKeeper(rooms.gate, { info() {}, warn() {}, error() {} });
  keeper.start();
  await Promise.all(Array.from({ length: CONCURRENCY }, goOn));
  const channel = rooms.channels.of(saleNumber);
  while ((await channel.store.pending(1)).length > 0)
    await writeSale({ ledger: rooms.ledger, onWritten: () => undefined }, channel);
  await keeper.stop();
}

async function appendOnlyFile(dir: string): Promise<string> {
  const folder = path.join(dir, 'appendonlydir');
  const name = (await readdir(folder)).find((one) => one.endsWith('.incr.aof'));
  if (name === undefined) throw new Error(`no append-only file in ${folder}`);
  return path.join(folder, name);
}
