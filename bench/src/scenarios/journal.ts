// How far the journal is behind what customers were told: under load, and when PostgreSQL comes back after an outage.
import { until } from '../../../server/test/harness/until.ts';
import { answeredWith, closed, reserves } from '../company.ts';
import { Times } from '../percentiles.ts';
import type { Sale, Stage } from '../stage.ts';
import { caughtUp, together, toldBy } from '../verify.ts';
import { open, visitsOf } from './open-model.ts';
import { apart } from './saturation.ts';
import type { Scenario } from './scenario.ts';

const SHARE = 0.7;
const CONNECTIONS = 1_000;
const SATURATION_SECONDS = 3;
const LOAD_SECONDS = 10;
const LOOK_EVERY_MS = 20;
/** The load goes on while PostgreSQL is away, and after it is back. */
const AWAY = { fromMs: 1_000, ms: 5_000 };
const OUTAGE_SECONDS = 15;
/** Of what is promised under load; from then on the outage is over for the journal. */
const BEHIND_MS = 1_000;
const BACK_WITHIN_MS = 120_000;

export const journal: Scenario = {
  name: 'journal',
  title: 'How far the journal is behind, under load and after five seconds without PostgreSQL',
  inQuick: 'never',
  apart: true,
  play: (company) =>
    apart(company, async (stage, sale) => {
      const visits = visitsOf(sale.skus, false);
      const most = await company.serve(
        stage,
        reserves(sale.skus, SATURATION_SECONDS),
        closed(SATURATION_SECONDS),
      );
      const perSecond = (answeredWith(most.outcome, 'reserve', 201) / most.outcome.seconds) * SHARE;
      await caughtUp(stage, sale);

      const looks = new Looks(stage, sale);
      const loaded = await company.serve(stage, visits, open(perSecond, LOAD_SECONDS, CONNECTIONS));
      const { p99Ms, maxMs } = await looks.end();
      company.note('journal.perSecond', perSecond);
      company.note('journal.lagP99Ms', p99Ms);
      company.note('journal.lagMaxMs', maxMs);

      const outage = outageOf(stage, sale);
      const through = await company.serve(stage, visits, open(perSecond, OUTAGE_SECONDS, CONNECTIONS));
      const { behind, backMs } = await outage;
      company.note('journal.behindAtMost', behind);
      company.note('journal.backMs', backMs);
      const told = together([most, loaded, through].map(({ outcome }) => toldBy(outcome)));
      await company.settle(stage, sale, told);
    }),
};

/** How old the oldest transition is that the journal does not have; 0 where it has all. */
async function behindMs(stage: Stage, sale: Sale): Promise<number> {
  const behind = await stage.unjournaled(sale);
  return behind === undefined ? 0 : Math.max(0, Date.now() - behind.oldestAtMs);
}

class Looks {
  private readonly times = new Times();
  private ended = false;
  private readonly looking: Promise<void>;

  constructor(stage: Stage, sale: Sale) {
    this.looking = this.look(stage, sale);
  }

  async end() {
    this.ended = true;
    await this.looking;
    return this.times.summary();
  }

  private async look(stage: Stage, sale: Sale): Promise<void> {
    while (!this.ended) {
      this.times.add(await behindMs(stage, sale));
      await Bun.sleep(LOOK_EVERY_MS);
    }
  }
}

/** Kills PostgreSQL, starts it again; how many transitions waited for it, and how long after its return none was older than a second. */
async function outageOf(stage: Stage, sale: Sale): Promise<{ behind: number; backMs: number }> {
  await Bun.sleep(AWAY.fromMs);
  await stage.postgres.kill9();
  await Bun.sleep(AWAY.ms);
  const behind = await stage.unjournaled(sale);
  await stage.postgres.restart();
  const backAtMs = performance.now();
  await until(
    'the journal is less than a second behind',
    async () => (await behindMs(stage, sale)) < BEHIND_MS,
    BACK_WITHIN_MS,
  );
  return { behind: behind?.transitions ?? 0, backMs: performance.now() - backAtMs };
}
