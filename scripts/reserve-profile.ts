// Where the service's own CPU goes in a reserve: `npm run profile`; with `-- --pairs`, in a reserve and its confirmation. The
// workload of `npm run cost` with Bun's sampling profiler in the worker; prints shares of the main thread's samples, first by module, then by function. Native functions
// count for whichever module called them. The first rounds are left out: what they show is the compiler.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LoadedService } from './reserve-load.ts';

const ROUNDS = 4;
const confirms = process.argv.includes('--pairs');
/** Share of the run that is looked at: its end. */
const LOOKED_AT = 0.5;
const MODULES_SHOWN = 30;
const FUNCTIONS_SHOWN = 40;

/** What Bun writes, as Chromium's DevTools read it. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-profile-'));
try {
  const service = await LoadedService.start({ BUN_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder}` });
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const { perSecond, cpu } = await service.round({ confirms });
      console.log(
        `round ${round + 1}: ${perSecond} a second, service ${cpu.service.toFixed(0)} µs CPU, profiled`,
      );
    }
  } finally {
    await service.stop();
  }
  print(worker(folder));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Every process writes one; the worker's is the one with the most samples. */
function worker(folder: string): Profile {
  const profiles = readdirSync(folder).map(
    (name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as Profile,
  );
  const [busiest] = profiles.sort((a, b) => b.samples.length - a.samples.length);
  if (!busiest) throw new Error('Bun wrote no profile');
  return busiest;
}

function print(profile: Profile): void {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  );
  /** The module of the function, or of the nearest caller that has one. */
  const moduleOf = (id: number): string => {
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const url = nodes.get(at)?.callFrame.url;
      if (url) return named(url);
    }
    return '(the runtime itself)';
  };
  const byModule = new Map<string, number>();
  const byFunction = new Map<string, number>();
  let total = 0;
  const { samples, timeDeltas } = profile;
  for (let i = Math.floor(samples.length * (1 - LOOKED_AT)); i < samples.length; i++) {
    const id = samples[i] as number;
    const frame = nodes.get(id)?.callFrame;
    const spent = Math.max(0, timeDeltas[i] ?? 0);
    if (frame === undefined || frame.functionName === '(idle)') continue;
    total += spent;
    const module = moduleOf(id);
    const name = `${frame.functionName || '(anonymous)'}${frame.url ? '' : ' (native)'} ${module}`;
    byModule.set(module, (byModule.get(module) ?? 0) + spent);
    byFunction.set(name, (byFunction.get(name) ?? 0) + spent);
  }
  for (const [title, shares, most] of [
    ['module', byModule, MODULES_SHOWN],
    ['function', byFunction, FUNCTIONS_SHOWN],
  ] as const) {
    console.log(`\n share  ${title}`);
    for (const [name, spent] of [...shares].sort(([, a], [, b]) => b - a).slice(0, most))
      console.log(`${((100 * spent) / total).toFixed(1).padStart(5)}%  ${name}`);
  }
}

/** A file of this repository, or the package it belongs to. */
function named(url: string): string {
  const inPackage = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  return inPackage ?? url.replace(/^.*?\/(?=(?:server|contract)\/src\/)/, '');
}
