// Scenario 5: Redis stays up and forgets: everything, one key of the sale, the function library; or has a wrong one.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Redis } from 'ioredis';
import { saleKey } from '../../../src/stock/keys.ts';
import { until } from '../../harness/until.ts';
import type { Act } from '../act.ts';
import type { Scenario } from '../scenario.ts';

/** Its stream was not journaled yet: the writer follows within milliseconds, and lags under load. */
const WRITER_LAG_MS = 1_500;
const KEYS = ['stock', 'res', 'dead', 'cust', 'events', 'meta'] as const;

export const redisForgets: Scenario = {
  number: 5,
  title: 'FLUSHALL, a key deleted, FUNCTION FLUSH, a wrong library',
  about:
    'Under load Redis forgets, while every connection stays open. Nothing may be granted under the old epoch once it has forgotten; the sale is rebuilt from the ledger. FLUSHALL takes with it what the journal had not read yet: each such reservation must be answered reservation-lost.',
  inShort: true,
  play: async (company) => {
    const stage = await company.stage();
    const redis = stage.redisClient();
    const forgets = async (act: Act, what: string, how: () => Promise<unknown>, loses: boolean) => {
      const fromMs = performance.now();
      await act.recovers(what, undefined, async () => {
        await how();
        if (loses) act.mayLose(fromMs - WRITER_LAG_MS, performance.now(), what);
      });
    };
    await company.act('FLUSHALL', stage, async (act) => {
      await act.keepLive(company.scale(10_000, 2_000));
      act.load();
      for (let time = 1; time <= company.scale(3, 1); time += 1) {
        await act.goOn(company.scale(4, 3));
        await forgets(
          act,
          'FLUSHALL',
          async () => {
            const epoch = await act.epoch();
            await redis.flushall();
            act.endEpoch(epoch);
          },
          true,
        );
      }
      await act.goOn(2);
    });
    await company.act('a key deleted', stage, async (act) => {
      act.load();
      for (const key of company.short ? KEYS.slice(0, 2) : KEYS) {
        await act.goOn(2);
        await forgets(
          act,
          `DEL ${key}`,
          async () => {
            const epoch = await act.epoch();
            await redis.del(saleKey(act.sale.number, key));
            act.endEpoch(epoch);
          },
          // The stream itself is gone, or the numbers that say what is in it.
          true,
        );
      }
      await act.goOn(2);
    });
    await company.act('FUNCTION FLUSH and wrong versions', stage, async (act) => {
      act.load();
      await act.goOn(2);
      await forgets(act, 'FUNCTION FLUSH', () => redis.call('FUNCTION', 'FLUSH'), false);
      await act.goOn(2);
      await forgets(act, 'an older library', () => loadVersion(redis, OLDER), false);
      await act.goOn(2);
      const before = act.diary.tally.unavailable;
      await act.outage('a newer library', async () => {
        await loadVersion(redis, NEWER);
        await until('customers are told to come again', () => act.diary.tally.unavailable > before);
        const held = await redis.call('FCALL', 'hf_identity', '0');
        act.expect(
          String((held as unknown[])[4]) === NEWER,
          'a newer library was replaced by an older service',
        );
      });
      await forgets(
        act,
        'the newer library taken away',
        () => redis.call('FUNCTION', 'DELETE', 'holdfast'),
        false,
      );
      await act.goOn(2);
    });
  },
};

const OLDER = '0';
const NEWER = '999';
const LUA = path.join(import.meta.dir, '../../../lua');

/** The library as it is, under another version. */
async function loadVersion(redis: Redis, version: string): Promise<unknown> {
  const source = readdirSync(LUA)
    .filter((name) => name.endsWith('.lua'))
    .sort()
    .map((name) => readFileSync(path.join(LUA, name), 'utf8'))
    .join('\n')
    .replace(/^local VERSION = \d+$/m, `local VERSION = ${version}`);
  return redis.call('FUNCTION', 'LOAD', 'REPLACE', source);
}
