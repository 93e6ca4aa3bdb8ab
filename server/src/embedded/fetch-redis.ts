// Obtains a Redis or Valkey server from the distribution's own packages, without root: apt-get with lists and cache of
// its own downloads the packages, dpkg-deb unpacks them into the user's cache folder. About 5 s, once.
// Everything happens in a folder of this process's own that is renamed into place when it works, so a crash leaves
// nothing that looks finished, and of two processes at once the second to finish takes what the first one made.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { checkRedis, type RedisBinary, type RedisProgram } from './redis-binary.ts';
import { lastLine, type RunResult, runProgram } from './run-program.ts';

const FOLDER = 'redis-from-packages';
const PARTIAL_PREFIX = `${FOLDER}.partial-`;
const DESCRIPTION = 'holdfast.json';
const DPKG_STATUS = '/var/lib/dpkg/status';
/** Lists of packages come from mirrors that may be slow; past this they are down. */
const APT_LIMIT_MS = 120_000;
/** A partial folder this old belongs to nobody any more. */
const ABANDONED_AFTER_MS = 3_600_000;
/** The server and, where the distribution keeps the real program apart from it, the package that has it. */
const PACKAGE_SETS = [
  ['valkey-server', 'valkey-tools'],
  ['redis-server', 'redis-tools'],
] as const;

export interface RedisFetch {
  readonly cacheDir: string;
  readonly onProgress: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** Overrides the list of what is installed; dependencies that it names are not fetched. */
  readonly installedPackages?: string;
}

export type FetchResult =
  | { readonly kind: 'fetched'; readonly binary: RedisBinary }
  | { readonly kind: 'unavailable'; readonly message: string };

/** What an earlier fetch left, or null. */
export function fetchedRedis(cacheDir: string): RedisProgram | null {
  const folder = path.join(cacheDir, FOLDER);
  const description = path.join(folder, DESCRIPTION);
  if (!existsSync(description)) return null;
  const { file }: { file: string } = JSON.parse(readFileSync(description, 'utf8'));
  return programIn(folder, file);
}

