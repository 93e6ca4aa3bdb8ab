// Scenario 1: an API process is killed with -9 right after each of the four steps of a confirm, and one is stopped between the
// first and the second for longer than a pin lasts. The proxies keep answers back, so that the moment is the right one.
import type { Act } from '../act.ts';
import type { Ending } from '../plans.ts';
import { whenSent } from '../proxy.ts';
import { type Scenario, times } from '../scenario.ts';
import type { Actor } from '../stage.ts';

/** Many confirm, and some of them never ask again: the resolver ends those. */
const ENDINGS: readonly Ending[] = [
  'confirm',
  'confirm once',
  'release',
  'confirm twice',
  'confirm',
  'vanish',
];
/** For confirms to gather at the step where they are kept. */
const GATHER_MS = 400;
/** Less than saturation: what is shown is the crash. */
const THINK_MS = 40;

interface Crash {
  readonly after: string;
  readonly arrange: (service: Actor) => void;
}

const CRASHES: readonly Crash[] = [
  {
    after: 'step 1: pinned, the ledger not asked',
    arrange: ({ proxies }) => proxies.postgres?.hold('to-server'),
  },
  {
    after: 'step 2: committed, the store not told',
    arrange: ({ proxies }) => proxies.postgres?.hold('to-client'),
  },
  {
    after: 'step 3: applied, the customer not told',
    arrange: ({ proxies }) =>
      proxies.redis?.setTrap({ direction: 'to-server', make: whenSent('hf_apply'), does: 'hold' }),
  },
  {
    after: 'step 4: answered, the customer does not hear',
    arrange: ({ proxies }) => proxies.http?.hold('to-client'),
  },
];

export const apiKilled: Scenario = {
  number: 1,
  title: 'API process killed at every step of a confirm; stopped between two',
  about:
    'One of two services is killed with SIGKILL while confirms stand at a known step: proxies keep the bytes of that step back, then the process goes. Customers ask the other service again; one confirm in six is never asked for again and is ended by the resolver. Then a service is stopped (SIGSTOP) with its confirms pinned and not committed, for longer than a pin lasts, and wakes up.',
  inShort: true,
  play: async (company) => {
    const stage = await company.stage({ proxied: ['redis', 'postgres', 'http'] });
    const [victim] = stage.services;
    if (victim === undefined) throw new Error('no service');
    const rounds = company.scale(3, 1);
    const crash = async (act: Act, { arrange }: Crash) => {
      await act.goOn(1.5);
      await act.outage('one service is away', async () => {
        arrange(victim);
        await Bun.sleep(GATHER_MS);
        await victim.kill9();
        for (const proxy of Object.values(victim.proxies)) {
          proxy?.cutAll();
          proxy?.release();
        }
        await act.goOn(0.5);
        await victim.start();
      });
    };
    await company.act(`killed after each step, ${times(rounds)}`, stage, async (act) => {
      act.load({ endings: ENDINGS, thinkMs: THINK_MS });
      for (let round = 1; round <= rounds; round += 1) for (const each of CRASHES) await crash(act, each);
      act.note(`Killed after ${CRASHES.map(({ after }) => after).join('; ')}.`);
      await act.goOn(1);
    });
    const stoppedSeconds = company.scale(60, 8);
    await company.act(`stopped for ${stoppedSeconds} s between steps 1 and 2`, stage, async (act) => {
      act.load({ endings: ENDINGS, thinkMs: company.scale(150, THINK_MS) });
      await act.goOn(2);
      await act.outage('one service is stopped', async () => {
        victim.proxies.postgres?.hold('to-server');
        await Bun.sleep(GATHER_MS);
        victim.freeze();
        await act.goOn(stoppedSeconds);
        victim.thaw();
        victim.proxies.postgres?.release();
        await act.goOn(3);
      });
    });
  },
};
