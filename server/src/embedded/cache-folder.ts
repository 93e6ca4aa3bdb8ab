// Where what was fetched once is kept, for all data folders of a user.
import path from 'node:path';

/** HOLDFAST_CACHE_DIR, else the XDG cache folder's `holdfast`, else `~/.cache/holdfast`. Absolute. */
export function defaultCacheDir(
  env: Readonly<Record<string, string | undefined>>,
  homeFolder: string,
): string {
  if (env.HOLDFAST_CACHE_DIR) return path.resolve(env.HOLDFAST_CACHE_DIR);
  return path.join(env.XDG_CACHE_HOME || path.join(homeFolder, '.cache'), 'holdfast');
}
