// Plays the rounds: each on a stage of its own, scenario after scenario, so that what is compared was measured side by side.
import { Company, type CurvePoint, type Extent } from './company.ts';
import { machineCpuMs, treeCpuMs } from './cpu-time.ts';
import type { Figures } from './figures.ts';
import { Loader } from './load/loader.ts';
import type { Options } from './options.ts';
import { chosen } from './scenarios/program.ts';
import { warmUp } from './scenarios/saturation.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { Stage } from './stage.ts';

export interface Played {
  readonly rounds: readonly Figures[];
  readonly curve: readonly CurvePoint[];
  /** What kept a scenario from its result, in words. */
  readonly failed: readonly string[];
}

const QUICK: Extent = { quick: true, seconds: 2, liveMax: 100_000, memoryMinutes: 3 };
const FULL: Extent = { quick: false, seconds: 4, liveMax: 1_000_000, memoryMinutes: 10 };

export async function playRounds(
  options: Options,
  say: (line: string) => void,
  program: readonly Scenario[] = chosen(options.only),
): Promise<Played> {
  const rounds: Figures[] = [];
  const curve: CurvePoint[] = [];
  const failed: string[] = [];
  const loader = await Loader.start();
  try {
    for (let round = 0; round < options.rounds && failed.length === 0; round += 1) {
      const scenarios = program.filter((scenario) => isPlayed(scenario, options, round));
      if (scenarios.length === 0) continue;
      say(`Round ${round + 1} of ${options.rounds}`);
      const others = othersSince();
      const company = await playRound(scenarios, options, round, loader, say, failed);
      const cores = others();
      if (cores !== undefined) company.note('others.cores', cores);
      rounds.push(company.figures);
      curve.push(...company.curve);
    }
  } finally {
    await loader.stop();
  }
  return { rounds, curve, failed };
}

/** How many cores programs that are none of the bench's use from now on: they take from every figure, and not evenly. */
function othersSince(): () => number | undefined {
  const used = () => {
    const all = machineCpuMs();
    return all === undefined ? undefined : all - treeCpuMs(process.pid);
  };
  const [before, startedMs] = [used(), performance.now()];
  return () => {
    const after = used();
    if (before === undefined || after === undefined) return undefined;
    return Math.max(0, after - before) / (performance.now() - startedMs);
  };
}

/** One that was asked for by name is played, however long it takes. */
function isPlayed({ inQuick }: Scenario, { quick, only }: Options, round: number): boolean {
  if (!quick) return true;
  const when = only !== undefined && inQuick === 'never' ? 'once' : inQuick;
  return when === 'always' || (when === 'once' && round === 0);
}

async function playRound(
  scenarios: readonly Scenario[],
  options: Options,
  round: number,
  loader: Loader,
  say: (line: string) => void,
  failed: string[],
): Promise<Company> {
  const company = new Company(loader, options.quick ? QUICK : FULL, options.seed + round, say);
  const play = async (scenario: Pick<Scenario, 'name' | 'play'>) => {
    if (failed.length > 0) return; // What comes after a failure stands on stores that may be broken.
    const startedMs = performance.now();
    try {
      await scenario.play(company);
      say(`  ${scenario.name.padEnd(17)} ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
    } catch (error) {
      const { name, message } = error as Error;
      failed.push(`${scenario.name}, round ${round + 1}: ${name}: ${message}`);
      say(`  ${scenario.name.padEnd(17)} NO RESULT: ${message}`);
    }
  };
  const together = scenarios.filter(({ apart }) => apart !== true);
  if (together.length > 0) {
    const stage = await Stage.open();
    try {
      await company.on(stage, async () => {
        await play({ name: 'warm-up', play: () => warmUp(company, stage) });
        for (const scenario of together) {
          await stage.rewriteFile();
          await play(scenario);
        }
      });
    } finally {
      await stage.close();
    }
  }
  for (const scenario of scenarios.filter(({ apart }) => apart === true)) await play(scenario);
  return company;
}
