// While the ledger is away a sale cannot be opened, and thousands of customers ask for it: they share one attempt and,
// for a moment, its failure. Found in the log of an outage: 140 attempts a second, and a line for each.
import { expect, test } from 'bun:test';
import { LedgerUnavailable } from '../src/domain/ledger-facts.ts';
import { Openings } from '../src/reservations/openings.ts';
import { until } from './harness/until.ts';

const SALE = 7;

test('all-who-ask-share-an-opening-and-for-a-moment-its-failure-which-is-told-once', async () => {
  let attempts = 0;
  let ledgerIsThere = false;
  const told: string[] = [];
  const log = {
    info: () => undefined,
    warn: (_: object, message: string) => told.push(message),
    error: () => undefined,
  };
  const openings = new Openings(async () => {
    attempts += 1;
    await Promise.resolve();
    if (!ledgerIsThere) throw new LedgerUnavailable('away');
    return 'open';
  }, log);
  const beganAtMs = performance.now();
  for (let round = 0; round < 100; round += 1) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => openings.open(SALE)));
    expect(new Set(answers)).toEqual(new Set(['not-ready']));
  }
  const pausesMax = Math.ceil((performance.now() - beganAtMs) / 100);
  expect(attempts).toBeLessThanOrEqual(1 + pausesMax);
  expect(openings.size).toBe(0);
  ledgerIsThere = true;
  await until('it opens', async () => (await openings.open(SALE)) === 'open');
  expect(await openings.open(SALE)).toBe('open');
  expect(told).toEqual(['sale could not be opened']);
});
