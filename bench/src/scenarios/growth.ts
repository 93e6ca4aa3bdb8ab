// What a reservation costs where many are live already, and what each of them takes.
import { saleKey } from '../../../server/src/stock/keys.ts';
import { until } from '../../../server/test/harness/until.ts';
import { answeredWith, type Company, closed, type Measured } from '../company.ts';
import { CAN_READ_CPU } from '../cpu-time.ts';
import { addCpu, type Sale, type Stage } from '../stage.ts';
import { caughtUp, type Told, together, toldBy } from '../verify.ts';
import { visitsOf } from './open-model.ts';
import { apart, PLENTY } from './saturation.ts';
import type { Scenario } from './scenario.ts';

const LEVELS = [1_000, 100_000, 1_000_000];
/** Measured at each level, on top of those that live already: in half a second's worth one collection or one vacuum is a sixth of the cost. */
const MEASURED = { pieces: 4, each: 10_000 };
/** Below it a piece is as many as live already, or more: each gets a sale of its own. */
const OWN_SALES_BELOW = 100_000;
const FILL_AT_ONCE = 50_000;
/** Before the first is measured: the service goes on getting quicker for so many requests, and the last one is measured after more. */
const WARM = 100_000;
/** A closed loop ends when its requests are used up; this is only its bound. */
const FILL_WITHIN_SECONDS = 120;
const SAMPLES = 10_000;
const SETTLED_WITHIN_MS = 120_000;

export const growth: Scenario = {
  name: 'growth',
  title: 'What a reservation costs with 10³ … 10⁶ live, and how many bytes each takes',
  inQuick: 'never',
  apart: true,
  play: (company) =>
    apart(company, async (stage, sale) => {
      await warmThrough(company, stage);
      const told: Told[] = [];
      let live = 0;
      for (const level of LEVELS.filter((each) => each <= company.extent.liveMax)) {
        const name = `growth.${level}`;
        if (level < OWN_SALES_BELOW) {
          noteCost(company, name, await inTurn(MEASURED.pieces, () => onItsOwn(company, stage, level)));
          continue;
        }
        told.push(await fill(company, stage, sale, level - live));
        live = level;
        const pieces = await measureInPieces(company, stage, sale);
        live += noteCost(company, name, pieces);
        told.push(...pieces.map(({ outcome }) => toldBy(outcome)));
      }
      await company.settle(stage, sale, together(told));
      company.note('growth.bytesLive', (await bytesOf(stage, sale)) / live);
    }),
};

/** Reservations of another sale, until the service is as warm as it will be where the last of a comparison is measured. */
export async function warmThrough(company: Company, stage: Stage): Promise<void> {
  const other = await stage.sale(1, PLENTY);
  await company.settle(stage, other, await fill(company, stage, other, WARM));
}

/** A piece on a sale of its own where so many are live. */
async function onItsOwn(company: Company, stage: Stage, live: number): Promise<Measured> {
  const sale = await stage.sale(1, PLENTY);
  const filled = await fill(company, stage, sale, live);
  await settled(stage, sale);
  const measured = await reserveSome(company, stage, sale, MEASURED.each);
  await company.settle(stage, sale, together([filled, toldBy(measured.outcome)]));
  return measured;
}

/** What is measured of a sale, once what came before has been paid for. */
export async function measureInPieces(company: Company, stage: Stage, sale: Sale): Promise<Measured[]> {
  await settled(stage, sale);
  return await inTurn(MEASURED.pieces, () => reserveSome(company, stage, sale, MEASURED.each));
}

/** Reserves so many, in parts that do not run into the bound of the stream, which is about something else. */
async function fill(company: Company, stage: Stage, sale: Sale, count: number): Promise<Told> {
  const told: Told[] = [];
  for (let left = count; left > 0; ) {
    const { outcome } = await reserveSome(company, stage, sale, Math.min(FILL_AT_ONCE, left));
    told.push(toldBy(outcome));
    left -= answeredWith(outcome, 'reserve', 201);
    await caughtUp(stage, sale);
  }
  return together(told);
}

/**
 * Resolves when what came before has been paid for: sealed and summed up, which the service does at its leisure, and vacuumed,
 * which PostgreSQL does when a fifth is new. Each is owed by those who were reserved before, not by those who are measured.
 */
async function settled(stage: Stage, sale: Sale): Promise<void> {
  await caughtUp(stage, sale);
  const last = Number(await stage.store.hget(saleKey(sale.number, 'stock'), '@seq'));
  await until('the journal is sealed and summed up', () => isDone(stage, sale, last), SETTLED_WITHIN_MS);
  await stage.sql`VACUUM (ANALYZE) holdfast.journal`;
}

async function isDone({ sql }: Stage, { number }: Sale, last: number): Promise<boolean> {
  const [sealed] = await sql`
    SELECT to_seq FROM holdfast.seal WHERE sale = ${number} AND source = 'r' ORDER BY position DESC LIMIT 1`;
  const [summed] = await sql`
    SELECT max(seq) AS seq FROM holdfast.activity_mark WHERE sale = ${number} AND source = 'r'`;
  return Number(sealed?.to_seq ?? 0) === last && Number(summed?.seq ?? 0) === last;
}

async function reserveSome(company: Company, stage: Stage, sale: Sale, count: number): Promise<Measured> {
  return await company.serve(stage, { ...visitsOf(sale.skus, false), count }, closed(FILL_WITHIN_SECONDS));
}

/** One after the other. */
async function inTurn<T>(times: number, each: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  while (results.length < times) results.push(await each());
  return results;
}

/** Rate and CPU of pieces as of one, and the CPU a reservation of all parts together; how many were accepted. */
export function noteCost(company: Company, name: string, pieces: readonly Measured[]): number {
  const made = pieces.reduce((sum, { outcome }) => sum + answeredWith(outcome, 'reserve', 201), 0);
  const seconds = pieces.reduce((sum, { outcome }) => sum + outcome.seconds, 0);
  const cpuMs = pieces.map((piece) => piece.cpuMs).reduce(addCpu);
  company.note(`${name}.perSecond`, made / seconds);
  company.note(`${name}.seconds`, seconds);
  company.noteCpu(name, { cpuMs }, made);
  const { service, redis, postgres } = cpuMs;
  if (CAN_READ_CPU) company.note(`${name}.cpu`, ((service + redis + postgres) * 1_000) / made);
  return made;
}

/** All keys of a sale but the stream, which empties, and the rate windows, which last two minutes. */
export async function bytesOf({ store }: Stage, { number }: Sale): Promise<number> {
  let bytes = 0;
  for (const name of ['stock', 'res', 'dead', 'pinned', 'done', 'cust', 'meta'] as const)
    bytes += Number(await store.call('MEMORY', 'USAGE', saleKey(number, name), 'SAMPLES', SAMPLES));
  return bytes;
}
