// How many customers the service answers a second, in a closed loop.
import {
  answeredWith,
  CONNECTIONS,
  type Company,
  closed,
  MADE_PER_SECOND,
  reserves,
  turnedAway,
} from '../company.ts';
import { countOf } from '../load/order.ts';
import type { Fsync, Sale, Stage } from '../stage.ts';
import { type Told, together, toldBy } from '../verify.ts';
import type { Scenario } from './scenario.ts';

export const PLENTY = 10_000_000;
const SHOPPERS_AN_ITEM = 64;
const LAST_ITEMS_PER_SECOND = 100;
/** A pair goes through five batches, one after the other: 128 customers fill none of them. More than 256 are turned away at times. */
const CROWD = 256;

/** Accepted reserves, noted under `name`. */
export async function acceptedReserves(
  company: Company,
  stage: Stage,
  { name, fsync, items }: { readonly name: string; readonly fsync: Fsync; readonly items: number },
): Promise<void> {
  const { seconds } = company.extent;
  await stage.fsync(fsync);
  const sale = await stage.sale(items, PLENTY);
  const measured = await company.serve(stage, reserves(sale.skus, seconds), closed(seconds));
  company.noteServed(name, measured, 'reserve', 201);
  await company.settle(stage, sale, toldBy(measured.outcome), name);
}

const onStage = (name: string, title: string, fsync: Fsync, items: number): Scenario => ({
  name,
  title,
  inQuick: items === 1 ? 'always' : 'once',
  play: (company) => acceptedReserves(company, company.stage, { name: name.replace('-', '.'), fsync, items }),
});

export const reserveEverysec = onStage(
  'reserve-everysec',
  'Accepted reserves, fsync every second',
  'everysec',
  1,
);
export const reserveAlways = onStage(
  'reserve-always',
  'Accepted reserves, fsync before the answer',
  'always',
  1,
);
export const skus20 = onStage('skus-20', 'Accepted reserves over 20 SKUs', 'always', 20);
export const skus1000 = onStage('skus-1000', 'Accepted reserves over 1,000 SKUs', 'always', 1_000);

export const pairs: Scenario = {
  name: 'pairs',
  title: 'Reserve → confirm, one hot SKU',
  inQuick: 'always',
  async play(company) {
    await reserveAndConfirm(company, company.stage, 'pairs');
    await reserveAndConfirm(company, company.stage, 'pairs-256', CROWD);
    const { 'pairs.perSecond': few = 0, 'pairs-256.perSecond': many = 0 } = company.figures;
    company.note('pairs.peakPerSecond', Math.max(few, many));
  },
};

async function reserveAndConfirm(
  company: Company,
  stage: Stage,
  name: string,
  customers = CONNECTIONS,
): Promise<void> {
  const { seconds } = company.extent;
  await stage.fsync('always');
  const sale = await stage.sale(1, PLENTY);
  const visits = reserves(sale.skus, seconds, { confirms: true, perSecond: MADE_PER_SECOND.pairs });
  const measured = await company.serve(stage, visits, closed(seconds, customers));
  answeredWith(measured.outcome, 'reserve', 201);
  answeredWith(measured.outcome, 'confirm', 200);
  company.noteServed(name, measured, 'pair', 200);
  await company.settle(stage, sale, toldBy(measured.outcome), name);
}

export const soldOut: Scenario = {
  name: 'sold-out',
  title: 'Sold out: everybody is refused',
  inQuick: 'always',
  async play(company) {
    const { stage, extent } = company;
    await stage.fsync('always');
    const sale = await stage.sale(1, 1);
    const first = await buyTheOnly(company, sale);
    const visits = reserves(sale.skus, extent.seconds, { perSecond: MADE_PER_SECOND.quick });
    const measured = await company.serve(stage, visits, closed(extent.seconds));
    company.noteServed('sold-out', measured, 'reserve', 409);
    await company.settle(stage, sale, first);
  },
};

async function buyTheOnly(company: Company, sale: Sale) {
  const one = { kind: 'reserve', count: 1, skus: sale.skus, choice: { by: 'any' }, confirms: true } as const;
  const { outcome } = await company.serve(company.stage, one, closed(1, 1));
  answeredWith(outcome, 'confirm', 200);
  return toldBy(outcome);
}

