// Where what was fetched once is kept, for all data folders of a user.
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';

/** Of a user without HOME and without an entry in the password file, as containers have them, there is none. */
export function homeFolder(): string {
  try {
    return homedir();
  } catch {
    return tmpdir();
  }
}

/** HOLDFAST_CACHE_DIR, else the XDG cache folder's `holdfast`, else `~/.cache/holdfast`. Absolute. */
export function defaultCacheDir(
  env: Readonly<Record<string, string | undefined>>,
  homeFolder: string,
): string {
  if (env.HOLDFAST_CACHE_DIR) return path.resolve(env.HOLDFAST_CACHE_DIR);
  return path.join(env.XDG_CACHE_HOME || path.join(homeFolder, '.cache'), 'holdfast');
}
