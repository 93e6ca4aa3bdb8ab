// What many live reservations cost, and what it is like when very many of them end at once. Each on a stage of its own.
import { saleKey } from '../../../server/src/stock/keys.ts';
import { until } from '../../../server/test/harness/until.ts';
import { answeredWith, type Company, closed, type Measured } from '../company.ts';
import { CAN_READ_CPU, residentBytes, workersOf } from '../cpu-time.ts';
import type { Outcome } from '../load/order.ts';
import type { Sale, Stage } from '../stage.ts';
import { caughtUp, type Told, together, toldBy } from '../verify.ts';
import { open, visitsOf } from './open-model.ts';
import { apart, PLENTY } from './saturation.ts';
import type { Scenario } from './scenario.ts';

const LEVELS = [1_000, 100_000, 1_000_000];
/** Measured at each level, on top of those that live already. */
const MEASURED = 10_000;
const FILL_AT_ONCE = 50_000;
/** Before the first is measured: the service goes on getting quicker for so many requests, and the last one is measured after more. */
const WARM = 100_000;
/** A closed loop ends when its requests are used up; this is only its bound. */
const FILL_WITHIN_SECONDS = 120;
const SAMPLES = 10_000;

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
        told.push(await fill(company, stage, sale, level - live));
        live = level;
        const measured = await reserveSome(company, stage, sale, MEASURED);
        told.push(toldBy(measured.outcome));
        const made = answeredWith(measured.outcome, 'reserve', 201);
        live += made;
        company.noteCpu(`growth.${level}`, measured, made);
        noteWholeCpu(company, `growth.${level}`, measured, made);
        company.note(`growth.${level}.perSecond`, made / measured.outcome.seconds);
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

export async function reserveSome(
  company: Company,
  stage: Stage,
  sale: Sale,
  count: number,
): Promise<Measured> {
  return await company.serve(stage, { ...visitsOf(sale.skus, false), count }, closed(FILL_WITHIN_SECONDS));
}

/** CPU a reservation in µs, of all parts together. */
export function noteWholeCpu(company: Company, name: string, { cpuMs }: Measured, made: number): void {
  const { service, redis, postgres } = cpuMs;
  if (CAN_READ_CPU) company.note(`${name}.cpu`, ((service + redis + postgres) * 1_000) / made);
}

/** All keys of a sale but the stream, which empties, and the rate windows, which last two minutes. */
export async function bytesOf({ store }: Stage, { number }: Sale): Promise<number> {
  let bytes = 0;
  for (const name of ['stock', 'res', 'dead', 'pinned', 'done', 'cust', 'meta'] as const)
    bytes += Number(await store.call('MEMORY', 'USAGE', saleKey(number, name), 'SAMPLES', SAMPLES));
  return bytes;
}

const EXPIRING = 100_000;
/** From the order to the end of all: making the requests and reserving takes part of it, the normal case another. */
const EXPIRE_AFTER_MS = 75_000;
const SHARE = 0.3;
const AROUND_SECONDS = 3;
const BEFORE_MS = 500;
const CONNECTIONS = 500;
const FREE_WITHIN_MS = 30_000;

export const expiry: Scenario = {
  name: 'expiry',
  title: 'Reserves while 100,000 expire within a second',
  inQuick: 'never',
  apart: true,
  play: (company) =>
    apart(company, async (stage, sale) => {
      const expireAtMs = Date.now() + EXPIRE_AFTER_MS;
      const fill = { ...visitsOf(sale.skus, false), count: EXPIRING, expireAtMs };
      const filled = await company.serve(stage, fill, closed(EXPIRE_AFTER_MS / 2_000));
      const rate = (answeredWith(filled.outcome, 'reserve', 201) / filled.outcome.seconds) * SHARE;
      const around = () => open(rate, AROUND_SECONDS, CONNECTIONS);
      const visits = visitsOf(sale.skus, false);
      const normal = await company.serve(stage, visits, around());
      const moment = Bun.sleep(expireAtMs - BEFORE_MS - Date.now());
      const [during, freedMs] = await Promise.all([
        company.serve(stage, visits, around(), moment),
        moment.then(() => allFree(stage, sale, expireAtMs)),
      ]);
      company.note('expiry.freedMs', freedMs);
      for (const [name, { outcome }] of [
        ['normal', normal],
        ['during', during],
      ] as const)
        company.noteTimes(`expiry.${name}`, timesOf(outcome));
      const told = together([filled, normal, during].map(({ outcome }) => toldBy(outcome)));
      await company.settle(stage, sale, told);
    }),
};

/** @returns how long after their moment the last of them was free, ms */
async function allFree({ store }: Stage, { number }: Sale, expireAtMs: number): Promise<number> {
  const dueByMs = expireAtMs + 1_000;
  const left = () => store.call('ZCOUNT', saleKey(number, 'dead'), '-inf', dueByMs);
  await until('all that were due are free', async () => Number(await left()) === 0, FREE_WITHIN_MS);
  return Date.now() - expireAtMs;
}

function timesOf(outcome: Outcome) {
  const times = outcome.answers['reserve 201'];
  if (times === undefined) throw new Error('nobody was served');
  return times;
}

const LOAD_SHARE = 0.7;
const PIECE_SECONDS = 10;
const EARLY_MINUTES = 2;
const LASTS_MS = 20_000;
const SATURATION_SECONDS = 3;

export const memory: Scenario = {
  name: 'memory',
  title: 'Resident memory of a process under ten minutes of load',
  inQuick: 'never',
  apart: true,
  play: (company) =>
    apart(company, async (stage, sale) => {
      const [worker] = workersOf(stage.service.pid);
      if (worker === undefined) return; // No /proc here.
      const most = await company.serve(stage, visitsOf(sale.skus, false), closed(SATURATION_SECONDS));
      const perSecond = (answeredWith(most.outcome, 'reserve', 201) / most.outcome.seconds) * LOAD_SHARE;
      const told: Told[] = [toldBy(most.outcome)];
      const startedMs = performance.now();
      const minutes = () => (performance.now() - startedMs) / 60_000;
      let early: number | undefined;
      while (minutes() < company.extent.memoryMinutes) {
        const visits = { ...visitsOf(sale.skus, false), expireAtMs: Date.now() + LASTS_MS };
        const piece = await company.serve(stage, visits, open(perSecond, PIECE_SECONDS, CONNECTIONS));
        told.push(toldBy(piece.outcome));
        if (minutes() >= EARLY_MINUTES) early ??= residentBytes(worker);
      }
      company.note('memory.perSecond', perSecond);
      if (early !== undefined) company.note('memory.earlyBytes', early);
      company.note('memory.lateBytes', residentBytes(worker) ?? 0);
      await company.settle(stage, sale, together(told));
    }),
};
