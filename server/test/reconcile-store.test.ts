// Whatever Redis gets wrong about a sale is found by name within one run, and made good from the ledger: afterwards
// everything adds up and no reservation is lost. One sale for each damage; each is looked at by itself.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { SaleReport } from '../src/reservations/reconciler.ts';
import { shortId } from '../src/stock/records.ts';
import {
  journaled,
  type ReconcileStage,
  reconcilerOf,
  reconcileStage,
  type StagedSale,
  stagedSale,
  words,
} from './reconcile-stage.ts';

let stage: ReconcileStage;
beforeAll(async () => {
  stage = await reconcileStage();
}, 60_000);
afterAll(() => stage.close());

interface Damage {
  readonly what: string;
  readonly damage: (sale: StagedSale) => Promise<unknown>;
  /** What must be among the findings. */
  readonly found: (sale: StagedSale) => readonly string[];
}

const first = (sale: StagedSale) => sale.live[0]?.id ?? '';
const short = (sale: StagedSale) => shortId(first(sale));

/** An item's packed counters "total reserved sold cap", changed. */
async function packed(sale: StagedSale, sku: string, change: (counters: number[]) => void): Promise<void> {
  const text = String(await stage.redis(sale, 'HGET', 'stock', sku));
  const [cap, ...counters] = text.split(' ').reverse();
  const numbers = counters.reverse().map(Number);
  change(numbers);
  await stage.redis(sale, 'HSET', 'stock', sku, [...numbers, cap].join(' '));
}

const add = (index: number, units: number) => (counters: number[]) => {
  counters[index] = (counters[index] ?? 0) + units;
};

async function field(sale: StagedSale, who: string, sku: string): Promise<string> {
  const customer = [...sale.live, sale.sold].find(({ customer: { sub } }) => sub.startsWith(who))?.customer
    .key;
  return `${customer} ${sku}`;
}

const DAMAGES: readonly Damage[] = [
  {
    what: 'an item counts more reserved than there is',
    damage: (sale) => packed(sale, sale.a, add(1, 3)),
    found: (sale) => [`I5 ${sale.a} repaired`],
  },
  {
    what: 'an item counts fewer reserved: it could be oversold to those who hold nothing yet',
    damage: (sale) => packed(sale, sale.a, add(1, -2)),
    found: (sale) => [`I5 ${sale.a} repaired`],
  },
  {
    what: 'a deadline is gone: its reservation would never expire',
    damage: (sale) => stage.redis(sale, 'ZREM', 'dead', short(sale)),
    found: (sale) => [`I5 ${first(sale)} repaired`],
  },
  {
    what: 'a deadline is another than its record’s',
    damage: (sale) => stage.redis(sale, 'ZADD', 'dead', String(Date.now() + 3_600_000), short(sale)),
    found: (sale) => [`I5 ${first(sale)} repaired`],
  },
  {
    what: 'a record is gone: its index entry stands in the way of every sweep',
    damage: (sale) => stage.redis(sale, 'HDEL', 'res', short(sale)),
    found: (sale) => [`I5 ${first(sale)} repaired`, `I5 ${sale.a} repaired`],
  },
  {
    what: 'a record cannot be read',
    damage: (sale) => stage.redis(sale, 'HSET', 'res', short(sale), 'A nonsense'),
    found: (sale) => [`I5 ${first(sale)} repaired`],
  },
  {
    what: 'an entry without a record among the pins',
    damage: (sale) => stage.redis(sale, 'ZADD', 'pinned', String(Date.now() + 30_000), 'A'.repeat(22)),
    found: () => [`I5 rsv_${'A'.repeat(22)} repaired`],
  },
  {
    what: 'an active reservation stands among the resolved ones too: the purge would take it',
    damage: (sale) => stage.redis(sale, 'ZADD', 'done', '1', short(sale)),
    found: (sale) => [`I5 ${first(sale)} repaired`],
  },
  {
    what: 'a released reservation stands among the active ones, due: its units would be freed twice',
    damage: (sale) => stage.redis(sale, 'ZADD', 'dead', '1', shortId(sale.released.id)),
    found: (sale) => [`I5 ${sale.released.id} repaired`],
  },
  {
    what: 'a customer’s counter is one too many',
    damage: async (sale) => stage.redis(sale, 'HINCRBY', 'cust', await field(sale, 'bob', sale.a), '1'),
    found: (sale) => [`I5 ${sale.a} repaired`],
  },
  {
    what: 'the counter of a customer who only bought is gone: the cap would be passed',
    damage: async (sale) => stage.redis(sale, 'HDEL', 'cust', await field(sale, 'dora', sale.b)),
    found: (sale) => [`I5 ${sale.b} repaired`],
  },
  {
    what: 'the counter of a customer who holds something is gone',
    damage: async (sale) => stage.redis(sale, 'HDEL', 'cust', await field(sale, 'cleo', sale.a)),
    found: (sale) => [`I5 ${sale.a} repaired`],
  },
  {
    what: 'a sentinel is gone',
    damage: (sale) => stage.redis(sale, 'ZREM', 'dead', '@'),
    found: () => ['I5 repaired'],
  },
  {
    what: 'sold is not the ledger’s',
    damage: (sale) => packed(sale, sale.b, add(2, -1)),
    found: (sale) => [`I8 ${sale.b} repaired`],
  },
  {
    what: 'the total is not the ledger’s',
    damage: (sale) => packed(sale, sale.b, add(0, 5)),
    found: (sale) => [`I8 ${sale.b} repaired`],
  },
  {
    what: 'an item is gone',
    damage: (sale) => stage.redis(sale, 'HDEL', 'stock', sale.b),
    found: (sale) => [`I8 ${sale.b} repaired`],
  },
];

