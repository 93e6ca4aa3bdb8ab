// The journal takes each transition once and gives it back as it was; epochs fence its writers.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { StaleEpoch } from '../src/domain/ledger-facts.ts';
import type { Transition } from '../src/domain/sale-store.ts';
import { until } from './harness/until.ts';
import {
  item,
  type LedgerStage,
  ledgerSessions,
  ledgerStage,
  makeSale,
  request,
  transition,
} from './ledger-stage.ts';

let stage: LedgerStage;

beforeAll(async () => {
  stage = await ledgerStage();
});

afterAll(() => stage.close());

/** `reserved` transitions numbered from `first`. */
function reserved(sale: number, first: number, count: number, epoch = 0): Transition[] {
  return Array.from({ length: count }, (_, index) => {
    const seq = first + index;
    const of = request(stage, sale, `c${seq}`, `e${epoch}`, [{ sku: 'ANY', quantity: 1 }], seq);
    return transition(of, 'reserved', seq, 1_700_000_000_000 + seq, epoch);
  });
}

describe('the journal', () => {
  test('gives transitions back as they came, in order, page by page', async () => {
    const sale = await makeSale(stage, [item('PAGES', 1)]);
    const all = reserved(sale, 1, 25);
    await stage.ledger.appendTransitions(sale, 0, all.slice(10));
    await stage.ledger.appendTransitions(sale, 0, all.slice(0, 10));
    expect(await stage.ledger.transitionsAfter(sale, 0, 100)).toEqual(all);
    expect(await stage.ledger.transitionsAfter(sale, 10, 5)).toEqual(all.slice(10, 15));
    expect(await stage.ledger.lastTransition(sale)).toBe(25);
  });

  test('takes a transition that comes twice once, and keeps the first', async () => {
    const sale = await makeSale(stage, [item('ONCE', 1)]);
    const all = reserved(sale, 1, 10);
    await Promise.all(
      [0, 3, 6].map((from) => stage.ledger.appendTransitions(sale, 0, all.slice(from, from + 4))),
    );
    await stage.ledger.appendTransitions(
      sale,
      0,
      all.map((one) => ({ ...one, kind: 'expired' as const })),
    );
    expect(await stage.ledger.transitionsAfter(sale, 0, 100)).toEqual(all);
  });

  test('keeps transitions and ledger entries of the same number apart', async () => {
    const sale = await makeSale(stage, [item('APART', 1)]);
    await stage.ledger.appendTransitions(sale, 0, reserved(sale, 1, 2));
    expect((await stage.ledger.entriesAfter(sale, 0, 10)).map(({ kind }) => kind)).toEqual([
      'settings-changed',
      'item-added',
    ]);
    expect(await stage.ledger.transitionsAfter(sale, 0, 10)).toHaveLength(2);
  });

  test('never splits two transitions that two epochs gave the same number', async () => {
    const sale = await makeSale(stage, [item('FORKED', 1)]);
    const old = reserved(sale, 1, 3, 0);
    const { epoch } = await stage.ledger.beginEpoch(sale);
    await stage.ledger.appendTransitions(sale, epoch, [...old, ...reserved(sale, 2, 2, epoch)]);
    const page = await stage.ledger.transitionsAfter(sale, 0, 2);
    expect(page.map(({ seq, epoch: of }) => [seq, of])).toEqual([
      [1, 0],
      [2, 0],
      [2, 1],
    ]);
    expect(await stage.ledger.transitionsAfter(sale, 2, 2)).toHaveLength(2);
  });

  test('takes a large batch in one call', async () => {
    const sale = await makeSale(stage, [item('LARGE', 1)]);
    await stage.ledger.appendTransitions(sale, 0, reserved(sale, 1, 2_500));
    expect(await stage.ledger.lastTransition(sale)).toBe(2_500);
    await stage.ledger.appendTransitions(sale, 0, []);
  });
});

