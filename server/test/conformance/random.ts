// Random lives of a sale: sequences of steps that name customers, keys and moments of a small world, so that
// they meet each other often. A step says what to try, not what must come of it; play.ts turns it into a call.
import fc from 'fast-check';
import type { Cooldown } from '../../src/domain/sale-store.ts';

export const CUSTOMERS = ['ann', 'bob', 'cleo'] as const;
export const KEYS = ['k1', 'k2', 'k3', 'k4'] as const;
export const SKUS = ['A', 'b.2', 'C_3-x'] as const;
const DAY_MS = 24 * 60 * 60 * 1000;
/** Attempts of operators to take units out. */
export const OPERATIONS = ['o1', 'o2', 'o3', 'o4', 'o5'] as const;
const ADDRESSES = ['', 'home', 'cafe'] as const;

/** Whose reservation, under which key, and who asks for it: mostly its own customer. */
export interface Target {
  readonly owner: string;
  readonly key: string;
  readonly asker: string;
}

export interface Attempt extends Target {
  readonly address: string;
  /** Quantity by SKU; zeros are no line. */
  readonly quantities: readonly number[];
  readonly ttlSeconds: number;
}

export type Step =
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'wait-for-next-deadline'; readonly offsetMs: number }
  | {
      readonly do: 'reserve';
      readonly attempts: readonly Attempt[];
      readonly perCustomer: number;
      readonly perAddress: number;
    }
  | { readonly do: 'pin' | 'unpin' | 'release'; readonly targets: readonly Target[] }
  | {
      readonly do: 'extend';
      readonly targets: readonly Target[];
      readonly seconds: number;
      readonly maxExtensions: number;
      readonly maxLifetimeSeconds: number;
    }
  | { readonly do: 'expire' | 'due-pins' | 'purge'; readonly limit: number }
  /** An operator sets units aside. */
  | { readonly do: 'pend'; readonly operation: string; readonly sku: number; readonly quantity: number }
  /** They are given back, unless the ledger has let them go: then nothing is done. */
  | { readonly do: 'unpend'; readonly operation: string }
  | { readonly do: 'due-pends' }
  /** The ledger lets units go that were set aside, here or in a store that was lost; refused below what is sold. */
  | { readonly do: 'take-out'; readonly operation: string; readonly sku: number; readonly quantity: number }
  | { readonly do: 'bring-in'; readonly sku: number; readonly quantity: number }
  /** The ledger decides on one of the reservations granted so far; `ghost`: on a life this store never saw. */
  | {
      readonly do: 'decide';
      readonly pick: number;
      readonly outcome: 'confirmed' | 'refused' | 'expired';
      readonly ghost: boolean;
    }
  | { readonly do: 'add-item'; readonly total: number; readonly cap: number | null }
  | {
      readonly do: 'change-settings';
      readonly opensInMs: number | null;
      readonly closesInMs: number | null;
      readonly closed: boolean;
      readonly cooldown: Cooldown | null;
    }
  | { readonly do: 'close-sale' }
  /** Sends `count` entries from the next unapplied one on, beginning `behind` earlier or `ahead` later. */
  | { readonly do: 'apply'; readonly behind: number; readonly ahead: number; readonly count: number }
  /** The journal has everything but what the last `keep` steps wrote: a writer trims whole batches only. */
  | { readonly do: 'trim'; readonly keep: number }
  /** If it succeeds it is the last step. */
  | { readonly do: 'unload' };

const name = fc.constantFrom(...CUSTOMERS);

const target: fc.Arbitrary<Target> = fc
  .record({ owner: name, key: fc.constantFrom(...KEYS), stranger: mostly(null, name, 14) })
  .map(({ owner, key, stranger }) => ({ owner, key, asker: stranger ?? owner }));

const attempt: fc.Arbitrary<Attempt> = fc
  .tuple(
    target,
    fc.record({
      address: fc.constantFrom(...ADDRESSES),
      quantities: fc
        .tuple(
          fc.integer({ min: 0, max: 3 }),
          mostly(0, fc.integer({ min: 1, max: 3 }), 2),
          mostly(0, fc.constant(1), 6),
        )
        .map((quantities) => (quantities.every((quantity) => quantity === 0) ? [1, 0, 0] : quantities)),
      ttlSeconds: fc.constantFrom(10, 10, 11, 30, 60),
    }),
  )
  .map(([who, what]) => ({ ...who, ...what }));

const limit = fc.integer({ min: 1, max: 5 });
const batch = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 1, maxLength: 5 });

const operation = fc.constantFrom(...OPERATIONS);
const sku = fc.nat(SKUS.length - 1);
const few = fc.integer({ min: 1, max: 4 });