describe('found by name within one run, and repaired:', () => {
  const reports = new Map<string, { readonly sale: StagedSale; readonly report: SaleReport }>();
  beforeAll(async () => {
    const staged: (readonly [string, StagedSale])[] = [];
    for (const { what, damage } of DAMAGES) {
      const sale = await stagedSale(stage);
      await damage(sale);
      staged.push([what, sale]);
    }
    await Promise.all(
      staged.map(async ([what, sale]) => reports.set(what, { sale, report: await stage.run(sale) })),
    );
  }, 60_000);

  for (const { what, found } of DAMAGES) {
    test(what, async () => {
      const { sale, report } = reports.get(what) as { sale: StagedSale; report: SaleReport };
      const seen = words(report);
      for (const finding of found(sale)) expect(seen).toContain(finding);
      expect(seen.filter((word) => !word.endsWith('repaired'))).toEqual([]);
      await expectWhole(sale);
    });
  }
});

/** Everything adds up, and every reservation is what it was. */
async function expectWhole(sale: StagedSale): Promise<void> {
  const { desk } = stage.rooms;
  expect(words(await stage.run(sale))).toEqual([]);
  const status = async ({ customer, id }: StagedSale['sold']) => {
    const answer = await desk.read(customer, sale.saleNumber, id);
    return answer.ok ? answer.value.status : answer.refusal.code;
  };
  expect(await Promise.all(sale.live.map(status))).toEqual(['active', 'active', 'active', 'active']);
  expect(await status(sale.sold)).toBe('confirmed');
  expect(await status(sale.released)).toBe('released');
  const { items } = await stage.rooms.channels.of(sale.saleNumber).snapshot();
  expect(items.map(({ total, reserved, sold }) => [total, reserved, sold])).toEqual([
    [20, 4, 0],
    [20, 1, 1],
  ]);
}

test('a sale in order gives no finding, and tells what was looked at', async () => {
  const sale = await stagedSale(stage);
  const report = await stage.run(sale);
  expect(report).toMatchObject({ differences: [], complete: true });
  expect(report.checked).toMatchObject({
    items: 2,
    records: 6,
    customers: 5,
    indexEntries: 6,
    transitions: 8,
  });
});

