// Finds a Redis or Valkey server that can run the function library, or says what is wrong with each one it saw.
// Order: the one that the operator named, those on PATH and in the usual folders, the one fetched earlier.
import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { fetchedRedis, fetchRedis } from './fetch-redis.ts';
import { checkRedis, type RedisBinary, type RedisProgram } from './redis-binary.ts';

const PROGRAMS = ['valkey-server', 'redis-server'];
const USUAL_FOLDERS = [
  '/usr/local/bin',
  '/usr/bin',
  '/usr/local/sbin',
  '/usr/sbin',
  '/opt/homebrew/bin',
  '/usr/local/opt/valkey/bin',
  '/usr/local/opt/redis/bin',
];

export interface RedisSearch {
  /** HOLDFAST_REDIS_BIN: when given, it alone counts. */
  readonly redisBin: string | null;
  readonly cacheDir: string;
  /** In words why existing data cannot be opened by this server, or null when it can. */
  readonly misfit: (binary: RedisBinary) => string | null;
  readonly onProgress: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** Overrides PATH and the usual folders. */
  readonly searchFolders?: readonly string[];
}

export type RedisFinding =
  | { readonly kind: 'found'; readonly binary: RedisBinary }
  /** A server is there, but not one that opens the data. */
  | { readonly kind: 'misfit'; readonly message: string }
  | { readonly kind: 'none'; readonly message: string };

/** Finds a server, or fetches one into the cache folder where the system's package manager can. */
export async function obtainRedis(search: RedisSearch): Promise<RedisFinding> {
  const found = await findRedis(search);
  if (found.kind !== 'none' || search.redisBin !== null) return found;

  const fetched = await fetchRedis(search);
  if (fetched.kind === 'unavailable')
    return { kind: 'none', message: `${found.message} ${fetched.message}`.trim() };
  const misfit = search.misfit(fetched.binary);
  return misfit === null ? { kind: 'found', binary: fetched.binary } : { kind: 'misfit', message: misfit };
}

/** Looks at what is on this machine already. */
export async function findRedis(search: RedisSearch): Promise<RedisFinding> {
  if (search.redisBin !== null) return namedRedis(search, search.redisBin);

  const rejected: string[] = [];
  let misfit: string | null = null;
  for (const program of candidates(search)) {
    const checked = await checkRedis(program);
    if (typeof checked === 'string') {
      rejected.push(`${program.file} ${checked}`);
      continue;
    }
    const reason = search.misfit(checked);
    if (reason === null) return { kind: 'found', binary: checked };
    misfit ??= reason;
  }
  if (misfit !== null) return { kind: 'misfit', message: misfit };
  const saw = rejected.length === 0 ? '' : ` Saw: ${rejected.join('; ')}.`;
  return { kind: 'none', message: `${WHAT_TO_INSTALL}${saw}` };
}

const WHAT_TO_INSTALL =
  'No Redis server found: Holdfast needs Redis 7.0 or later, or Valkey. Install one (`apt-get install redis-server`, ' +
  '`dnf install valkey`, `brew install valkey`), or name its program in HOLDFAST_REDIS_BIN, or set REDIS_URL.';

async function namedRedis(search: RedisSearch, file: string): Promise<RedisFinding> {
  const checked = await checkRedis({ file, env: {} });
  if (typeof checked === 'string') {
    return { kind: 'none', message: `HOLDFAST_REDIS_BIN names ${file}, which ${checked}.` };
  }
  const misfit = search.misfit(checked);
  return misfit === null ? { kind: 'found', binary: checked } : { kind: 'misfit', message: misfit };
}

function candidates(search: RedisSearch): RedisProgram[] {
  const files = PROGRAMS.flatMap((name) => {
    if (search.searchFolders !== undefined)
      return search.searchFolders.map((folder) => path.join(folder, name));
    const onPath = Bun.which(name);
    return [...(onPath === null ? [] : [onPath]), ...USUAL_FOLDERS.map((folder) => path.join(folder, name))];
  });
  const distinct = new Map<string, RedisProgram>();
  for (const file of files.filter(existsSync)) {
    const real = realpathSync(file);
    if (!distinct.has(real)) distinct.set(real, { file, env: {} });
  }
  const fetched = fetchedRedis(search.cacheDir);
  return fetched === null ? [...distinct.values()] : [...distinct.values(), fetched];
}