export async function fetchRedis(fetch: RedisFetch): Promise<FetchResult> {
  for (const tool of ['apt-get', 'dpkg-deb']) {
    if (Bun.which(tool) === null) return unavailable(`(Nothing can be fetched here: there is no ${tool}.)`);
  }
  fetch.onProgress('fetching Redis from the system’s packages (once, a few seconds)');
  mkdirSync(fetch.cacheDir, { recursive: true, mode: 0o700 });
  removeAbandoned(fetch.cacheDir);
  const partial = mkdtempSync(path.join(fetch.cacheDir, PARTIAL_PREFIX));
  try {
    const result = await unpackInto(partial, fetch);
    if (typeof result === 'string') return unavailable(`Fetching one failed: ${result}.`);
    return await putInPlace(partial, fetch);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** Downloads and unpacks; a string says what went wrong. */
async function unpackInto(partial: string, fetch: RedisFetch): Promise<true | string> {
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'root']) {
    mkdirSync(path.join(partial, folder), { recursive: true, mode: 0o755 });
  }
  const downloads = path.join(partial, 'cache');
  const apt = (...args: string[]) =>
    runProgram(
      { file: 'apt-get', args: [...aptOptions(partial, fetch.installedPackages ?? DPKG_STATUS), ...args] },
      { timeoutMs: APT_LIMIT_MS, cwd: downloads, signal: fetch.signal },
    );

  const update = await apt('update');
  if (update.code !== 0) return `apt-get update: ${lastError(update)}`;

  let why = 'no package of that name';
  for (const packages of PACKAGE_SETS) {
    const plan = await apt(
      '--yes',
      '--no-install-recommends',
      '--reinstall',
      '--print-uris',
      'install',
      ...packages,
    );
    const names = [...plan.stdout.matchAll(/^'[^']+' ([^_\s]+)_/gm)].map((match) => match[1] ?? '');
    if (plan.code !== 0 || names.length === 0) {
      why = `${packages[0]}: ${lastError(plan)}`;
      continue;
    }
    const download = await apt('download', ...names);
    if (download.code !== 0) return `apt-get download: ${lastError(download)}`;
    for (const archive of readdirSync(downloads).filter((file) => file.endsWith('.deb'))) {
      const unpack = await runProgram(
        { file: 'dpkg-deb', args: ['--extract', path.join(downloads, archive), path.join(partial, 'root')] },
        { timeoutMs: APT_LIMIT_MS, signal: fetch.signal },
      );
      if (unpack.code !== 0) return `dpkg-deb: ${lastError(unpack)}`;
    }
    const file = path.join('root', 'usr', 'bin', packages[0]);
    const checked = await checkRedis(programIn(partial, file));
    if (typeof checked === 'string') {
      why = `${packages[0]} ${checked}`;
      continue;
    }
    for (const folder of ['state', 'cache'])
      rmSync(path.join(partial, folder), { recursive: true, force: true });
    writeFileSync(path.join(partial, DESCRIPTION), `${JSON.stringify({ file })}\n`);
    return true;
  }
  return why;
}

/** Renames the finished folder to its place, unless another process was first. */
async function putInPlace(partial: string, fetch: RedisFetch): Promise<FetchResult> {
  const place = path.join(fetch.cacheDir, FOLDER);
  const inPlace = async () => {
    const program = fetchedRedis(fetch.cacheDir);
    return program === null ? 'has no description' : checkRedis(program);
  };
  if (existsSync(place) && typeof (await inPlace()) === 'string') {
    // It does not run (any more: a system upgrade takes old libraries away). Moved first: removing is not atomic.
    const broken = `${partial}-broken`;
    renameSync(place, broken);
    rmSync(broken, { recursive: true, force: true });
  }
  try {
    renameSync(partial, place);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  const checked = await inPlace();
  return typeof checked === 'string'
    ? unavailable(`The server fetched into ${place} ${checked}.`)
    : { kind: 'fetched', binary: checked };
}

/** Options that make apt-get work for anybody: state and cache of its own, no lock, no other user for downloads. */
export function aptOptions(partial: string, installedPackages: string): string[] {
  const settings = [
    `Dir::State=${partial}/state`,
    `Dir::State::status=${installedPackages}`,
    `Dir::Cache=${partial}/cache`,
    'Debug::NoLocking=1',
    'APT::Sandbox::User=',
  ];
  return ['-qq', ...settings.flatMap((setting) => ['-o', setting])];
}

function programIn(folder: string, file: string): RedisProgram {
  const libraries = ['usr/lib', 'lib']
    .map((name) => path.join(folder, 'root', name))
    .filter(existsSync)
    .flatMap((lib) => [
      lib,
      ...readdirSync(lib)
        .filter((name) => name.includes('-linux-'))
        .map((name) => path.join(lib, name)),
    ]);
  return { file: path.join(folder, file), env: { LD_LIBRARY_PATH: libraries.join(':') } };
}

function removeAbandoned(cacheDir: string): void {
  for (const name of readdirSync(cacheDir).filter((entry) => entry.startsWith(PARTIAL_PREFIX))) {
    const folder = path.join(cacheDir, name);
    const age = Date.now() - (statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > ABANDONED_AFTER_MS) rmSync(folder, { recursive: true, force: true });
  }
}

/** apt-get prefixes what matters with "E:". */
export function lastError(result: RunResult): string {
  const errors = result.stderr.split('\n').filter((line) => line.startsWith('E:'));
  return errors.at(-1)?.slice('E:'.length).trim() ?? (lastLine(result.stderr) || `exit code ${result.code}`);
}

function unavailable(message: string): FetchResult {
  return { kind: 'unavailable', message };
}
