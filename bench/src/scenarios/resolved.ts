// What was resolved is kept for a day, so that a retry of it is answered as it was: what so many cost those who come after them,
// what each takes, and what a retry costs.
import { saleKey } from '../../../server/src/stock/keys.ts';
import { until } from '../../../server/test/harness/until.ts';
import { answeredWith, closed } from '../company.ts';
import type { Sale, Stage } from '../stage.ts';
import { caughtUp, type Told, together, toldBy } from '../verify.ts';
import { bytesOf, measureInPieces, noteCost, warmThrough } from './growth.ts';
import { visitsOf } from './open-model.ts';
import { apart } from './saturation.ts';
import type { Scenario } from './scenario.ts';

const RESOLVED = 300_000;
const AT_ONCE = 50_000;
/** The shortest that may be asked for. */
const TTL_SECONDS = 10;
const FILL_WITHIN_SECONDS = 120;
const EXPIRED_WITHIN_MS = 60_000;

export const resolved: Scenario = {
  name: 'resolved',
  title: 'Reserves and retries where 300,000 were resolved the same day',
  inQuick: 'never',
  apart: true,
  play: (company) =>
    apart(company, async (stage, sale) => {
      await warmThrough(company, stage);
      const told: Told[] = [];
      const measure = async (name: string) => {
        const pieces = await measureInPieces(company, stage, sale);
        told.push(together(pieces.map(({ outcome }) => toldBy(outcome))));
        return noteCost(company, name, pieces);
      };
      let live = await measure('resolved.before');
      const emptyBytes = await bytesOf(stage, sale);
      const shortLived = { ...visitsOf(sale.skus, false), count: AT_ONCE, ttlSeconds: TTL_SECONDS };
      for (let filled = 0; filled < RESOLVED; filled += AT_ONCE) {
        const { outcome } = await company.serve(stage, shortLived, closed(FILL_WITHIN_SECONDS));
        answeredWith(outcome, 'reserve', 201);
        told.push(toldBy(outcome));
        await caughtUp(stage, sale);
      }
      await untilLive(stage, sale, live);
      // Of the last of them: each is told what it was told before, and nothing is reserved.
      const retried = await company.serveAgain(stage, shortLived, closed(FILL_WITHIN_SECONDS));
      noteCost(company, 'resolved.retries', [retried]);
      await untilLive(stage, sale, live);
      const bytes = (await bytesOf(stage, sale)) - emptyBytes;
      company.note('resolved.bytes', bytes / together(told.slice(1)).reserved);
      live += await measure('resolved.after');
      await untilLive(stage, sale, live);
      await company.settle(stage, sale, together(told));
    }),
};

/** All others have expired; the index holds a sentinel. */
async function untilLive({ store }: Stage, { number }: Sale, live: number): Promise<void> {
  await until(
    `${live} are live`,
    async () => (await store.zcard(saleKey(number, 'dead'))) - 1 === live,
    EXPIRED_WITHIN_MS,
  );
}
