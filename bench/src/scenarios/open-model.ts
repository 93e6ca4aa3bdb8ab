// How long customers wait: arrivals at a rate of their own, each time counted from when the request was to be sent.

import { HOT_SALE_SECONDS, hotSale } from '../arrivals.ts';
import { type Company, MADE_PER_SECOND, TURNED_AWAY, turnedAway } from '../company.ts';
import { PATIENCE_MS } from '../load/generator.ts';
import { countOf, type Outcome, type Pace, type Visits } from '../load/order.ts';
import { toldBy } from '../verify.ts';
import { PLENTY } from './saturation.ts';
import type { Scenario } from './scenario.ts';

const CONNECTIONS = 1_000;
/** As many connections as people who wait at three times saturation, within what a process may open. */
const CONNECTIONS_OVERLOADED = 4_000;
const SHARES = { quick: [0.25, 0.5, 0.75], full: [0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9] };
const OVER = 3;
/** A quick run plays the sale in a quarter of its time, all but the opening second: harder, not shorter. */
const QUICK_PACE = 4;
/** Below it they do not reach the 99th percentile. */
const FEW = 0.01;

export const latency: Scenario = {
  name: 'latency',
  title: 'Reserves at shares of saturation',
  needs: ['reserve-always'],
  inQuick: 'once',
  async play(company) {
    const { stage, extent } = company;
    const saturation = need(company, 'reserve.always.perSecond');
    await stage.fsync('always');
    for (const share of extent.quick ? SHARES.quick : SHARES.full) {
      const perSecond = saturation * share;
      const sale = await stage.sale(1, PLENTY);
      const visits = visitsOf(sale.skus, false);
      const { outcome } = await company.serve(stage, visits, open(perSecond, extent.seconds, CONNECTIONS));
      const times = outcome.answers['reserve 201'];
      if (times === undefined) throw new Error(`nobody was served at ${share} of saturation`);
      company.noteTimes(`latency.${Math.round(share * 100)}`, times);
      company.curve.push({ fsync: 'always', share, perSecond, ...times });
      await company.settle(stage, sale, toldBy(outcome));
    }
  },
};

export const overload: Scenario = {
  name: 'overload',
  title: 'Reserve → confirm, offered at three times saturation',
  needs: ['pairs'],
  inQuick: 'once',
  async play(company) {
    const { stage, extent } = company;
    await stage.fsync('always');
    const sale = await stage.sale(1, PLENTY);
    // The highest that there is: what is offered must be three times it.
    const peak = need(company, 'pairs.peakPerSecond');
    const pace = open(peak * OVER, extent.seconds, CONNECTIONS_OVERLOADED);
    const measured = await company.serve(stage, visitsOf(sale.skus, true), pace);
    const { outcome } = measured;
    const bought = countOf(outcome, 'confirm', [200]);
    // Those who are served after the last one came are counted, and so is the time that took.
    company.note('overload.goodputPerSecond', bought / Math.max(extent.seconds, outcome.seconds));
    company.note('overload.offeredPerSecond', peak * OVER);
    const { 'reserve 201': reserved, 'confirm 200': confirmed } = outcome.answers;
    if (reserved === undefined || confirmed === undefined) throw new Error('nobody was served');
    company.noteTimes('overload.reserve', reserved);
    company.noteTimes('overload.confirm', confirmed);
    company.note('overload.accepted.p99Ms', Math.max(reserved.p99Ms, confirmed.p99Ms));
    noteRefusals(company, outcome);
    await company.settle(stage, sale, toldBy(outcome), 'overload');
  },
};

function noteRefusals(company: Company, outcome: Outcome): void {
  const refused = ['reserve', 'confirm'].flatMap((request) =>
    TURNED_AWAY.map((status) => outcome.answers[`${request} ${status}`]?.p99Ms ?? 0),
  );
  const later = turnedAway(outcome);
  company.note('overload.refused', later - outcome.unanswered);
  company.note('overload.unanswered', outcome.unanswered);
  company.note('overload.notSent', outcome.notSent);
  const forgotten = outcome.unanswered + outcome.notSent;
  // Who was never answered was refused by silence, after all of the time that customers have here.
  const slowest = forgotten > FEW * (later + outcome.notSent) ? PATIENCE_MS : Math.max(...refused);
  if (later + outcome.notSent > 0) company.note('overload.refused.p99Ms', slowest);
}

export const replay: Scenario = {
  name: 'hot-sale',
  title: 'A ticket sale: 5,000 in the opening second, sold out after 15 s, a long tail',
  inQuick: 'once',
  async play(company) {
    const { stage, extent } = company;
    const pace = extent.quick ? QUICK_PACE : 1;
    await stage.fsync('always');
    const { stock } = hotSale(0, pace);
    const sale = await stage.sale(1, stock);
    const visits: Visits = { kind: 'hot-sale', sku: sale.skus[0] as string, pace };
    const measured = await company.serve(stage, visits, { kind: 'scheduled', connections: CONNECTIONS });
    const { answers } = measured.outcome;
    const bought = countOf(measured.outcome, 'confirm', [200]);
    company.note('hot-sale.turnedAway', turnedAway(measured.outcome));
    if (bought !== stock && turnedAway(measured.outcome) === 0)
      throw new Error(`${bought} of ${stock} units were bought`);
    for (const [name, answer] of [
      ['reserve', 'reserve 201'],
      ['confirm', 'confirm 200'],
      ['refusal', 'reserve 409'],
      ['read', 'item 200'],
    ] as const) {
      const times = answers[answer];
      if (times !== undefined) company.noteTimes(`hot-sale.${name}`, times);
    }
    const { service, redis, postgres } = measured.cpuMs;
    company.note('hot-sale.cores', (service + redis + postgres) / ((HOT_SALE_SECONDS / pace) * 1_000));
    await company.settle(stage, sale, toldBy(measured.outcome));
  },
};

export function open(perSecond: number, seconds: number, connections: number): Pace {
  return { kind: 'open', perSecond: Math.max(1, perSecond), seconds, connections };
}

/** Of an open model: its schedule says how many. */
export function visitsOf(skus: readonly string[], confirms: boolean): Extract<Visits, { kind: 'reserve' }> {
  return { kind: 'reserve', count: MADE_PER_SECOND.reserves, skus, choice: { by: 'any' }, confirms };
}

/** @throws if this round did not measure it */
export function need(company: Company, name: string): number {
  const value = company.figures[name];
  if (value === undefined) throw new Error(`${name} was not measured in this round`);
  return value;
}
