// Promises of extend: the deadline moves on by what was asked for, within the sale's bounds, and everything that looks
// at the deadline (sweep, pin, journal) looks at the new one.
import { expect, test } from 'bun:test';
import type { ExtendCommand, ExtendReply } from '../../src/domain/sale-store.ts';
import {
  ALL,
  decided,
  itemAdded,
  type MakeStore,
  ref,
  reservationId,
  START_MS,
  Stage,
  wish,
} from './stage.ts';

interface Extension {
  readonly by?: string;
  readonly most?: number;
  readonly lifetime?: number;
}

/** `extension('a1', 30)`: thirty seconds more for Ann's a1, in a sale that allows one extension and 900 s in all. */
function extension(
  id: string,
  seconds: number,
  { by = 'ann', most = 1, lifetime = 900 }: Extension = {},
): ExtendCommand {
  return { ...ref(id, by), seconds, maxExtensions: most, maxLifetimeSeconds: lifetime };
}

export function extending(makeStore: MakeStore): void {
  const promise = (name: string, body: (stage: Stage) => Promise<void>) =>
    test(name, () => Stage.run(makeStore, body));
  const answers = async (stage: Stage, ...commands: ExtendCommand[]): Promise<ExtendReply['kind'][]> =>
    (await stage.store.extend(commands)).map(({ kind }) => kind);

  promise('what-is-asked-for-is-added-to-the-deadline', async (stage) => {
    await stage.apply(itemAdded('A', 2));
    const record = await stage.reserved(wish('a1', 'A*2', { ttl: 60 }));
    await stage.at(20_000);
    const extended = { ...record, deadlineMs: START_MS + 90_000, extensions: 1 };
    expect(await stage.store.extend([extension('a1', 30)])).toEqual([{ kind: 'extended', record: extended }]);
    expect(await stage.record('a1')).toEqual(extended);
    expect(await stage.stock()).toBe('total 2 reserved 2 sold 0 available 0');
  });

  promise('an-extension-is-on-record-and-a-refused-one-is-not', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    const record = await stage.reserved(wish('a1'));
    await stage.at(1_000);
    expect(await answers(stage, extension('a1', 5), extension('a1', 5))).toEqual([
      'extended',
      'limit-reached',
    ]);
    expect(await stage.story()).toEqual(['1 reserved a1', '2 extended a1']);
    const { reservationId, customer, lines, ttlSeconds, fingerprint } = record;
    expect((await stage.transitions())[1]).toEqual({
      seq: 2,
      epoch: expect.any(Number),
      kind: 'extended',
      atMs: START_MS + 1_000,
      deadlineMs: record.deadlineMs + 5_000,
      createdSeq: 1,
      ...{ reservationId, customer, lines, ttlSeconds, fingerprint },
    });
  });

  promise('no-more-extensions-than-the-sale-allows', async (stage) => {
    await stage.apply(itemAdded('A', 2));
    await stage.reserved(wish('a1'));
    await stage.reserved(wish('a2'));
    expect(await answers(stage, extension('a1', 1, { most: 0 }))).toEqual(['limit-reached']);
    const three = Array.from({ length: 3 }, () => extension('a1', 1, { most: 2 }));
    expect(await answers(stage, ...three)).toEqual(['extended', 'extended', 'limit-reached']);
    expect(await stage.record('a1')).toMatchObject({ extensions: 2, deadlineMs: START_MS + 62_000 });
    // Each reservation has its own.
    expect(await answers(stage, extension('a2', 1))).toEqual(['extended']);
  });

  promise('a-life-ends-with-the-longest-one-allowed', async (stage) => {
    await stage.apply(itemAdded('A', 2));
    await stage.reserved(wish('a1', 'A*1', { ttl: 60 }));
    await stage.at(50_000);
    // Counted from when it was made, not from now.
    expect(await answers(stage, extension('a1', 41, { lifetime: 100 }))).toEqual(['limit-reached']);
    expect(await answers(stage, extension('a1', 40, { lifetime: 100 }))).toEqual(['extended']);
    expect(await stage.record('a1')).toMatchObject({ deadlineMs: START_MS + 100_000 });
    expect(await answers(stage, extension('a1', 1, { most: 9, lifetime: 100 }))).toEqual(['limit-reached']);
  });

  promise('only-an-active-one-is-extended', async (stage) => {
    await stage.apply(itemAdded('A', 9));
    for (const id of ['pinned', 'released', 'lost', 'confirmed']) await stage.reserved(wish(id));
    await stage.reserved(wish('expired', 'A*1', { ttl: 10 }));
    await stage.pin(ref('pinned'));
    await stage.release(ref('released'));
    const [lost, confirmed] = [await stage.record('lost'), await stage.record('confirmed')];
    if (!lost || !confirmed) throw new Error('both are there');
    await stage.apply(decided('refused', lost), decided('confirmed', confirmed));
    await stage.at(10_000);
    await stage.store.expire(ALL);
    const before = await stage.snapshot();
    const ids = ['pinned', 'released', 'lost', 'confirmed', 'expired'];
    expect(await answers(stage, ...ids.map((id) => extension(id, 1)))).toEqual([
      'confirming',
      'released',
      'lost',
      'confirmed',
      'expired',
    ]);
    expect(await stage.snapshot()).toEqual(before);
  });

  promise('at-the-deadline-it-is-too-late', async (stage) => {
    await stage.apply(itemAdded('A', 2));
    await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    await stage.reserved(wish('a2', 'A*1', { ttl: 10 }));
    await stage.at(9_999);
    expect(await answers(stage, extension('a1', 1))).toEqual(['extended']);
    await stage.at(10_000);
    expect(await answers(stage, extension('a2', 1), extension('a2', 1))).toEqual(['expired', 'expired']);
    expect((await stage.story()).slice(2)).toEqual(['3 extended a1', '4 expired a2']);
    expect(await stage.stock()).toBe('total 2 reserved 1 sold 0 available 1');
  });

  promise('a-stranger-extends-nothing', async (stage) => {
    await stage.apply(itemAdded('A', 2));
    const record = await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    expect(await answers(stage, extension('a1', 1, { by: 'eve' }), extension('none', 1))).toEqual([
      'missing',
      'missing',
    ]);
    expect(await stage.record('a1')).toEqual(record);
    await stage.at(10_000);
    // Not even its expiry is brought about by a stranger.
    expect(await answers(stage, extension('a1', 1, { by: 'eve' }))).toEqual(['missing']);
    expect(await stage.story()).toEqual(['1 reserved a1']);
  });

  promise('a-replay-afterwards-shows-the-record-as-it-stands', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    const record = await stage.reserved(wish('a1'));
    await answers(stage, extension('a1', 30));
    // The answer first given can be rebuilt from it: created and granted time are untouched.
    const extended = { ...record, deadlineMs: record.deadlineMs + 30_000, extensions: 1 };
    expect(await stage.reserve(wish('a1'))).toEqual([{ kind: 'replayed', record: extended }]);
  });

  promise('the-sweep-follows-the-new-deadline', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    await answers(stage, extension('a1', 20));
    await stage.at(10_000);
    expect(await stage.store.expire(ALL)).toEqual({ expired: 0, more: false });
    expect(await stage.answer(wish('b1', 'A*1', { by: 'bob' }))).toBe('short');
    await stage.at(29_999);
    expect(await stage.state('a1')).toBe('active');
    expect(await stage.answer(wish('b1', 'A*1', { by: 'bob' }))).toBe('short');
    await stage.at(30_000);
    expect(await stage.state('a1')).toBe('expired');
    expect(await stage.answer(wish('b1', 'A*1', { by: 'bob' }))).toBe('reserved');
  });

  promise('a-pin-ends-with-the-new-deadline', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    await stage.reserved(wish('a1', 'A*1', { ttl: 60 }));
    await answers(stage, extension('a1', 40));
    await stage.pin(ref('a1'));
    await stage.at(99_999);
    expect(await stage.store.duePins(ALL)).toEqual([]);
    await stage.at(100_000);
    expect((await stage.store.duePins(ALL)).map((due) => due.reservationId)).toEqual([reservationId('a1')]);
  });

  promise('a-failed-confirmation-takes-no-extension-away', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    const record = await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    await answers(stage, extension('a1', 20));
    await stage.pin(ref('a1'));
    await stage.at(29_999);
    await stage.store.unpin([ref('a1')]);
    expect(await stage.record('a1')).toEqual({ ...record, deadlineMs: START_MS + 30_000, extensions: 1 });
    expect(await answers(stage, extension('a1', 1))).toEqual(['limit-reached']);
  });
}
