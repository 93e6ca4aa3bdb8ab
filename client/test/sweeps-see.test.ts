// The promise: the sweeps report every break that the times prove, and none that they do not.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { brokenKeys, brokenOutcomes, earlyExpiries } from '../src/answers.ts';
import type { History } from '../src/history.ts';
import { possiblyHeld, soldOutClaims, storiesOf, surelyHeld } from '../src/stories.ts';
import { falseSoldOuts, oversells, type SoldOutClaim, type Span } from '../src/sweeps.ts';
import { GRANTS_AND_FAILS, type Lie, type ShopperPlan, SimulatedSale, SKU } from './simulated-sale.ts';

const FOREVER = Number.POSITIVE_INFINITY;
const span = (quantity: number, fromMs: number, untilMs: number): Span => ({
  sku: SKU,
  quantity,
  fromMs,
  untilMs,
});
const claim = (quantity: number, sentAtMs: number, receivedAtMs: number): SoldOutClaim => ({
  shopper: 'ann',
  sku: SKU,
  quantity,
  sentAtMs,
  receivedAtMs,
});
const total = (units: number) => new Map([[SKU, units]]);

describe('oversell sweep', () => {
  test('sees two holders of one unit, and when', () => {
    expect(oversells([span(1, 0, 10), span(1, 9, FOREVER)], total(1))).toEqual([
      { sku: SKU, atMs: 9, promised: 2, total: 1 },
    ]);
  });
  test('lets one begin in the moment another ends', () => {
    expect(oversells([span(1, 0, 10), span(1, 10, FOREVER)], total(1))).toEqual([]);
  });
  test('counts each SKU by itself, and units, not reservations', () => {
    const other = { ...span(3, 0, 10), sku: 'B-1' };
    expect(oversells([span(1, 0, 10), other], new Map([...total(1), ['B-1', 2]]))).toEqual([
      { sku: 'B-1', atMs: 0, promised: 3, total: 2 },
    ]);
  });
  test('refuses to judge a SKU whose total nobody told', () => {
    expect(() => oversells([span(1, 0, 1)], new Map())).toThrow('total is not known');
  });
});

describe('false sold-out sweep', () => {
  test('sees a refusal while a unit was surely free', () => {
    expect(falseSoldOuts([span(1, 0, 5)], [claim(1, 6, 7)], total(1))).toMatchObject([
      { mostTaken: 0, total: 1 },
    ]);
  });
  test('sees a refusal when nothing was ever reserved', () => {
    expect(falseSoldOuts([], [claim(2, 0, 9)], total(2))).toHaveLength(1);
  });
  test('accepts a refusal while the unit may have been taken, if only at its edge', () => {
    expect(falseSoldOuts([span(1, 0, 5)], [claim(1, 5, 7)], total(1))).toEqual([]);
    expect(falseSoldOuts([span(1, 7, 9)], [claim(1, 5, 7)], total(1))).toEqual([]);
    expect(falseSoldOuts([span(1, 6, 6)], [claim(1, 5, 7)], total(1))).toEqual([]);
  });
  test('does not add up what was never there at one moment', () => {
    expect(falseSoldOuts([span(1, 0, 4), span(1, 6, 9)], [claim(1, 1, 8)], total(2))).toHaveLength(1);
  });
  test('weighs the quantity that was asked for', () => {
    expect(falseSoldOuts([span(3, 0, 9)], [claim(3, 1, 2)], total(5))).toEqual([]);
    expect(falseSoldOuts([span(3, 0, 9)], [claim(2, 1, 2)], total(5))).toHaveLength(1);
  });
});

describe('both sweeps agree with looking at every moment', () => {
  const moment = fc.integer({ min: 0, max: 30 });
  const spans = fc.array(
    fc
      .record({
        quantity: fc.integer({ min: 1, max: 3 }),
        fromMs: moment,
        length: moment,
        forGood: fc.boolean(),
      })
      .map((s) => span(s.quantity, s.fromMs, s.forGood ? FOREVER : s.fromMs + s.length)),
    { maxLength: 12 },
  );
  const claims = fc.array(
    fc
      .record({ quantity: fc.integer({ min: 1, max: 3 }), sentAtMs: moment, length: moment })
      .map((c) => claim(c.quantity, c.sentAtMs, c.sentAtMs + c.length)),
    { maxLength: 6 },
  );
  const units = fc.integer({ min: 0, max: 8 });
  // Half milliseconds stand for the moments between the whole ones, at which everything begins and ends.
  const moments = Array.from({ length: 124 }, (_, i) => i / 2);
  const sumAt = (all: readonly Span[], covers: (s: Span, t: number) => boolean, t: number) =>
    all.filter((s) => covers(s, t)).reduce((sum, s) => sum + s.quantity, 0);

  test('oversell', () => {
    fc.assert(
      fc.property(spans, units, (all, n) => {
        const most = Math.max(
          ...moments.map((t) => sumAt(all, (s, at) => s.fromMs <= at && at < s.untilMs, t)),
        );
        const found = oversells(all, total(n));
        expect(found.map(({ promised }) => promised)).toEqual(most > n ? [most] : []);
      }),
    );
  });

  test('false sold-out', () => {
    fc.assert(
      fc.property(spans, claims, units, (all, told, n) => {
        const wrong = told.filter((c) =>
          moments
            .filter((t) => c.sentAtMs <= t && t <= c.receivedAtMs)
            .every((t) => sumAt(all, (s, at) => s.fromMs <= at && at <= s.untilMs, t) <= n - c.quantity),
        );
        expect(falseSoldOuts(all, told, total(n))).toMatchObject(wrong);
      }),
    );
  });

  test('in time that a million entries can afford', () => {
    const many = Array.from({ length: 300_000 }, (_, i) => span(1, i, i + 50));
    const told = Array.from({ length: 299_000 }, (_, i) => claim(1, i + 60, i + 90));
    const startedAtMs = performance.now();
    expect(oversells(many, total(50))).toEqual([]);
    expect(falseSoldOuts(many, told, total(51))).toEqual([]);
    expect(performance.now() - startedAtMs).toBeLessThan(10_000);
  });
});

