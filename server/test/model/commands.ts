// Random single steps: commands of people and workers, and what breaks. They shrink to simpler ones.
import fc from 'fast-check';
import {
  type Attempt,
  type ConfirmFault,
  type LedgerFault,
  NAMES,
  RESERVATION_KEYS,
  type Step,
  type Target,
} from './steps.ts';

export const DAY_MS = 24 * 60 * 60 * 1000;
const ADDRESSES = ['', 'home', 'cafe'] as const;
const ITEMS = 3;
/** The ten keys of a sale in the store. */
const STORE_KEYS = 10;

const name = fc.constantFrom(...NAMES);
const key = fc.constantFrom(...RESERVATION_KEYS);

const pick = mostly<number, null>(0, fc.constant(null), 3).chain((aimed) =>
  aimed === null ? fc.constant(null) : fc.nat(20),
);

export const own: fc.Arbitrary<Target> = fc
  .record({ owner: name, key, pick })
  .map(({ owner, ...which }) => ({ owner, asker: owner, ...which }));

const target: fc.Arbitrary<Target> = fc
  .record({ owner: name, key, pick, stranger: mostly(null, name, 14) })
  .map(({ owner, stranger, pick, key }) => ({
    ...{ owner, key, asker: stranger ?? owner },
    pick: stranger === null ? pick : null,
  }));

export const attempt: fc.Arbitrary<Attempt> = fc
  .tuple(
    fc.record({ owner: name, key }),
    fc.record({
      address: fc.constantFrom(...ADDRESSES),
      quantities: fc
        .tuple(
          fc.integer({ min: 0, max: 3 }),
          mostly(0, fc.integer({ min: 1, max: 2 }), 2),
          mostly(0, fc.constant(1), 6),
        )
        .map((quantities) => (quantities.every((quantity) => quantity === 0) ? [1, 0, 0] : quantities)),
      ttlSeconds: fc.constantFrom(10, 11, 30, 60, 60),
    }),
  )
  .map(([who, what]) => ({ ...who, ...what }));

const limit = fc.integer({ min: 1, max: 5 });
const batch = <T>(one: fc.Arbitrary<T>, maxLength: number) => fc.array(one, { minLength: 1, maxLength });
const ledgerFault: fc.Arbitrary<LedgerFault> = mostly(
  null,
  fc.constantFrom('unreachable' as const, 'stopped-before' as const, 'stopped-after' as const),
  3,
);
const confirmFault: fc.Arbitrary<ConfirmFault> = mostly(
  null,
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('unreachable', 'stopped-before', 'stopped-after') },
    { weight: 1, arbitrary: fc.constantFrom('flushed-before', 'moved-before', 'flushed-after') },
  ) as fc.Arbitrary<ConfirmFault>,
  2,
);
const loss = { looked: fc.boolean(), stumbles: mostly(false, fc.constant(true), 5) };

export const reserve = fc.record({
  do: fc.constant('reserve' as const),
  attempts: batch(attempt, 3),
}) as fc.Arbitrary<Step>;
export const release = fc.record({
  do: fc.constant('release' as const),
  targets: batch(target, 3),
}) as fc.Arbitrary<Step>;
export const together = fc.record({
  do: fc.constant('confirm-together' as const),
  targets: batch(own, 4),
}) as fc.Arbitrary<Step>;
export const resolve = fc.record({
  do: fc.constant('resolve' as const),
  fault: mostly<LedgerFault, LedgerFault>(null, ledgerFault, 1),
}) as fc.Arbitrary<Step>;
export const stockKey = fc.constantFrom('s1', 's2', 's3', 's4', 's5', 's6');

/** What people, workers and clocks do. */
export const command: fc.Arbitrary<Step> = fc.oneof(
  { weight: 22, arbitrary: reserve },
  weighted(18, {
    do: fc.constant('confirm' as const),
    target: own,
    payment: fc.option(fc.constantFrom('card', 'cash')),
    fault: confirmFault,
  }),
  { weight: 4, arbitrary: together },
  { weight: 5, arbitrary: release },
  weighted(4, { do: fc.constant('extend' as const), target, seconds: fc.constantFrom(1, 10, 30) }),
  weighted(2, { do: fc.constant('expire' as const), limit }),
  weighted(2, { do: fc.constant('purge' as const), limit }),
  weighted(14, { do: fc.constant('write-journal' as const), fault: ledgerFault }),
  weighted(2, { do: fc.constant('relay' as const) }),
  { weight: 5, arbitrary: resolve },
  weighted(8, {
    do: fc.constant('change-stock' as const),
    key: stockKey,
    sku: mostly(0, fc.nat(ITEMS - 1), 1),
    delta: fc.constantFrom(-3, -2, -1, 1, 2),
    expectedTotal: mostly(null, fc.integer({ min: 2, max: 8 }), 5),
    fault: ledgerFault,
  }),
  weighted(1, {
    do: fc.constant('add-item' as const),
    total: fc.integer({ min: 0, max: 5 }),
    cap: fc.option(fc.integer({ min: 1, max: 3 })),
  }),
  weighted(1, { do: fc.constant('close' as const), delivered: fc.boolean() }),
  weighted(7, { do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 6_000 }) }),
  weighted(2, {
    do: fc.constant('wait' as const),
    ms: fc.constantFrom(1, 30_000, 30_000, 59_999, 60_000, -1, -5_000, -40_000),
  }),
  weighted(1, { do: fc.constant('wait' as const), ms: fc.constantFrom(DAY_MS - 1, DAY_MS, DAY_MS, -DAY_MS) }),
  weighted(6, {
    do: fc.constant('wait-for-next' as const),
    what: fc.constantFrom('deadline' as const, 'deadline' as const, 'pin-end' as const, 'pend-end' as const),
    offsetMs: fc.constantFrom(-1, 0, 0, 1),
  }),
  weighted(1, { do: fc.constant('skew' as const), ms: fc.integer({ min: -3_000, max: 3_000 }) }),
);

export const breakage: fc.Arbitrary<Step> = fc.oneof(
  weighted(1, { do: fc.constant('flush' as const), ...loss }),
  weighted(1, { do: fc.constant('drop-key' as const), index: fc.nat(STORE_KEYS - 1), ...loss }),
  weighted(1, { do: fc.constant('restart' as const), kill: fc.boolean(), ...loss }),
  weighted(1, { do: fc.constant('reload' as const) }),
  weighted(1, { do: fc.constant('move' as const), stumbles: mostly(false, fc.constant(true), 5) }),
  weighted(4, { do: fc.constant('back-up' as const) }),
  weighted(2, { do: fc.constant('rewind' as const), ...loss }),
);

/** The usual value, and once in `freq` + 1 times another. */
export function mostly<T, U>(usual: T, other: fc.Arbitrary<U>, freq: number): fc.Arbitrary<T | U> {
  const usually = { weight: freq, arbitrary: fc.constant(usual) };
  return fc.oneof({ withCrossShrink: true }, usually, { weight: 1, arbitrary: other });
}

function weighted<T extends object>(
  weight: number,
  shape: { [K in keyof T]: fc.Arbitrary<T[K]> },
): fc.WeightedArbitrary<T> {
  return { weight, arbitrary: fc.record(shape) as fc.Arbitrary<T> };
}