test('what is overdue (I6) is expired, without a rebuild', async () => {
  const sale = await stagedSale(stage);
  const record = String(await stage.redis(sale, 'HGET', 'res', short(sale))).split(' ');
  record[5] = String(Date.now() - 5_000);
  await stage.redis(sale, 'HSET', 'res', short(sale), record.join(' '));
  await stage.redis(sale, 'ZADD', 'dead', record[5], short(sale));
  const { epoch } = stage.rooms.channels.of(sale.saleNumber);
  expect(words(await stage.run(sale))).toEqual([`I6 ${first(sale)} repaired`]);
  expect(stage.rooms.channels.of(sale.saleNumber).epoch).toBe(epoch);
  await journaled(stage.rooms, sale.saleNumber);
  expect(words(await stage.run(sale))).toEqual([]);
});

test('a transition that the stream has lost is told, and nothing is rebuilt over it', async () => {
  const sale = await stagedSale(stage);
  await stage.redis(sale, 'HINCRBY', 'stock', '@seq', '1');
  await packed(sale, sale.a, add(1, 1));
  const seen = words(await stage.run(sale));
  expect(seen).toContain('I8');
  expect(seen).toContain(`I5 ${sale.a}`);
  expect(seen.filter((word) => word.endsWith('repaired'))).toEqual([]);
});

test('a sale that is damaged again at once is rebuilt once, and then told', async () => {
  const sale = await stagedSale(stage);
  await packed(sale, sale.a, add(1, 1));
  expect(words(await stage.run(sale))).toEqual([`I5 ${sale.a} repaired`]);
  const { epoch } = stage.rooms.channels.of(sale.saleNumber);
  await packed(sale, sale.a, add(1, 1));
  expect(words(await stage.run(sale))).toEqual([`I5 ${sale.a}`]);
  expect(stage.rooms.channels.of(sale.saleNumber).epoch).toBe(epoch);
  expect(stage.rooms.logged).toContainEqual([
    'a damaged sale is not rebuilt',
    { sale: sale.saleNumber, why: 'it was rebuilt less than ten minutes ago, and is damaged again' },
  ]);
});

test('an index that calls a released reservation due frees nothing twice', async () => {
  const sale = await stagedSale(stage);
  await stage.redis(sale, 'ZADD', 'dead', '1', shortId(sale.released.id));
  const before = await stage.redis(sale, 'HGET', 'stock', sale.b);
  const { store } = stage.rooms.channels.of(sale.saleNumber);
  expect(await store.expire(10)).toEqual({ expired: 0, more: false });
  expect(await stage.redis(sale, 'HGET', 'stock', sale.b)).toBe(before as string);
});

test('while the process is busy a sale is held against its counters alone; in a calm moment, and after ten minutes, everything is looked at', async () => {
  const { saleNumber } = await stagedSale(stage);
  let nowMs = 0;
  const reconciler = reconcilerOf(stage.rooms, { clock: () => nowMs });
  const lookAfter = async (minutes: number, isCalm: boolean): Promise<unknown[]> => {
    nowMs += minutes * 60_000;
    const { store, checked } = await reconciler.lookAt(saleNumber, isCalm);
    return [store, checked.records > 0, checked.ledger];
  };
  const counters = ['counters', false, false];
  const everything = ['whole', true, true];
  expect(await lookAfter(0, false)).toEqual(counters);
  expect(await lookAfter(0, true)).toEqual(everything);
  // From the minute that lies between two in any case.
  expect(await lookAfter(10.9, false)).toEqual(counters);
  expect(await lookAfter(0.2, false)).toEqual(everything);
});

test('what customers hold above the cap (I4) is told: a rebuild would not change it', async () => {
  const sale = await stagedSale(stage);
  for (const sku of [sale.a, sale.b]) {
    const text = String(await stage.redis(sale, 'HGET', 'stock', sku));
    await stage.redis(sale, 'HSET', 'stock', sku, text.replace(/ 5$/, ' 1'));
  }
  await stage.tamper(`UPDATE holdfast.item SET max_per_customer = 1 WHERE sale = ${sale.saleNumber}`);
  const { epoch } = stage.rooms.channels.of(sale.saleNumber);
  expect(words(await stage.run(sale))).toEqual([`I4 ${sale.a}`]);
  expect(stage.rooms.channels.of(sale.saleNumber).epoch).toBe(epoch);
});
