// Random lives of a sale, played on the real function library with the real ledger and on a pure reference of both: every
// reply and everything that stands is the same, whatever is lost, stopped or set back on the way.
//
//   npm run model -- --runs 5000 --seed 42      longer
//   npm run model -- --seed 42 --path 7:0:3     a failure, played again
import { afterAll, beforeAll, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { LedgerContract } from '../src/ledger/contract.ts';
import { seed } from './harness/seeded-random.ts';
import { Lane } from './model/lane.ts';
import { imagine, MAX_STEPS, playOnce, RUNS, runAll } from './model/run.ts';
import { sequences } from './model/sequences.ts';
import type { Step, Target } from './model/steps.ts';
import { Tally } from './model/tally.ts';

/** A sequence takes some 50 ms of a lane; on a machine with other work many times that, and a failure is shrunk too. */
const LIMIT_MS = 300_000 + RUNS * 1_000;

let lane: Lane | undefined;

beforeAll(async () => {
  lane = await Lane.open();
});

afterAll(async () => {
  await lane?.close();
});

function opened(): Lane {
  if (lane === undefined) throw new Error('the stores are not up');
  return lane;
}

const name = `the-whole-system-cannot-be-told-from-the-reference (${RUNS} sequences, HOLDFAST_TEST_SEED=${seed})`;
test(
  name,
  async () => {
    const tally = await runAll();
    console.log(`seed ${seed}: ${tally.report()}`);
  },
  LIMIT_MS,
);

test('random-sequences-reach-every-answer', async () => {
  const tally = new Tally();
  for (const sequence of fc.sample(sequences(MAX_STEPS), { seed: 1, numRuns: 600 })) {
    const reference = await imagine(sequence, (moment) => tally.note(moment));
    tally.noteEnd(reference.rebuilds);
  }
  const answers = (step: Step['do'], ...words: string[]) => words.map((word) => `${step}: ${word}`);
  const notFound = ['reservation-lost', 'reservation-expired', 'reservation-released'];
  const stopped = ['LedgerUnavailable', 'AmbiguousCommit', 'NotReady'];
  expect(
    tally.missing([
      ...answers('reserve', 'reserved', 'replayed', 'key-reused', 'rate-limited', 'not-open', 'closed'),
      ...answers('reserve', 'cooling-down'),
      ...answers('reserve', 'limit-exceeded', 'short', 'unknown-sku'),
      ...answers('confirm', 'confirmed', 'unavailable', ...notFound),
      ...answers('confirm-together', 'confirmed', 'refused', 'expired'),
      ...answers('release', 'released', 'confirmed', 'confirming', 'expired', 'lost', 'missing'),
      ...answers('extend', 'extended', 'limit-reached', 'confirming', 'confirmed', 'expired', 'missing'),
      ...answers('write-journal', ...stopped),
      ...answers('resolve', 'pins', 'pends', ...stopped),
      ...answers('change-stock', 'changed', 'replayed', 'stock-in-use', 'stale-total', 'sale-closed'),
      ...answers('change-stock', 'idempotency-key-reused', 'unavailable', 'LedgerUnavailable'),
      ...answers('add-item', 'ok', 'sale-closed'),
      ...answers('expire', 'NotReady'),
      ...answers('flush', 'not-ready'),
      ...answers('restart', 'not-ready'),
      ...['ledger: confirmed', 'ledger: refused', 'ledger: expired', 'store: overdrawn'],
    ]),
  ).toEqual([]);
  for (const times of Object.values(tally.rebuilds)) expect(times).toBeGreaterThan(10);
  expect(tally.lostTransitions).toBeGreaterThan(100);
});

const ann: Target = { owner: 'ann', key: 'k1', asker: 'ann', pick: null };
const RESERVE: Step = {
  do: 'reserve',
  attempts: [{ owner: 'ann', key: 'k1', address: '', quantities: [2, 1, 0], ttlSeconds: 10 }],
};
const CONFIRM: Step = { do: 'confirm', target: ann, payment: 'card', fault: null };
const WRITE: Step = { do: 'write-journal', fault: null };
const FLUSH: Step = { do: 'flush', looked: true, stumbles: false };

/** A ledger with one fault, the steps that meet it, and the step and place where it must show. */
const FAULTS: readonly {
  readonly fault: string;
  readonly instead: (real: LedgerContract) => Partial<LedgerContract>;
  readonly steps: readonly Step[];
  readonly shows: RegExp;
}[] = [
  {
    fault: 'a-journal-that-drops-a-transition',
    instead: (real) => ({
      appendTransitions: (sale, epoch, all) => real.appendTransitions(sale, epoch, all.slice(1)),
    }),
    steps: [RESERVE, WRITE],
    shows: /^step 1, .*state\.ledger\.journal/,
  },
  {
    fault: 'a-cold-rebuild-that-forgets-what-was-bought',
    instead: (real) => ({
      coldSnapshot: async (sale) => ({ ...(await real.coldSnapshot(sale)), bought: [] }),
    }),
    steps: [RESERVE, CONFIRM, FLUSH],
    shows: /^step 2, .*state\.store\.held/,
  },
  {
    fault: 'a-warm-rebuild-that-forgets-what-is-on-record',
    instead: () => ({ transitionsAfter: async () => [] }),
    steps: [{ do: 'back-up' }, RESERVE, WRITE, { do: 'rewind', looked: true, stumbles: false }],
    shows: /^step [23], .*state\./,
  },
  {
    fault: 'a-resolver-that-writes-nothing',
    instead: () => ({ resolveExpired: async (_sale, _epoch, records) => records.map(() => 'expired') }),
    steps: [
      RESERVE,
      { ...CONFIRM, fault: 'stopped-before' },
      { do: 'wait', ms: 30_000 },
      { do: 'resolve', fault: null },
    ],
    shows: /^step 3, .*state\.store/,
  },
  {
    fault: 'an-answer-that-is-not-the-stored-order',
    instead: (real) => ({
      confirm: async (...asked) =>
        (await real.confirm(...asked)).map((decision) =>
          decision.kind === 'confirmed'
            ? { ...decision, order: { ...decision.order, paymentReference: 'cash' } }
            : decision,
        ),
    }),
    steps: [RESERVE, CONFIRM],
    shows: /^step 1, .*the replies differ at reply\.paymentReference/,
  },
];

for (const { fault, instead, steps, shows } of FAULTS) {
  test(`a-system-that-differs-is-found-out: ${fault}`, async () => {
    const setup = {
      limits: { perCustomer: 0, perAddress: 0 },
      opensInMs: null,
      closesInMs: null,
      cooldown: null,
    };
    const stores = opened();
    await playOnce(stores, { setup, steps });
    stores.instead = instead(stores.ledgerItself);
    try {
      await expect(playOnce(stores, { setup, steps })).rejects.toThrow(shows);
    } finally {
      stores.instead = {};
    }
  });
}
