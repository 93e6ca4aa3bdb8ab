// Scenario 12: a bad network between the services and either store: slow, lossy, half-open, trickling, silent.
import { RetryBudget } from '@holdfast/client/retry';
import type { Act } from '../act.ts';
import { GuardWatch, Pulse } from '../guard-watch.ts';
import type { FaultProxy, Weather } from '../proxy.ts';
import type { Scenario } from '../scenario.ts';
import type { Link } from '../stage.ts';

interface Storm {
  readonly name: string;
  readonly weather?: Weather;
  readonly hold?: 'to-client' | 'both';
  /** The store seems to be gone: nobody is to wait for it for long. */
  readonly silent?: boolean;
}

const STORMS: readonly Storm[] = [
  { name: '200 ms ± 100', weather: { latencyMs: 200, jitterMs: 100 } },
  { name: '5 % cuts', weather: { cutChance: 0.05 } },
  { name: 'half-open', hold: 'to-client', silent: true },
  { name: '1 kB/s', weather: { bytesPerSecond: 1_000 } },
  { name: 'black hole', hold: 'both', silent: true },
];
const SERVICES = 2;
const CALM_SECONDS = 2;
const RETRY_SHARE = 0.1;
/** What the budgets of two services and of the customers allow whatever the traffic: 50 at first, and some a second. */
const RETRY_FLOOR = 3 * 50;
const RETRY_FLOOR_PER_SECOND = 3 * 5;
/** Requests answered are counted in pieces of this length; more than so many times the usual in one is a spike. */
const PIECE_MS = 200;
const SPIKE = 4;
const AFTER_SECONDS = 3;

export const badNetwork: Scenario = {
  number: 12,
  title: 'A bad network before either store',
  about:
    'Every connection between the services and Redis, then PostgreSQL, goes through a proxy that delays, cuts, forwards one direction only, trickles, or forwards nothing. Customers retry within a budget of a tenth of their traffic, and so do the services (their metrics say how often). While a store is silent its breaker must open; afterwards it closes, and the load that comes back is no spike.',
  inShort: false,
  play: async (company) => {
    const guards = await GuardWatch.reserve(SERVICES);
    const stage = await company.stage({
      services: SERVICES,
      proxied: ['redis', 'postgres'],
      env: (service) => guards.env(service),
    });
    const seconds = company.scale(12, 4);
    for (const link of ['redis', 'postgres'] as const satisfies readonly Link[]) {
      const name = `${link === 'redis' ? 'Redis' : 'PostgreSQL'} behind a bad network`;
      await company.act(name, stage, async (act) => {
        act.load({ budget: new RetryBudget(), thinkMs: 10 });
        const startedMs = performance.now();
        for (const storm of STORMS) await weather(act, guards, link, storm, seconds);
        await noteRetries(act, guards, (performance.now() - startedMs) / 1_000);
        await act.goOn(1);
      });
    }
  },
};

async function weather(
  act: Act,
  guards: GuardWatch,
  link: 'redis' | 'postgres',
  storm: Storm,
  seconds: number,
): Promise<void> {
  const store = link === 'redis' ? 'redis' : 'postgresql';
  const proxies = act.stage.proxies(link);
  const connections = () => proxies.reduce((sum, { accepted }) => sum + accepted, 0);
  const calm = new Pulse(() => act.diary.tally.requests, PIECE_MS);
  await act.goOn(CALM_SECONDS);
  const usual = median(calm.stop());
  const before = await guards.read(store);
  const connectionsBefore = connections();
  const watch = guards.watch(store);
  await act.outage(storm.name, async () => {
    for (const proxy of proxies) begin(proxy, storm);
    await act.goOn(seconds);
  });
  const highest = await watch.stop();
  const reconnects = connections() - connectionsBefore;

  const after = new Pulse(() => act.diary.tally.requests, PIECE_MS);
  await act.recovers(
    `after ${storm.name}`,
    undefined,
    async () => {
      for (const proxy of proxies) {
        proxy.setWeather({});
        proxy.release();
      }
    },
    link === 'redis' ? 'reserve' : 'confirm',
  );
  await act.goOn(AFTER_SECONDS);
  const most = Math.max(0, ...after.stop());
  const now = await guards.read(store);
  if (storm.silent)
    act.expect(
      highest === 2 || now.opened > before.opened,
      `${storm.name}: the breaker of ${store} never opened`,
    );
  act.expect(
    now.state === 0,
    `${storm.name}: the breaker of ${store} was not closed ${AFTER_SECONDS} s after`,
  );
  act.expect(
    most <= SPIKE * Math.max(usual, 1),
    `${storm.name}: up to ${most} requests in ${PIECE_MS} ms after it, usually ${usual}`,
  );
  act.note(
    `${storm.name} for ${seconds} s: the breaker opened ${now.opened - before.opened} times, ${reconnects} connections were opened; afterwards at most ${most} requests were answered in ${PIECE_MS} ms, before it usually ${usual}.`,
  );
}

/** At most a tenth of the traffic, and what the budgets allow whatever the traffic. */
async function noteRetries(act: Act, guards: GuardWatch, seconds: number): Promise<void> {
  const { retries, requests } = act.diary.tally;
  const own = (await guards.read('redis')).retries;
  const allowed = RETRY_SHARE * requests + RETRY_FLOOR + RETRY_FLOOR_PER_SECOND * seconds;
  act.note(
    `Customers tried again ${retries.toLocaleString('en')} times, ${((retries / Math.max(1, requests)) * 100).toFixed(1)} % of their requests; the services ${own.toLocaleString('en')} times since they began.`,
  );
  act.expect(
    retries <= allowed,
    `customers tried again ${retries} times in ${requests} requests, allowed ${Math.round(allowed)}`,
  );
  act.expect(
    own <= allowed,
    `the services tried again ${own} times in ${requests} requests, allowed ${Math.round(allowed)}`,
  );
}

function begin(proxy: FaultProxy, { weather: given, hold }: Storm): void {
  if (given !== undefined) proxy.setWeather(given);
  if (hold === 'to-client') proxy.hold('to-client');
  if (hold === 'both') proxy.hold('to-client', 'to-server');
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
