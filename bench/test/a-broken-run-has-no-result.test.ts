// No figure is published of a run in which something was oversold or lost: the bench looks after every scenario, and stops.
import { afterAll, expect, test } from 'bun:test';
import { saleKey } from '../../server/src/stock/keys.ts';
import { stopServices } from '../../server/test/harness/service.ts';
import { stopAll } from '../../server/test/harness/stores.ts';
import { type Company, closed } from '../src/company.ts';
import type { Options } from '../src/options.ts';
import { playRounds } from '../src/run.ts';
import { visitsOf } from '../src/scenarios/open-model.ts';
import type { Scenario } from '../src/scenarios/scenario.ts';
import { toldBy } from '../src/verify.ts';

const OPTIONS: Options = {
  quick: true,
  only: undefined,
  rounds: 1,
  seed: 7,
  json: undefined,
  html: undefined,
};
const ROUND_MS = 120_000;

afterAll(async () => {
  await stopServices();
  await stopAll();
});

/** Ten customers reserve; `spoil` is what goes wrong before the bench looks. */
function spoilt(
  name: string,
  spoil: (company: Company, sale: { readonly number: number; readonly sku: string }) => Promise<number>,
): Scenario {
  return {
    name,
    title: name,
    inQuick: 'always',
    async play(company) {
      const { stage } = company;
      const sale = await stage.sale(1, 100);
      const visits = { ...visitsOf(sale.skus, false), count: 10 };
      const { outcome } = await company.serve(stage, visits, closed(5, 2));
      const told = toldBy(outcome);
      const more = await spoil(company, { number: sale.number, sku: sale.skus[0] as string });
      company.note(`${name}.perSecond`, 1);
      await company.settle(stage, sale, { ...told, reserved: told.reserved + more });
    },
  };
}

const sound = spoilt('sound', async () => 0);
const lost = spoilt('lost', async () => 1);
const neverPlayed = spoilt('never-played', async () => {
  throw new Error('what comes after a broken scenario stands on broken stores');
});

test(
  'a reservation that a customer was told of and nobody has ends the run, and what would come after it is not played',
  async () => {
    const said: string[] = [];
    const { failed } = await playRounds({ ...OPTIONS, rounds: 3 }, (line) => said.push(line), [
      sound,
      lost,
      neverPlayed,
    ]);
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatch(
      /^lost, round 1: BrokenInvariant: .*reserved: customers know of 11 .* the ledger has 10/,
    );
    expect(said.filter((line) => line.startsWith('Round'))).toEqual(['Round 1 of 3']);
    expect(said.some((line) => line.includes('lost') && line.includes('NO RESULT'))).toBe(true);
    expect(said.some((line) => line.includes('never-played'))).toBe(false);
  },
  ROUND_MS,
);

test(
  'a Redis that holds one unit more than its records say ends the run',
  async () => {
    const oversold = spoilt('oversold', async ({ stage }, { number, sku }) => {
      await stage.store.hset(saleKey(number, 'stock'), sku, '100 11 0 -');
      return 0;
    });
    const { failed } = await playRounds(OPTIONS, () => undefined, [oversold]);
    expect(failed).toHaveLength(1);
    expect(failed[0]).toContain('oversold, round 1: BrokenInvariant');
  },
  ROUND_MS,
);
