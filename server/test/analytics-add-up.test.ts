// What analytics say of a sale is what the journal says, exactly: over random lives of sales, with summarisers that stop
// between pages, work at the same time, and meet new epochs and late rows of old ones.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { courseOf, stretches } from '../src/domain/activity.ts';
import { AmbiguousCommit, LedgerUnavailable } from '../src/domain/ledger-facts.ts';
import { Attempts, CELLS_KEPT_MAX } from '../src/reservations/attempts.ts';
import { SaleAnalytics } from '../src/sales/analytics.ts';
import { writeAttempts } from '../src/workers/attempts-writer.ts';
import { summariseAll } from '../src/workers/summariser.ts';
import { announced } from './conformance/seed.ts';
import { Dice, item, type LedgerStage, ledgerStage, makeSale, request, transition } from './ledger-stage.ts';
import { grantEpoch, moved } from './seal-stage.ts';

const { parameters, label } = announced(1);
const LIVES = 120;
const BEGAN_MS = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 7_200_000;

let stage: LedgerStage;

beforeAll(async () => {
  stage = await ledgerStage();
});
afterAll(() => stage.close());

async function idOf(sale: number): Promise<string> {
  return (await stage.ledger.saleByNumber(sale))?.id ?? '';
}

async function viewOf(sale: number, asked: { from?: number; to?: number; step?: number } = {}) {
  const verb = new SaleAnalytics({
    ledger: stage.ledger,
    nowMs: () => Date.now(),
    points: { max: 2_000, usual: 300 },
  });
  const answer = await verb.analytics(await idOf(sale), {
    fromMs: asked.from ?? BEGAN_MS,
    toMs: asked.to ?? Date.now() + 5_000,
    stepSeconds: asked.step ?? 60,
  });
  if (!answer.ok) throw new Error(answer.refusal.code);
  return answer.value;
}

/** By kind, from the journal itself. */
async function journalSays(sale: number): Promise<Record<string, number>> {
  const rows: { kind: string; count: number }[] = await stage.sql`
    SELECT CASE WHEN kind = 'refused' THEN 'lost' ELSE kind END AS kind, count(*)::integer AS count
    FROM holdfast.journal
    WHERE sale = ${sale} AND kind IN ('reserved', 'confirmed', 'expired', 'released', 'refused')
    GROUP BY 1`;
  const of = (kind: string) => rows.find((row) => row.kind === kind)?.count ?? 0;
  const [reserved, confirmed, expired, released, lost] = [
    of('reserved'),
    of('confirmed'),
    of('expired'),
    of('released'),
    of('lost'),
  ];
  return { reserved, confirmed, expired, released, lost };
}

async function expectAgreement(sale: number): Promise<void> {
  const { funnel, series } = await viewOf(sale);
  const says = await journalSays(sale);
  expect(funnel).toMatchObject(says);
  for (const name of ['reserved', 'confirmed', 'expired', 'released', 'lost'] as const) {
    expect(series.reduce((sum, point) => sum + point[name], 0)).toBe(says[name] ?? 0);
  }
  const rows = await stage.ledger.itemsOfSale(sale);
  const total = rows.reduce((sum, row) => sum + row.total, 0);
  const sold = rows.reduce((sum, row) => sum + row.sold, 0);
  const last = series.at(-1)?.units;
  expect(last?.sold).toBe(sold);
  expect((last?.available ?? 0) + (last?.reserved ?? 0) + (last?.sold ?? 0)).toBe(total);
}

