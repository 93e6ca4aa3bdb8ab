// Power was lost, and the append-only file lacks its end: the store comes back as it was a while ago (protocols §7). What the
// journal has is done again, what it has not is answered reservation-lost, and what was bought stays bought.
import { expect, test } from 'bun:test';
import { statSync, truncateSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { untilConnected } from '../src/stock/connect.ts';
import { writeSale } from '../src/workers/ledger-writer.ts';
import { openRooms, openSale } from './harness/rooms.ts';
import { freshDatabase, startRedis } from './harness/stores.ts';

test('a-store-that-lost-its-last-writes-gets-back-what-the-journal-has-and-tells-the-rest-apart', async () => {
  // Fsynced before each reply: whenever nothing is under way, the file ends where a command does.
  const [redis, database] = await Promise.all([startRedis({ appendfsync: 'always' }), freshDatabase()]);
  const rooms = await openRooms({
    redisUrl: redis.url,
    databaseUrl: database.url,
    storesArePrivate: false,
  });
  try {
    const saleNumber = await openSale(rooms, { cut: 100 });
    const ann = rooms.customer('ann');
    const channel = rooms.channels.of(saleNumber);
    const some = (count: number, purpose: string) =>
      Promise.all(Array.from({ length: count }, (_, i) => rooms.reserveOne(ann, 'cut', `${purpose} ${i}`)));
    const journal = () => writeSale({ ledger: rooms.ledger, onWritten: () => undefined }, channel);

    const before = await some(5, 'before');
    await journal();
    const waiting = await some(5, 'in the stream');
    const file = await appendOnlyFile(redis.dir);
    const cutAt = statSync(file).size;
    const journaled = await some(5, 'journaled');
    expect((await rooms.desk.release(ann, saleNumber, journaled[4] ?? '')).ok).toBe(true);
    await journal();
    const order = await rooms.desk.confirm(ann, saleNumber, before[0] ?? '', 'paid');
    const lost = await some(5, 'lost');

    await redis.kill9();
    truncateSync(file, cutAt);
    await redis.restart();
    await untilConnected(rooms.redis, 5_000);

    const stateOf = async (id: string) => {
      const answer = await rooms.desk.read(ann, saleNumber, id);
      return answer.ok ? answer.value.status : answer.refusal.code;
    };
    const states = (ids: readonly string[]) => Promise.all(ids.map(stateOf));
    const active = (count: number) => Array(count).fill('active');
    expect(await states(before)).toEqual(['confirmed', ...active(4)]);
    expect(await states(waiting)).toEqual(active(5));
    expect(await states(journaled)).toEqual([...active(4), 'released']);
    expect(await states(lost)).toEqual(Array(5).fill('reservation-lost'));
    expect(rooms.lost()).toBe(5);
    expect(order.ok).toBe(true);
    expect(await rooms.desk.confirm(ann, saleNumber, before[0] ?? '', null)).toEqual(order);

    const { items, seq } = await channel.snapshot();
    expect(items[0]).toMatchObject({ total: 100, reserved: 13, sold: 1 });
    expect(rooms.logged.findLast(([message]) => message === 'sale rebuilt')?.[1]).toMatchObject({
      mode: 'warm',
      epoch: 2,
      drained: 5, // what the cut file still had in its stream; the journal had it since
      transitions: seq - 10,
    });
    expect(await rooms.ledger.verifySale(saleNumber)).toEqual([]);
  } finally {
    await rooms.close();
    await Promise.all([redis.stop(), database.drop()]);
  }
}, 60_000);

/** The file that the server appends to. */
async function appendOnlyFile(dir: string): Promise<string> {
  const folder = path.join(dir, 'appendonlydir');
  const name = (await readdir(folder)).find((one) => one.endsWith('.incr.aof'));
  if (name === undefined) throw new Error(`no append-only file in ${folder}`);
  return path.join(folder, name);
}
