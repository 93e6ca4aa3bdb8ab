// Promises of the cooldown: who lets reservations of the sale expire, over and over, waits before the next.
import { expect, test } from 'bun:test';
import type { Cooldown } from '../../src/domain/sale-store.ts';
import {
  decided,
  type Fact,
  itemAdded,
  kinds,
  type MakeStore,
  NO_LIMITS,
  ref,
  Stage,
  wish,
} from './stage.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const PLENTY: Fact = itemAdded('A', 1_000);

const rule = (cooldown: Cooldown | null): Fact => ({
  kind: 'settings-changed',
  settings: { opensAtMs: null, closesAtMs: null, closed: false, cooldown },
});
/** Two within ten minutes. */
const TWICE = rule({ expirations: 2, minutes: 10 });

export function cooldown(makeStore: MakeStore): void {
  const promise = (name: string, body: (stage: Stage) => Promise<void>) =>
    test(name, () => Stage.run(makeStore, body));

  /** Reserves for ten seconds at `ms` and lets it expire. */
  const letExpire = async (stage: Stage, ms: number, id: string, by = 'ann') => {
    await stage.at(ms);
    await stage.reserved(wish(id, 'A*1', { by, ttl: 10 }));
    await stage.at(ms + 10_000);
    await stage.store.expire(10);
  };

  promise(
    'the-wait-is-true-to-the-millisecond-and-is-of-the-deadlines-whenever-they-were-noticed',
    async (stage) => {
      await stage.apply(PLENTY, TWICE);
      await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
      await stage.at(30_000);
      // Nobody has swept yet: the attempt itself frees it, twenty seconds late, and it is the only one.
      await stage.reserved(wish('a2', 'A*1', { ttl: 10 }));
      await stage.at(100_000);
      expect(await stage.reserve(wish('a3'))).toEqual([
        {
          kind: 'cooling-down',
          retryAfterMs: 10_000 + 10 * MINUTE_MS - 100_000,
          cooldown: { expirations: 2, minutes: 10 },
        },
      ]);
      await stage.at(10_000 + 10 * MINUTE_MS - 1);
      expect(await stage.reserve(wish('a3'))).toEqual([
        { kind: 'cooling-down', retryAfterMs: 1, cooldown: { expirations: 2, minutes: 10 } },
      ]);
      await stage.at(10_000 + 10 * MINUTE_MS);
      expect(await stage.answer(wish('a3'))).toBe('reserved');
    },
  );

  promise('one-that-a-late-confirm-finds-expired-counts-from-its-deadline-too', async (stage) => {
    await stage.apply(PLENTY, rule({ expirations: 1, minutes: 10 }));
    await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    await stage.at(30_000);
    expect(await stage.pin(ref('a1'))).toEqual(['expired']);
    expect(await stage.reserve(wish('a2'))).toEqual([
      {
        kind: 'cooling-down',
        retryAfterMs: 10_000 + 10 * MINUTE_MS - 30_000,
        cooldown: { expirations: 1, minutes: 10 },
      },
    ]);
  });

  promise('others-are-free-and-a-sale-without-one-cools-nobody', async (stage) => {
    await stage.apply(PLENTY, TWICE);
    for (const [n, id] of ['a1', 'a2'].entries()) await letExpire(stage, n * 20_000, id);
    const both = await stage.reserve(wish('a3'), wish('b1', 'A*1', { by: 'bob' }), wish('a4'));
    expect(kinds(both)).toEqual(['cooling-down', 'reserved', 'cooling-down']);
    await stage.apply(rule(null));
    for (const [n, id] of ['a5', 'a6', 'a7'].entries()) await letExpire(stage, 60_000 + n * 20_000, id);
    expect(await stage.answer(wish('a8'))).toBe('reserved');
  });

  promise('what-expired-while-there-was-none-does-not-count-later', async (stage) => {
    await stage.apply(PLENTY, rule(null));
    for (const [n, id] of ['a1', 'a2', 'a3'].entries()) await letExpire(stage, n * 20_000, id);
    await stage.apply(TWICE);
    await letExpire(stage, 80_000, 'a4');
    expect(await stage.answer(wish('a5', 'A*1', { ttl: 10 }))).toBe('reserved');
    await stage.at(120_000);
    expect(await stage.answer(wish('a6'))).toBe('cooling-down');
  });

  promise('a-changed-rule-holds-at-once', async (stage) => {
    await stage.apply(PLENTY, rule({ expirations: 3, minutes: 10 }));
    for (const [n, id] of ['a1', 'a2'].entries()) await letExpire(stage, n * 20_000, id);
    await stage.apply(rule({ expirations: 1, minutes: 2 }));
    expect(await stage.reserve(wish('a3'))).toEqual([
      { kind: 'cooling-down', retryAfterMs: 2 * MINUTE_MS, cooldown: { expirations: 1, minutes: 2 } },
    ]);
    await stage.apply(rule({ expirations: 5, minutes: 2 }));
    expect(await stage.answer(wish('a3'))).toBe('reserved');
  });

  promise('what-expires-by-the-ledger-counts-by-the-rule-that-stood-in-the-ledger-then', async (stage) => {
    await stage.apply(PLENTY);
    const both = [await stage.reserved(wish('a1')), await stage.reserved(wish('b1', 'A*1', { by: 'bob' }))];
    await stage.pin(ref('a1'), ref('b1', 'bob'));
    await stage.at(60_000);
    const [first, second] = both.map((record) => decided('expired', record)) as [Fact, Fact];
    await stage.apply(first, rule({ expirations: 1, minutes: 10 }), second, { kind: 'closed' });
    await stage.apply(rule({ expirations: 1, minutes: 10 }));
    expect(await stage.answer(wish('a2'))).toBe('reserved');
    expect(await stage.answer(wish('b2', 'A*1', { by: 'bob' }))).toBe('cooling-down');
  });

  promise('released-confirmed-and-lost-ones-do-not-count', async (stage) => {
    await stage.apply(PLENTY, rule({ expirations: 1, minutes: 10 }));
    await stage.reserved(wish('a1'));
    await stage.release(ref('a1'));
    const bought = await stage.reserved(wish('a2'));
    await stage.pin(ref('a2'));
    const refused = await stage.reserved(wish('a3'));
    await stage.pin(ref('a3'));
    await stage.apply(decided('confirmed', bought), decided('refused', refused));
    expect(await stage.answer(wish('a4'))).toBe('reserved');
  });

  promise('whoever-notices-that-one-expired-counts-it-once', async (stage) => {
    await stage.apply(PLENTY, rule({ expirations: 5, minutes: 60 }));
    const names = ['swept', 'pinned', 'released', 'extended', 'resolved'] as const;
    const records = await Promise.all(names.map((id) => stage.reserved(wish(id, 'A*1', { ttl: 10 }))));
    await stage.pin(ref('resolved'));
    await stage.at(60_000);
    expect(await stage.pin(ref('pinned'), ref('pinned'))).toEqual(['expired', 'expired']);
    expect(await stage.release(ref('released'))).toEqual(['expired']);
    const bounds = { seconds: 10, maxExtensions: 1, maxLifetimeSeconds: 900 };
    await stage.store.extend([{ ...ref('extended'), ...bounds }]);
    await stage.store.expire(10);
    await stage.pin(ref('swept'), ref('pinned'));
    // Four by now, and nobody counts twice: one is still pinned.
    expect(await stage.answer(wish('a1'))).toBe('reserved');
    const resolved = records.at(-1);
    if (resolved) await stage.apply(decided('expired', resolved));
    expect(await stage.answer(wish('a2'))).toBe('cooling-down');
  });

  promise('a-cart-counts-once-and-an-extended-one-from-its-last-deadline', async (stage) => {
    await stage.apply(PLENTY, itemAdded('B', 10), TWICE);
    await stage.reserved(wish('cart', 'A*3,B*2', { ttl: 10 }));
    await stage.at(20_000);
    await stage.reserved(wish('a1', 'A*1', { ttl: 10 }));
    const bounds = { seconds: 15, maxExtensions: 1, maxLifetimeSeconds: 900 };
    await stage.store.extend([{ ...ref('a1'), ...bounds }]);
    await stage.at(44_999);
    expect(await stage.answer(wish('a2', 'A*1', { ttl: 10 }))).toBe('reserved');
    await stage.release(ref('a2'));
    await stage.at(45_000);
    expect(await stage.reserve(wish('a3'))).toEqual([
      {
        kind: 'cooling-down',
        retryAfterMs: 10_000 + 10 * MINUTE_MS - 45_000,
        cooldown: { expirations: 2, minutes: 10 },
      },
    ]);
  });

  promise('it-stands-before-the-replay-and-counts-in-no-window', async (stage) => {
    await stage.apply(PLENTY, rule({ expirations: 1, minutes: 1 }));
    await letExpire(stage, 0, 'a1');
    const limits = { perCustomer: 1, perAddress: 0 };
    for (let n = 0; n < 3; n++) expect(await stage.answer(wish('a1'), limits)).toBe('cooling-down');
    await stage.at(70_000);
    expect(await stage.answer(wish('a1', 'A*1', { ttl: 10 }), limits)).toBe('replayed');
  });

  promise('the-wait-is-until-the-windows-let-the-next-one-pass-too', async (stage) => {
    await stage.apply(PLENTY, rule({ expirations: 1, minutes: 1 }));
    const limits = { perCustomer: 2, perAddress: 0 };
    await stage.store.reserve([wish('a1', 'A*1', { ttl: 10 })], limits);
    await stage.at(9_000);
    await stage.store.reserve([wish('a2')], limits);
    await stage.at(10_000);
    // The cooldown ends at 70 s; two attempts of the first minute weigh until its middle is as far back as the minute is long.
    expect(await stage.store.reserve([wish('a3')], limits)).toEqual([
      { kind: 'cooling-down', retryAfterMs: 80_000, cooldown: { expirations: 1, minutes: 1 } },
    ]);
  });

  promise('nothing-is-kept-of-a-customer-whose-records-are-gone', async (stage) => {
    await stage.apply(PLENTY, rule({ expirations: 2, minutes: 1_440 }));
    await letExpire(stage, 0, 'a1');
    await stage.at(10_000 + DAY_MS);
    expect(await stage.store.purge(10)).toBe(1);
    await stage.reserved(wish('a2', 'A*1', { ttl: 10 }));
    await stage.at(30_000 + DAY_MS);
    expect(await stage.answer(wish('a3'))).toBe('reserved');
  });

  promise('an-attempt-that-waits-for-due-stock-has-passed-it', async (stage) => {
    await stage.apply(itemAdded('A', 301), rule({ expirations: 1, minutes: 10 }));
    for (let n = 0; n < 300; n += 100) {
      const batch = Array.from({ length: 100 }, (_, i) =>
        wish(`b${n + i}`, 'A*1', { by: `b${n + i}`, ttl: 10 }),
      );
      await stage.store.reserve(batch, NO_LIMITS);
    }
    await stage.at(1);
    await stage.reserved(wish('own', 'A*1', { ttl: 10 }));
    await stage.at(10_001);
    // More are due than one sweep frees, its own the last of them: what the attempt itself frees is not held against it.
    expect(await stage.answer(wish('all', 'A*300'))).toBe('reserved');
    expect(await stage.answer(wish('more'))).toBe('cooling-down');
  });
}
