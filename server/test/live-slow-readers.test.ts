// Who watches without reading is let go, and costs those who read nothing; who reads on after a while hears the newest
// and not all that was missed. Nobody is told more often than ten times a second.
import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { LIVE_CHANGES_PER_SECOND } from '@holdfast/contract/live';
import type { Words } from '../src/http/live-hub.ts';
import { until } from './harness/until.ts';
import { availabilities, upgradeRequest, watch } from './harness/watch.ts';
import { RawConnection, wireBytes } from './hostile/raw-http.ts';
import { ITEM_ROW, ITEM_VIEW } from './http-fakes.ts';
import { type LiveStage, liveStage, OTHER_SKU, SKU } from './live-stage.ts';

setDefaultTimeout(60_000);
/** Three beats, on a busy machine. */
const GONE_WITHIN_MS = 40_000;
const EVENTS = wireBytes({ method: 'GET', target: `/api/v1/inventory/${SKU}/events` });
const viewOf = (reserved: number) => ({ ...ITEM_VIEW, stock: { ...ITEM_VIEW.stock, total: 1e9, reserved } });

/** Asks, takes the beginning of the answer, and from then on nothing. */
async function silentAfter(stage: LiveStage, request: string | Uint8Array): Promise<RawConnection> {
  const connection = await RawConnection.open(stage.url);
  connection.write(request);
  await until('it watches', () => connection.bytesReceived > 0);
  connection.socket.pause();
  return connection;
}

const watching = ({ hub }: LiveStage, kind: string) => hub.count().get(kind);

test('an item that changes all the time is told ten times a second at most, and the last change comes', async () => {
  const stage = await liveStage();
  const beganAtMs = performance.now();
  const viewer = watch(stage.url, SKU);
  await until('the snapshot', () => viewer.heard.length > 0);
  let units = 0;
  for (const endMs = performance.now() + 2_000; performance.now() < endMs; await Bun.sleep(2)) {
    units += 1;
    stage.reserve(units);
  }
  await until('the last change', () => availabilities(viewer).at(-1) === 1_000_000 - units);
  const seconds = (performance.now() - beganAtMs) / 1000;
  expect(viewer.heard.length).toBeGreaterThan(2);
  // The first look may come at once.
  expect(viewer.heard.length).toBeLessThanOrEqual(seconds * LIVE_CHANGES_PER_SECOND + 2);
});

describe('who never reads', () => {
  test('is let go by WebSocket though it is being sent to; whoever reads the same item goes on hearing', async () => {
    const stage = await liveStage();
    const reader = watch(stage.url, SKU);
    await silentAfter(stage, upgradeRequest(SKU));
    await until('both watch', () => watching(stage, 'ws') === 2);
    let units = 0;
    await until(
      'the silent one is gone',
      () => {
        units += 1;
        stage.reserve(units);
        return watching(stage, 'ws') === 1;
      },
      GONE_WITHIN_MS,
    );
    expect(stage.dropped).toEqual(['slow']);
    stage.reserve(units + 1);
    await until('the reader hears', () => availabilities(reader).at(-1) === 1_000_000 - units - 1);
  });

  test('is let go by either way when its buffers are full, and the reader has heard the last change', async () => {
    const stage = await liveStage();
    const reader = watch(stage.url, SKU);
    await silentAfter(stage, upgradeRequest(SKU));
    await silentAfter(stage, EVENTS);
    await until('all watch', () => watching(stage, 'ws') === 2 && watching(stage, 'sse') === 1);
    let units = 0;
    const endMs = performance.now() + GONE_WITHIN_MS;
    while ((watching(stage, 'sse') ?? 0) > 0 && performance.now() < endMs) {
      for (let count = 0; count < 500; count += 1) void stage.tell(viewOf(++units));
      await Bun.sleep(5);
    }
    await until('both are gone', () => watching(stage, 'ws') === 1, GONE_WITHIN_MS);
    expect(watching(stage, 'sse')).toBe(0);
    expect(stage.dropped).toEqual(['slow', 'slow']);
    await stage.tell(viewOf(units + 1));
    await until('the reader hears', () => availabilities(reader).includes(1e9 - 10 - units - 1));
  });
});

test('who does not read for a while then hears the newest of each item, once, and only what was sent is counted', async () => {
  const stage = await liveStage();
  const took: string[] = [];
  let takes = true;
  const line = {
    kind: 'ws' as const,
    send: ({ text }: Words) => {
      took.push(text);
      return takes;
    },
    reads: () => true,
    cut: () => undefined,
    end: () => undefined,
  };
  const viewer = stage.hub.join(line, [ITEM_ROW, { ...ITEM_ROW, sku: OTHER_SKU }]);
  await until('both snapshots', () => took.length === 2);
  takes = false;
  stage.reserve(1);
  await until('one more, which fills it', () => took.length === 3);
  const sentBefore = stage.sent();
  for (const units of [2, 3, 4]) await stage.tell(viewOf(units));
  stage.reserve(9);
  const other = watch(stage.url, SKU);
  await until('another has heard', () => availabilities(other).at(-1) === 1_000_000 - 9);
  expect(took).toHaveLength(3);
  expect(stage.sent()).toBe(sentBefore + other.heard.length);
  takes = true;
  stage.hub.drained(viewer);
  expect(took).toHaveLength(4);
  expect(JSON.parse(took[3] ?? '').item).toMatchObject({ sku: SKU, reserved: 9 });
  stage.hub.leave(viewer);
});
