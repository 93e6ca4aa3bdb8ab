// Promises of the rate windows: a sliding minute, exact to the millisecond, that counts what it lets through.
import { expect, test } from 'bun:test';
import fc from 'fast-check';
import type { ReserveLimits } from '../../src/domain/sale-store.ts';
import { announced } from './seed.ts';
import { type Fact, itemAdded, kinds, type MakeStore, ref, Stage, wish } from './stage.ts';

const MINUTE_MS = 60_000;
const PLENTY: Fact = itemAdded('A', 1_000_000);
const perCustomer = (limit: number): ReserveLimits => ({ perCustomer: limit, perAddress: 0 });

export function rateWindows(makeStore: MakeStore): void {
  const promise = (name: string, body: (stage: Stage) => Promise<void>) =>
    test(name, () => Stage.run(makeStore, body));

  promise('the-limit-passes-and-one-more-does-not', async (stage) => {
    await stage.apply(PLENTY);
    const replies = await stage.store.reserve(
      [wish('a1'), wish('a2'), wish('a3'), wish('b1', 'A*1', { by: 'bob' })],
      perCustomer(2),
    );
    expect(kinds(replies)).toEqual(['reserved', 'reserved', 'rate-limited', 'reserved']);
    expect(await stage.state('a3')).toBe('missing');
  });

  promise('zero-is-off', async (stage) => {
    await stage.apply(PLENTY);
    for (let n = 0; n < 30; n++)
      expect(await stage.answer(wish(`a${n}`, 'A*1', { from: 'home' }))).toBe('reserved');
    // Nothing was counted while it was off.
    expect(await stage.answer(wish('last', 'A*1', { from: 'home' }), { perCustomer: 1, perAddress: 1 })).toBe(
      'reserved',
    );
  });

  promise('customers-behind-one-address-share-its-window', async (stage) => {
    await stage.apply(PLENTY);
    const limits = { perCustomer: 0, perAddress: 2 };
    const [first, second, third, elsewhere, ...unknown] = await stage.store.reserve(
      [
        wish('a1', 'A*1', { by: 'ann', from: 'cafe' }),
        wish('b1', 'A*1', { by: 'bob', from: 'cafe' }),
        wish('c1', 'A*1', { by: 'cleo', from: 'cafe' }),
        wish('c2', 'A*1', { by: 'cleo', from: 'home' }),
        wish('c3', 'A*1', { by: 'cleo' }),
        wish('c4', 'A*1', { by: 'cleo' }),
        wish('c5', 'A*1', { by: 'cleo' }),
      ],
      limits,
    );
    expect([first?.kind, second?.kind]).toEqual(['reserved', 'reserved']);
    expect(third).toMatchObject({ kind: 'rate-limited', window: 'address' });
    expect(elsewhere?.kind).toBe('reserved');
    // No address is nobody's address, not one that all the nameless share.
    expect(kinds(unknown)).toEqual(['reserved', 'reserved', 'reserved']);
  });

  promise('replays-and-refusals-count', async (stage) => {
    await stage.apply(itemAdded('A', 1));
    const limits = perCustomer(5);
    expect(await stage.answer(wish('a1'), limits)).toBe('reserved');
    expect(await stage.answer(wish('a1'), limits)).toBe('replayed');
    expect(await stage.answer(wish('a1', 'A*2'), limits)).toBe('key-reused');
    expect(await stage.answer(wish('a2'), limits)).toBe('short');
    expect(await stage.answer(wish('a3', 'Z*1'), limits)).toBe('unknown-sku');
    expect(await stage.answer(wish('a1'), limits)).toBe('rate-limited');
  });

  promise('the-window-comes-before-everything-else', async (stage) => {
    await stage.apply(PLENTY, { kind: 'closed' });
    expect(await stage.answer(wish('a1'), perCustomer(1))).toBe('closed');
    expect(await stage.answer(wish('a1'), perCustomer(1))).toBe('rate-limited');
  });

  promise('an-attempt-that-one-window-refuses-counts-in-neither', async (stage) => {
    await stage.apply(PLENTY);
    const limits = { perCustomer: 2, perAddress: 1 };
    expect(await stage.answer(wish('a1', 'A*1', { from: 'home' }), limits)).toBe('reserved');
    // Refused by the address, so the customer has one attempt left elsewhere.
    expect(await stage.answer(wish('a2', 'A*1', { from: 'home' }), limits)).toBe('rate-limited');
    expect(await stage.answer(wish('a3', 'A*1', { from: 'cafe' }), limits)).toBe('reserved');
    // Refused by the customer's window, so the third address is still unused.
    expect(await stage.answer(wish('a4', 'A*1', { from: 'train' }), limits)).toBe('rate-limited');
    expect(await stage.answer(wish('b1', 'A*1', { by: 'bob', from: 'train' }), limits)).toBe('reserved');
  });

  promise('the-customer-is-named-first-and-the-wait-is-for-both', async (stage) => {
    await stage.apply(PLENTY);
    const limits = { perCustomer: 2, perAddress: 1 };
    await stage.store.reserve([wish('a1', 'A*1', { from: 'home' })], limits);
    await stage.at(50_000);
    await stage.store.reserve([wish('a2', 'A*1', { from: 'cafe' })], limits);
    // The customer's window has room again when its minute is half over the next, the address's a minute later.
    expect(await stage.store.reserve([wish('a3', 'A*1', { from: 'cafe' })], limits)).toEqual([
      { kind: 'rate-limited', window: 'customer', retryAfterMs: 70_000 },
    ]);
    expect(await stage.store.reserve([wish('a3', 'A*1', { from: 'train' })], limits)).toEqual([
      { kind: 'rate-limited', window: 'customer', retryAfterMs: 40_000 },
    ]);
  });

  promise('the-previous-minute-weighs-what-is-left-of-it', async (stage) => {
    await stage.apply(PLENTY);
    const limits = perCustomer(10);
    await stage.store.reserve(
      Array.from({ length: 10 }, (_, n) => wish(`a${n}`)),
      limits,
    );
    await stage.at(MINUTE_MS);
    expect(await stage.answer(wish('b'), limits)).toBe('rate-limited');
    await stage.at(MINUTE_MS + 30_000);
    const replies = await stage.store.reserve(
      Array.from({ length: 6 }, (_, n) => wish(`c${n}`)),
      limits,
    );
    expect(kinds(replies)).toEqual([...Array(5).fill('reserved'), 'rate-limited']);
    await stage.at(3 * MINUTE_MS);
    expect(await stage.answer(wish('d'), limits)).toBe('reserved');
  });

  promise('a-minute-without-attempts-weighs-nothing', async (stage) => {
    await stage.apply(PLENTY);
    await stage.store.reserve([wish('a1'), wish('a2')], perCustomer(2));
    await stage.at(2 * MINUTE_MS);
    const replies = await stage.store.reserve([wish('a3'), wish('a4'), wish('a5')], perCustomer(2));
    expect(kinds(replies)).toEqual(['reserved', 'reserved', 'rate-limited']);
  });

  promise('a-clock-that-steps-back-gives-no-attempts-back', async (stage) => {
    await stage.apply(PLENTY);
    await stage.at(MINUTE_MS);
    await stage.store.reserve([wish('a1'), wish('a2')], perCustomer(2));
    await stage.at(-5 * MINUTE_MS);
    expect(await stage.answer(wish('a3'), perCustomer(2))).toBe('rate-limited');
  });

  promise('a-window-off-in-between-does-not-lose-its-count', async (stage) => {
    await stage.apply(PLENTY);
    expect(await stage.answer(wish('a1', 'A*1', { from: 'home' }), perCustomer(1))).toBe('reserved');
    expect(await stage.answer(wish('a2', 'A*1', { from: 'home' }), { perCustomer: 0, perAddress: 9 })).toBe(
      'reserved',
    );
    expect(await stage.answer(wish('a3', 'A*1', { from: 'home' }), perCustomer(1))).toBe('rate-limited');
  });

  promise('other-verbs-are-not-attempts', async (stage) => {
    await stage.apply(PLENTY);
    await stage.store.reserve([wish('a1')], perCustomer(2));
    await stage.pin(ref('a1'));
    await stage.store.unpin([ref('a1')]);
    await stage.release(ref('a1'));
    expect(await stage.answer(wish('a2'), perCustomer(2))).toBe('reserved');
  });

  const gaps = fc.array(
    fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.constantFrom(0, 1, 29_999, 59_999, MINUTE_MS, 90_001)),
    { minLength: 5, maxLength: 40 },
  );
  const limitPair = fc.record({
    perCustomer: fc.integer({ min: 0, max: 6 }),
    perAddress: fc.integer({ min: 0, max: 6 }),
  });

  const { parameters, label } = announced(20);
  test(`retry-after-is-true-and-no-window-is-overdrawn ${label}`, async () => {
    await fc.assert(
      fc.asyncProperty(gaps, limitPair, (waits, limits) =>
        Stage.run(makeStore, (stage) => hammer(stage, waits, limits)),
      ),
      parameters,
    );
  });
}

