// the-funnel-adds-up: shares are of something that happened, and a retry is no new wish.
import { describe, expect, test } from 'bun:test';
import type { AnalyticsPoint } from '@holdfast/contract/analytics';
import { type Counts, refusalsOf, resolutionsOf, stagesOf } from './funnel.ts';
import { recentRates, settled } from './recent-rates.ts';

const NOTHING: Counts = {
  attempts: 0,
  replayed: 0,
  reserved: 0,
  refused: {},
  confirmed: 0,
  expired: 0,
  released: 0,
  lost: 0,
  live: 0,
};

describe('the funnel', () => {
  test('counts each wish once, however often it was sent', () => {
    const stages = stagesOf({ ...NOTHING, attempts: 210, replayed: 10, reserved: 100, confirmed: 25 });
    expect(stages).toEqual([
      { name: 'Attempts', count: 200, ofPrevious: null, ofFirst: 1 },
      { name: 'Reserved', count: 100, ofPrevious: 0.5, ofFirst: 0.5 },
      { name: 'Confirmed', count: 25, ofPrevious: 0.25, ofFirst: 0.125 },
    ]);
  });

  test('has no share of nothing', () => {
    expect(stagesOf(NOTHING).map(({ ofPrevious, ofFirst }) => [ofPrevious, ofFirst])).toEqual([
      [null, null],
      [null, null],
      [null, null],
    ]);
    expect(resolutionsOf({ ...NOTHING, live: 3 })).toMatchObject({
      confirmRate: null,
      expiryRate: null,
      ended: 0,
    });
  });

  test('never shows more than all, when the counters of two stores are a moment apart', () => {
    const [, reserved] = stagesOf({ ...NOTHING, attempts: 9, reserved: 10 });
    expect(reserved?.ofPrevious).toBe(1);
    const [attempts] = stagesOf({ ...NOTHING, attempts: 2, replayed: 3 });
    expect(attempts?.count).toBe(0);
  });

  test('leaves live reservations out of the rates', () => {
    const counts = { ...NOTHING, confirmed: 60, expired: 20, released: 15, lost: 5, live: 900 };
    expect(resolutionsOf(counts)).toEqual({
      confirmRate: 0.6,
      expiryRate: 0.2,
      releaseRate: 0.15,
      ended: 100,
      live: 900,
    });
  });

  test('names refusals by their frequency, and none that did not happen', () => {
    const refused = { 'rate-limited': 25, 'insufficient-stock': 75, 'sale-closed': 0 };
    expect(refusalsOf(refused)).toEqual([
      { code: 'insufficient-stock', count: 75, share: 0.75 },
      { code: 'rate-limited', count: 25, share: 0.25 },
    ]);
    expect(refusalsOf({})).toEqual([]);
  });
});

describe('the recent rates', () => {
  const point = (second: number, attempts: number): AnalyticsPoint => ({
    at: new Date(second * 1_000).toISOString(),
    attempts,
    replayed: 0,
    reserved: attempts / 2,
    refused: { 'insufficient-stock': attempts / 2 },
    confirmed: 0,
    expired: 0,
    released: 0,
    lost: 0,
    units: { available: 0, reserved: 0, sold: 0 },
  });

  test('leave out the seconds that are still being counted', () => {
    const series = [10, 11, 12, 13, 14].map((second) => point(second, 8));
    expect(settled(series, new Date(15_000).toISOString(), 1).map(({ at }) => Date.parse(at))).toEqual([
      10_000, 11_000,
    ]);
  });

  test('are of the last ten points, while refusals are summed over all', () => {
    const series = Array.from({ length: 30 }, (_, second) => point(second, second < 20 ? 100 : 40));
    expect(recentRates(series, 1)).toEqual({
      attemptsPerSecond: 40,
      acceptedPerSecond: 20,
      refusedPerSecond: 20,
      refused: { 'insufficient-stock': 20 * 50 + 10 * 20 },
    });
    expect(recentRates([], 1).attemptsPerSecond).toBe(0);
  });
});