test(`the funnel is the journal's GROUP BY, wherever summing up stopped ${label}`, async () => {
  const dice = new Dice(parameters.seed);
  const { ledger } = stage;
  const sale = await makeSale(stage, [item('ADD-UP', 60)]);
  let epoch = await grantEpoch(ledger, sale);
  let seq = 0;
  let atMs = BEGAN_MS;
  for (let life = 0; life < LIVES; life += 1) {
    atMs += dice.roll(90_000);
    const of = request(
      stage,
      sale,
      `c${life}`,
      'k',
      [{ sku: 'ADD-UP', quantity: 1 + dice.roll(2) }],
      seq + 1,
    );
    const rows = [transition(of, 'reserved', ++seq, atMs, epoch)];
    const end = dice.roll(5);
    if (end === 0) rows.push(transition(of, 'released', ++seq, atMs + 1_000, epoch));
    if (end === 1) rows.push(transition(of, 'expired', ++seq, atMs + 300_000, epoch));
    if (end > 1) rows.push(transition(of, 'confirming', ++seq, atMs + 500, epoch));
    await ledger.appendTransitions(sale, epoch, rows);
    // Beyond the stock the ledger refuses: those are lost.
    if (end === 2 || end === 3) await ledger.confirm(sale, epoch, [of]);
    if (end === 4) await ledger.resolveExpired(sale, epoch, [record(of)]);
    if (dice.roll(10) === 0) epoch = await grantEpoch(ledger, sale);
    // Stopped in the middle, two at a time, or not at all: what is left is read from the journal.
    const once = { ledger, onSummarised: () => undefined };
    let pages = dice.roll(3);
    if (dice.roll(3) === 0) await summariseAll(once, () => --pages <= 0);
    if (dice.roll(6) === 0) await Promise.all([summariseAll(once), summariseAll(once), summariseAll(once)]);
    if (dice.roll(8) === 0) await expectAgreement(sale);
  }
  await expectAgreement(sale);
  await summariseAll({ ledger, onSummarised: () => undefined });
  await expectAgreement(sale);
  expect(await ledger.unsummarised()).toEqual([]);
  // Every grain has the same sums.
  const grains: { kind: string; counts: number }[] = await stage.sql`
    SELECT kind, count(DISTINCT sum)::integer AS counts
    FROM (SELECT grain, kind, sum(count * 1000000 + units) FROM holdfast.activity WHERE sale = ${sale} GROUP BY 1, 2) AS of
    GROUP BY kind`;
  expect(grains.filter(({ counts }) => counts !== 1)).toEqual([]);
}, 120_000);

function record(of: ReturnType<typeof request>) {
  return {
    reservationId: of.reservationId,
    customer: of.customer,
    state: 'confirming' as const,
    createdSeq: of.createdSeq,
    createdAtMs: 1_000,
    ttlSeconds: 300,
    deadlineMs: 301_000,
    attempts: 1,
    extensions: 0,
    fingerprint: 'fingerprint',
    lines: of.lines,
  };
}

test('nothing is summed up past a number that may still come, and it counts once when it came', async () => {
  const { ledger } = stage;
  const sale = await makeSale(stage, [item('LATE', 5)]);
  const epoch = await grantEpoch(ledger, sale);
  const once = { ledger, onSummarised: () => undefined };
  const reserved = async () => {
    const rows: { count: number }[] = await stage.sql`
      SELECT coalesce(sum(count), 0)::integer AS count FROM holdfast.activity
      WHERE sale = ${sale} AND grain = 1 AND kind = 'reserved'`;
    return rows[0]?.count;
  };
  await ledger.appendTransitions(sale, epoch, moved(stage, sale, epoch, 1, 3));
  await ledger.appendTransitions(sale, epoch, moved(stage, sale, epoch, 6, 8));
  await summariseAll(once);
  expect(await reserved()).toBe(3);
  await ledger.appendTransitions(sale, epoch, moved(stage, sale, epoch, 4, 5));
  await summariseAll(once);
  await summariseAll(once);
  expect(await reserved()).toBe(8);
  // A late row of an old epoch, drained before the next grant; and numbers that were lost for good.
  const begun = await ledger.beginEpoch(sale);
  await ledger.appendTransitions(sale, begun.epoch, moved(stage, sale, epoch, 9, 9));
  await ledger.appendTransitions(sale, begun.epoch, moved(stage, sale, epoch, 12, 12));
  await summariseAll(once);
  expect(await reserved()).toBe(9);
  await ledger.recordLineage(sale, begun.epoch, 'run repl');
  await summariseAll(once);
  expect(await reserved()).toBe(10);
});

test('sold out is the first moment at which every unit was sold, whether summed up or not', async () => {
  const { ledger } = stage;
  const sale = await makeSale(stage, [item('OUT-1', 1), item('OUT-2', 1)]);
  const epoch = await grantEpoch(ledger, sale);
  const buy = async (sku: string, key: string) =>
    ledger.confirm(sale, epoch, [request(stage, sale, key, key, [{ sku, quantity: 1 }], key.length)]);
  await buy('OUT-1', 'a');
  expect((await viewOf(sale)).soldOutAtMs).toBeNull();
  const [last] = await buy('OUT-2', 'bb');
  const atMs = last?.kind === 'confirmed' ? last.order.confirmedAtMs : -1;
  expect((await viewOf(sale)).soldOutAtMs).toBe(atMs);
  await summariseAll({ ledger, onSummarised: () => undefined });
  expect((await viewOf(sale)).soldOutAtMs).toBe(atMs);
  await ledger.addItems(await idOf(sale), [item('OUT-3', 4)], 'operator');
  await summariseAll({ ledger, onSummarised: () => undefined });
  expect((await viewOf(sale)).soldOutAtMs).toBe(atMs);
  expect((await viewOf(sale)).series.at(-1)?.units).toEqual({ available: 4, reserved: 0, sold: 2 });
});

