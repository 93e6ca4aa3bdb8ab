// Scenario 4: power loss. Redis is killed and the end of its append-only file cut off: once with a journal that kept up, which
// loses nothing, and once with a journal that was held back just as long, which loses all that was only in Redis.
import { cutAof } from '../aof.ts';
import type { Scenario } from '../scenario.ts';

/** Redis names whole seconds in its file. */
const SECOND_MS = 1_000;

export const powerLoss: Scenario = {
  number: 4,
  title: 'Power loss: the append-only file cut by 1, 5 and 60 s',
  about:
    "Redis is killed and its append-only file truncated to an earlier second with Redis's own tool. Where the journal kept up, the rebuild brings everything back. Where PostgreSQL could not be reached for just as long before, what was granted meanwhile is gone for good: each such reservation is answered `reservation-lost`, and nothing is granted before the rebuild.",
  inShort: false,
  play: async (company) => {
    const stage = await company.stage({
      proxied: ['postgres'],
      // A rewritten file names no earlier seconds.
      redis: { configLines: ['auto-aof-rewrite-percentage 0'] },
    });
    const cuts: readonly [seconds: number, held: boolean][] = company.short
      ? [
          [1, false],
          [5, true],
        ]
      : [
          [1, false],
          [5, false],
          [60, false],
          [1, true],
          [5, true],
          [60, true],
        ];
    for (const [seconds, held] of cuts) {
      const name = `cut by ${seconds} s, journal ${held ? 'held back as long' : 'kept up'}`;
      await company.act(name, stage, async (act) => {
        act.load({ thinkMs: seconds > 30 ? 150 : 10 });
        await act.goOn(3);
        let heldFromMs: number | undefined;
        if (held) {
          heldFromMs = performance.now();
          await act.outage('PostgreSQL is out of reach', async () => {
            for (const proxy of stage.proxies('postgres')) proxy.hold('to-server', 'to-client');
            await act.goOn(seconds);
          });
        } else await act.goOn(seconds);
        const epoch = await act.epoch();
        const killedAtMs = performance.now();
        // The file names whole seconds: at least that much is cut off, and less than a second more.
        const keptThrough = Math.floor(Date.now() / SECOND_MS) - seconds - 1;
        await act.outage('Redis is down', async () => {
          await stage.redis.kill9();
          act.endEpoch(epoch);
          await cutAof(stage.redis.dir, keptThrough);
        });
        // Where the journal kept up: what it had not read yet, milliseconds that grow under load.
        const cutFromMs = killedAtMs - (seconds + 2) * SECOND_MS;
        act.mayLose(Math.max(cutFromMs, (heldFromMs ?? cutFromMs) - SECOND_MS), performance.now(), name);
        await act.recovers('Redis restarted, ledger reachable', undefined, async () => {
          for (const proxy of stage.proxies('postgres')) {
            proxy.cutAll();
            proxy.release();
          }
          await stage.redis.restart();
        });
        await act.goOn(2);
      });
    }
  },
};
