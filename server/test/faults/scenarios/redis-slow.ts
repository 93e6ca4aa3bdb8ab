// Scenario 9: Redis does not answer for a while: CLIENT PAUSE WRITE for 5 s, DEBUG SLEEP for 3 s.
import { type Scenario, times } from '../scenario.ts';

const PAUSE_MS = 5_000;
const SLEEP_SECONDS = 3;
/** Nobody waits longer for an answer, whichever it is. */
const ANSWER_WITHIN_MS = 4_000;

export const redisSlow: Scenario = {
  number: 9,
  title: 'CLIENT PAUSE, DEBUG SLEEP',
  about:
    'Redis holds back every write for 5 s, then is wholly asleep for 3 s. Commands that it ran after their callers had given up must not have a second effect when customers ask again, and every request is answered within its time.',
  inShort: false,
  play: async (company) => {
    const stage = await company.stage();
    const redis = stage.redisClient();
    const rounds = company.scale(3, 1);
    await company.act(`paused 5 s and asleep 3 s, ${times(rounds)}`, stage, async (act) => {
      act.load({ patienceMs: ANSWER_WITHIN_MS });
      for (let time = 1; time <= rounds; time += 1) {
        await act.goOn(company.scale(4, 2));
        await act.outage('writes are paused', async () => {
          await redis.call('CLIENT', 'PAUSE', String(PAUSE_MS), 'WRITE');
          await act.goOn(PAUSE_MS / 1000);
        });
        await act.recovers('pause over', undefined, async () => undefined);
        await act.goOn(company.scale(4, 2));
        await act.outage('Redis is asleep', () => redis.call('DEBUG', 'SLEEP', String(SLEEP_SECONDS)));
        await act.recovers('awake again', undefined, async () => undefined);
      }
      await act.goOn(2);
      act.expect(
        act.diary.tally.unanswered === 0,
        `${act.diary.tally.unanswered} requests had no answer within ${ANSWER_WITHIN_MS} ms`,
      );
    });
  },
};
