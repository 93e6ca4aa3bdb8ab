// How each fault of a soak is done and undone. Each is bounded, healed before it returns, and its recovery is measured: to the first
// reservation, or the first order where it was PostgreSQL that was away.
import type { Act } from '../faults/act.ts';
import type { FaultProxy } from '../faults/proxy.ts';
import { childrenOf, type Link } from '../faults/stage.ts';
import type { Window } from '../faults/windows.ts';
import type { Kind } from './deck.ts';

export interface Fault {
  readonly kind: Kind;
  readonly about: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** From the first step of the repair; undefined: it did not come back. */
  readonly recoveredMs: number | undefined;
}

interface Breakage {
  readonly about: (seconds: number) => string;
  readonly seconds: readonly [least: number, most: number];
  readonly until?: 'confirm';
  readonly breaks: (act: Act, seconds: number, random: () => number) => Promise<void>;
  readonly heals: (act: Act) => Promise<unknown>;
}

/** The journal is within this of Redis: what was acknowledged before is in it. */
const WRITER_LAG_MS = 1_500;
const EXIT_WITHIN_MS = 10_000;
const CUT_EVERY_MS = 300;
const INSTANT = [0, 0] as const;
const nothing = async () => undefined;

const BREAKAGES: Readonly<Record<Kind, Breakage>> = {
  'redis-killed': {
    about: (seconds) => `Redis killed (SIGKILL), down for ${seconds} s`,
    seconds: [0.5, 4],
    breaks: async ({ stage }, seconds) => {
      await stage.redis.kill9();
      await wait(seconds);
    },
    heals: ({ stage }) => stage.redis.restart(),
  },
  'redis-frozen': {
    about: (seconds) => `Redis frozen (SIGSTOP) for ${seconds} s`,
    seconds: [1, 6],
    breaks: async ({ stage }, seconds) => {
      signal(stage.redis.pid, 'SIGSTOP');
      await wait(seconds);
    },
    heals: async ({ stage }) => signal(stage.redis.pid, 'SIGCONT'),
  },
  'redis-connections-cut': cut('redis', 'Redis'),
  'redis-silent': silent('redis', 'Redis'),
  'redis-slow-network': slow('redis', 'Redis', 60),
  'redis-flushed': {
    about: () => 'FLUSHALL',
    seconds: INSTANT,
    breaks: async (act) => {
      const epoch = await act.epoch();
      const fromMs = performance.now();
      await act.stage.redisClient().flushall();
      act.endEpoch(epoch);
      act.mayLose(fromMs - WRITER_LAG_MS, performance.now(), 'FLUSHALL');
    },
    heals: nothing,
  },
  'redis-functions-flushed': {
    about: () => 'FUNCTION FLUSH',
    seconds: INSTANT,
    breaks: async ({ stage }) => {
      await stage.redisClient().call('FUNCTION', 'FLUSH');
    },
    heals: nothing,
  },
  'postgres-killed': {
    about: (seconds) => `PostgreSQL killed (SIGKILL), down for ${seconds} s`,
    seconds: [0.5, 4],
    until: 'confirm',
    breaks: async ({ stage }, seconds) => {
      await stage.postgres.kill9();
      await wait(seconds);
    },
    heals: ({ stage }) => stage.postgres.restart(),
  },
  'postgres-frozen': {
    about: (seconds) => `PostgreSQL frozen (SIGSTOP) for ${seconds} s`,
    seconds: [2, 8],
    until: 'confirm',
    breaks: async (act, seconds) => {
      const { pid } = act.stage.postgres;
      for (const one of [pid, ...childrenOf(pid)]) signal(one, 'SIGSTOP');
      await wait(seconds);
    },
    heals: async ({ stage: { postgres } }) => {
      for (const one of [postgres.pid, ...childrenOf(postgres.pid)]) signal(one, 'SIGCONT');
    },
  },
  'postgres-connections-cut': cut('postgres', 'PostgreSQL'),
  'postgres-silent': silent('postgres', 'PostgreSQL'),
  'postgres-slow-network': slow('postgres', 'PostgreSQL', 120),
  'clients-cut': {
    about: () => 'all clients cut off at once',
    seconds: INSTANT,
    breaks: async ({ stage }) => {
      for (const proxy of stage.proxies('http')) proxy.cutAll();
    },
    heals: nothing,
  },
  'worker-killed': {
    about: () => 'one of two workers killed (SIGKILL)',
    seconds: INSTANT,
    breaks: async ({ stage }, _seconds, random) => {
      const [, ...workers] = stage.services[0]?.pids ?? [];
      const victim = workers[Math.floor(random() * workers.length)];
      if (victim !== undefined) signal(victim, 'SIGKILL');
    },
    heals: nothing,
  },
  'service-restarted': {
    about: () => 'the whole service told to stop (SIGTERM) and started again',
    seconds: INSTANT,
    breaks: async (act) => {
      const [service] = act.stage.services;
      const { ms, code } = (await service?.stop()) ?? { ms: 0, code: null };
      act.expect(code === 0, `the service ended with ${code}`);
      act.expect(ms <= EXIT_WITHIN_MS, `the service took ${Math.round(ms)} ms to stop`);
    },
    heals: async ({ stage }) => stage.services[0]?.start(),
  },
};

