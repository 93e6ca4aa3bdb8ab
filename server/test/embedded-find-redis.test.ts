// A Redis that will do is found wherever it is; one that will not is named with the reason; where there is none,
// the system's packages give one without root, or one message says what to install.
import { describe, expect, test } from 'bun:test';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fetchedRedis, fetchRedis } from '../src/embedded/fetch-redis.ts';
import { findRedis, type RedisSearch } from '../src/embedded/find-redis.ts';
import { checkRedis } from '../src/embedded/redis-binary.ts';
import { redisBinary, temporaryFolder } from './harness/stores.ts';

const FETCH_LIMIT_MS = 60_000;

function search(changes: Partial<RedisSearch>): RedisSearch {
  return {
    redisBin: null,
    cacheDir: temporaryFolder('cache'),
    searchFolders: [],
    misfit: () => null,
    onProgress: () => undefined,
    ...changes,
  };
}

/** A folder with a program that says it is such a server. */
function folderWith(program: string, versionLine: string): string {
  const folder = temporaryFolder('bin');
  writeFileSync(path.join(folder, program), `#!/bin/sh\necho '${versionLine}'\n`, { mode: 0o755 });
  return folder;
}

const TOO_OLD = 'Redis server v=6.2.16 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0';
const REDIS_8 = 'Redis server v=8.0.2 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0';
const VALKEY_8 = 'Valkey server v=8.1.3 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0';

describe('finding Redis', () => {
  test('takes the first that is new enough, Valkey before Redis', async () => {
    const folders = [folderWith('redis-server', TOO_OLD), folderWith('redis-server', REDIS_8)];
    const found = await findRedis(search({ searchFolders: folders }));
    expect(found).toMatchObject({
      kind: 'found',
      binary: { engine: 'redis', version: '8.0.2', major: 8, minor: 0 },
    });

    const both = await findRedis(
      search({ searchFolders: [...folders, folderWith('valkey-server', VALKEY_8)] }),
    );
    expect(both).toMatchObject({ kind: 'found', binary: { engine: 'valkey', version: '8.1.3' } });
  });

  test('rejects one that is too old, or no server at all, and says which and why', async () => {
    const old = folderWith('redis-server', TOO_OLD);
    const strange = folderWith('valkey-server', 'hello');
    const none = await findRedis(search({ searchFolders: [old, strange] }));
    if (none.kind !== 'none') throw new Error('none will do');
    expect(none.message).toContain(
      `${old}/redis-server is version 6.2.16, too old: Holdfast needs 7.0 or later`,
    );
    expect(none.message).toContain(`${strange}/valkey-server does not run as a Redis server`);
  });

  test('says what to install where there is none', async () => {
    const none = await findRedis(search({}));
    if (none.kind !== 'none') throw new Error('there is none');
    for (const words of [
      'apt-get install redis-server',
      'brew install valkey',
      'HOLDFAST_REDIS_BIN',
      'REDIS_URL',
    ]) {
      expect(none.message).toContain(words);
    }
  });

  test('takes the named one and no other, even where another would do', async () => {
    const good = folderWith('redis-server', REDIS_8);
    const named = path.join(folderWith('my-redis', TOO_OLD), 'my-redis');
    expect(await findRedis(search({ searchFolders: [good], redisBin: named }))).toEqual({
      kind: 'none',
      message: `HOLDFAST_REDIS_BIN names ${named}, which is version 6.2.16, too old: Holdfast needs 7.0 or later.`,
    });
  });

  test('passes over one that cannot open the data when another one can', async () => {
    const folders = [folderWith('valkey-server', VALKEY_8), folderWith('redis-server', REDIS_8)];
    const misfit: RedisSearch['misfit'] = ({ engine }) =>
      engine === 'valkey' ? 'the data is of Redis' : null;
    expect(await findRedis(search({ searchFolders: folders, misfit }))).toMatchObject({
      kind: 'found',
      binary: { engine: 'redis' },
    });
    expect(
      await findRedis(search({ searchFolders: folders, misfit: () => 'the data is of another' })),
    ).toEqual({
      kind: 'misfit',
      message: 'the data is of another',
    });
  });
});

