// One outcome a reservation, by a key of the database: it holds whatever a statement forgets to look up.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { item, type LedgerStage, ledgerStage, makeSale, pinned, request } from './ledger-stage.ts';

let stage: LedgerStage;

beforeAll(async () => {
  stage = await ledgerStage();
});

afterAll(() => stage.close());

test('the-database-itself-refuses-a-second-outcome', async () => {
  const sale = await makeSale(stage, [item('ONCE', 5)]);
  const asked = request(stage, sale, 'ann', 'k', [{ sku: 'ONCE', quantity: 1 }]);
  await stage.ledger.confirm(sale, 0, [asked]);
  const again = stage.sql`
    INSERT INTO holdfast.outcome (reservation_id, created_seq, sale, outcome, entry_seq, at_ms)
    SELECT reservation_id, created_seq, sale, 'expired', entry_seq + 1, at_ms FROM holdfast.outcome WHERE sale = ${sale}`;
  await expect(again.execute()).rejects.toThrow('outcome_pkey');
});

test('another-life-of-the-same-id-is-another-reservation', async () => {
  const sale = await makeSale(stage, [item('TWICE', 5)]);
  const lines = [{ sku: 'TWICE', quantity: 1 }];
  const [first, second] = [1, 9].map((seq) => request(stage, sale, 'bob', 'k', lines, seq));
  if (first === undefined || second === undefined) throw new Error('two lives');
  expect(await stage.ledger.resolveExpired(sale, 0, [pinned(first)])).toEqual(['expired']);
  expect((await stage.ledger.confirm(sale, 0, [second]))[0]?.kind).toBe('confirmed');
  expect((await stage.ledger.confirm(sale, 0, [first]))[0]?.kind).toBe('expired');
  expect(await stage.ledger.verifySale(sale)).toEqual([]);
});