const cooldown = fc.record({
  expirations: fc.integer({ min: 1, max: 3 }),
  minutes: fc.constantFrom(1, 1, 2, 1_440),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  weighted(20, {
    do: fc.constant('reserve' as const),
    attempts: batch(attempt),
    perCustomer: mostly(0, fc.integer({ min: 1, max: 6 }), 2),
    perAddress: mostly(0, fc.integer({ min: 1, max: 8 }), 2),
  }),
  weighted(8, { do: fc.constant('pin' as const), targets: batch(target) }),
  weighted(4, { do: fc.constant('unpin' as const), targets: batch(target) }),
  weighted(4, { do: fc.constant('release' as const), targets: batch(target) }),
  weighted(5, {
    do: fc.constant('extend' as const),
    targets: batch(target),
    seconds: fc.constantFrom(1, 10, 30),
    maxExtensions: fc.constantFrom(0, 1, 1, 2),
    maxLifetimeSeconds: fc.constantFrom(60, 70, 900),
  }),
  weighted(4, { do: fc.constant('pend' as const), operation, sku, quantity: few }),
  weighted(2, { do: fc.constant('unpend' as const), operation }),
  weighted(2, { do: fc.constant('due-pends' as const) }),
  weighted(3, { do: fc.constant('take-out' as const), operation, sku, quantity: few }),
  weighted(1, { do: fc.constant('bring-in' as const), sku, quantity: few }),
  weighted(3, { do: fc.constantFrom('expire' as const, 'due-pins' as const), limit }),
  weighted(2, { do: fc.constant('purge' as const), limit }),
  weighted(6, {
    do: fc.constant('decide' as const),
    pick: fc.nat(1000),
    outcome: fc.constantFrom(
      'confirmed' as const,
      'confirmed' as const,
      'refused' as const,
      'expired' as const,
    ),
    ghost: mostly(false, fc.constant(true), 8),
  }),
  weighted(6, {
    do: fc.constant('apply' as const),
    behind: mostly(0, fc.integer({ min: 1, max: 3 }), 3),
    ahead: mostly(0, fc.constant(1), 6),
    count: fc.integer({ min: 1, max: 6 }),
  }),
  weighted(1, {
    do: fc.constant('add-item' as const),
    total: fc.integer({ min: 0, max: 12 }),
    cap: fc.option(fc.integer({ min: 1, max: 4 })),
  }),
  weighted(2, {
    do: fc.constant('change-settings' as const),
    opensInMs: mostly(null, fc.integer({ min: -5000, max: 5000 }), 3),
    closesInMs: mostly(null, fc.integer({ min: 0, max: 100_000 }), 3),
    closed: mostly(false, fc.constant(true), 9),
    cooldown: fc.option(cooldown),
  }),
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'close-sale' }) },
  weighted(1, { do: fc.constant('trim' as const), keep: fc.integer({ min: 0, max: 4 }) }),
  weighted(8, { do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 12_000 }) }),
  weighted(4, {
    do: fc.constant('wait' as const),
    ms: fc.constantFrom(1, 30_000, 59_999, 60_000, -1, -20_000),
  }),
  weighted(1, { do: fc.constant('wait' as const), ms: fc.constantFrom(DAY_MS - 1, DAY_MS, -DAY_MS) }),
  weighted(6, { do: fc.constant('wait-for-next-deadline' as const), offsetMs: fc.constantFrom(-1, 0, 0, 1) }),
);

/** Some sales cool customers down from their beginning on. */
const beginning: fc.Arbitrary<Step[]> = mostly([] as Step[], cooldown, 2).map((rule) =>
  Array.isArray(rule)
    ? rule
    : [
        { do: 'change-settings', opensInMs: null, closesInMs: null, closed: false, cooldown: rule },
        { do: 'apply', behind: 0, ahead: 0, count: 1 },
      ],
);

/** How a sale ends, more or less in good order. */
const ending: fc.Arbitrary<Step[]> = fc
  .tuple(
    ...(
      [
        { do: 'close-sale' },
        { do: 'apply', behind: 0, ahead: 0, count: 100 },
        { do: 'wait', ms: 60_000 },
        { do: 'expire', limit: 100 },
        { do: 'trim', keep: 0 },
        { do: 'wait', ms: DAY_MS },
      ] as const satisfies readonly Step[]
    ).map((one) => mostly<Step, null>(one, fc.constant(null), 30)),
  )
  .map((steps) => [...steps.filter((one) => one !== null), { do: 'unload' }]);

/** Sequences of up to `maxSteps`; they shrink by dropping steps and by simpler ones. */
export function sequences(maxSteps: number): fc.Arbitrary<Step[]> {
  const life = fc.array(step, { minLength: 1, maxLength: maxSteps, size: 'max' });
  return fc
    .tuple(beginning, life, mostly([], ending, 4))
    .map(([begin, steps, end]) => [...begin, ...steps, ...end]);
}

/** The usual value, and once in `freq` + 1 times another. */
function mostly<T, U>(usual: T, other: fc.Arbitrary<U>, freq: number): fc.Arbitrary<T | U> {
  return fc.oneof({ weight: freq, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });
}

function weighted<T extends object>(
  weight: number,
  shape: { [K in keyof T]: fc.Arbitrary<T[K]> },
): fc.WeightedArbitrary<T> {
  return { weight, arbitrary: fc.record(shape) as fc.Arbitrary<T> };
}