test('refusals and latencies add up over processes, and are kept, bounded, while the ledger is away', async () => {
  const sale = await makeSale(stage, [item('COUNTED', 5)]);
  let droppedInAll = 0;
  let nowMs = Date.now();
  const attempts = new Attempts(
    () => nowMs,
    (count) => {
      droppedInAll += count;
    },
  );
  for (let n = 0; n < 10; n += 1) attempts.reserved(sale, 'insufficient-stock', 3);
  attempts.reserved(sale, 'replayed', 3);
  attempts.reserved(sale, 'reserved', 3);
  attempts.confirmed(sale, 40);
  const away = {
    noteAttempts: async () => {
      throw new LedgerUnavailable('away');
    },
    noteLatencies: async () => undefined,
  };
  await expect(writeAttempts(attempts, away)).rejects.toThrow('away');
  const other = new Attempts(() => nowMs);
  other.reserved(sale, 'insufficient-stock', 3);
  await writeAttempts(attempts, stage.ledger);
  await writeAttempts(other, stage.ledger);
  const { funnel, latency } = await viewOf(sale);
  expect(funnel).toMatchObject({ attempts: 12, replayed: 1, refused: { 'insufficient-stock': 11 } });
  expect(latency.reserve?.p50Ms).toBeGreaterThanOrEqual(3);
  expect(latency.reserve?.p50Ms).toBeLessThanOrEqual(3.75);
  expect(latency.confirm?.p99Ms).toBeGreaterThanOrEqual(40);
  expect(droppedInAll).toBe(0);
  // It may have been written: adding it again could count it twice.
  attempts.reserved(sale, 'rate-limited', 1);
  const silent = {
    ...away,
    noteAttempts: async () => {
      throw new AmbiguousCommit('no answer');
    },
  };
  await expect(writeAttempts(attempts, silent)).rejects.toThrow('no answer');
  expect(droppedInAll).toBe(1);
  for (let n = 0; n < CELLS_KEPT_MAX + 100; n += 1) {
    nowMs += 1_000;
    attempts.reserved(sale, 'sale-closed', 1);
  }
  expect(droppedInAll).toBeGreaterThan(1);
  const kept = attempts.take().attempts.reduce((sum, { count }) => sum + count, 0);
  expect(kept + droppedInAll - 1).toBe(CELLS_KEPT_MAX + 100);
});

test('what is older than ninety days goes, and whole hours stay', async () => {
  const sale = await makeSale(stage, [item('OLD', 5)]);
  const cells = (atS: number) => [{ saleNumber: sale, atS, kind: 'replayed', count: 2 }];
  await stage.ledger.noteAttempts([...cells(1_000_000_000), ...cells(2_000_000_000)]);
  expect(await stage.ledger.purgeActivity(1_500_000_000)).toBe(2);
  const left: { grain: number; at_s: bigint }[] = await stage.sql`
    SELECT grain FROM holdfast.activity WHERE sale = ${sale} AND kind = 'replayed' ORDER BY at_s, grain`;
  expect(left.map(({ grain }) => grain)).toEqual([3600, 3600, 60, 1]);
});

test(`stretches make up every second once ${label}`, () => {
  const dice = new Dice(parameters.seed);
  for (let n = 0; n < 500; n += 1) {
    const from = dice.roll(10_000);
    const to = from + dice.roll(20_000);
    let at = from;
    for (const { grain, fromS, toS } of stretches(from, to)) {
      expect(fromS).toBe(at);
      expect(toS).toBeGreaterThan(fromS);
      expect([fromS % grain, toS % grain]).toEqual([0, 0]);
      at = toS;
    }
    expect(at).toBe(Math.max(from, to));
  }
  expect(courseOf(0, 10, 5, [], []).series).toHaveLength(2);
});
