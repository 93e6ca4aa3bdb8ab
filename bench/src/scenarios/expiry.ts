// What it is like for those who reserve when very many reservations end at once.
import { saleKey } from '../../../server/src/stock/keys.ts';
import { until } from '../../../server/test/harness/until.ts';
import { answeredWith, closed } from '../company.ts';
import type { Outcome } from '../load/order.ts';
import type { Sale, Stage } from '../stage.ts';
import { together, toldBy } from '../verify.ts';
import { open, visitsOf } from './open-model.ts';
import { apart } from './saturation.ts';
import type { Scenario } from './scenario.ts';

const EXPIRING = 100_000;
/** From the order to the end of all: making the requests and reserving takes part of it, the normal case another. */
const EXPIRE_AFTER_MS = 75_000;
const SHARE = 0.3;
/** Until the last was free it took three to four seconds in every run so far. */
const AROUND_SECONDS = 5;
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
      const waitMs = expireAtMs - BEFORE_MS - Date.now();
      if (waitMs <= 0) throw new Error('they have expired while they were being made');
      const moment = Bun.sleep(waitMs);
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
