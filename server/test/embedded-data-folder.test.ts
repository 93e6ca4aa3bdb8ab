// One data folder, one service; and data that a server cannot open is refused in words before it is touched.
import { afterEach, describe, expect, test } from 'bun:test';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DataFolderBusy, EmbeddedFailed } from '../src/embedded/start.ts';
import {
  embeddedOptions,
  endEmbedded,
  newDataDir,
  start,
  startService,
  storePid,
  tell,
} from './harness/embedded.ts';

afterEach(endEmbedded);

describe('a data folder in use', () => {
  test('is refused to a second start, which names the process and the folder', async () => {
    const options = embeddedOptions();
    const service = startService(options);
    const { redisUrl } = await service.heard('ready');
    const second = start(options);
    await expect(second).rejects.toBeInstanceOf(DataFolderBusy);
    await expect(second).rejects.toThrow(
      `The data folder ${options.dataDir} is in use by process ${service.pid}.`,
    );
    expect(await tell(redisUrl, 'PING')).toBe('PONG');
  });

  test('is given to exactly one of several that start at once', async () => {
    const options = embeddedOptions();
    const all = [1, 2, 3].map(() => start(options));
    const results = await Promise.allSettled(all);
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(DataFolderBusy);
    }
  });

  test('is waited for while the stores of a dead service are still stopping', async () => {
    const options = embeddedOptions();
    const service = startService(options);
    await service.heard('ready');
    const redisPid = storePid(options.dataDir, 'redis');
    process.kill(redisPid, 'SIGSTOP'); // so that it takes its time
    service.kill('SIGKILL');
    await service.exited;
    const said: string[] = [];
    const stores = await start({
      ...options,
      onProgress: (text) => {
        said.push(text);
        process.kill(redisPid, 'SIGCONT');
      },
    });
    expect(said).toEqual(['waiting for the stores of the last run to stop']);
    expect(await tell(stores.redisUrl, 'PING')).toBe('PONG');
  });

  test('is free again as soon as a start has failed', async () => {
    const options = embeddedOptions();
    await expect(start({ ...options, redisBin: '/no/such/redis' })).rejects.toThrow(
      /HOLDFAST_REDIS_BIN names \/no\/such\/redis, which does not run/,
    );
    const stores = await start(options);
    expect(await tell(stores.redisUrl, 'PING')).toBe('PONG');
  });
});

describe('data of another server', () => {
  for (const [engine, major] of [
    ['another-engine', 1],
    ['redis', 99],
    ['valkey', 99],
  ] as const) {
    test(`written by ${engine} ${major} is refused in words and not touched`, async () => {
      const options = embeddedOptions({ startPostgres: false });
      const tag = `${JSON.stringify({ engine, major, minor: 2 })}\n`;
      mkdirSync(path.join(options.dataDir, 'redis'), { recursive: true });
      writeFileSync(path.join(options.dataDir, 'redis', 'engine.json'), tag);
      const refused = start(options);
      await expect(refused).rejects.toBeInstanceOf(EmbeddedFailed);
      await expect(refused).rejects.toThrow(
        new RegExp(`was written by ${engine} ${major}\\.2.*HOLDFAST_DATA_DIR`, 's'),
      );
      expect(readFileSync(path.join(options.dataDir, 'redis', 'engine.json'), 'utf8')).toBe(tag);
    });
  }

  test('written by the same engine in an older version is opened, and from then on belongs to the newer one', async () => {
    const options = embeddedOptions({ startPostgres: false });
    const first = await start(options);
    await tell(first.redisUrl, 'SET', 'kept', 'yes');
    await first.stop();
    const file = path.join(options.dataDir, 'redis', 'engine.json');
    const tag = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...tag, major: tag.major - 1 }));
    const second = await start(options);
    expect(await tell(second.redisUrl, 'GET', 'kept')).toBe('yes');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(tag);
  });

  test('written by another major version of PostgreSQL is refused in words', async () => {
    const options = embeddedOptions({ startRedis: false });
    mkdirSync(path.join(options.dataDir, 'postgres', 'data'), { recursive: true });
    writeFileSync(path.join(options.dataDir, 'postgres', 'data', 'PG_VERSION'), '13\n');
    await expect(start(options)).rejects.toThrow(
      /was made by PostgreSQL 13, and only that major version opens it.*HOLDFAST_DATA_DIR/s,
    );
  });

  test('whose passwords are lost is refused in words', async () => {
    const options = embeddedOptions({ startRedis: false });
    await (await start(options)).stop();
    rmSync(path.join(options.dataDir, 'passwords.json'));
    await expect(start(options)).rejects.toThrow(/passwords\.json is missing/);
  });
});

test('folders above the data folder are made as open as the user has them, the data folder is closed', async () => {
  const dataDir = path.join(path.dirname(newDataDir()), 'a', 'b', '.holdfast');
  await (await start(embeddedOptions({ dataDir, startPostgres: false }))).stop();
  expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  expect(statSync(path.dirname(dataDir)).mode & 0o777).toBe(0o777 & ~process.umask());
});
