// Promises of the deadline: a reservation lives while now < deadline, its units come back at the deadline itself,
// and nobody is refused for want of units that are due to come back.
import { expect, test } from 'bun:test';
import { SWEEP_FIRST, SWEEP_IN_RESERVE } from '../../src/domain/sale-store.ts';
import { ALL, itemAdded, kinds, type MakeStore, ref, reserveMany, START_MS, Stage, wish } from './stage.ts';

export function deadlines(makeStore: MakeStore): void {
  const promise = (name: string, body: (stage: Stage) => Promise<void>) =>
    test(name, () => Stage.run(makeStore, body));

  promise('a-millisecond-before-the-deadline-it-lives', async (stage) => {
    await stage.apply(itemAdded('A', 2));
    await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    await stage.reserved(wish('a2', 'A*1', { ttl: 10 }));
    await stage.at(9_999);
    expect(await stage.state('a1')).toBe('active');
    expect(await stage.answer(wish('b1', 'A*1', { by: 'bob' }))).toBe('short');
    expect(await stage.store.expire(ALL)).toEqual({ expired: 0, more: false });
    expect(await stage.pin(ref('a1'))).toEqual(['pinned']);
    expect(await stage.release(ref('a2'))).toEqual(['released']);
  });

  promise('at-the-deadline-it-is-over', async (stage) => {
    await stage.apply(itemAdded('A', 3));
    for (const id of ['a1', 'a2', 'a3']) await stage.reserved(wish(id, 'A*1', { ttl: 10 }));
    await stage.at(10_000);
    expect(await stage.state('a1')).toBe('expired');
    expect(await stage.pin(ref('a1'))).toEqual(['expired']);
    expect(await stage.release(ref('a2'))).toEqual(['expired']);
    expect(await stage.answer(wish('b1', 'A*3', { by: 'bob' }))).toBe('reserved');
    expect(await stage.stock()).toBe('total 3 reserved 3 sold 0 available 0');
  });

  promise('reading-a-due-one-writes-nothing', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    await stage.at(10_000);
    expect(await stage.state('a1')).toBe('expired');
    // Not swept yet, so it still holds its unit.
    expect(await stage.snapshot()).toMatchObject({ seq: 1, live: 1 });
    expect(await stage.stock()).toBe('total 1 reserved 1 sold 0 available 0');
  });

  promise('it-expires-once-whoever-notices', async (stage) => {
    await stage.apply(itemAdded('A', 4));
    for (const id of ['a1', 'a2', 'a3', 'a4']) await stage.reserved(wish(id, 'A*1', { ttl: 10 }));
    await stage.at(10_000);
    expect(await stage.pin(ref('a1'), ref('a1'))).toEqual(['expired', 'expired']);
    expect(await stage.release(ref('a2'), ref('a2'))).toEqual(['expired', 'expired']);
    expect(await stage.store.expire(1)).toEqual({ expired: 1, more: true });
    expect(await stage.answer(wish('a1', 'A*1'))).toBe('replayed');
    expect(await stage.store.expire(ALL)).toEqual({ expired: 0, more: false });
    expect((await stage.story()).slice(4)).toEqual([
      '5 expired a1',
      '6 expired a2',
      '7 expired a3',
      '8 expired a4',
    ]);
    expect(await stage.stock()).toBe('total 4 reserved 0 sold 0 available 4');
  });

  promise('a-clock-that-steps-back-revives-nothing', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    await stage.at(10_000);
    await stage.reserved(wish('b1', 'A*1', { by: 'bob', ttl: 10 }));
    await stage.at(-60_000);
    expect((await stage.snapshot()).nowMs).toBe(START_MS + 10_000);
    expect(await stage.state('a1')).toBe('expired');
    expect(await stage.pin(ref('a1'))).toEqual(['expired']);
    expect((await stage.record('b1'))?.deadlineMs).toBe(START_MS + 20_000);
  });

  promise('expire-takes-the-oldest-deadline-first-then-the-id', async (stage) => {
    await stage.apply(itemAdded('A', 9));
    // Upper case sorts before lower case: by bytes, in no locale's order.
    await stage.reserve(
      wish('b', 'A*1', { ttl: 20 }),
      wish('a', 'A*1', { ttl: 20 }),
      wish('Z', 'A*1', { ttl: 20 }),
      wish('-', 'A*1', { ttl: 20 }),
      wish('y', 'A*1', { ttl: 10 }),
    );
    await stage.at(20_000);
    expect(await stage.store.expire(2)).toEqual({ expired: 2, more: true });
    expect(await stage.store.expire(3)).toEqual({ expired: 3, more: false });
    const order = (await stage.transitions()).filter(({ kind }) => kind === 'expired');
    expect(order.map(({ reservationId }) => reservationId.charAt(4))).toEqual(['y', '-', 'Z', 'a', 'b']);
  });

  promise('a-confirming-one-is-never-swept', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    await stage.pin(ref('a1'));
    await stage.at(3_600_000);
    expect(await stage.store.expire(ALL)).toEqual({ expired: 0, more: false });
    expect(await stage.answer(wish('b1', 'A*1', { by: 'bob' }))).toBe('short');
    expect(await stage.state('a1')).toBe('confirming');
  });

  const due = SWEEP_IN_RESERVE + 44;
  const byOther = (n: number) => wish(`due${n}`, 'A*1', { by: `shopper${n}`, ttl: 10 });

  promise('one-reserve-sweeps-a-bounded-number', async (stage) => {
    await stage.apply(itemAdded('A', 1000));
    await reserveMany(stage, due, byOther);
    await stage.at(10_000);
    expect(await stage.answer(wish('a1'))).toBe('reserved');
    const first = due - SWEEP_FIRST + 1;
    expect(await stage.stock()).toBe(`total 1000 reserved ${first} sold 0 available ${1000 - first}`);
    // A refusal that no returning unit could mend does not sweep more than that either.
    expect(await stage.answer(wish('z1', 'Z*1'))).toBe('unknown-sku');
    const second = first - SWEEP_FIRST;
    expect(await stage.stock()).toBe(`total 1000 reserved ${second} sold 0 available ${1000 - second}`);
  });

  promise('one-that-is-short-without-due-units-sweeps-on-until-it-is-not', async (stage) => {
    await stage.apply(itemAdded('A', due));
    await reserveMany(stage, due, byOther);
    await stage.at(10_000);
    expect(await stage.answer(wish('a1', `A*${SWEEP_FIRST + 1}`))).toBe('reserved');
    const reserved = due - SWEEP_IN_RESERVE + 1;
    expect(await stage.stock()).toBe(`total ${due} reserved ${reserved} sold 0 available ${due - reserved}`);
  });

  promise('never-a-false-refusal-while-due-stock-waits', async (stage) => {
    await stage.apply(itemAdded('A', due));
    await reserveMany(stage, due, byOther);
    await stage.at(10_000);
    expect(await stage.answer(wish('a1', `A*${due}`))).toBe('reserved');
    expect(await stage.stock()).toBe(`total ${due} reserved ${due} sold 0 available 0`);
  });

  promise('a-true-refusal-comes-after-all-due-stock-is-back', async (stage) => {
    await stage.apply(itemAdded('A', due));
    await reserveMany(stage, due, byOther);
    await stage.at(10_000);
    expect(await stage.reserve(wish('a1', `A*${due + 1}`))).toEqual([
      { kind: 'short', lines: [{ sku: 'A', available: due, reserved: 0 }] },
    ]);
  });

  promise('the-cap-too-is-judged-without-due-reservations', async (stage) => {
    await stage.apply(itemAdded('A', 1000, 1));
    await reserveMany(stage, due, byOther);
    // Ann's own is the last to be swept: same deadline, greatest id.
    await stage.reserved(wish('zz', 'A*1', { ttl: 10 }));
    await stage.at(10_000);
    expect(await stage.answer(wish('a1'))).toBe('reserved');
    expect(await stage.state('zz')).toBe('expired');
  });

  promise('sweeping-on-counts-the-attempt-once', async (stage) => {
    await stage.apply(itemAdded('A', due));
    await reserveMany(stage, due, byOther);
    await stage.at(10_000);
    const limits = { perCustomer: 2, perAddress: 2 };
    expect(await stage.answer(wish('a1', `A*${due}`, { from: 'home' }), limits)).toBe('reserved');
    expect(await stage.answer(wish('a2', 'A*1', { from: 'home' }), limits)).toBe('short');
    expect(await stage.answer(wish('a3', 'A*1', { from: 'home' }), limits)).toBe('rate-limited');
  });

  promise('a-batch-is-decided-in-order-also-while-it-sweeps-on', async (stage) => {
    await stage.apply(itemAdded('A', due));
    await reserveMany(stage, due, byOther);
    await stage.at(10_000);
    const replies = await stage.reserve(
      wish('a1', `A*${due}`),
      wish('b1', 'A*1', { by: 'bob' }),
      wish('a1', `A*${due}`),
    );
    expect(kinds(replies)).toEqual(['reserved', 'short', 'replayed']);
  });
}
