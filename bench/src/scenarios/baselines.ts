// What the service is held against, on the same machine in the same round with the same generator.

import { rawCalls } from '../baselines/raw-calls.ts';
import { singleRowTransactions } from '../baselines/row.ts';
import { type Baseline, type BaselineName, startBaseline } from '../baselines/server.ts';
import { answeredWith, type Company, closed, MADE_PER_SECOND } from '../company.ts';
import { CAN_READ_CPU, treeCpuMs } from '../cpu-time.ts';
import type { StageCpu } from '../stage.ts';
import type { Scenario } from './scenario.ts';

/** Until a runtime has compiled what it runs all the time; a slow one gets less, for the time it takes. */
const WARMING = 10_000;
const WARM_WITHIN_SECONDS = 2;
const UNITS = 100_000_000;
const PLENTY = 10_000_000;
/** Calls that redis-benchmark makes for each second of a measurement. */
const CALLS_PER_SECOND = 8_000;
/** Ids are drawn by chance: a few are drawn twice. */
const SAME_ID_MAX = 20;

export const emptyNode: Scenario = {
  name: 'node',
  title: 'An empty node:http server: reads a JSON body, answers a small one',
  inQuick: 'always',
  async play(company) {
    await measureServer(company, 'node', {});
  },
};

export const emptyBun: Scenario = {
  name: 'bun',
  title: 'An empty Bun.serve',
  inQuick: 'always',
  async play(company) {
    await measureServer(company, 'bun', {});
  },
};

export const naive: Scenario = {
  name: 'naive',
  title: 'The naive way: Express and one EVAL a request',
  inQuick: 'always',
  async play(company) {
    const { store, redis } = company.stage;
    await company.stage.fsync('everysec');
    await store.set('naive:stock:hot', UNITS);
    const before = treeCpuMs(redis.pid);
    const accepted = await measureServer(company, 'naive', { REDIS_URL: redis.url });
    const left = Number(await store.get('naive:stock:hot'));
    if (CAN_READ_CPU)
      company.note('naive.cpu.redis', ((treeCpuMs(redis.pid) - before) * 1_000) / (UNITS - left));
    if (UNITS - left < accepted) throw new Error('the naive way sold less than it said');
    await clearNaive(company);
  },
};

async function measureServer(
  company: Company,
  name: BaselineName,
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const { seconds } = company.extent;
  const server = await startBaseline(name, env);
  try {
    const cpu = () => ({ service: treeCpuMs(server.pid), redis: 0, postgres: 0 });
    await run(company, server, WARM_WITHIN_SECONDS, cpu, WARMING);
    const measured = await run(company, server, seconds, cpu, MADE_PER_SECOND.quick * seconds);
    const accepted = answeredWith(measured.outcome, 'reserve', 201);
    company.note(`${name}.perSecond`, accepted / measured.outcome.seconds);
    company.note(`${name}.seconds`, measured.outcome.seconds);
    if (CAN_READ_CPU) {
      company.note(`${name}.cpu`, (measured.cpuMs.service * 1_000) / accepted);
      company.note(`${name}.cpu.generator`, (measured.cpuMs.generator * 1_000) / accepted);
    }
    company.note(`${name}.p99Ms`, measured.outcome.answers['reserve 201']?.p99Ms ?? 0);
    return accepted;
  } finally {
    await server.stop();
  }
}

function run(company: Company, server: Baseline, seconds: number, around: () => StageCpu, count: number) {
  const visits = { kind: 'reserve', count, skus: ['hot'], choice: { by: 'any' }, confirms: false } as const;
  return company.load(server.place, visits, closed(seconds), { around });
}

/** So that the keys weigh on nothing that comes later. */
async function clearNaive({ stage: { store } }: Company): Promise<void> {
  let cursor = '0';
  do {
    const [next, keys] = await store.scan(cursor, 'MATCH', 'naive:*', 'COUNT', 2_000);
    if (keys.length > 0) await store.unlink(...keys);
    cursor = next;
  } while (cursor !== '0');
}

export const calls: Scenario = {
  name: 'calls',
  title: 'The function library without a service: one reservation a call',
  inQuick: 'always',
  async play(company) {
    const { stage, extent } = company;
    await stage.fsync('everysec');
    const sale = await stage.sale(1, PLENTY);
    const before = treeCpuMs(stage.redis.pid);
    const made = await rawCalls(stage, sale, Math.round(extent.seconds * CALLS_PER_SECOND));
    const cpuMs = treeCpuMs(stage.redis.pid) - before;
    company.note('calls.perSecond', made.calls / made.seconds);
    if (CAN_READ_CPU) company.note('calls.cpu.redis', (cpuMs * 1_000) / made.calls);
    await company.settle(stage, sale, {
      reserved: made.calls - SAME_ID_MAX,
      confirmed: 0,
      unknown: 2 * SAME_ID_MAX,
    });
  },
};

export const ledgerRow: Scenario = {
  name: 'row',
  title: 'PostgreSQL alone: one row, one transaction a purchase, 64 clients',
  inQuick: 'always',
  async play(company) {
    company.note('row.perSecond', await singleRowTransactions(company.stage, company.extent.seconds));
  },
};
