// Promises of pend and unpend, and of the entries that change a total: what an operator takes out is set aside before
// the ledger decides, never from units that are reserved or sold, and leaves or comes back exactly once.
import { expect, test } from 'bun:test';
import { PEND_MS, type PendReply, SWEEP_IN_RESERVE } from '../../src/domain/sale-store.ts';
import {
  customer,
  decided,
  type Fact,
  itemAdded,
  type MakeStore,
  ref,
  reserveMany,
  Stage,
  wish,
} from './stage.ts';

/** Names of operations are as long as those of customers. */
const operation = customer;

const stockChanged = (delta: number, name: string | null = null, sku = 'A'): Fact => ({
  kind: 'stock-changed',
  sku,
  delta,
  operationId: name === null ? null : operation(name),
});

export function stockGoingOut(makeStore: MakeStore): void {
  const promise = (name: string, body: (stage: Stage) => Promise<void>) =>
    test(name, () => Stage.run(makeStore, body));
  const pend = (stage: Stage, name: string, quantity: number, sku = 'A'): Promise<PendReply> =>
    stage.store.pend({ operationId: operation(name), sku, quantity });
  const unpend = (stage: Stage, name: string): Promise<boolean> => stage.store.unpend(operation(name));
  const due = async (stage: Stage): Promise<string[]> =>
    (await stage.store.duePends()).map(({ operationId }) => operationId.replace(/_*$/, '')).sort();

  promise('what-is-set-aside-is-granted-to-nobody', async (stage) => {
    await stage.apply(itemAdded('A', 5));
    expect(await pend(stage, 'out', 3)).toEqual({ kind: 'pended' });
    expect(await stage.stock()).toBe('total 2 reserved 0 sold 0 available 2');
    expect(await stage.reserve(wish('a1', 'A*3'))).toEqual([
      { kind: 'short', lines: [{ sku: 'A', available: 2, reserved: 0 }] },
    ]);
    expect(await stage.answer(wish('a2', 'A*2'))).toBe('reserved');
    // The ledger will number it: nothing is journaled here.
    expect(await stage.story()).toEqual(['1 reserved a2']);
  });

  promise('reserved-and-sold-units-cannot-be-taken-out', async (stage) => {
    await stage.apply(itemAdded('A', 6));
    await stage.apply(decided('confirmed', await stage.reserved(wish('a1', 'A*2'))));
    await stage.reserved(wish('a2'));
    expect(await pend(stage, 'much', 4)).toEqual({ kind: 'in-use', available: 3, reserved: 1 });
    expect(await stage.stock()).toBe('total 6 reserved 1 sold 2 available 3');
    expect(await pend(stage, 'all', 3)).toEqual({ kind: 'pended' });
    expect(await pend(stage, 'more', 1)).toEqual({ kind: 'in-use', available: 0, reserved: 1 });
  });

  promise('only-of-an-item-that-is-there', async (stage) => {
    await stage.apply(itemAdded('A', 6));
    expect(await pend(stage, 'out', 1, 'Z')).toEqual({ kind: 'unknown-sku' });
    expect(await stage.store.duePends()).toEqual([]);
  });

  promise('due-reservations-are-freed-first', async (stage) => {
    await stage.apply(itemAdded('A', 2));
    await stage.reserved(wish('a1', 'A*2', { ttl: 10 }));
    await stage.at(9_999);
    expect(await pend(stage, 'soon', 1)).toEqual({ kind: 'in-use', available: 0, reserved: 2 });
    await stage.at(10_000);
    expect(await pend(stage, 'now', 2)).toEqual({ kind: 'pended' });
    expect(await stage.story()).toEqual(['1 reserved a1', '2 expired a1']);
  });

  const many = SWEEP_IN_RESERVE + 44;
  const byOther = (n: number) => wish(`due${n}`, 'A*1', { by: `shopper${n}`, ttl: 10 });

  promise('also-more-of-them-than-one-sweep-frees', async (stage) => {
    await stage.apply(itemAdded('A', many));
    await reserveMany(stage, many, byOther);
    await stage.at(10_000);
    expect(await pend(stage, 'all', many)).toEqual({ kind: 'pended' });
    expect(await stage.stock()).toBe('total 0 reserved 0 sold 0 available 0');
  });

  promise('a-refusal-comes-after-all-due-stock-is-back', async (stage) => {
    await stage.apply(itemAdded('A', many));
    await reserveMany(stage, many, byOther);
    await stage.at(10_000);
    expect(await pend(stage, 'all', many + 1)).toEqual({ kind: 'in-use', available: many, reserved: 0 });
  });

  promise('an-operation-sets-aside-once', async (stage) => {
    await stage.apply(itemAdded('A', 5));
    await pend(stage, 'out', 3);
    await stage.at(1_000);
    expect(await pend(stage, 'out', 3)).toEqual({ kind: 'pended' });
    expect(await stage.stock()).toBe('total 2 reserved 0 sold 0 available 2');
    // Its time counts from the first.
    await stage.at(PEND_MS);
    expect(await due(stage)).toEqual(['out']);
  });

  promise('what-is-given-back-is-given-back-once', async (stage) => {
    await stage.apply(itemAdded('A', 5));
    await pend(stage, 'one', 3);
    await pend(stage, 'other', 1);
    expect(await unpend(stage, 'one')).toBe(true);
    expect(await stage.stock()).toBe('total 4 reserved 0 sold 0 available 4');
    expect(await unpend(stage, 'one')).toBe(false);
    expect(await unpend(stage, 'none')).toBe(false);
    expect(await stage.stock()).toBe('total 4 reserved 0 sold 0 available 4');
    expect(await stage.answer(wish('a1', 'A*4'))).toBe('reserved');
  });

  promise('the-resolver-sees-it-when-its-time-is-over', async (stage) => {
    await stage.apply(itemAdded('A', 5), itemAdded('B', 5));
    await pend(stage, 'one', 3);
    await stage.at(1_000);
    await pend(stage, 'two', 2, 'B');
    await stage.at(PEND_MS - 1);
    expect(await due(stage)).toEqual([]);
    await stage.at(PEND_MS);
    expect(await stage.store.duePends()).toEqual([{ operationId: operation('one'), sku: 'A', quantity: 3 }]);
    await stage.at(PEND_MS + 1_000);
    expect(await due(stage)).toEqual(['one', 'two']);
    await unpend(stage, 'one');
    await stage.apply(stockChanged(-2, 'two', 'B'));
    expect(await due(stage)).toEqual([]);
  });

  promise('an-entry-takes-what-was-set-aside-for-it', async (stage) => {
    await stage.apply(itemAdded('A', 5));
    await pend(stage, 'out', 3);
    await stage.apply(stockChanged(-3, 'out'));
    expect(await stage.stock()).toBe('total 2 reserved 0 sold 0 available 2');
    expect(await unpend(stage, 'out')).toBe(false);
    expect(await stage.stock()).toBe('total 2 reserved 0 sold 0 available 2');
  });

  promise('entries-applied-together-take-each-its-own', async (stage) => {
    await stage.apply(itemAdded('A', 9));
    await pend(stage, 'one', 3);
    await pend(stage, 'two', 2);
    await stage.apply(stockChanged(-2, 'two'), stockChanged(5), stockChanged(-3, 'one'));
    expect(await stage.stock()).toBe('total 9 reserved 0 sold 0 available 9');
    await stage.at(PEND_MS);
    expect(await due(stage)).toEqual([]);
  });

  promise('an-entry-whose-units-were-not-set-aside-takes-them-now', async (stage) => {
    await stage.apply(itemAdded('A', 5));
    await stage.apply(stockChanged(-3, 'lost'));
    expect(await stage.stock()).toBe('total 2 reserved 0 sold 0 available 2');
  });

  promise('what-comes-in-is-there-at-once', async (stage) => {
    await stage.apply(itemAdded('A', 0));
    expect(await stage.answer(wish('a1'))).toBe('short');
    await stage.apply(stockChanged(2));
    expect(await stage.stock()).toBe('total 2 reserved 0 sold 0 available 2');
    expect(await stage.answer(wish('a1', 'A*2', { body: 'anew' }))).toBe('reserved');
  });

  promise('what-left-for-good-is-owed-by-the-next-units-that-return', async (stage) => {
    await stage.apply(itemAdded('A', 4));
    for (const id of ['a1', 'a2', 'a3', 'a4']) await stage.reserved(wish(id));
    // Set aside before a loss, and granted again after it: the ledger has let them go all the same.
    await stage.apply(stockChanged(-2, 'lost'));
    expect(await stage.stock()).toBe('total 2 reserved 4 sold 0 available -2');
    expect(await pend(stage, 'out', 1)).toEqual({ kind: 'in-use', available: 0, reserved: 4 });
    await stage.release(ref('a1'), ref('a2'));
    expect(await stage.reserve(wish('b1', 'A*1', { by: 'bob' }))).toEqual([
      { kind: 'short', lines: [{ sku: 'A', available: 0, reserved: 2 }] },
    ]);
    await stage.release(ref('a3'));
    expect(await stage.answer(wish('b1', 'A*1', { by: 'bob' }))).toBe('reserved');
  });

  promise('a-total-below-zero-comes-back', async (stage) => {
    await stage.apply(itemAdded('A', 3));
    const record = await stage.reserved(wish('a1'));
    await pend(stage, 'refused', 2);
    // This store had lost the units set aside for this one: it owes them until the other's are given back.
    await stage.apply(stockChanged(-2, 'lost'));
    expect(await stage.stock()).toBe('total -1 reserved 1 sold 0 available -2');
    expect(await stage.answer(wish('b1', 'A*1', { by: 'bob' }))).toBe('short');
    await stage.apply(decided('confirmed', record));
    expect(await stage.state('a1')).toBe('confirmed');
    await unpend(stage, 'refused');
    expect(await stage.stock()).toBe('total 1 reserved 0 sold 1 available 0');
  });
}
