// Scenario 3: Redis is killed with -9 and restarted, again and again; then both stores at once.
import { type Scenario, times } from '../scenario.ts';

const LIVE = 10_000;
/** P10: with 10⁴ live reservations. */
const RESTART_LIMIT_MS = 3_000;
/** PostgreSQL needs its own crash recovery first. */
const BOTH_LIMIT_MS = 5_000;

export const redisKilled: Scenario = {
  number: 3,
  title: 'Redis killed; both stores killed',
  about:
    'Redis is killed with SIGKILL under load and restarted, then Redis and PostgreSQL at the same moment. Nothing acknowledged may be missing: the page cache outlives a process. Measured from the start of the restart to the first reservation, with 10,000 others live.',
  inShort: true,
  play: async (company) => {
    const stage = await company.stage();
    const kills = company.scale(5, 2);
    await company.act(`Redis killed ${times(kills)}`, stage, async (act) => {
      await act.keepLive(LIVE);
      act.load();
      for (let kill = 1; kill <= kills; kill += 1) {
        await act.goOn(company.scale(5, 2));
        await act.outage('Redis is down', () => stage.redis.kill9());
        await act.recovers('Redis restarted', RESTART_LIMIT_MS, () => stage.redis.restart());
      }
      await act.goOn(company.scale(5, 2));
    });
    const both = company.scale(3, 1);
    await company.act(`Redis and PostgreSQL killed ${times(both)}`, stage, async (act) => {
      await act.keepLive(LIVE);
      act.load();
      for (let kill = 1; kill <= both; kill += 1) {
        await act.goOn(company.scale(5, 3));
        await act.outage('both are down', () => Promise.all([stage.redis.kill9(), stage.postgres.kill9()]));
        await act.recovers('both restarted', BOTH_LIMIT_MS, () =>
          Promise.all([stage.redis.restart(), stage.postgres.restart()]),
        );
      }
      await act.goOn(company.scale(5, 2));
    });
  },
};
