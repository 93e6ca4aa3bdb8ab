// Whatever does not hold in the ledger is found by name within one run, and told: nothing there is changed, and no store is
// rebuilt from a ledger in doubt. The guards of a scratch database are switched off to damage it.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { compareStock } from '../src/domain/store-look.ts';
import { idBytes } from '../src/ledger/columns.ts';
import type { SaleReport } from '../src/reservations/reconciler.ts';
import { SaleLook } from '../src/stock/sale-look.ts';
import {
  type ReconcileStage,
  reconcilerOf,
  reconcileStage,
  type StagedSale,
  stagedSale,
  words,
} from './reconcile-stage.ts';
import { sealSale } from './seal-stage.ts';

let stage: ReconcileStage;
beforeAll(async () => {
  stage = await reconcileStage();
}, 60_000);
afterAll(() => stage.close());

interface Damage {
  readonly what: string;
  /** A statement. */
  readonly damage: (sale: StagedSale) => string;
  readonly found: (sale: StagedSale) => readonly string[];
  /** A word of the sentence that says it. */
  readonly says?: RegExp;
}

const bytes = (id: string) => `'\\x${idBytes(id).toString('hex')}'::bytea`;
const transitions = ({ saleNumber }: StagedSale) =>
  `holdfast.journal WHERE sale = ${saleNumber} AND source = 'r'`;

const DAMAGES: readonly Damage[] = [
  {
    what: 'I1: sold beyond the total',
    damage: ({ saleNumber, a }) =>
      `UPDATE holdfast.item SET sold = 21 WHERE sale = ${saleNumber} AND sku = '${a}'`,
    found: ({ a }) => [`I1 ${a}`],
  },
  {
    what: 'I2: sold that nobody confirmed',
    damage: ({ saleNumber, b }) =>
      `UPDATE holdfast.item SET sold = 3 WHERE sale = ${saleNumber} AND sku = '${b}'`,
    found: ({ b }) => [`I2 ${b}`, `I8 ${b}`],
  },
  {
    what: 'I2: stock that never came in',
    damage: ({ saleNumber, b }) =>
      `UPDATE holdfast.item SET total = 30 WHERE sale = ${saleNumber} AND sku = '${b}'`,
    found: ({ b }) => [`I2 ${b}`],
  },
  {
    what: 'I2: a sealed row that was changed',
    damage: (sale) =>
      `UPDATE ${transitions(sale).replace(' WHERE', " SET fingerprint = 'x' WHERE")} AND seq = 2`,
    found: () => ['I2'],
    says: /chain r, epoch 1, 2: changed/,
  },
  {
    what: 'I3: a confirmation without an outcome',
    damage: ({ sold }) => `DELETE FROM holdfast.outcome WHERE reservation_id = ${bytes(sold.id)}`,
    found: ({ sold }) => [`I3 ${sold.id}`],
  },
  {
    what: 'I3: a confirmation without an order',
    damage: ({ sold }) => `DELETE FROM holdfast.orders WHERE reservation_id = ${bytes(sold.id)}`,
    found: ({ sold }) => [`I3 ${sold.id}`],
  },
  {
    what: 'I4: a customer who bought more than the cap',
    damage: ({ saleNumber, b, sold }) => `
      UPDATE holdfast.customer_item SET quantity = 6
      WHERE sale = ${saleNumber} AND sku = '${b}' AND customer = '\\x${Buffer.from(sold.customer.key, 'base64url').toString('hex')}'::bytea`,
    found: ({ b }) => [`I4 ${b}`],
  },
  {
    what: 'I6: expired before its deadline',
    damage: (sale) =>
      `UPDATE ${transitions(sale).replace(' WHERE', " SET kind = 'expired' WHERE")} AND kind = 'released'`,
    found: ({ released }) => [`I6 ${released.id}`],
    says: /before its deadline/,
  },
  {
    what: 'I7: one key with two lives at once',
    damage: (sale) => `
      INSERT INTO holdfast.journal
      SELECT sale, source, epoch, 9, kind, at_ms, reservation_id, 9, customer, lines, ttl_seconds, deadline_ms, fingerprint
      FROM ${transitions(sale)} AND seq = 1`,
    found: ({ live }) => [`I7 ${live[0]?.id}`],
  },
  {
    what: 'I8: a transition that is gone from the middle of the journal',
    damage: (sale) => `DELETE FROM ${transitions(sale)} AND seq = 3`,
    found: () => ['I8'],
    says: /lacks transitions 3 to 3 of epoch 1/,
  },
  {
    what: 'I8: the last transition is gone: nothing after it tells',
    damage: (sale) => `DELETE FROM ${transitions(sale)} AND seq = 8`,
    found: () => ['I8'],
    says: /lacks transitions 8 to 8, which the store dropped/,
  },
  {
    what: 'I8: the first transition is gone',
    damage: (sale) => `DELETE FROM ${transitions(sale)} AND seq = 1`,
    found: () => ['I8'],
    says: /lacks transitions 1 to 1, which the store dropped/,
  },
  {
    what: 'I8: a decision of the ledger is gone',
    damage: ({ saleNumber }) =>
      `DELETE FROM holdfast.journal WHERE sale = ${saleNumber} AND source = 'l' AND seq = 2`,
    found: () => ['I8'],
    says: /entries: 3 of them/,
  },
];