describe('fetching Redis without root', () => {
  const canFetch = Bun.which('apt-get') !== null && Bun.which('dpkg-deb') !== null;

  test(
    'gives one server to two that fetch at once, over a half-finished and a broken earlier fetch',
    async () => {
      const cacheDir = temporaryFolder('cache');
      // Of an hour ago, and of somebody at work.
      const [abandoned, atWork] = ['redis-from-packages.partial-a', 'redis-from-packages.partial-b'];
      for (const name of [abandoned, atWork])
        mkdirSync(path.join(cacheDir, name, 'root'), { recursive: true });
      const longAgo = Date.now() / 1000 - 2 * 3600;
      utimesSync(path.join(cacheDir, abandoned), longAgo, longAgo);
      // One that ran once, and does not since its libraries are gone.
      const place = path.join(cacheDir, 'redis-from-packages');
      mkdirSync(path.join(place, 'root', 'usr', 'bin'), { recursive: true });
      writeFileSync(path.join(place, 'holdfast.json'), JSON.stringify({ file: 'root/usr/bin/redis-server' }));
      symlinkSync('gone', path.join(place, 'root', 'usr', 'bin', 'redis-server'));

      const said: string[] = [];
      const fetch = () =>
        fetchRedis({ cacheDir, onProgress: (text) => said.push(text), installedPackages: withoutRedis() });
      const results = await Promise.all([fetch(), fetch()]);
      if (!canFetch) {
        for (const result of results) expect(result).toMatchObject({ kind: 'unavailable' });
        return;
      }
      expect(results[1]).toEqual(results[0]);
      expect(results[0]).toMatchObject({ kind: 'fetched' });
      expect(said[0]).toContain('fetching Redis');
      expect(readdirSync(cacheDir).sort()).toEqual(['redis-from-packages', atWork]);

      const kept = fetchedRedis(cacheDir);
      if (kept === null) throw new Error('it was fetched');
      expect(await checkRedis(kept)).toMatchObject({ file: kept.file });
      expect(kept.env.LD_LIBRARY_PATH).toContain(path.join(place, 'root/usr/lib'));
      const found = await findRedis(search({ cacheDir }));
      expect(found).toMatchObject({ kind: 'found', binary: { file: kept.file } });
    },
    FETCH_LIMIT_MS,
  );

  test('that cannot be done says why and leaves nothing behind', async () => {
    const cacheDir = path.join(temporaryFolder('cache'), 'deep');
    const stopped = AbortSignal.abort();
    const result = await fetchRedis({ cacheDir, onProgress: () => undefined, signal: stopped });
    expect(result).toMatchObject({ kind: 'unavailable' });
    if (result.kind === 'unavailable')
      expect(result.message).toMatch(canFetch ? /was stopped/ : /there is no apt-get/);
    if (existsSync(cacheDir)) expect(readdirSync(cacheDir)).toEqual([]);
  });
});

test('the tests themselves run on a server that will do', async () => {
  const { major } = await redisBinary();
  expect(major).toBeGreaterThanOrEqual(7);
});

/** The list of installed packages without Redis and the libraries that only Redis needs, so that those have to be fetched too. */
function withoutRedis(): string {
  const list = '/var/lib/dpkg/status';
  const file = path.join(temporaryFolder('packages'), 'status');
  const packages = existsSync(list) ? readFileSync(list, 'utf8').split('\n\n') : [];
  const kept = packages.filter((entry) => !/^Package: (redis|valkey|liblzf|lua-bitop|lua-cjson)/.test(entry));
  writeFileSync(file, kept.join('\n\n'));
  return file;
}