export const lastItem: Scenario = {
  name: 'last-item',
  title: 'The last unit of one item after the other, 64 shoppers for each',
  inQuick: 'once',
  async play(company) {
    const { stage, extent } = company;
    await stage.fsync('always');
    const items = Math.min(1_000, Math.round(extent.seconds * LAST_ITEMS_PER_SECOND));
    const sale = await stage.sale(items, 1);
    const count = items * SHOPPERS_AN_ITEM;
    const choice = { by: 'turns', each: SHOPPERS_AN_ITEM } as const;
    const visits = { kind: 'reserve', count, skus: sale.skus, choice, confirms: false } as const;
    const measured = await company.serve(stage, visits, closed(extent.seconds * 10));
    const won = countOf(measured.outcome, 'reserve', [201]);
    const lost = countOf(measured.outcome, 'reserve', [409]);
    const later = turnedAway(measured.outcome);
    if (won > items || (won < items && later === 0) || won + lost + later !== count)
      throw new Error(
        `${items} units, ${count} shoppers: ${won} won, ${lost} were refused, ${later} turned away`,
      );
    company.note('last-item.perSecond', count / measured.outcome.seconds);
    company.note('last-item.turnedAway', later);
    company.note('last-item.won.p99Ms', measured.outcome.answers['reserve 201']?.p99Ms ?? 0);
    await company.settle(stage, sale, toldBy(measured.outcome));
  },
};

export const reads: Scenario = {
  name: 'reads',
  title: 'Readers: one item, a page of items, their own reservations',
  inQuick: 'once',
  async play(company) {
    const { stage, extent } = company;
    const sale = await stage.sale(20, PLENTY);
    const count = extent.seconds * MADE_PER_SECOND.quick;
    const visits = { kind: 'read', count, sale: sale.id, skus: sale.skus } as const;
    const measured = await company.serve(stage, visits, closed(extent.seconds));
    let answered = 0;
    for (const request of ['item', 'page', 'own']) {
      const times = measured.outcome.answers[`${request} 200`];
      answered += times?.count ?? 0;
      if (times !== undefined) company.noteTimes(`reads.${request}`, times);
    }
    company.note('reads.perSecond', answered / measured.outcome.seconds);
    company.note('reads.turnedAway', turnedAway(measured.outcome));
    company.noteCpu('reads', measured, answered);
    await company.settle(stage, sale, toldBy(measured.outcome));
  },
};

export const twoProcesses: Scenario = {
  name: 'workers-2',
  title: 'Two processes on one port',
  inQuick: 'once',
  apart: true,
  play: (company) =>
    company.elsewhere({ workers: 2 }, async (stage) => {
      await warmUp(company, stage);
      await acceptedReserves(company, stage, { name: 'workers-2.reserve', fsync: 'always', items: 1 });
      await reserveAndConfirm(company, stage, 'workers-2.pairs');
    }),
};

/** So many of each until the process has compiled what it runs often: not a part of what is measured. */
const WARMING = { reserves: 12_000, pairs: 2_000, refusals: 6_000 };
const WARM_WITHIN_SECONDS = 5;

export async function warmUp(company: Company, stage: Stage): Promise<void> {
  const sale = await stage.sale(1, PLENTY);
  const none = await stage.sale(1, 0);
  const told: Told[] = [];
  for (const [count, { skus }, confirms] of [
    [WARMING.reserves, sale, false],
    [WARMING.pairs, sale, true],
    [WARMING.refusals, none, false],
  ] as const) {
    const visits = { kind: 'reserve', count, skus, choice: { by: 'any' }, confirms } as const;
    told.push(toldBy((await company.serve(stage, visits, closed(WARM_WITHIN_SECONDS))).outcome));
  }
  await company.settle(stage, sale, together(told));
}

/** On a stage of its own, warm, with one item that nobody sells out: what leaves much behind for a service to clear away. */
export async function apart(
  company: Company,
  play: (stage: Stage, sale: Sale) => Promise<void>,
): Promise<void> {
  await company.elsewhere({}, async (stage) => {
    await warmUp(company, stage);
    await play(stage, await stage.sale(1, PLENTY));
  });
}