function findings(history: History, units: number) {
  const stories = storiesOf(history);
  return {
    oversells: oversells(surelyHeld(stories), total(units)),
    falseSoldOuts: falseSoldOuts(possiblyHeld(stories), soldOutClaims(history), total(units)),
    keys: brokenKeys(history),
    outcomes: brokenOutcomes(history, stories),
    expiries: earlyExpiries(history, stories),
  };
}

const NOTHING = { oversells: [], falseSoldOuts: [], keys: [], outcomes: [], expiries: [] };

describe('a whole history', () => {
  const ms = (max: number) => fc.integer({ min: 0, max });
  const plans: fc.Arbitrary<ShopperPlan[]> = fc.array(
    fc.record({
      startMs: ms(3000),
      quantity: fc.integer({ min: 1, max: 2 }),
      resendAfterMs: fc.array(ms(4000), { maxLength: 3 }),
      ending: fc.constantFrom('vanish', 'confirm', 'release', 'confirm and release', 'confirm twice'),
      thinkMs: ms(2500),
      delaysMs: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 4 }),
      lostAnswer: fc.integer({ min: -3, max: 3 }),
    }),
    { minLength: 1, maxLength: 14 },
  );

  test('of a truthful service raises no alarm, whatever the delays and losses', () => {
    fc.assert(
      fc.property(plans, fc.integer({ min: 1, max: 6 }), (shoppers, units) => {
        expect(findings(new SimulatedSale(units, 2000).play(shoppers), units)).toEqual(NOTHING);
      }),
      { numRuns: 500 },
    );
  });

  const calm = {
    quantity: 1,
    resendAfterMs: [],
    ending: 'vanish',
    thinkMs: 100,
    delaysMs: [5],
    lostAnswer: -1,
  } as const;
  const lies: readonly [Lie, keyof typeof NOTHING, readonly ShopperPlan[], number?][] = [
    [
      'oversell',
      'oversells',
      [
        { ...calm, startMs: 0 },
        { ...calm, startMs: 50 },
      ],
    ],
    [
      'oversell',
      'oversells',
      [
        { ...calm, startMs: 0, ending: 'confirm' },
        { ...calm, startMs: 3000, ending: 'confirm' },
      ],
    ],
    ['false sold-out', 'falseSoldOuts', [{ ...calm, startMs: 0 }]],
    ['two effects', 'keys', [{ ...calm, startMs: 0, resendAfterMs: [1] }], 2],
    ['other bytes', 'keys', [{ ...calm, startMs: 0, resendAfterMs: [1] }]],
    ['forgets the key', 'keys', [{ ...calm, startMs: 0, resendAfterMs: [30] }]],
    ['early expiry', 'expiries', [{ ...calm, startMs: 0, ending: 'confirm', thinkMs: 1200 }]],
    ['two outcomes', 'outcomes', [{ ...calm, startMs: 0, ending: 'confirm and release' }]],
    ['new twice', 'keys', [{ ...calm, startMs: 0, resendAfterMs: [30] }]],
    ['two orders', 'outcomes', [{ ...calm, startMs: 0, ending: 'confirm twice' }]],
    ['other lines', 'outcomes', [{ ...calm, startMs: 0, ending: 'confirm' }]],
    [
      'one for all',
      'keys',
      [
        { ...calm, startMs: 0 },
        { ...calm, startMs: 30 },
      ],
      2,
    ],
  ];
  for (const [lie, seenAs, shoppers, units = 1] of lies) {
    test(`of a service that lies is seen: ${lie}`, () => {
      expect(findings(new SimulatedSale(units, 2000).play(shoppers), units)).toEqual(NOTHING);
      expect(findings(new SimulatedSale(units, 2000, lie).play(shoppers), units)[seenAs]).not.toEqual([]);
    });
  }

  test('a unit that expired is known to be free again: a refusal after that is false', () => {
    const history = new SimulatedSale(1, 2000).play([
      { ...calm, startMs: 0 },
      { ...calm, startMs: 1000 },
    ]);
    const refused = history.exchanges[1];
    if (refused?.received === undefined) throw new Error('the second shopper was not answered');
    expect(findings(history, 1)).toEqual(NOTHING);
    const late = { ...refused, sentAtMs: 2050, received: { ...refused.received, atMs: 2060 } };
    history.exchanges[1] = late;
    expect(findings(history, 1).falseSoldOuts).toHaveLength(1);
  });

  test('a reserve without an answer may hold its unit for good: a refusal after it proves nothing', () => {
    const history = new SimulatedSale(1, 2000).play([
      { ...calm, startMs: 0, lostAnswer: 0 },
      { ...calm, startMs: 1000 },
    ]);
    expect(findings(history, 1)).toEqual(NOTHING);
    expect(storiesOf(history)).toMatchObject([{ reservationId: undefined, accepted: undefined }]);
  });

  test('a reserve that failed with 503 may hold its unit all the same', () => {
    const shoppers = [
      { ...calm, startMs: 0 },
      { ...calm, startMs: 1000 },
    ];
    expect(findings(new SimulatedSale(1, 2000, GRANTS_AND_FAILS).play(shoppers), 1)).toEqual(NOTHING);
  });
});
