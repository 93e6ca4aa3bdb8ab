// Builds the image's folders on this machine: each stage of the Dockerfile has a root of its own, COPY copies between them, RUN
// runs in its WORKDIR. The base image is this machine.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { admits, readDockerfile, type Stage } from './dockerfile.ts';

const RUN_LIMIT_MS = 5 * 60_000;

export interface BareImage {
  readonly root: string;
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly last: Stage;
}

export function buildBare(repository: string, into: string, say: (line: string) => void): BareImage {
  const read = (file: string) => readFileSync(path.join(repository, file), 'utf8');
  const stages = readDockerfile(read('deploy/Dockerfile'));
  const roots = new Map<string, string>();
  let built: BareImage | undefined;
  for (const [index, stage] of stages.entries()) {
    const root = path.join(into, `stage-${index}`);
    mkdirSync(root, { recursive: true });
    roots.set(stage.name ?? String(index), root);
    built = runStage(stage, root, roots, { repository, admitted: admits(read('.dockerignore')), say });
  }
  if (!built) throw new Error('the Dockerfile has no stage');
  seal(built.root);
  return built;
}

interface Context {
  readonly repository: string;
  readonly admitted: (file: string) => boolean;
  readonly say: (line: string) => void;
}

function runStage(
  stage: Stage,
  root: string,
  roots: ReadonlyMap<string, string>,
  context: Context,
): BareImage {
  const inRoot = (file: string) => path.join(root, path.resolve('/', workdir, file));
  let workdir = '/';
  const env: Record<string, string> = {};
  for (const step of stage.steps) {
    if (step.kind === 'workdir') {
      workdir = path.resolve('/', workdir, step.path);
      mkdirSync(inRoot('.'), { recursive: true });
    } else if (step.kind === 'env') {
      Object.assign(env, step.values);
    } else if (step.kind === 'copy') {
      context.say(`COPY ${step.from === null ? '' : `--from=${step.from} `}${step.source} ${step.target}`);
      if (step.from === null) copyContext(context, inRoot(step.target));
      else cpSync(path.join(roots.get(step.from) ?? '', step.source), inRoot(step.target), COPIED);
    } else {
      context.say(`RUN ${step.command}`);
      const cwd = inRoot('.');
      const { status } = spawnSync('sh', ['-c', step.command], {
        cwd,
        env: { ...process.env, ...env },
        stdio: ['ignore', 'ignore', 'inherit'],
        timeout: RUN_LIMIT_MS,
      });
      if (status !== 0) throw new Error(`RUN ${step.command} ended with ${status}`);
    }
  }
  return { root, workdir, env, last: stage };
}

const COPIED = { recursive: true, verbatimSymlinks: true } as const;

/** The files that git knows or would take, as a fresh checkout has them, less what .dockerignore keeps out. */
function copyContext({ repository, admitted }: Context, target: string): void {
  const listed = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: repository,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (listed.status !== 0) throw new Error(`git ls-files: ${listed.stderr}`);
  for (const file of listed.stdout.split('\0').filter((name) => name !== '' && admitted(name))) {
    const from = path.join(repository, file);
    if (existsSync(from)) cpSync(from, path.join(target, file), COPIED);
  }
}

/** Nobody may write to it, its owner included. */
function seal(folder: string): void {
  for (const name of readdirSync(folder)) {
    const file = path.join(folder, name);
    const stat = lstatSync(file);
    if (stat.isSymbolicLink()) continue;
    if (stat.isDirectory()) seal(file);
    else chmodSync(file, stat.mode & 0o555);
  }
  chmodSync(folder, 0o555);
}

export function bytesBelow(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => {
    const file = path.join(folder, name);
    const stat = lstatSync(file);
    return sum + (stat.isDirectory() ? bytesBelow(file) : stat.size);
  }, 0);
}
