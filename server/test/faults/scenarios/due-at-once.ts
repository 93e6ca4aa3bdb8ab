// Scenario 16: very many reservations fall due in the same millisecond, while others go on reserving.

import { saleKey } from '../../../src/stock/keys.ts';
import { token } from '../../harness/service.ts';
import { until } from '../../harness/until.ts';
import type { Act } from '../act.ts';
import { reserveText } from '../crowd.ts';
import type { Visit } from '../diary.ts';
import { moveDeadlines } from '../move-deadlines.ts';
import type { Company, Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { type Place, Wire } from '../wire.ts';

const FILLERS = 96;
const CUSTOMERS = 4_000;
/** While the others are being made nothing of it falls due. */
const TTL_SECONDS = 900;
/** Of those who try before and right after it. */
const SHORT_TTL_SECONDS = 10;
/** From the moment that the deadlines have been set: time to see how answers come before it. */
const LEAD_MS = 8_000;
/** Setting them takes time as well. */
const LEAD_MS_EACH = 0.1;
const BEFORE_MS = 5_000;
const AFTER_MS = 1_000;
/** P5. */
const FREE_WITHIN_MS = 1_000;
const UNITS_MAX = 100;
const NEXT_RESERVES = 10;
const TRIES_MAX = 20;
/** After a 503. */
const AGAIN_AFTER_MS = 100;
/** As many are promised to be free in time; how long more of them take is measured. */
const PROMISED = 1_000;
const SWEPT_WITHIN_MS = 60_000;

export const dueAtOnce: Scenario = {
  number: 16,
  title: '1,000 and 100,000 reservations due in the same moment',
  about:
    'One item is reserved to the last unit, one unit each; the deadlines are then set to one and the same millisecond in Redis, record and index together. 120 client loops go on reserving other items of that sale. Right before the moment the item must be sold out; the very next reserves, of 100 units each, must all be granted, while most of it has not been swept. Measured: when each was freed by the journal, and how long others waited for their answers before and meanwhile.',
  inShort: false,
  play: async (company) => {
    const stage = await company.stage();
    for (const count of [PROMISED, company.scale(100_000, 10_000)]) await due(company, stage, count);
  },
};

async function due(company: Company, stage: Stage, count: number): Promise<void> {
  await company.act(
    `${count.toLocaleString('en')} due at once`,
    stage,
    async (act) => {
      const redis = stage.redisClient();
      const { sale } = act;
      const [filled, took] = await fill(act, stage, count);
      act.note(
        `${filled.length.toLocaleString('en')} reservations were made in ${(took / 1_000).toFixed(1)} s.`,
      );

      const deadlineMs = Date.now() + LEAD_MS + Math.ceil(count * LEAD_MS_EACH);
      const moved = await moveDeadlines(redis, sale.number, sale.hot, deadlineMs);
      act.expect(moved === count, `${moved} deadlines were set, of ${count}`);
      const dueAtMs = deadlineMs - performance.timeOrigin;
      for (const visit of filled) visit.ttlMs = dueAtMs - visit.firstSentAtMs;
      act.expect(performance.now() < dueAtMs - BEFORE_MS, 'the deadlines were set too late to be looked at');

      const others = act.plentiful;
      act.load({
        sale: { ...sale, hot: others, items: sale.items.filter(({ sku }) => sku !== sale.hot) },
        endings: ['confirm', 'release'],
      });
      await sleepUntil(dueAtMs - BEFORE_MS);
      const { reserveMs } = act.diary;
      const from = reserveMs.length;
      await stillReserved(act, stage, dueAtMs);
      await sleepUntil(dueAtMs + 1);
      const atOnce = reserveMs.length;
      const next = nextReserves(act, stage, dueAtMs);
      const gone = () =>
        until(
          'all of them have been swept',
          async () => (await redis.zcount(saleKey(sale.number, 'dead'), deadlineMs, deadlineMs)) === 0,
          SWEPT_WITHIN_MS,
        );
      await (count > PROMISED ? act.outage(`${count} are being swept`, gone) : gone());
      await sleepUntil(dueAtMs + AFTER_MS);
      const swept = reserveMs.length;
      await next;
      await noteFreed(act, stage, count, deadlineMs);
      const [before, during] = [
        p99(reserveMs.values.slice(from, atOnce)),
        p99(reserveMs.values.slice(atOnce, swept)),
      ];
      act.note(
        `Answers to reserve, 99 % within: ${before.toFixed(1)} ms in the ${BEFORE_MS / 1_000} s before, ${during.toFixed(1)} ms from the moment until all were free (at least ${AFTER_MS / 1_000} s): ${(during / before).toFixed(1)} ×.`,
      );
    },
    { hotStock: count, ttlSeconds: TTL_SECONDS },
  );
}

/** As many reservations as there are units. @returns them, and how long it took, ms. */
async function fill(act: Act, stage: Stage, count: number): Promise<[Visit[], number]> {
  const startedMs = performance.now();
  const tokens = Array.from({ length: Math.min(count, CUSTOMERS) }, (_, n) => token(`due-${n}`));
  const filled: Visit[] = [];
  let begun = 0;
  const loop = async (n: number) => {
    const wire = new Wire(10_000);
    while (begun < count) {
      const mine = begun++;
      const who = mine % tokens.length;
      const visit = act.diary.begin(`due-${who}`, `${act.sale.id}-due-${mine}`, [
        { sku: act.sale.hot, quantity: 1 },
      ]);
      const text = reserveText(visit, tokens[who] as string);
      for (let tries = 1; visit.id === undefined && tries <= TRIES_MAX; tries += 1) {
        const sentAtMs = performance.now();
        act.diary.reserved(visit, sentAtMs, await wire.ask(placeOf(stage, n), text));
      }
      if (visit.id === undefined)
        throw new Error(`a reservation that was to fall due could not be made: ${act.diary.breaks.at(-1)}`);
      else filled.push(visit);
    }
    wire.close();
  };
  await Promise.all(Array.from({ length: FILLERS }, (_, n) => loop(n)));
  return [filled, performance.now() - startedMs];
}

/** P5, never before the deadline: nobody gets a unit of it until then. */
async function stillReserved(act: Act, stage: Stage, dueAtMs: number): Promise<void> {
  const wire = new Wire(4_000);
  let tried = 0;
  for (; performance.now() < dueAtMs - 100; tried += 1) {
    const visit = act.diary.begin('early', `early-${act.sale.id}-${tried}`, [
      { sku: act.sale.hot, quantity: 1 },
    ]);
    const sentAtMs = performance.now();
    const answer = await wire.ask(
      placeOf(stage, tried),
      reserveText(visit, token('early'), SHORT_TTL_SECONDS),
    );
    act.diary.reserved(visit, sentAtMs, answer);
    if (answer !== undefined && answer.status === 201 && answer.atMs < dueAtMs)
      act.fail(`a unit was free ${Math.round(dueAtMs - answer.atMs)} ms before its deadline`);
    await Bun.sleep(100);
  }
  act.expect(tried > 0, 'nobody tried before the deadline');
  wire.close();
}

/** P5, counted free by the very next reserve: sent right after the deadline, each wants more than one sweep has freed. */
async function nextReserves(act: Act, stage: Stage, dueAtMs: number): Promise<void> {
  const granted = await Promise.all(
    Array.from({ length: NEXT_RESERVES }, async (_, n) => {
      const wire = new Wire(10_000);
      const name = `next-${act.sale.id}-${n}`;
      const visit = act.diary.begin(name, name, [{ sku: act.sale.hot, quantity: UNITS_MAX }]);
      const firstSentAtMs = performance.now();
      let asked = 0;
      for (; visit.id === undefined && performance.now() < dueAtMs + SWEPT_WITHIN_MS; asked += 1) {
        const sentAtMs = performance.now();
        const answer = await wire.ask(placeOf(stage, n), reserveText(visit, token(name), SHORT_TTL_SECONDS));
        act.diary.reserved(visit, sentAtMs, answer);
        if (answer !== undefined && answer.status !== 201 && answer.status !== 503)
          act.fail(`the next reserve of ${UNITS_MAX} units was refused: ${answer.text}`);
        if (answer?.status === 503) await Bun.sleep(AGAIN_AFTER_MS);
      }
      wire.close();
      if (visit.id === undefined) act.fail(`the next reserve of ${UNITS_MAX} units was never answered`);
      return { sentMs: firstSentAtMs - dueAtMs, tookMs: visit.acceptedAtMs - firstSentAtMs, asked };
    }),
  );
  const most = (of: (each: (typeof granted)[number]) => number) => Math.max(...granted.map(of)).toFixed(0);
  act.note(
    `The next ${NEXT_RESERVES} reserves of ${UNITS_MAX} units each, the last sent ${most(({ sentMs }) => sentMs)} ms after the deadline: all granted, the slowest after ${most(({ tookMs }) => tookMs)} ms (it asked ${most(({ asked }) => asked)} times).`,
  );
}

/** When each was freed, by the journal. */
async function noteFreed(act: Act, stage: Stage, count: number, deadlineMs: number): Promise<void> {
  const sql = stage.sql(1);
  const row = await until(
    'the journal has all of them',
    async () => {
      const [seen] = await sql`
        SELECT count(*) AS count, min(at_ms) AS first, max(at_ms) AS last,
               percentile_disc(0.99) WITHIN GROUP (ORDER BY at_ms) AS late
        FROM holdfast.journal WHERE sale = ${act.sale.number} AND kind = 'expired' AND deadline_ms = ${deadlineMs}`;
      return Number(seen.count) >= count ? seen : undefined;
    },
    SWEPT_WITHIN_MS,
  );
  const [first, late, last] = [row.first, row.late, row.last].map((atMs) => Number(atMs) - deadlineMs) as [
    number,
    number,
    number,
  ];
  act.expect(Number(row.count) === count, `${row.count} expired, of ${count}`);
  act.expect(first >= 0, `one expired ${-first} ms before its deadline`);
  if (count <= PROMISED)
    act.expect(late <= FREE_WITHIN_MS, `99 % were free ${late} ms after the deadline, promised 1 s`);
  act.note(
    `Freed after the deadline: the first ${first} ms, 99 % within ${late} ms, the last ${last} ms; in the journal ${Math.round(Date.now() - deadlineMs)} ms after it at the latest.`,
  );
}

function p99(times: Float64Array): number {
  const sorted = times.slice().sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * 0.99) - 1)] ?? 0;
}

function placeOf(stage: Stage, n: number): Place {
  const place = stage.places[n % stage.places.length];
  if (place === undefined) throw new Error('nobody to ask');
  return place;
}

async function sleepUntil(atMs: number): Promise<void> {
  await Bun.sleep(Math.max(0, atMs - performance.now()));
}