describe('an epoch', () => {
  test('that was replaced appends nothing any more; its transitions come in under the new one', async () => {
    const sale = await makeSale(stage, [item('FENCED', 1)]);
    await stage.ledger.appendTransitions(sale, 0, reserved(sale, 1, 3));
    const begun = await stage.ledger.beginEpoch(sale);
    expect(begun).toEqual({ epoch: 1, ends: new Map([[0, 3]]), lastGranted: null });
    await expect(stage.ledger.appendTransitions(sale, 0, reserved(sale, 4, 1))).rejects.toThrow(StaleEpoch);
    await stage.ledger.appendTransitions(sale, 1, reserved(sale, 4, 2, 0));
    expect(await stage.ledger.lastTransition(sale)).toBe(5);
    expect((await stage.ledger.beginEpoch(sale)).ends).toEqual(
      new Map([
        [0, 3],
        [1, 5],
      ]),
    );
  });

  test('is held by the lineage recorded for it, and only for it', async () => {
    const sale = await makeSale(stage, [item('HELD', 1)]);
    expect(await stage.ledger.lineage(sale)).toMatchObject({
      saleNumber: sale,
      epoch: 0,
      lineage: null,
      entrySeq: 2,
    });
    expect(await stage.ledger.recordLineage(sale, 0, 'run repl')).toBe(true);
    expect(await stage.ledger.lineage(sale)).toMatchObject({ epoch: 0, lineage: 'run repl' });
    expect((await stage.ledger.beginEpoch(sale)).lastGranted).toBe(0);
    expect((await stage.ledger.beginEpoch(sale)).lastGranted).toBe(0);
    expect(await stage.ledger.recordLineage(sale, 1, 'run late')).toBe(false);
    expect(await stage.ledger.lineage(sale)).toMatchObject({ epoch: 2, lineage: null });
    expect((await stage.ledger.lineages()).map(({ saleNumber }) => saleNumber)).toContain(sale);
    expect(await stage.ledger.lineage(999_999)).toBeNull();
  });

  test('begins only after an append of the old one is through, and counts it into the end', async () => {
    const sale = await makeSale(stage, [item('WAITED', 1)]);
    const blocker = await stage.sql.reserve();
    try {
      // The append waits for this row of the journal with the sale's row locked; the new epoch waits for the append.
      await blocker`BEGIN`;
      await blocker`INSERT INTO holdfast.journal (sale, source, epoch, seq, kind, at_ms)
                    VALUES (${sale}, 'r', 0, 1, 'reserved', 0)`;
      const append = stage.ledger.appendTransitions(sale, 0, reserved(sale, 1, 3));
      const waiting = async (count: number) =>
        (await ledgerSessions(stage.sql)).filter((session) => session.wait_event_type === 'Lock').length ===
        count;
      await until('the append waits', () => waiting(1));
      const begin = stage.ledger.beginEpoch(sale);
      await until('the new epoch waits', () => waiting(2));
      await blocker`ROLLBACK`;
      await append;
      expect((await begin).ends).toEqual(new Map([[0, 3]]));
    } finally {
      blocker.release();
    }
  });
});

describe('an append', () => {
  test('does not wait for a confirmation that is under way', async () => {
    const sale = await makeSale(stage, [item('BESIDE', 1)]);
    const blocker = await stage.sql.reserve();
    try {
      // The confirmation has the sale's row, and waits for the item's.
      await blocker`BEGIN`;
      await blocker`SELECT 1 FROM holdfast.item WHERE sale = ${sale} FOR UPDATE`;
      const asked = request(stage, sale, 'ann', 'k', [{ sku: 'BESIDE', quantity: 1 }]);
      const confirming = stage.ledger.confirm(sale, 0, [asked]);
      const waiting = async () =>
        (await ledgerSessions(stage.sql)).filter((session) => session.wait_event_type === 'Lock').length;
      await until('the confirmation waits', async () => (await waiting()) === 1);
      await stage.ledger.appendTransitions(sale, 0, reserved(sale, 1, 3));
      expect(await waiting()).toBe(1);
      await blocker`ROLLBACK`;
      expect((await confirming)[0]?.kind).toBe('confirmed');
    } finally {
      blocker.release();
    }
  });
});

describe('the rebuild lock', () => {
  test('is held by one at a time, and free again after work that failed', async () => {
    const sale = await makeSale(stage, [item('LOCKED', 1)]);
    const inside = Promise.withResolvers<void>();
    const leave = Promise.withResolvers<void>();
    const first = stage.ledger.withRebuildLock(sale, async () => {
      inside.resolve();
      await leave.promise;
      return 'first';
    });
    await inside.promise;
    expect(await stage.ledger.withRebuildLock(sale, async () => 'second')).toBeNull();
    expect(await stage.ledger.withRebuildLock(sale + 1_000, async () => 'other sale')).toBe('other sale');
    leave.resolve();
    expect(await first).toBe('first');
    const failed = stage.ledger.withRebuildLock(sale, () => Promise.reject(new Error('the work failed')));
    await expect(failed).rejects.toThrow('the work failed');
    await failed.catch(() => undefined);
    expect(await stage.ledger.withRebuildLock(sale, async () => 'again')).toBe('again');
  });

  test('is free for others when its connection dies, while the work goes on', async () => {
    const sale = await makeSale(stage, [item('DIED', 1)]);
    const inside = Promise.withResolvers<void>();
    const leave = Promise.withResolvers<void>();
    const first = stage.ledger.withRebuildLock(sale, async () => {
      inside.resolve();
      await leave.promise;
      return 'done';
    });
    await inside.promise;
    await stage.sql`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'`;
    await until(
      'another takes the lock',
      async () => (await stage.ledger.withRebuildLock(sale, async () => 'theirs')) === 'theirs',
    );
    leave.resolve();
    expect(await first).toBe('done');
  });
});
