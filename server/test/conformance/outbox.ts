// Promises of the outbox and the purge: every transition waits, in order and whole, until the journal has it;
// what is resolved is forgotten after a day, and not before.
import { expect, test } from 'bun:test';
import { REPLAY_KEPT_MS, STREAM_CAP } from '../../src/domain/sale-store.ts';
import {
  ALL,
  BATCH,
  decided,
  itemAdded,
  kinds,
  type MakeStore,
  ref,
  reserveMany,
  START_MS,
  Stage,
  wish,
} from './stage.ts';

/** 200,000 transitions take about two seconds on a real store; a busy machine gets more. */
const FILLING_WITHIN_MS = 30_000;

export function outbox(makeStore: MakeStore): void {
  const promise = (name: string, body: (stage: Stage) => Promise<void>, withinMs = 5_000) =>
    test(name, () => Stage.run(makeStore, body), withinMs);
  const epochOf = async (stage: Stage) => (await stage.transitions())[0]?.epoch ?? 0;

  promise('a-transition-makes-its-reservation-rebuildable', async (stage) => {
    await stage.apply(itemAdded('A', 5), itemAdded('B', 5));
    const command = wish('a1', 'A*2,B*1', { ttl: 90 });
    await stage.reserved(command);
    await stage.at(1000);
    await stage.pin(ref('a1'));
    const life = {
      reservationId: command.reservationId,
      createdSeq: 1,
      customer: command.customer,
      lines: command.lines,
      ttlSeconds: 90,
      deadlineMs: START_MS + 90_000,
      fingerprint: command.fingerprint,
    };
    const epoch = expect.any(Number);
    expect(await stage.transitions()).toEqual([
      { seq: 1, epoch, kind: 'reserved', atMs: START_MS, ...life },
      { seq: 2, epoch, kind: 'confirming', atMs: START_MS + 1000, ...life },
    ]);
  });

  promise('transitions-wait-in-order-without-gaps', async (stage) => {
    await stage.apply(itemAdded('A', 9));
    await stage.reserve(wish('a1'), wish('a2', 'A*1', { ttl: 10 }), wish('a3'));
    await stage.release(ref('a1'));
    await stage.pin(ref('a3'));
    await stage.at(10_000);
    await stage.reserve(wish('a4'));
    expect(await stage.story()).toEqual([
      '1 reserved a1',
      '2 reserved a2',
      '3 reserved a3',
      '4 released a1',
      '5 confirming a3',
      '6 expired a2',
      '7 reserved a4',
    ]);
    expect((await stage.snapshot()).seq).toBe(7);
    // A batch is read whole, so a limit inside one is exceeded by the rest of it.
    expect((await stage.store.pending(4)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect((await stage.store.pending(1)).length).toBeLessThanOrEqual(3);
  });

  promise('reading-them-takes-nothing-away', async (stage) => {
    await stage.apply(itemAdded('A', 9));
    await stage.reserve(wish('a1'), wish('a2'));
    expect(await stage.transitions()).toEqual(await stage.transitions());
  });

  promise('a-trim-drops-what-is-journaled', async (stage) => {
    await stage.apply(itemAdded('A', 9));
    await stage.reserve(wish('a1'), wish('a2'));
    await stage.reserve(wish('a3'));
    const [first] = await stage.transitions();
    const epoch = first?.epoch ?? 0;
    await stage.store.trim(2, epoch);
    expect(await stage.story()).toEqual(['3 reserved a3']);
    await stage.store.trim(1, epoch);
    expect(await stage.story()).toEqual(['3 reserved a3']);
    await stage.store.trim(3, epoch);
    expect(await stage.story()).toEqual([]);
    await stage.release(ref('a1'));
    expect(await stage.story()).toEqual(['4 released a1']);
  });

  promise('a-trim-never-drops-what-may-not-be-journaled', async (stage) => {
    await stage.apply(itemAdded('A', 9));
    // One batch, and only half of it is known to be safe: the other half stays, with or without the first.
    await stage.reserve(wish('a1'), wish('a2'), wish('a3'), wish('a4'));
    await stage.store.trim(2, await epochOf(stage));
    expect((await stage.story()).slice(-2)).toEqual(['3 reserved a3', '4 reserved a4']);
  });

  promise('what-is-read-and-trimmed-in-turns-is-everything-once', async (stage) => {
    await stage.apply(itemAdded('A', 99));
    for (const size of [3, 1, 5, 2, 4]) await reserveMany(stage, size, (n) => wish(`r${size}-${n}`));
    const journaled: number[] = [];
    for (let turns = 0; turns < 15; turns++) {
      const read = await stage.store.pending(2);
      const last = read.at(-1);
      if (last === undefined) break;
      journaled.push(...read.map(({ seq }) => seq));
      await stage.store.trim(last.seq, last.epoch);
    }
    expect(journaled).toEqual(Array.from({ length: 15 }, (_, n) => n + 1));
  });

  promise(
    'a-full-outbox-stops-reserving-and-nothing-else',
    async (stage) => {
      await stage.apply(itemAdded('A', 1000));
      const crowd = Array.from({ length: BATCH }, (_, n) => `r${n}`);
      await reserveMany(stage, BATCH, (n) => wish(`r${n}`, 'A*1', { ttl: 3600 }));
      await stage.reserved(wish('a1', 'A*1', { ttl: 3600 }));
      const refs = crowd.map((id) => ref(id));
      // Pin and unpin are the quickest way to transitions: two each a round.
      for (let waiting = BATCH + 1; waiting < STREAM_CAP - 2 * BATCH; waiting += 2 * BATCH) {
        await stage.store.pin(refs);
        await stage.store.unpin(refs);
      }
      let { seq } = await stage.snapshot();
      for (; seq < STREAM_CAP - 1; seq++) {
        if (seq % 2 === BATCH % 2) await stage.store.unpin([ref('a1')]);
        else await stage.store.pin([ref('a1')]);
      }
      expect((await stage.snapshot()).seq).toBe(STREAM_CAP - 1);

      const limits = { perCustomer: 3, perAddress: 0 };
      const bob = { by: 'bob' };
      const last = [wish('b1', 'A*1', bob), wish('b2', 'A*1', bob), wish('b1', 'A*1', bob)];
      const replies = await stage.store.reserve(last, limits);
      expect(kinds(replies)).toEqual(['reserved', 'backlogged', 'replayed']);
      // It counted as an attempt; and it is said before anything about the sale.
      expect(await stage.answer(wish('b2', 'A*1', bob), limits)).toBe('rate-limited');
      expect(await stage.answer(wish('z', 'Z*1'))).toBe('backlogged');

      expect(await stage.release(ref('b1', 'bob'))).toEqual(['released']);
      const [oldest] = await stage.store.pending(1);
      const epoch = oldest?.epoch ?? 0;
      await stage.store.trim(1, epoch);
      expect(await stage.answer(wish('z', 'Z*1'))).toBe('backlogged');
      await stage.store.trim(2, epoch);
      expect(await stage.answer(wish('z', 'Z*1'))).toBe('unknown-sku');
      // What is trimmed stays trimmed: an older writer's word changes nothing.
      await stage.store.trim(1, epoch);
      expect(await stage.answer(wish('z', 'Z*1'))).toBe('unknown-sku');
    },
    FILLING_WITHIN_MS,
  );

  promise('a-resolved-reservation-answers-for-a-day', async (stage) => {
    await stage.apply(itemAdded('A', 9));
    await stage.reserved(wish('a1'));
    await stage.at(5_000);
    await stage.release(ref('a1'));
    await stage.at(5_000 + REPLAY_KEPT_MS - 1);
    expect(await stage.store.purge(ALL)).toBe(0);
    expect(await stage.answer(wish('a1'))).toBe('replayed');
    await stage.at(5_000 + REPLAY_KEPT_MS);
    expect(await stage.store.purge(ALL)).toBe(1);
    expect(await stage.state('a1')).toBe('missing');
    expect(await stage.pin(ref('a1'))).toEqual(['missing']);
  });

  promise('purge-forgets-the-oldest-first-and-at-most-its-limit', async (stage) => {
    await stage.apply(itemAdded('A', 9));
    await stage.reserve(wish('c'), wish('b'), wish('a'));
    await stage.release(ref('c'));
    await stage.at(1);
    await stage.release(ref('b'), ref('a'));
    await stage.at(1 + REPLAY_KEPT_MS);
    const left = async () => Promise.all(['a', 'b', 'c'].map((id) => stage.state(id)));
    expect(await stage.store.purge(1)).toBe(1);
    expect(await left()).toEqual(['released', 'released', 'missing']);
    expect(await stage.store.purge(1)).toBe(1);
    expect(await left()).toEqual(['missing', 'released', 'missing']);
    expect(await stage.store.purge(ALL)).toBe(1);
    expect(await stage.store.purge(ALL)).toBe(0);
  });

  promise('purge-touches-no-live-reservation-and-no-stock', async (stage) => {
    await stage.apply(itemAdded('A', 9, 2));
    const bought = await stage.reserved(wish('bought'));
    await stage.reserved(wish('pinned', 'A*1', { by: 'bob' }));
    await stage.reserved(wish('due', 'A*1', { by: 'cleo' }));
    await stage.pin(ref('pinned', 'bob'));
    await stage.apply(decided('confirmed', bought));
    await stage.at(2 * REPLAY_KEPT_MS);
    const before = await stage.snapshot();
    expect(await stage.store.purge(ALL)).toBe(1);
    expect(await stage.snapshot()).toEqual(before);
    expect(await stage.state('pinned')).toBe('confirming');
    // A purchase outlives its reservation's record in the customer's cap.
    expect(await stage.answer(wish('more', 'A*2'))).toBe('limit-exceeded');
  });
}
