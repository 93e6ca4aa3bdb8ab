// Promises of apply: what the ledger decided stands, whatever the store remembers. Entries are applied once, in
// order, and a late confirmation never lets a unit be sold twice.
import { expect, test } from 'bun:test';
import { REPLAY_KEPT_MS } from '../../src/domain/sale-store.ts';
import { ALL, decided, itemAdded, type MakeStore, ref, START_MS, Stage, wish } from './stage.ts';

export function ledgerEntries(makeStore: MakeStore): void {
  const promise = (name: string, body: (stage: Stage) => Promise<void>) =>
    test(name, () => Stage.run(makeStore, body));

  promise('a-sale-begins-empty', async (stage) => {
    expect(await stage.snapshot()).toEqual({
      nowMs: START_MS,
      settings: { opensAtMs: null, closesAtMs: null, closed: false, cooldown: null },
      seq: 0,
      applied: 0,
      live: 0,
      items: [],
    });
    expect(await stage.store.apply([])).toBe(0);
  });

  promise('items-and-settings-come-from-the-ledger', async (stage) => {
    const settings = { opensAtMs: START_MS - 1, closesAtMs: START_MS + 1, closed: false, cooldown: null };
    await stage.apply(itemAdded('A', 5, 2), itemAdded('B', 0), { kind: 'settings-changed', settings });
    const snapshot = await stage.snapshot();
    expect(snapshot).toMatchObject({ applied: 3, seq: 0, settings });
    expect([...snapshot.items].sort((a, b) => (a.sku < b.sku ? -1 : 1))).toEqual([
      { sku: 'A', total: 5, reserved: 0, sold: 0, maxPerCustomer: 2 },
      { sku: 'B', total: 0, reserved: 0, sold: 0, maxPerCustomer: null },
    ]);
  });

  promise('changed-settings-replace-all-earlier-ones', async (stage) => {
    await stage.apply(
      {
        kind: 'settings-changed',
        settings: { opensAtMs: 1, closesAtMs: START_MS, closed: false, cooldown: null },
      },
      { kind: 'closed' },
      {
        kind: 'settings-changed',
        settings: { opensAtMs: null, closesAtMs: null, closed: false, cooldown: null },
      },
    );
    expect((await stage.snapshot()).settings).toEqual({
      opensAtMs: null,
      closesAtMs: null,
      closed: false,
      cooldown: null,
    });
  });

  promise('a-release-that-an-operator-asked-for-is-counted-as-an-entry-and-moves-nothing', async (stage) => {
    const settings = { opensAtMs: 1, closesAtMs: START_MS + 1, closed: false, cooldown: null };
    await stage.apply(itemAdded('A', 5), { kind: 'settings-changed', settings });
    await stage.reserved(wish('a1'));
    const before = await stage.snapshot();
    expect(await stage.store.apply(stage.number({ kind: 'operator-release' }))).toBe(3);
    expect(await stage.snapshot()).toEqual({ ...before, applied: 3 });
  });

  promise('entries-are-applied-once', async (stage) => {
    const [item, settled] = [itemAdded('A', 5), itemAdded('B', 5)];
    const entries = stage.number(item, settled);
    expect(await stage.store.apply(entries)).toBe(2);
    const record = await stage.reserved(wish('a1'));
    const sold = stage.number(decided('confirmed', record));
    expect(await stage.store.apply([...entries, ...sold, ...sold])).toBe(3);
    expect(await stage.store.apply(sold)).toBe(3);
    expect(await stage.stock()).toBe('total 5 reserved 0 sold 1 available 4');
  });

  promise('a-gap-ends-it', async (stage) => {
    const [one, two, three, four] = stage.number(
      itemAdded('A', 1),
      itemAdded('B', 1),
      itemAdded('C', 1),
      itemAdded('D', 1),
    );
    if (!one || !two || !three || !four) throw new Error('four entries');
    expect(await stage.store.apply([two, three])).toBe(0);
    expect(await stage.store.apply([one, three, four])).toBe(1);
    expect((await stage.snapshot()).items.map(({ sku }) => sku)).toEqual(['A']);
    expect(await stage.store.apply([one, two, three, four])).toBe(4);
    expect((await stage.snapshot()).items).toHaveLength(4);
  });

  promise('a-confirmation-sells-the-units', async (stage) => {
    await stage.apply(itemAdded('A', 3), itemAdded('B', 3));
    const record = await stage.reserved(wish('a1', 'A*2,B*1'));
    await stage.pin(ref('a1'));
    await stage.at(1000);
    await stage.apply(decided('confirmed', record));
    expect(await stage.record('a1')).toEqual({ ...record, state: 'confirmed', attempts: 1 });
    expect(await stage.stock('A')).toBe('total 3 reserved 0 sold 2 available 1');
    expect(await stage.stock('B')).toBe('total 3 reserved 0 sold 1 available 2');
    // The ledger numbered it: no transition here, and nothing left for the resolver.
    expect(await stage.story()).toEqual(['1 reserved a1', '2 confirming a1']);
    expect((await stage.snapshot()).live).toBe(0);
    await stage.at(3_600_000);
    expect(await stage.store.duePins(ALL)).toEqual([]);
    expect(await stage.store.expire(ALL)).toEqual({ expired: 0, more: false });
    expect(await stage.stock('A')).toBe('total 3 reserved 0 sold 2 available 1');
  });

  promise('a-confirmation-of-an-active-one-stands', async (stage) => {
    await stage.apply(itemAdded('A', 1, 1));
    const record = await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    await stage.at(10_000);
    // Due, but the ledger has sold it; the sweep must not give it back.
    await stage.apply(decided('confirmed', record));
    expect(await stage.store.expire(ALL)).toEqual({ expired: 0, more: false });
    expect(await stage.state('a1')).toBe('confirmed');
    expect(await stage.answer(wish('b1', 'A*1', { by: 'bob' }))).toBe('short');
    expect(await stage.answer(wish('a2'))).toBe('limit-exceeded');
  });

  promise('a-refusal-by-the-ledger-frees-and-says-lost', async (stage) => {
    await stage.apply(itemAdded('A', 1, 1));
    const record = await stage.reserved(wish('a1'));
    await stage.pin(ref('a1'));
    await stage.apply(decided('refused', record));
    expect(await stage.record('a1')).toEqual({ ...record, state: 'lost', attempts: 1 });
    expect(await stage.story()).toEqual(['1 reserved a1', '2 confirming a1']);
    expect(await stage.answer(wish('a2'))).toBe('reserved');
  });

  promise('an-expiry-by-the-resolver-frees', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    const record = await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    await stage.pin(ref('a1'));
    await stage.at(30_000);
    await stage.apply(decided('expired', record));
    expect(await stage.state('a1')).toBe('expired');
    expect(await stage.store.duePins(ALL)).toEqual([]);
    expect(await stage.story()).toEqual(['1 reserved a1', '2 confirming a1']);
    expect(await stage.stock()).toBe('total 1 reserved 0 sold 0 available 1');
  });

  promise('what-was-freed-already-is-not-freed-again', async (stage) => {
    await stage.apply(itemAdded('A', 5, 1));
    const a = await stage.reserved(wish('a1'));
    const b = await stage.reserved(wish('b1', 'A*1', { by: 'bob' }));
    await stage.release(ref('a1'), ref('b1', 'bob'));
    await stage.apply(decided('refused', a), decided('expired', b));
    expect(await stage.stock()).toBe('total 5 reserved 0 sold 0 available 5');
    expect([await stage.state('a1'), await stage.state('b1')]).toEqual(['released', 'released']);
  });

  promise('a-late-confirmation-is-never-a-second-sale', async (stage) => {
    await stage.apply(itemAdded('A', 2, 2));
    const late = await stage.reserved(wish('a1', 'A*2', { ttl: 10 }));
    await stage.at(10_000);
    await stage.reserved(wish('b1', 'A*2', { by: 'bob' }));
    await stage.apply(decided('confirmed', late));
    expect(await stage.state('a1')).toBe('confirmed');
    expect(await stage.stock()).toBe('total 2 reserved 2 sold 2 available -2');
    // Below zero inside, none to the outside; and the buyer's cap is used up.
    expect(await stage.reserve(wish('c1', 'A*1', { by: 'cleo' }), wish('a2'))).toEqual([
      { kind: 'short', lines: [{ sku: 'A', available: 0, reserved: 2 }] },
      { kind: 'limit-exceeded', sku: 'A', limit: 2, held: 2 },
    ]);
    // Bob's units come back and pay the debt; still nothing is there to sell.
    await stage.release(ref('b1', 'bob'));
    expect(await stage.stock()).toBe('total 2 reserved 0 sold 2 available 0');
    expect(await stage.answer(wish('c1', 'A*1', { by: 'cleo' }))).toBe('short');
  });

  promise('nothing-is-sold-until-available-is-positive-again', async (stage) => {
    await stage.apply(itemAdded('A', 2));
    const late = await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    await stage.at(10_000);
    await stage.reserved(wish('b1', 'A*1', { by: 'bob' }));
    await stage.reserved(wish('b2', 'A*1', { by: 'bob' }));
    await stage.apply(decided('confirmed', late));
    expect(await stage.stock()).toBe('total 2 reserved 2 sold 1 available -1');
    await stage.release(ref('b1', 'bob'));
    expect(await stage.answer(wish('c1', 'A*1', { by: 'cleo' }))).toBe('short');
    await stage.release(ref('b2', 'bob'));
    expect(await stage.answer(wish('c1', 'A*1', { by: 'cleo' }))).toBe('reserved');
  });

  promise('a-confirmation-of-a-forgotten-reservation-still-sells', async (stage) => {
    await stage.apply(itemAdded('A', 5, 2));
    const record = await stage.reserved(wish('a1', 'A*2'));
    await stage.release(ref('a1'));
    await stage.at(REPLAY_KEPT_MS);
    await stage.store.purge(ALL);
    await stage.apply(decided('confirmed', record));
    expect(await stage.stock()).toBe('total 5 reserved 0 sold 2 available 3');
    expect(await stage.answer(wish('a2'))).toBe('limit-exceeded');
    // It is known again, though not what it was asked for with: its key has no second effect.
    expect(await stage.state('a1')).toBe('confirmed');
    expect(await stage.answer(wish('a1', 'A*2'))).toBe('key-reused');
  });

  promise('an-entry-that-comes-again-changes-nothing', async (stage) => {
    await stage.apply(itemAdded('A', 5));
    const open = { opensAtMs: null, closesAtMs: null, closed: false, cooldown: null };
    const [opened, closed] = stage.number({ kind: 'settings-changed', settings: open }, { kind: 'closed' });
    if (opened === undefined || closed === undefined) throw new Error('two facts, two entries');
    expect(await stage.store.apply([opened, closed])).toBe(3);
    expect(await stage.store.apply([opened])).toBe(3);
    expect((await stage.snapshot()).settings.closed).toBe(true);
  });

  promise('a-number-that-the-ledger-knows-is-given-to-no-other-reservation', async (stage) => {
    await stage.apply(itemAdded('A', 5));
    const record = await stage.reserved(wish('a1'));
    await stage.apply(decided('refused', { ...record, ...ref('lost'), createdSeq: 7 }));
    expect((await stage.reserved(wish('a2'))).createdSeq).toBe(8);
  });

  promise('an-entry-of-an-earlier-life-leaves-the-present-one-alone', async (stage) => {
    await stage.apply(itemAdded('A', 9, 3));
    const earlier = await stage.reserved(wish('a1'));
    await stage.release(ref('a1'));
    await stage.at(REPLAY_KEPT_MS);
    await stage.store.purge(ALL);
    const present = await stage.reserved(wish('a1'));
    await stage.apply(decided('refused', earlier), decided('expired', earlier));
    expect(await stage.record('a1')).toEqual(present);
    await stage.apply(decided('confirmed', earlier));
    expect(await stage.record('a1')).toEqual(present);
    expect(await stage.stock()).toBe('total 9 reserved 1 sold 1 available 7');
    expect(await stage.reserve(wish('a2', 'A*2'))).toEqual([
      { kind: 'limit-exceeded', sku: 'A', limit: 3, held: 2 },
    ]);
  });

  promise('a-resolution-is-kept-a-day-from-when-it-was-applied', async (stage) => {
    await stage.apply(itemAdded('A', 5));
    const sold = await stage.reserved(wish('sold'));
    const lost = await stage.reserved(wish('lost'));
    const late = await stage.reserved(wish('late', 'A*1', { ttl: 10 }));
    await stage.at(10_000);
    await stage.store.expire(ALL);
    await stage.at(20_000);
    await stage.apply(decided('confirmed', sold), decided('refused', lost), decided('confirmed', late));
    await stage.at(20_000 + REPLAY_KEPT_MS - 1);
    expect(await stage.store.purge(ALL)).toBe(0);
    await stage.at(20_000 + REPLAY_KEPT_MS);
    expect(await stage.store.purge(ALL)).toBe(3);
  });
}
