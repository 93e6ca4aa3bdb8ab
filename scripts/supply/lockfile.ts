// package-lock.json as the rest of this folder needs it: every package from outside with its version, licence and hash, and what it
// is for. What a workspace needs is found as Node finds it: from the package's own folder upwards.
import { readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * `service`: runs in the service or the command (server, cli and what they import). `web`: part of the pages. `tools`: what the bench
 * compares with. `development`: builds, checks and tests.
 */
export type Use = 'service' | 'web' | 'tools' | 'development';

export interface LockedPackage {
  /** Where npm puts it, from the root: node_modules/zod. */
  readonly place: string;
  readonly name: string;
  readonly version: string;
  /** As the package says; undefined if it does not. */
  readonly licence: string | undefined;
  /** Subresource integrity: "sha512-" and base64. */
  readonly integrity: string | undefined;
  /** Given where it does not come from the registry: a git repository, an archive somewhere. */
  readonly from: string | undefined;
  readonly uses: readonly Use[];
  /** Left out where it does not fit the machine. */
  readonly isOptional: boolean;
  /** npm would run a program of its on installation. */
  readonly hasInstallScript: boolean;
  /** Places of those it needs. */
  readonly needs: readonly string[];
}

export interface Lockfile {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly packages: readonly LockedPackage[];
  /** Places of the packages that our own workspaces ask for by name, by what for. */
  readonly direct: Readonly<Record<Use, readonly string[]>>;
}

interface Entry {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

type Entries = Readonly<Record<string, Entry>>;

/** What each workspace is for. One that is missing here is refused, so that none goes unlisted. */
const USE_OF_WORKSPACE: Readonly<Record<string, Use>> = {
  contract: 'service',
  server: 'service',
  client: 'service',
  cli: 'service',
  web: 'web',
  bench: 'tools',
};

const USES: readonly Use[] = ['service', 'web', 'tools', 'development'];
const FOLDER = 'node_modules/';

/** @param root of the repository. */
export function readLockfile(root: string): Lockfile {
  return parseLockfile(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
}

/** @throws if it is of another version, or has a workspace that nobody said the use of. */
export function parseLockfile(text: string): Lockfile {
  const { lockfileVersion, packages: entries } = JSON.parse(text) as {
    lockfileVersion: number;
    packages: Entries;
  };
  if (lockfileVersion !== 3) throw new Error(`package-lock.json is of version ${lockfileVersion}, not 3.`);
  const root = entries[''] ?? {};
  const direct: Record<Use, Set<string>> = {
    service: new Set(),
    web: new Set(),
    tools: new Set(),
    development: new Set(),
  };
  for (const place of Object.keys(entries).filter((one) => one !== '' && !one.includes(FOLDER))) {
    const use = USE_OF_WORKSPACE[place];
    if (use === undefined)
      throw new Error(`Say in scripts/supply/lockfile.ts what the workspace "${place}" is for.`);
    collect(needsOf(entries, place), direct[use]);
    collect(placesOf(entries, place, entries[place]?.devDependencies), direct.development);
  }
  collect(placesOf(entries, '', root.devDependencies), direct.development);
  collect(placesOf(entries, '', root.dependencies), direct.service);

  const reached = USES.map((use) => [use, reachedFrom(entries, direct[use])] as const);
  const packages = Object.entries(entries)
    .filter(([place, { link }]) => place.includes(FOLDER) && !link)
    .map(([place, entry]) => ({
      place,
      name: entry.name ?? place.slice(place.lastIndexOf(FOLDER) + FOLDER.length),
      version: entry.version ?? '',
      licence: entry.license,
      integrity: entry.integrity,
      from: entry.resolved,
      uses: reached.filter(([, places]) => places.has(place)).map(([use]) => use),
      isOptional: entry.optional === true,
      hasInstallScript: entry.hasInstallScript === true,
      needs: needsOf(entries, place),
    }));
  return {
    name: root.name ?? '',
    version: root.version ?? '',
    licence: root.license ?? '',
    packages,
    direct: {
      service: [...direct.service].toSorted(),
      web: [...direct.web].toSorted(),
      tools: [...direct.tools].toSorted(),
      development: [...direct.development].toSorted(),
    },
  };
}

/** Part of what others are given: in the image, in the one binary, in the pages, or installed for `npm start`. */
export function isShipped({ uses }: Pick<LockedPackage, 'uses'>): boolean {
  return uses.includes('service') || uses.includes('web');
}

/** Of packages from outside; a link to a workspace stands for what that needs, which is looked at for itself. */
function collect(places: readonly string[], into: Set<string>): void {
  for (const place of places) into.add(place);
}

function reachedFrom(entries: Entries, start: ReadonlySet<string>): Set<string> {
  const reached = new Set<string>();
  const waiting = [...start];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    if (reached.has(place)) continue;
    reached.add(place);
    waiting.push(...needsOf(entries, place));
  }
  return reached;
}

/** Places of what the package at `place` needs to run. */
function needsOf(entries: Entries, place: string): string[] {
  const entry = entries[place] ?? {};
  const peers = Object.entries(entry.peerDependencies ?? {}).filter(
    ([name]) => !entry.peerDependenciesMeta?.[name]?.optional,
  );
  return placesOf(entries, place, {
    ...entry.dependencies,
    ...entry.optionalDependencies,
    ...Object.fromEntries(peers),
  });
}

function placesOf(entries: Entries, from: string, wanted: Readonly<Record<string, string>> = {}): string[] {
  return Object.keys(wanted).flatMap((name) => {
    const place = placeOf(entries, from, name);
    if (place === undefined) return []; // optional, and for no machine that the lock knows
    const { link, resolved = '' } = entries[place] ?? {};
    return link ? needsOf(entries, resolved) : [place];
  });
}

function placeOf(entries: Entries, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
    const place = folder === '' ? FOLDER + name : `${folder}/${FOLDER}${name}`;
    if (entries[place]) return place;
    if (folder === '') return undefined;
  }
}