/**
 * Attempts at random moments by one customer from one address. After each refusal: a millisecond before the
 * time it names an attempt is still refused, at that time it passes.
 */
async function hammer(stage: Stage, waits: readonly number[], limits: ReserveLimits): Promise<void> {
  await stage.apply(PLENTY);
  const passedAtMs: number[] = [];
  let nowMs = 0;
  let attempt = 0;
  const smallest = Math.min(...[limits.perCustomer, limits.perAddress].filter((limit) => limit > 0));

  const attemptAt = async (ms: number) => {
    await stage.at(ms);
    nowMs = ms;
    const [reply] = await stage.store.reserve([wish(`r${attempt++}`, 'A*1', { from: 'home' })], limits);
    if (reply?.kind !== 'rate-limited') {
      passedAtMs.push(ms);
      expect(weightAt(passedAtMs, ms)).toBeLessThanOrEqual(smallest * MINUTE_MS);
    }
    return reply;
  };

  for (const wait of waits) {
    const refusal = await attemptAt(nowMs + wait);
    if (refusal?.kind !== 'rate-limited') continue;
    expect(refusal.retryAfterMs).toBeGreaterThanOrEqual(1);
    const passesAtMs = nowMs + refusal.retryAfterMs;
    if (refusal.retryAfterMs > 1) expect((await attemptAt(passesAtMs - 1))?.kind).toBe('rate-limited');
    expect((await attemptAt(passesAtMs))?.kind).toBe('reserved');
  }
}

/** Attempts × milliseconds in the sliding minute, counted from the list itself. */
function weightAt(attemptsMs: readonly number[], nowMs: number): number {
  const minute = Math.floor(nowMs / MINUTE_MS);
  const within = (m: number) => attemptsMs.filter((ms) => Math.floor(ms / MINUTE_MS) === m).length;
  return within(minute) * MINUTE_MS + within(minute - 1) * (MINUTE_MS - (nowMs % MINUTE_MS));
}
