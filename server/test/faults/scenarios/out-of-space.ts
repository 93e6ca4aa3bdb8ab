// Scenario 8: Redis has no memory left; then the disk under its append-only file is full.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Caller } from '../../harness/service.ts';
import { temporaryFolder } from '../../harness/stores.ts';
import { until } from '../../harness/until.ts';
import type { Act } from '../act.ts';
import type { Company, Scenario } from '../scenario.ts';

const DISK = '48m';
const TTL_SECONDS = 10;
/** Refusals after which it is no accident. */
const MANY = 50;

export const outOfSpace: Scenario = {
  number: 8,
  title: 'Redis out of memory; the disk full under its append-only file',
  about:
    "Under load Redis's `maxmemory` is lowered below what it uses: reserving is refused with 503, while reads, release, confirm and expiry go on. Then the file system of the append-only file (a small tmpfs) is filled: with `appendfsync always` Redis would rather end than acknowledge what is not on disk; space is freed and it is started again. With `everysec` it stays and refuses every write until there is space.",
  inShort: false,
  play: async (company) => {
    const stage = await company.stage();
    const redis = stage.redisClient();
    await company.act('maxmemory lowered', stage, async (act) => {
      act.load({ thinkMs: 10 });
      await act.goOn(2);
      const anna = new Caller(stage.url, 'anna');
      const [toRelease, toConfirm, toExpire] = (await Promise.all(
        [0, 1, 2].map(async () => {
          const reply = await anna.reserve({ [act.plentiful]: 1 });
          if (reply.status !== 201) throw new Error(`no reservation before the fault: ${reply.text}`);
          return reply.body.reservation_id;
        }),
      )) as [string, string, string];
      await redis.config('SET', 'maxmemory', '1mb');
      await until(
        'reserving is refused',
        async () => (await anna.reserve({ [act.plentiful]: 1 })).status === 503,
      );
      await nothingIsGranted(act);
      act.expect(
        (await anna.get(`/api/v1/reservations/${toConfirm}`)).status === 200,
        'a read did not work without memory',
      );
      act.expect((await anna.release(toRelease)).status === 200, 'a release did not work without memory');
      act.expect((await anna.confirm(toConfirm)).status === 200, 'a confirm did not work without memory');
      const expired = await until(
        'a reservation expires without memory',
        async () => (await anna.get(`/api/v1/reservations/${toExpire}`)).body.status === 'expired',
        (TTL_SECONDS + 5) * 1_000,
      ).catch(() => false);
      act.expect(expired === true, 'a reservation did not expire without memory');
      await act.recovers('memory given back', undefined, () => redis.config('SET', 'maxmemory', '0'));
      await act.goOn(2);
    });
    await company.strike(stage);
    await fullDisk(company, 'always');
    await fullDisk(company, 'everysec');
  },
};

/** With `always` Redis ends rather than acknowledge; with `everysec` it stays and refuses to write. */
async function fullDisk(company: Company, fsync: 'always' | 'everysec'): Promise<void> {
  const mounted = mountSmallDisk(company);
  if (mounted === undefined) {
    company.skip('the disk-full part needs root and mount');
    return;
  }
  const stage = await company.stage({ redis: { dir: path.join(mounted, 'redis'), appendfsync: fsync } });
  await company.act(`disk full under the append-only file, fsync ${fsync}`, stage, async (act: Act) => {
    act.load({ thinkMs: 10 });
    await act.goOn(2);
    const filler = path.join(mounted, 'filler');
    await act.outage('the disk is full', async () => {
      fill(filler);
      if (fsync === 'always')
        await until('Redis ends rather than acknowledge', () => stage.redis.pid === 0, 30_000);
      else await nothingIsGranted(act);
      await act.goOn(2);
    });
    await act.recovers(
      fsync === 'always' ? 'space freed and Redis started again' : 'space freed',
      undefined,
      async () => {
        rmSync(filler);
        if (fsync === 'always') await stage.redis.restart();
      },
    );
    await act.goOn(2);
  });
  await company.strike(stage);
}

/** Waits until reserves are answered 503, and sees that none is granted for a while from then on. */
async function nothingIsGranted(act: Act): Promise<void> {
  const { tally } = act.diary;
  const before = tally.unavailable;
  await until('customers are told to come again', () => tally.unavailable >= before + MANY, 30_000);
  await act.goOn(1);
  const [granted, refused] = [tally.accepted, tally.unavailable];
  await act.goOn(2);
  act.expect(
    tally.accepted === granted,
    `${tally.accepted - granted} reservations were granted by a store that cannot write`,
  );
  act.expect(tally.unavailable > refused, 'nobody was told to come again');
}

/** Undefined where nothing may be mounted. */
function mountSmallDisk(company: Company): string | undefined {
  const folder = temporaryFolder('small-disk');
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'holdfast-faults', folder]).status !== 0)
    return undefined;
  company.undo(() => void spawnSync('umount', ['-l', folder]));
  mkdirSync(path.join(folder, 'redis'));
  return folder;
}

function fill(file: string): void {
  const block = Buffer.alloc(1 << 16);
  try {
    for (;;) writeFileSync(file, block, { flag: 'a' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
