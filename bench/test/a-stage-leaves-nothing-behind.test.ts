// A run plays dozens of stages, some with gigabytes of data: each is removed when its scenario is over, not at the end of the run.
import { afterAll, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { stopServices } from '../../server/test/harness/service.ts';
import { stopAll } from '../../server/test/harness/stores.ts';
import { Stage } from '../src/stage.ts';

const STAGE_MS = 60_000;

afterAll(async () => {
  await stopServices();
  await stopAll();
});

test(
  'a closed stage has stopped its stores and removed their data',
  async () => {
    const stage = await Stage.open();
    const folders = [stage.redis.dir, stage.postgres.dir];
    expect(folders.map(existsSync)).toEqual([true, true]);
    await stage.close();
    expect([stage.redis.pid, stage.postgres.pid]).toEqual([0, 0]);
    expect(folders.map(existsSync)).toEqual([false, false]);
  },
  STAGE_MS,
);
