// Hints between processes may be lost and say so: whoever watches has then everything read anew. While nobody listens, none
// is sent.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { connectRedis, type StoreConnection, untilConnected } from '../src/stock/connect.ts';
import { Hints } from '../src/stock/hints.ts';
import { HINT_CHANNEL } from '../src/stock/keys.ts';
import { startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';
import { watch } from './harness/watch.ts';
import { ALICE, RESERVATION_ID, token, VIEW } from './http-fakes.ts';
import { liveStage, SKU } from './live-stage.ts';

setDefaultTimeout(30_000);

let redis: TestStore;
let connection: StoreConnection;
const all: Hints[] = [];
beforeAll(async () => {
  redis = await startRedis();
  connection = connectRedis(redis.url, () => undefined);
  await untilConnected(connection, 10_000);
});
afterAll(async () => {
  for (const hints of all) hints.stop();
  connection.disconnect();
  await redis.stop();
});

function hints(): Hints {
  const made = new Hints(connection);
  all.push(made);
  return made;
}

/** Null: something may have been missed. */
function listening(): { ear: Hints; heard: (string | null)[] } {
  const ear = hints();
  const heard: (string | null)[] = [];
  ear.listen((customerKey, reservationId) => heard.push(customerKey && `${customerKey} ${reservationId}`));
  return { ear, heard };
}

/** How often Redis was given the command. */
async function calls(command: string): Promise<number> {
  const line = (await connection.info('commandstats'))
    .split('\n')
    .find((one) => one.startsWith(`cmdstat_${command}:`));
  return Number(/calls=(\d+)/.exec(line ?? '')?.[1] ?? 0);
}

describe('hints', () => {
  test('reach another process, after word that what came before is not known', async () => {
    const { ear, heard } = listening();
    await until('the listener is there', () => heard.length > 0);
    expect(heard).toEqual([null]);
    hints().note('alice', 'rsv_1');
    await until('the hint', () => heard.includes('alice rsv_1'));
    ear.quiet();
  });

  test('are not sent while nobody listens', async () => {
    await until('nobody listens', async () => {
      const [, listeners] = (await connection.pubsub('NUMSUB', HINT_CHANNEL)) as [string, number];
      return listeners === 0;
    });
    const [sentBefore, lookedBefore] = [await calls('publish'), await calls('pubsub|numsub')];
    const speaker = hints();
    // The second look comes after all that followed from the first.
    for (const looks of [1, 2]) {
      speaker.note('alice', 'rsv_2');
      await until(
        'it looks for a listener',
        async () => (await calls('pubsub|numsub')) >= lookedBefore + looks,
      );
    }
    expect(await calls('publish')).toBe(sentBefore);
  });

  test('of a line that broke may be lost: once it stands again, all is to be read anew', async () => {
    const { ear, heard } = listening();
    await until('the listener is there', () => heard.length === 1);
    await connection.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until('it says that it missed some', () => heard.length === 2);
    expect(heard).toEqual([null, null]);
    hints().note('bob', 'rsv_3');
    await until('hints come again', () => heard.includes('bob rsv_3'));
    ear.quiet();
  });

  test('more than are kept become one word: read all anew', async () => {
    const { ear, heard } = listening();
    await until('the listener is there', () => heard.length === 1);
    const speaker = hints();
    for (let count = 0; count < 20_001; count += 1) speaker.note('carol', `rsv_${count}`);
    await until('the word', () => heard.filter((one) => one === null).length === 2);
    await until('and those that were kept', () => heard.includes('carol rsv_19999'));
    expect(heard).not.toContain('carol rsv_20000');
    ear.quiet();
  });
});

describe('whoever watches the own reservations', () => {
  test('is told what is new after a hint was lost, and after one that came', async () => {
    let rows: (typeof VIEW)[] = [];
    let status: 'active' | 'released' = 'active';
    const far = { ...VIEW, record: { ...VIEW.record, deadlineMs: Date.now() + 3_600_000 } };
    const stage = await liveStage({
      reservations: {
        list: async () => ({ ok: true, value: { rows, next: null } }),
        read: async () => ({ ok: true, value: { ...far, status } }),
      },
    });
    const say = JSON.stringify({ type: 'auth', token: await token() });
    const { heard } = watch(stage.url, SKU, { say });
    const told = () => heard.flatMap(({ reservation }) => reservation?.status ?? []);
    await until('ready', () => heard.some(({ type }) => type === 'ready'));
    rows = [far];
    stage.hint(null, '');
    await until('what the list says', () => told().length === 1);
    status = 'released';
    stage.hint(ALICE.key, RESERVATION_ID);
    await until('what a read says', () => told().length === 2);
    expect(told()).toEqual(['active', 'released']);
  });
});
