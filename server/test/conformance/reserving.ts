// Promises of reserve: one winner a unit, carts whole or not at all, retries without effect, refusals in order.
import { expect, test } from 'bun:test';
import { REPLAY_KEPT_MS } from '../../src/domain/sale-store.ts';
import {
  customer,
  decided,
  itemAdded,
  kinds,
  type MakeStore,
  ref,
  reservationId,
  START_MS,
  Stage,
  wish,
} from './stage.ts';

export function reserving(makeStore: MakeStore): void {
  const promise = (name: string, body: (stage: Stage) => Promise<void>) =>
    test(name, () => Stage.run(makeStore, body));

  promise('a-reservation-says-all-about-itself', async (stage) => {
    await stage.apply(itemAdded('A', 10), itemAdded('B', 5));
    const command = wish('a1', 'A*2,B*1', { ttl: 300 });
    expect(await stage.reserve(command)).toEqual([
      {
        kind: 'reserved',
        record: {
          reservationId: reservationId('a1'),
          customer: customer('ann'),
          state: 'active',
          createdSeq: 1,
          createdAtMs: START_MS,
          ttlSeconds: 300,
          deadlineMs: START_MS + 300_000,
          attempts: 0,
          extensions: 0,
          fingerprint: command.fingerprint,
          lines: command.lines,
        },
      },
    ]);
    expect(await stage.stock('A')).toBe('total 10 reserved 2 sold 0 available 8');
    expect(await stage.stock('B')).toBe('total 5 reserved 1 sold 0 available 4');
    expect(await stage.snapshot()).toMatchObject({ nowMs: START_MS, seq: 1, applied: 2, live: 1 });
  });

  promise('the-last-unit-goes-to-one', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    const [first, second] = await stage.reserve(wish('a1'), wish('b1', 'A*1', { by: 'bob' }));
    expect(first?.kind).toBe('reserved');
    expect(second).toEqual({ kind: 'short', lines: [{ sku: 'A', available: 0, reserved: 1 }] });
    expect(await stage.stock()).toBe('total 1 reserved 1 sold 0 available 0');
  });

  promise('never-oversells-within-a-batch', async (stage) => {
    await stage.apply(itemAdded('A', 7));
    const replies = await stage.reserve(
      ...Array.from({ length: 10 }, (_, n) => wish(`r${n}`, 'A*2', { by: `shopper${n}` })),
    );
    expect(kinds(replies)).toEqual([...Array(3).fill('reserved'), ...Array(7).fill('short')]);
    expect(await stage.stock()).toBe('total 7 reserved 6 sold 0 available 1');
    // The odd unit left is still for whoever asks for no more than that.
    expect(await stage.answer(wish('one', 'A*1', { by: 'last' }))).toBe('reserved');
  });

  promise('a-cart-is-all-or-nothing', async (stage) => {
    await stage.apply(itemAdded('A', 5), itemAdded('B', 1), itemAdded('C', 0));
    await stage.reserved(wish('b1', 'B*1', { by: 'bob' }));
    expect(await stage.reserve(wish('a1', 'A*5,B*1,C*1'))).toEqual([
      {
        kind: 'short',
        lines: [
          { sku: 'B', available: 0, reserved: 1 },
          { sku: 'C', available: 0, reserved: 0 },
        ],
      },
    ]);
    expect(await stage.stock('A')).toBe('total 5 reserved 0 sold 0 available 5');
    expect(await stage.answer(wish('a2', 'A*5'))).toBe('reserved');
  });

  promise('a-short-line-says-what-is-left', async (stage) => {
    await stage.apply(itemAdded('A', 5));
    await stage.reserved(wish('b1', 'A*3', { by: 'bob' }));
    expect(await stage.reserve(wish('a1', 'A*3'))).toEqual([
      { kind: 'short', lines: [{ sku: 'A', available: 2, reserved: 3 }] },
    ]);
  });

  promise('a-refusal-writes-nothing', async (stage) => {
    await stage.apply(itemAdded('A', 1, 1));
    await stage.reserved(wish('b1', 'A*1', { by: 'bob' }));
    const before = await stage.snapshot();
    await stage.reserve(wish('a1'), wish('a2', 'A*2'), wish('a3', 'Z*1'));
    expect(await stage.snapshot()).toEqual(before);
    expect(await stage.state('a1')).toBe('missing');
    expect(await stage.story()).toEqual(['1 reserved b1']);
  });

  promise('a-refused-key-is-tried-afresh', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    await stage.reserved(wish('b1', 'A*1', { by: 'bob' }));
    expect(await stage.answer(wish('a1'))).toBe('short');
    await stage.release(ref('b1', 'bob'));
    expect(await stage.answer(wish('a1'))).toBe('reserved');
  });

  promise('retries-are-safe', async (stage) => {
    await stage.apply(itemAdded('A', 5));
    const [first, twin] = await stage.reserve(wish('a1'), wish('a1'));
    if (first?.kind !== 'reserved') throw new Error('the first must be granted');
    expect(twin).toEqual({ kind: 'replayed', record: first.record });
    await stage.at(10_000);
    expect(await stage.reserve(wish('a1'))).toEqual([{ kind: 'replayed', record: first.record }]);
    expect(await stage.stock()).toBe('total 5 reserved 1 sold 0 available 4');
    expect(await stage.story()).toEqual(['1 reserved a1']);
  });

  promise('a-replay-shows-the-record-as-it-stands', async (stage) => {
    await stage.apply(itemAdded('A', 9));
    const ids = ['pinned', 'released', 'expired', 'lost', 'confirmed'];
    for (const id of ids) await stage.reserved(wish(id, 'A*1', { ttl: id === 'expired' ? 10 : 60 }));
    await stage.pin(ref('pinned'), ref('lost'), ref('confirmed'));
    await stage.release(ref('released'));
    const records = await Promise.all(['lost', 'confirmed'].map((id) => stage.record(id)));
    const [lost, confirmed] = records;
    if (!lost || !confirmed) throw new Error('both are there');
    await stage.apply(decided('refused', lost), decided('confirmed', confirmed));
    await stage.at(10_000);
    const replies = await stage.reserve(...ids.map((id) => wish(id, 'A*1')));
    expect(replies.map((reply) => (reply.kind === 'replayed' ? reply.record.state : reply.kind))).toEqual([
      'confirming',
      'released',
      'expired',
      'lost',
      'confirmed',
    ]);
  });

  promise('a-key-belongs-to-its-body-and-its-customer', async (stage) => {
    await stage.apply(itemAdded('A', 5));
    await stage.reserved(wish('a1'));
    expect(await stage.answer(wish('a1', 'A*1', { body: 'another' }))).toBe('key-reused');
    expect(await stage.answer(wish('a1', 'A*1', { by: 'eve' }))).toBe('key-reused');
    expect(await stage.stock()).toBe('total 5 reserved 1 sold 0 available 4');
  });

  promise('a-key-reused-within-a-batch-is-noticed', async (stage) => {
    await stage.apply(itemAdded('A', 5));
    const replies = await stage.reserve(wish('a1'), wish('a1', 'A*2'));
    expect(kinds(replies)).toEqual(['reserved', 'key-reused']);
  });

  promise('a-forgotten-key-starts-a-new-life', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    await stage.reserved(wish('a1'));
    await stage.release(ref('a1'));
    await stage.at(REPLAY_KEPT_MS);
    expect(await stage.store.purge(10)).toBe(1);
    const again = await stage.reserved(wish('a1'));
    expect(again).toMatchObject({ createdSeq: 3, createdAtMs: START_MS + REPLAY_KEPT_MS });
  });

  promise('a-sale-opens-and-closes-on-the-millisecond', async (stage) => {
    await stage.apply(itemAdded('A', 9), {
      kind: 'settings-changed',
      settings: { opensAtMs: START_MS + 1000, closesAtMs: START_MS + 2000, closed: false, cooldown: null },
    });
    await stage.at(999);
    expect(await stage.reserve(wish('a1'))).toEqual([
      { kind: 'not-open', opensAtMs: START_MS + 1000, nowMs: START_MS + 999 },
    ]);
    await stage.at(1000);
    expect(await stage.answer(wish('a1'))).toBe('reserved');
    await stage.at(1999);
    expect(await stage.answer(wish('a2'))).toBe('reserved');
    await stage.at(2000);
    expect(await stage.reserve(wish('a3'))).toEqual([{ kind: 'closed' }]);
  });

  promise('closed-is-closed-also-before-the-opening', async (stage) => {
    await stage.apply(itemAdded('A', 9), {
      kind: 'settings-changed',
      settings: { opensAtMs: START_MS + 1000, closesAtMs: null, closed: false, cooldown: null },
    });
    await stage.apply({ kind: 'closed' });
    expect(await stage.answer(wish('a1'))).toBe('closed');
    expect((await stage.snapshot()).settings).toEqual({
      opensAtMs: START_MS + 1000,
      closesAtMs: null,
      closed: true,
      cooldown: null,
    });
  });

  promise('a-closed-sale-still-replays', async (stage) => {
    await stage.apply(itemAdded('A', 9));
    await stage.reserved(wish('a1'));
    await stage.apply({ kind: 'closed' });
    expect(await stage.answer(wish('a1'))).toBe('replayed');
    expect(await stage.answer(wish('a1', 'A*2'))).toBe('key-reused');
    expect(await stage.answer(wish('a2'))).toBe('closed');
  });

  promise('the-first-unknown-sku-is-named', async (stage) => {
    await stage.apply(itemAdded('A', 0, 1));
    // Before cap and stock, which the known line would fail.
    expect(await stage.reserve(wish('a1', 'A*2,M*1,Z*1'))).toEqual([{ kind: 'unknown-sku', sku: 'M' }]);
    await stage.apply({ kind: 'closed' });
    expect(await stage.answer(wish('a2', 'M*1'))).toBe('closed');
  });

  promise('the-cap-counts-to-the-unit', async (stage) => {
    await stage.apply(itemAdded('A', 100, 3));
    expect(await stage.reserve(wish('a0', 'A*4'))).toEqual([
      { kind: 'limit-exceeded', sku: 'A', limit: 3, held: 0 },
    ]);
    await stage.reserved(wish('a1', 'A*2'));
    expect(await stage.reserve(wish('a2', 'A*2'))).toEqual([
      { kind: 'limit-exceeded', sku: 'A', limit: 3, held: 2 },
    ]);
    expect(await stage.answer(wish('a3', 'A*1'))).toBe('reserved');
    expect(await stage.answer(wish('b1', 'A*3', { by: 'bob' }))).toBe('reserved');
  });

  promise('the-cap-holds-within-a-batch', async (stage) => {
    await stage.apply(itemAdded('A', 100, 2));
    const replies = await stage.reserve(wish('a1'), wish('a2'), wish('a3'));
    expect(kinds(replies)).toEqual(['reserved', 'reserved', 'limit-exceeded']);
  });

  promise('the-cap-is-a-skus-own-and-comes-before-stock', async (stage) => {
    await stage.apply(itemAdded('A', 0), itemAdded('B', 9, 2), itemAdded('C', 9, 1));
    expect(await stage.reserve(wish('a1', 'A*1,B*3,C*2'))).toEqual([
      { kind: 'limit-exceeded', sku: 'B', limit: 2, held: 0 },
    ]);
    await stage.reserved(wish('a2', 'B*2'));
    expect(await stage.answer(wish('a3', 'C*1'))).toBe('reserved');
  });

  promise('bought-units-count-towards-the-cap-and-freed-ones-do-not', async (stage) => {
    await stage.apply(itemAdded('A', 100, 1));
    const bought = await stage.reserved(wish('a1'));
    await stage.apply(decided('confirmed', bought));
    expect(await stage.answer(wish('a2'))).toBe('limit-exceeded');

    await stage.reserved(wish('b1', 'A*1', { by: 'bob' }));
    await stage.release(ref('b1', 'bob'));
    expect(await stage.answer(wish('b2', 'A*1', { by: 'bob' }))).toBe('reserved');

    const lost = await stage.reserved(wish('c1', 'A*1', { by: 'cleo' }));
    await stage.apply(decided('refused', lost));
    expect(await stage.answer(wish('c2', 'A*1', { by: 'cleo' }))).toBe('reserved');
  });
}
