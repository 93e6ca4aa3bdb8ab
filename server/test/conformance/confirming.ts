// Promises of pin, unpin and release: the steps around a confirmation, for the reservation's own customer only.
import { expect, test } from 'bun:test';
import { PIN_MIN_MS } from '../../src/domain/sale-store.ts';
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

export function confirming(makeStore: MakeStore): void {
  const promise = (name: string, body: (stage: Stage) => Promise<void>) =>
    test(name, () => Stage.run(makeStore, body));

  /** When the resolver first sees this one, in milliseconds after START_MS. */
  async function pinEndsAt(stage: Stage, id: string, ms: number): Promise<void> {
    const due = async () => (await stage.store.duePins(ALL)).map((record) => record.reservationId);
    await stage.at(ms - 1);
    expect(await due()).not.toContain(reservationId(id));
    await stage.at(ms);
    expect(await due()).toContain(reservationId(id));
  }

  promise('a-pin-begins-an-attempt', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    const record = await stage.reserved(wish('a1'));
    expect(await stage.store.pin([ref('a1')])).toEqual([
      { kind: 'pinned', record: { ...record, state: 'confirming', attempts: 1 } },
    ]);
    expect(await stage.story()).toEqual(['1 reserved a1', '2 confirming a1']);
    expect(await stage.stock()).toBe('total 1 reserved 1 sold 0 available 0');
  });

  promise('a-confirming-one-is-never-refused', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    const record = await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    await stage.pin(ref('a1'));
    await stage.at(3_600_000);
    expect(await stage.store.pin([ref('a1'), ref('a1')])).toEqual([
      { kind: 'pinned', record: { ...record, state: 'confirming', attempts: 2 } },
      { kind: 'pinned', record: { ...record, state: 'confirming', attempts: 3 } },
    ]);
    // Entering again is no transition.
    expect(await stage.story()).toEqual(['1 reserved a1', '2 confirming a1']);
  });

  promise('a-pin-lasts-to-the-deadline', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    await stage.reserved(wish('a1', 'A*1', { ttl: 300 }));
    await stage.pin(ref('a1'));
    await pinEndsAt(stage, 'a1', 300_000);
  });

  promise('a-late-pin-lasts-its-least-time', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    await stage.reserved(wish('a1', 'A*1', { ttl: 300 }));
    await stage.at(299_999);
    await stage.pin(ref('a1'));
    await pinEndsAt(stage, 'a1', 299_999 + PIN_MIN_MS);
  });

  promise('another-attempt-lengthens-the-pin-and-never-shortens-it', async (stage) => {
    await stage.apply(itemAdded('A', 2));
    await stage.reserved(wish('long', 'A*1', { ttl: 300 }));
    await stage.reserved(wish('short', 'A*1', { ttl: 10 }));
    await stage.pin(ref('long'), ref('short'));
    await stage.at(25_000);
    await stage.pin(ref('long'), ref('short'));
    await pinEndsAt(stage, 'short', 25_000 + PIN_MIN_MS);
    await pinEndsAt(stage, 'long', 300_000);
  });

  promise('due-pins-come-oldest-first-then-by-id', async (stage) => {
    await stage.apply(itemAdded('A', 9));
    await stage.reserve(
      wish('c', 'A*1', { ttl: 60 }),
      wish('b', 'A*1', { ttl: 50 }),
      wish('a', 'A*1', { ttl: 60 }),
      wish('never', 'A*1', { ttl: 50 }),
    );
    await stage.pin(ref('a'), ref('b'), ref('c'));
    await stage.at(60_000);
    const ids = async (limit: number) =>
      (await stage.store.duePins(limit)).map((record) => record.reservationId);
    expect(await ids(ALL)).toEqual(['b', 'a', 'c'].map(reservationId));
    expect(await ids(2)).toEqual(['b', 'a'].map(reservationId));
    expect((await stage.store.duePins(1))[0]).toMatchObject({ state: 'confirming', attempts: 1 });
  });

  promise('a-stranger-finds-nothing', async (stage) => {
    await stage.apply(itemAdded('A', 3));
    await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    await stage.reserved(wish('a2'));
    await stage.pin(ref('a2'));
    await stage.at(10_000);
    const before = await stage.snapshot();
    expect(await stage.pin(ref('a1', 'eve'), ref('a2', 'eve'), ref('none'))).toEqual([
      'missing',
      'missing',
      'missing',
    ]);
    expect(await stage.release(ref('a1', 'eve'), ref('a2', 'eve'), ref('none'))).toEqual([
      'missing',
      'missing',
      'missing',
    ]);
    await stage.store.unpin([ref('a2', 'eve'), ref('none')]);
    expect(await stage.snapshot()).toEqual(before);
    expect(await stage.state('a2')).toBe('confirming');
  });

  promise('a-resolved-one-cannot-be-pinned-or-released', async (stage) => {
    await stage.apply(itemAdded('A', 9));
    for (const id of ['released', 'confirmed', 'lost']) await stage.reserved(wish(id));
    await stage.reserved(wish('expired', 'A*1', { ttl: 10 }));
    await stage.release(ref('released'));
    const [confirmed, lost] = await Promise.all([stage.record('confirmed'), stage.record('lost')]);
    if (!confirmed || !lost) throw new Error('both are there');
    await stage.apply(decided('confirmed', confirmed), decided('refused', lost));
    await stage.at(10_000);
    await stage.store.expire(ALL);
    const before = await stage.snapshot();
    const refs = ['released', 'confirmed', 'lost', 'expired'].map((id) => ref(id));
    expect(await stage.pin(...refs)).toEqual(['released', 'confirmed', 'lost', 'expired']);
    expect(await stage.release(...refs)).toEqual(['released', 'confirmed', 'lost', 'expired']);
    await stage.store.unpin(refs);
    expect(await stage.snapshot()).toEqual(before);
  });

  promise('an-only-attempt-that-failed-gives-the-reservation-back', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    const record = await stage.reserved(wish('a1', 'A*1', { ttl: 60 }));
    await stage.pin(ref('a1'));
    await stage.at(5_000);
    await stage.store.unpin([ref('a1')]);
    expect(await stage.record('a1')).toEqual(record);
    expect(await stage.story()).toEqual(['1 reserved a1', '2 confirming a1', '3 unpinned a1']);
    expect((await stage.transitions())[2]).toMatchObject({
      atMs: START_MS + 5_000,
      deadlineMs: record.deadlineMs,
    });
    await stage.at(60_000);
    expect(await stage.store.duePins(ALL)).toEqual([]);
    expect(await stage.store.expire(ALL)).toEqual({ expired: 1, more: false });
  });

  promise('a-reservation-given-back-late-is-due-at-once', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    await stage.pin(ref('a1'));
    await stage.at(10_000);
    await stage.store.unpin([ref('a1')]);
    expect(await stage.state('a1')).toBe('expired');
    expect(await stage.answer(wish('b1', 'A*1', { by: 'bob' }))).toBe('reserved');
  });

  promise('with-two-attempts-begun-only-the-resolver-ends-the-pin', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    await stage.pin(ref('a1'));
    await stage.pin(ref('a1'));
    await stage.store.unpin([ref('a1')]);
    await stage.store.unpin([ref('a1')]);
    expect(await stage.record('a1')).toMatchObject({ state: 'confirming', attempts: 2 });
    expect(await stage.story()).toEqual(['1 reserved a1', '2 confirming a1']);
    await pinEndsAt(stage, 'a1', PIN_MIN_MS);
  });

  promise('unpinning-what-is-not-confirming-does-nothing', async (stage) => {
    await stage.apply(itemAdded('A', 2));
    await stage.reserved(wish('due', 'A*1', { ttl: 10 }));
    await stage.reserved(wish('a1'));
    await stage.at(10_000);
    const before = await stage.snapshot();
    await stage.store.unpin([ref('due'), ref('a1')]);
    expect(await stage.snapshot()).toEqual(before);
    expect(await stage.story()).toEqual(['1 reserved due', '2 reserved a1']);
  });

  promise('after-an-unpin-the-next-pin-is-a-first-attempt', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    await stage.reserved(wish('a1', 'A*1', { ttl: 60 }));
    await stage.pin(ref('a1'));
    await stage.store.unpin([ref('a1'), ref('a1')]);
    expect(await stage.pin(ref('a1'))).toEqual(['pinned']);
    expect(await stage.record('a1')).toMatchObject({ state: 'confirming', attempts: 1 });
    expect((await stage.story()).slice(1)).toEqual(['2 confirming a1', '3 unpinned a1', '4 confirming a1']);
  });

  promise('a-release-gives-the-units-back', async (stage) => {
    await stage.apply(itemAdded('A', 2, 2), itemAdded('B', 1));
    const record = await stage.reserved(wish('a1', 'A*2,B*1'));
    const released = { ...record, state: 'released' } as const;
    expect(await stage.store.release([ref('a1')])).toEqual([
      { kind: 'released', record: released, again: false },
    ]);
    expect(await stage.stock('A')).toBe('total 2 reserved 0 sold 0 available 2');
    expect(await stage.answer(wish('a2', 'A*2,B*1'))).toBe('reserved');
  });

  promise('releasing-twice-is-once', async (stage) => {
    await stage.apply(itemAdded('A', 5));
    const record = await stage.reserved(wish('a1'));
    const released = { ...record, state: 'released' } as const;
    expect(await stage.store.release([ref('a1'), ref('a1')])).toEqual([
      { kind: 'released', record: released, again: false },
      { kind: 'released', record: released, again: true },
    ]);
    await stage.at(3_600_000);
    expect(await stage.store.release([ref('a1')])).toEqual([
      { kind: 'released', record: released, again: true },
    ]);
    expect(await stage.story()).toEqual(['1 reserved a1', '2 released a1']);
    expect(await stage.stock()).toBe('total 5 reserved 0 sold 0 available 5');
  });

  promise('a-confirming-one-is-not-released', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    await stage.reserved(wish('a1'));
    await stage.pin(ref('a1'));
    expect(await stage.release(ref('a1'))).toEqual(['confirming']);
    expect(await stage.state('a1')).toBe('confirming');
  });

  promise('a-mixed-batch-answers-each-its-own', async (stage) => {
    await stage.apply(itemAdded('A', 9));
    await stage.reserved(wish('due', 'A*1', { ttl: 10 }));
    await stage.reserved(wish('a1'));
    await stage.reserved(wish('b1', 'A*2', { by: 'bob' }));
    await stage.at(10_000);
    expect(await stage.pin(ref('a1'), ref('none'), ref('due'), ref('b1', 'bob'), ref('b1'))).toEqual([
      'pinned',
      'missing',
      'expired',
      'pinned',
      'missing',
    ]);
    expect((await stage.story()).slice(3)).toEqual(['4 confirming a1', '5 expired due', '6 confirming b1']);
  });
}
