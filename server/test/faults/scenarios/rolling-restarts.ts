// Scenario 2: rolling restarts under load, SIGTERM, each service with two workers on its port.
import type { Act } from '../act.ts';
import type { Scenario } from '../scenario.ts';
import type { Actor } from '../stage.ts';
import { restlessness } from '../store-view.ts';
import { IDLE_MS, unanswered } from '../wire.ts';

const EXIT_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 10;

export const rollingRestarts: Scenario = {
  number: 2,
  title: 'Rolling restarts under load',
  about:
    'Two services with two workers each are told to stop (SIGTERM) in turn, under load, and started again on the same port. A request that was sent must be answered; readiness fails before the port closes; the exit code is 0 within 10 s. A connection that is just being opened may be refused by the kernel, and one that was idle for four seconds may be closed at the moment it is used again: customers ask again.',
  inShort: false,
  play: async (company) => {
    const stage = await company.stage({ workers: 2 });
    const rounds = company.scale(8, 2);
    await company.act(`${rounds * 2} restarts`, stage, async (act) => {
      act.load({ thinkMs: 20 });
      const before = { ...unanswered };
      let slowestMs = 0;
      for (let round = 1; round <= rounds; round += 1) {
        for (const service of stage.services) {
          await act.goOn(1.5);
          await act.outage('one service restarts', async () => {
            slowestMs = Math.max(slowestMs, await restart(act, service));
          });
        }
      }
      await act.goOn(1);
      await act.settle();
      const { pinned } = await restlessness(stage.redisClient(), act.sale.number);
      act.expect(
        pinned <= 0,
        `${pinned} confirms were left half done, after all customers had their answers`,
      );
      const dropped = unanswered.dropped + unanswered.late - before.dropped - before.late;
      const opening = unanswered.opening + unanswered.refused - before.opening - before.refused;
      const idle = unanswered.idle - before.idle;
      act.expect(dropped === 0, `${dropped} requests over established connections were not answered`);
      act.note(
        `The slowest stop took ${Math.round(slowestMs)} ms; ${dropped} requests over a connection that was established stayed without an answer, ${idle} were sent over one that had been idle for ${IDLE_MS / 1000} s and was being closed, ${opening} connections were refused while they were being opened.`,
      );
    });
  },
};

/** How long the stop took. */
async function restart(act: Act, service: Actor): Promise<number> {
  const seen: string[] = [];
  let watching = true;
  const watch = (async () => {
    while (watching) {
      const state = await fetch(`${service.url}/readyz`, { signal: AbortSignal.timeout(1_000) }).then(
        ({ status }) => String(status),
        () => 'closed',
      );
      if (seen.at(-1) !== state) seen.push(state);
      await Bun.sleep(LOOK_EVERY_MS);
    }
  })();
  const { ms, code } = await service.stop();
  watching = false;
  await watch;
  act.expect(code === 0, `the service ended with ${code}`);
  act.expect(ms <= EXIT_WITHIN_MS, `the service took ${Math.round(ms)} ms to stop`);
  const [first, second] = seen.filter((state) => state !== '200');
  act.expect(
    first === '503' || (second === undefined && first === undefined),
    `readiness said ${seen.join(', ')} on the way out`,
  );
  await service.start();
  return ms;
}