/** `windows` has it, open, from its first moment on: an answer that comes meanwhile is explained. */
export async function breakThings(
  kind: Kind,
  act: Act,
  random: () => number,
  windows: Window[],
): Promise<Fault> {
  const { about, seconds, until = 'reserve', breaks, heals } = BREAKAGES[kind];
  const [least, most] = seconds;
  const lasts = Math.round((least + random() * (most - least)) * 10) / 10;
  const fromMs = performance.now();
  const why = about(lasts);
  try {
    await act.outage(why, () => breaks(act, lasts, random));
    const recoveredMs = await act.recovers(why, undefined, () => heals(act), until);
    if (kind === 'worker-killed') await act.stage.allReady();
    return { kind, about: why, fromMs, toMs: performance.now(), recoveredMs };
  } finally {
    windows.push({ fromMs, toMs: performance.now(), why });
  }
}

/** Again and again, and nobody gets through meanwhile. */
function cut(link: Link, name: string): Breakage {
  return {
    about: (seconds) => `connections to ${name} cut and refused for ${seconds} s`,
    seconds: [0.5, 3],
    ...(link === 'postgres' && { until: 'confirm' }),
    breaks: async ({ stage }, seconds) => {
      const endMs = performance.now() + seconds * 1000;
      const proxies = stage.proxies(link);
      for (const proxy of proxies) proxy.refuse(true);
      while (performance.now() < endMs) {
        for (const proxy of proxies) proxy.cutAll();
        await Bun.sleep(CUT_EVERY_MS);
      }
    },
    heals: async ({ stage }) => each(stage.proxies(link), (proxy) => proxy.refuse(false)),
  };
}

/** In one direction or in both. */
function silent(link: Link, name: string): Breakage {
  return {
    about: (seconds) => `the network to ${name} silent, one way or both, for ${seconds} s`,
    seconds: [1, 5],
    ...(link === 'postgres' && { until: 'confirm' }),
    breaks: async ({ stage }, seconds, random) => {
      const ways = [['to-client'], ['to-server'], ['to-client', 'to-server']] as const;
      const way = ways[Math.floor(random() * ways.length)] ?? ways[0];
      each(stage.proxies(link), (proxy) => proxy.hold(...way));
      await wait(seconds);
    },
    heals: async ({ stage }) => each(stage.proxies(link), (proxy) => proxy.release()),
  };
}

function slow(link: Link, name: string, latencyMs: number): Breakage {
  return {
    about: (seconds) => `${latencyMs} ± ${latencyMs / 2} ms to and from ${name} for ${seconds} s`,
    seconds: [4, 10],
    ...(link === 'postgres' && { until: 'confirm' }),
    breaks: async ({ stage }, seconds) => {
      each(stage.proxies(link), (proxy) => proxy.setWeather({ latencyMs, jitterMs: latencyMs / 2 }));
      await wait(seconds);
    },
    heals: async ({ stage }) => each(stage.proxies(link), (proxy) => proxy.setWeather({})),
  };
}

function each(proxies: readonly FaultProxy[], what: (proxy: FaultProxy) => void): void {
  for (const proxy of proxies) what(proxy);
}

function wait(seconds: number): Promise<void> {
  return Bun.sleep(seconds * 1000);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}