describe('found by name within one run, told, and left alone:', () => {
  const reports = new Map<string, { readonly sale: StagedSale; readonly report: SaleReport }>();
  beforeAll(async () => {
    await stage.tamper('ALTER TABLE holdfast.item DROP CONSTRAINT never_oversold');
    const staged: (readonly [Damage, StagedSale])[] = [];
    for (const one of DAMAGES) {
      const sale = await stagedSale(stage);
      if (one.what.includes('sealed')) await sealSale(stage.rooms.ledger, sale.saleNumber);
      await stage.tamper(one.damage(sale));
      staged.push([one, sale]);
    }
    await Promise.all(
      staged.map(async ([{ what }, sale]) => reports.set(what, { sale, report: await stage.run(sale) })),
    );
  }, 60_000);

  for (const { what, found, says } of DAMAGES) {
    test(what, () => {
      const { sale, report } = reports.get(what) as { sale: StagedSale; report: SaleReport };
      const seen = words(report);
      for (const finding of found(sale)) expect(seen).toContain(finding);
      if (says) expect(report.differences.map(({ detail }) => detail).join('\n')).toMatch(says);
      expect(seen.filter((word) => word.endsWith('repaired'))).toEqual([]);
      expect(stage.rooms.channels.of(sale.saleNumber).epoch).toBe(1);
    });
  }
});

test('a store that knows more than the ledger is found before anything else is compared', async () => {
  const sale = await stagedSale(stage);
  const { epoch } = stage.rooms.channels.of(sale.saleNumber);
  const look = await new SaleLook(stage.rooms.redis, sale.saleNumber, epoch).stock();
  const ledger = await stage.rooms.ledger.stockAt(sale.saleNumber, look.applied);
  expect(compareStock(look, ledger)).toEqual([]);
  // The gate rebuilds such a sale within half a second: the look that meets it before that is made here.
  const restored = compareStock(look, { ...ledger, entrySeq: ledger.entrySeq - 1 });
  expect(restored).toMatchObject([{ invariant: 'I8', repair: 'none' }]);
  expect(restored[0]?.detail).toContain('restored from a backup');
});

test('a damaged store is not rebuilt from a damaged ledger', async () => {
  const sale = await stagedSale(stage);
  await stage.redis(sale, 'HDEL', 'cust', `${sale.sold.customer.key} ${sale.b}`);
  await stage.tamper(`DELETE FROM ${transitions(sale)} AND seq = 3`);
  const seen = words(await stage.run(sale));
  expect(seen).toContain(`I5 ${sale.b}`);
  expect(seen).toContain('I8');
  expect(seen.filter((word) => word.endsWith('repaired'))).toEqual([]);
  expect(stage.repairs).toEqual([]);
});

test('a sale that nobody has is said to be unknown; a run under way is shared', async () => {
  const sale = await stagedSale(stage);
  const reconciler = reconcilerOf(stage.rooms);
  expect(await reconciler.reconcile('no-such-sale', null)).toMatchObject({
    ok: false,
    refusal: { code: 'unknown-sale' },
  });
  const [one, two] = await Promise.all([
    reconciler.reconcile(sale.saleId, null),
    reconciler.reconcile(sale.saleId, null),
  ]);
  expect(one).toEqual(two);
  expect(await reconciler.reconcile(sale.saleId, null)).not.toEqual(one);
});
