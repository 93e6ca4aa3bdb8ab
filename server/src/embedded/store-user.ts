// Whom PostgreSQL runs as. It refuses root, so a service started by root runs it as another user, who owns the
// data; where that user cannot reach the folders (below /root, say), it runs in a user namespace of its own in which
// root's own files belong to an ordinary user. Once data exists, its owner decides: the choice is made only once.
import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Command, type Identity, lastLine, runProgram } from './run-program.ts';

export type StoreUser =
  | { readonly kind: 'self' }
  | { readonly kind: 'other'; readonly identity: Identity }
  | { readonly kind: 'namespace'; readonly identity: Identity };

/** nobody's ids where /etc/passwd does not say. */
const OVERFLOW_ID = 65534;
const PROBE_LIMIT_MS = 5_000;
const SEARCH_BY_ALL = 0o011;
const PERMISSION_BITS = 0o7777;

/** No user is left that could run PostgreSQL here; the message says what to change. */
export class NoStoreUser extends Error {
  override readonly name = 'NoStoreUser';
}

export interface StoreUserQuestion {
  /** PostgreSQL's data directory, or where it will be made. */
  readonly dataFolder: string;
  /** Existing folders of this service above it, outermost first: they are opened for search where that is needed. */
  readonly ownFolders: readonly [string, ...string[]];
  /** Programs and library folders that must be reachable. */
  readonly needs: readonly string[];
}

/** @throws NoStoreUser when PostgreSQL can run as nobody who reaches its folders. */
export async function chooseStoreUser(question: StoreUserQuestion): Promise<StoreUser> {
  if (process.getuid?.() !== 0) return { kind: 'self' };
  const { dataFolder, ownFolders, needs } = question;

  const owner = statSync(dataFolder, { throwIfNoEntry: false });
  if (owner?.uid === 0) return namespaceUser(`${dataFolder} belongs to root`);
  const identity = owner === undefined ? nobody() : { uid: owner.uid, gid: owner.gid };
  const blocked = await unreachable(identity, [path.dirname(ownFolders[0]), ...needs]);
  if (blocked === null) {
    for (const folder of ownFolders) openForSearch(folder);
    return { kind: 'other', identity };
  }
  if (owner === undefined) return namespaceUser(`user ${identity.uid} cannot reach ${blocked}`);
  throw new NoStoreUser(
    `PostgreSQL runs as user ${identity.uid}, who owns ${dataFolder}, but that user cannot reach ${blocked}. ` +
      'Open the folders above it for search (chmod o+x), or start the service as that user.',
  );
}

/** The same command, to be run as the user. Its process id stays the program's own: every wrapper execs. */
export function asStoreUser(user: StoreUser, command: Command): Command {
  if (user.kind === 'self') return command;
  if (user.kind === 'other') return { ...command, identity: user.identity };
  const { uid, gid } = user.identity;
  return {
    ...command,
    file: 'unshare',
    args: ['--user', `--map-user=${uid}`, `--map-group=${gid}`, '--', command.file, ...command.args],
  };
}

/** Who must own the store's files: undefined means this process's own user. */
export function fileOwner(user: StoreUser): Identity | undefined {
  return user.kind === 'other' ? user.identity : undefined;
}

async function namespaceUser(because: string): Promise<StoreUser> {
  const user: StoreUser = { kind: 'namespace', identity: nobody() };
  const probe = await runProgram(asStoreUser(user, { file: 'true', args: [] }), {
    timeoutMs: PROBE_LIMIT_MS,
  });
  if (probe.code === 0) return user;
  throw new NoStoreUser(
    `PostgreSQL refuses to run as root, ${because}, and a user namespace is not to be had here ` +
      `(unshare: ${lastLine(probe.stderr)}). Start the service as an ordinary user, or set HOLDFAST_DATA_DIR to a ` +
      'folder outside of root’s home, or set DATABASE_URL.',
  );
}

/** Another user may pass through, and still not list it: the files inside keep their own permissions. */
function openForSearch(folder: string): void {
  const { mode } = statSync(folder);
  if ((mode & SEARCH_BY_ALL) !== SEARCH_BY_ALL) chmodSync(folder, (mode & PERMISSION_BITS) | SEARCH_BY_ALL);
}

/** The first of the paths that the user cannot reach, or null. Asked of the kernel, so access lists count too. */
async function unreachable(identity: Identity, paths: readonly string[]): Promise<string | null> {
  const script = 'for p do test -x "$p" || { printf %s "$p"; exit 1; }; done';
  const probe = await runProgram(
    { file: '/bin/sh', args: ['-c', script, 'sh', ...paths], identity },
    { timeoutMs: PROBE_LIMIT_MS, cwd: '/' },
  );
  return probe.code === 0 ? null : probe.stdout || lastLine(probe.stderr);
}

function nobody(): Identity {
  const line = existsSync('/etc/passwd')
    ? readFileSync('/etc/passwd', 'utf8')
        .split('\n')
        .find((entry) => entry.startsWith('nobody:'))
    : undefined;
  const [, , uid, gid] = line?.split(':') ?? [];
  return { uid: Number(uid ?? OVERFLOW_ID), gid: Number(gid ?? OVERFLOW_ID) };
}
