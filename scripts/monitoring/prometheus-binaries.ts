// Debian's prometheus and promtool: those on PATH, else fetched once into the user's cache folder, without root and without
// starting the service that an installation would start. Both are one static program each.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { defaultCacheDir } from '../../server/src/embedded/cache-folder.ts';
import { aptOptions, lastError } from '../../server/src/embedded/fetch-redis.ts';
import { runProgram } from '../../server/src/embedded/run-program.ts';

export interface PrometheusBinaries {
  readonly prometheus: string;
  readonly promtool: string;
}

const PACKAGE = 'prometheus';
const FOLDER = 'prometheus-from-packages';
const DPKG_STATUS = '/var/lib/dpkg/status';
/** Lists of packages come from mirrors that may be slow; past this they are down. */
const LIMIT_MS = 120_000;

/** @throws with what to install, where nothing can be fetched */
export async function obtainPrometheus(): Promise<PrometheusBinaries> {
  const installed = pair((name) => Bun.which(name));
  if (installed) return installed;
  const cacheDir = defaultCacheDir(process.env, homedir());
  const place = path.join(cacheDir, FOLDER);
  const inCache = () =>
    pair((name) => {
      const file = path.join(place, 'usr/bin', name);
      return existsSync(file) ? file : null;
    });
  const kept = inCache();
  if (kept) return kept;
  for (const tool of ['apt-get', 'dpkg-deb'])
    if (Bun.which(tool) === null)
      throw new Error('Install Prometheus (with promtool), and put both on PATH.');
  console.error('fetching Prometheus from the system’s packages (once, a few seconds)');
  mkdirSync(cacheDir, { recursive: true, mode: 0o700 });
  const partial = mkdtempSync(path.join(cacheDir, `${FOLDER}.partial-`));
  try {
    await unpackInto(partial);
    // Another process may have been first: its copy is as good.
    if (!existsSync(place)) renameSync(path.join(partial, 'root'), place);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  const fetched = inCache();
  if (!fetched) throw new Error(`The package ${PACKAGE} did not bring prometheus and promtool.`);
  return fetched;
}

async function unpackInto(partial: string): Promise<void> {
  const downloads = path.join(partial, 'cache');
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'root'])
    mkdirSync(path.join(partial, folder), { recursive: true });
  for (const args of [['update'], ['download', PACKAGE]]) {
    const command = { file: 'apt-get', args: [...aptOptions(partial, DPKG_STATUS), ...args] };
    const done = await runProgram(command, { timeoutMs: LIMIT_MS, cwd: downloads });
    if (done.code !== 0) throw new Error(`apt-get ${args[0]}: ${lastError(done)}`);
  }
  const archive = readdirSync(downloads).find((file) => file.endsWith('.deb'));
  if (archive === undefined) throw new Error(`apt-get brought no package ${PACKAGE}`);
  const unpack = { file: 'dpkg-deb', args: ['--extract', archive, path.join(partial, 'root')] };
  const done = await runProgram(unpack, { timeoutMs: LIMIT_MS, cwd: downloads });
  if (done.code !== 0) throw new Error(`dpkg-deb: ${lastError(done)}`);
}

function pair(find: (name: string) => string | null): PrometheusBinaries | undefined {
  const [prometheus, promtool] = [find('prometheus'), find('promtool')];
  return prometheus !== null && promtool !== null ? { prometheus, promtool } : undefined;
}
