// Warm only where the store's past is a prefix of the ledger's (protocols §7): everything else is loaded from nothing.
import { describe, expect, test } from 'bun:test';
import { chooseMode } from '../src/reservations/rebuild.ts';
import type { Found } from '../src/stock/rebuild.ts';

/** A store of epoch 3, the last one granted, with everything in place. */
const FOUND: Found = { allKeysPresent: true, epoch: 3, halfDone: false, seq: 90, applied: 7 };
const ENDS = new Map([
  [0, 0],
  [1, 40],
  [2, 80],
  [3, 85],
]);
const LAST_GRANTED = 3;
const ENTRY_SEQ = 9;

const mode = (found: Partial<Found>, lastGranted: number | null = LAST_GRANTED) =>
  chooseMode({ ...FOUND, ...found }, ENDS, lastGranted, ENTRY_SEQ);

describe('warm', () => {
  test('the-epoch-granted-last-however-far-it-came', () => {
    // The recorded end is what was journaled; the rest is in the stream, and was drained.
    expect(mode({}).warm).toBe(true);
  });

  test('an-older-epoch-that-is-journaled-to-its-last-transition', () => {
    expect(mode({ epoch: 2, seq: 80 }).warm).toBe(true);
    expect(mode({ epoch: 2, seq: 12 }).warm).toBe(true);
  });
});

describe('cold', () => {
  test('an-older-epoch-that-went-on-where-the-ledger-did-not-follow', () => {
    expect(mode({ epoch: 2, seq: 81 }).warm).toBe(false);
    expect(mode({ epoch: 1, seq: 41 }).warm).toBe(false);
  });

  test('an-epoch-that-the-ledger-never-began', () => {
    expect(mode({ epoch: 4, seq: 0 }).warm).toBe(false);
    expect(mode({ epoch: null }).warm).toBe(false);
  });

  test('a-missing-key-and-half-a-sale', () => {
    expect(mode({ allKeysPresent: false }).warm).toBe(false);
    expect(mode({ halfDone: true }).warm).toBe(false);
  });

  test('and-an-alarm-where-the-store-applied-what-the-ledger-does-not-have', () => {
    expect(mode({ applied: ENTRY_SEQ }).warm).toBe(true);
    const restored = mode({ applied: ENTRY_SEQ + 1 });
    expect(restored.warm).toBe(false);
    expect(restored.alarm).toContain('restored from a backup');
  });
});
