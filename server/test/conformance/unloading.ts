// Promises of unload: a closed sale leaves the store only when nobody can ask for anything in it any more, and then
// every call says that it is not here.
import { expect, test } from 'bun:test';
import { NotReady, REPLAY_KEPT_MS } from '../../src/domain/sale-store.ts';
import { ALL, customer, itemAdded, type MakeStore, NO_LIMITS, ref, Stage, wish } from './stage.ts';

export function unloading(makeStore: MakeStore): void {
  const promise = (name: string, body: (stage: Stage) => Promise<void>) =>
    test(name, () => Stage.run(makeStore, body));

  /** The journal has everything. */
  async function journaled(stage: Stage): Promise<void> {
    const last = (await stage.transitions()).at(-1);
    if (last !== undefined) await stage.store.trim(last.seq, last.epoch);
  }

  promise('an-open-sale-stays', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    await stage.at(2 * REPLAY_KEPT_MS);
    expect(await stage.store.unload()).toBe(false);
    const past = { opensAtMs: null, closesAtMs: 0, closed: false, cooldown: null };
    await stage.apply({ kind: 'settings-changed', settings: past });
    // Past its hours, but an operator may still change them.
    expect(await stage.store.unload()).toBe(false);
    await stage.apply({ kind: 'closed' });
    expect(await stage.store.unload()).toBe(true);
  });

  promise('afterwards-it-is-not-here', async (stage) => {
    await stage.apply(itemAdded('A', 1), { kind: 'closed' });
    expect(await stage.store.unload()).toBe(true);
    const { store } = stage;
    const pend = { operationId: customer('out'), sku: 'A', quantity: 1 };
    const extension = { ...ref('a1'), seconds: 1, maxExtensions: 1, maxLifetimeSeconds: 900 };
    const calls: (() => Promise<unknown>)[] = [
      () => store.reserve([wish('a1')], NO_LIMITS),
      () => store.pin([ref('a1')]),
      () => store.unpin([ref('a1')]),
      () => store.release([ref('a1')]),
      () => store.extend([extension]),
      () => store.read([ref('a1').reservationId]),
      () => store.snapshot(),
      () => store.expire(ALL),
      () => store.duePins(ALL),
      () => store.apply(stage.number(itemAdded('B', 1))),
      () => store.pend(pend),
      () => store.unpend(pend.operationId),
      () => store.duePends(),
      () => store.trim(1, 1),
      () => store.purge(ALL),
      () => store.unload(),
    ];
    for (const call of calls) await expect(call()).rejects.toBeInstanceOf(NotReady);
    expect(await store.pending(ALL)).toEqual([]);
  });

  promise('a-live-reservation-keeps-it', async (stage) => {
    await stage.apply(itemAdded('A', 2));
    await stage.reserved(wish('active', 'A*1', { ttl: 60 }));
    const pinned = await stage.reserved(wish('pinned', 'A*1', { ttl: 60 }));
    await stage.pin(ref('pinned'));
    await stage.apply({ kind: 'closed' });
    await journaled(stage);
    expect(await stage.store.unload()).toBe(false);
    await stage.at(60_000);
    await stage.store.expire(ALL);
    await journaled(stage);
    await stage.at(60_000 + REPLAY_KEPT_MS);
    expect(await stage.store.unload()).toBe(false);
    const { reservationId, createdSeq, lines } = pinned;
    const expired = { kind: 'expired', reservationId, createdSeq, customer: pinned.customer, lines } as const;
    await stage.apply(expired);
    await stage.at(60_000 + 2 * REPLAY_KEPT_MS);
    expect(await stage.store.unload()).toBe(true);
  });

  promise('a-due-one-that-nobody-swept-keeps-it', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    await stage.apply({ kind: 'closed' });
    await journaled(stage);
    await stage.at(2 * REPLAY_KEPT_MS);
    expect(await stage.store.unload()).toBe(false);
  });

  promise('a-resolution-keeps-it-for-a-day', async (stage) => {
    await stage.apply(itemAdded('A', 2));
    await stage.reserved(wish('early'));
    await stage.reserved(wish('late'));
    await stage.release(ref('early'));
    await stage.at(5_000);
    await stage.release(ref('late'));
    await stage.apply({ kind: 'closed' });
    await journaled(stage);
    await stage.at(5_000 + REPLAY_KEPT_MS - 1);
    expect(await stage.store.unload()).toBe(false);
    expect(await stage.answer(wish('late'))).toBe('replayed');
    await stage.at(5_000 + REPLAY_KEPT_MS);
    // Whether the purge has come by or not.
    expect(await stage.store.purge(1)).toBe(1);
    expect(await stage.store.unload()).toBe(true);
  });

  promise('what-the-journal-lacks-keeps-it', async (stage) => {
    await stage.apply(itemAdded('A', 2));
    await stage.reserved(wish('a1'));
    await stage.release(ref('a1'));
    await stage.apply({ kind: 'closed' });
    await stage.at(2 * REPLAY_KEPT_MS);
    const [first] = await stage.transitions();
    if (first === undefined) throw new Error('two wait');
    await stage.store.trim(first.seq, first.epoch);
    expect(await stage.store.unload()).toBe(false);
    await journaled(stage);
    expect(await stage.store.unload()).toBe(true);
  });

  promise('units-set-aside-keep-it', async (stage) => {
    await stage.apply(itemAdded('A', 2));
    await stage.store.pend({ operationId: customer('out'), sku: 'A', quantity: 1 });
    await stage.apply({ kind: 'closed' });
    await stage.at(2 * REPLAY_KEPT_MS);
    expect(await stage.store.unload()).toBe(false);
    expect(await stage.snapshot()).toMatchObject({ items: [{ sku: 'A', total: 1 }] });
    await stage.store.unpend(customer('out'));
    expect(await stage.store.unload()).toBe(true);
  });
}
