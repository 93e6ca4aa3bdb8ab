// The promise: while the service can be reached in any way, a feed brings items, by the best way there is; and however many
// lose it in one moment, they come back apart, and ever less often while it is away.
import { expect, test } from 'bun:test';
import { LIVE_CLOSE, MAX_LIVE_SKUS } from '@holdfast/contract/live';
import { CLOSE, MAX_SKUS } from '../src/live.ts';
import { beat, item, itemMessage, nth, watch } from './scripted-live.ts';

test('a WebSocket first, by its item live', async () => {
  const { sockets, sources, asked, told } = watch({ skus: ['B-1', 'A-1'] });
  expect(sockets.map(({ url }) => url)).toEqual(['wss://shop.example/holdfast/api/v1/live?skus=A-1%2CB-1']);
  await nth(sockets, 0).open(itemMessage(5, 0));
  expect(told.items.map(({ available }) => available)).toEqual([5]);
  expect(told.states).toEqual(['connecting', 'live']);
  expect([sources.length, asked.length]).toEqual([0, 0]);
});

test('after two openings that failed a stream an item; after two of those asking every 2 s', async () => {
  const { clock, sockets, sources, asked, told, script } = watch({ skus: ['A-1', 'B-1'] });
  script.answer = (url) => Response.json(item(7, 1, url.endsWith('A-1') ? 'A-1' : 'B-1'));
  await nth(sockets, 0).end(1006);
  await clock.pass(500);
  expect([sockets.length, sources.length]).toEqual([2, 0]);
  await nth(sockets, 1).end(1006);
  expect(sources.map(({ url }) => url)).toEqual([
    'https://shop.example/holdfast/api/v1/inventory/A-1/events',
    'https://shop.example/holdfast/api/v1/inventory/B-1/events',
  ]);
  nth(sources, 0).say('item', item(9, 0));
  nth(sources, 1).say('beat', beat(1));
  expect(told.items.length).toBe(1);
  expect(told.beats.length).toBe(1);
  expect(told.states).toEqual(['connecting', 'live']);
  nth(sources, 1).emit('error');
  expect(sources.every(({ closed }) => closed)).toBe(true);
  await clock.pass(500);
  expect(sources.length).toBe(4);
  nth(sources, 3).emit('error');
  await clock.pass(1_000);
  expect(asked.map(({ url }) => url)).toEqual([
    'https://shop.example/holdfast/api/v1/inventory/A-1',
    'https://shop.example/holdfast/api/v1/inventory/B-1',
  ]);
  await clock.pass(2_000);
  expect(asked.length).toBe(4);
  expect(told.states.at(-1)).toBe('polling');
});

test('more than three items are asked for, not streamed: browsers bound connections', async () => {
  const { clock, sockets, sources, asked } = watch({ skus: ['A-1', 'A-2', 'A-3', 'A-4'] });
  await nth(sockets, 0).end(1006);
  await clock.pass(500);
  await nth(sockets, 1).end(1006);
  expect([sources.length, asked.length]).toEqual([0, 4]);
});

test('what the platform lacks is left out', async () => {
  const streams = watch({}, ['WebSocket']);
  expect([streams.sources.length, streams.asked.length]).toEqual([1, 0]);
  const polls = watch({}, ['WebSocket', 'EventSource']);
  expect(polls.asked.length).toBe(1);
  const none = watch({}, ['WebSocket', 'EventSource', 'fetch']);
  await none.clock.pass(13_000);
  expect(none.told.states).toEqual(['connecting', 'stale']);
});

test('an opening that nothing is heard of for 5 s has failed', async () => {
  const { clock, sockets, sources } = watch();
  await clock.pass(5_500);
  expect(sockets.map(({ closed }) => closed)).toEqual([true, false]);
  await clock.pass(6_000);
  expect([nth(sockets, 1).closed, sources.length]).toEqual([true, 1]);
});

test('below it the WebSocket is tried every 30 s and jitter, and what is below goes on until it brings something', async () => {
  const { clock, sockets, sources, told, script } = watch({}, ['EventSource']);
  script.answer = () => Response.json(item(3, (clock.nowMs() / 1000) % 3600));
  await nth(sockets, 0).end(1006);
  await clock.pass(500);
  await nth(sockets, 1).end(1006);
  await clock.pass(36_000);
  expect(sockets.length).toBe(2);
  await clock.pass(2_000);
  expect(sockets.length).toBe(3);
  await nth(sockets, 2).end(1006);
  await clock.pass(36_000);
  expect(sockets.length).toBe(3);
  await clock.pass(2_000);
  expect(sockets.length).toBe(4);
  expect(sources.length).toBe(0);
  await nth(sockets, 3).open();
  expect(told.states.at(-1)).toBe('polling');
  nth(sockets, 3).say(beat(80));
  expect(told.states.at(-1)).toBe('live');
  const { length } = told.items;
  await clock.pass(4_000);
  expect(told.items.length).toBe(length);
});

test('while streams pause, a WebSocket that comes back leaves them closed', async () => {
  const { clock, sockets, sources } = watch();
  await nth(sockets, 0).end(1006);
  await clock.pass(500);
  await nth(sockets, 1).end(1006);
  nth(sources, 0).say('beat', beat(1));
  for (let second = 5; second <= 35; second += 5) {
    await clock.pass(5_000);
    nth(sources, 0).say('beat', beat(second));
  }
  await clock.pass(2_600);
  nth(sources, 0).emit('error');
  await nth(sockets, 2).open(beat(38));
  await clock.pass(10_000);
  expect(sources.length).toBe(1);
});

test('a line that held is reopened soon; ones that break at once are opened less and less often', async () => {
  const { clock, sockets } = watch();
  clock.chance = 0.999;
  const first = nth(sockets, 0);
  await first.open(itemMessage(5, 0));
  for (let second = 5; second <= 15; second += 5) {
    await clock.pass(5_000);
    first.say(beat(second));
  }
  await first.end(1006);
  await clock.pass(499);
  expect(sockets.length).toBe(1);
  await clock.pass(1);
  expect(sockets.length).toBe(2);
  await nth(sockets, 1).open(itemMessage(4, 16));
  await nth(sockets, 1).end(1006);
  await clock.pass(44_000);
  expect(sockets.length).toBe(2);
  await clock.pass(1_000);
  expect(sockets.length).toBe(3);
});

test('pauses are of any length up to their bound', async () => {
  for (const [chance, ms] of [
    [0, 0],
    [0.2, 100],
    [0.998, 499],
  ] as const) {
    const { clock, sockets } = watch();
    clock.chance = chance;
    await nth(sockets, 0).end(1006);
    if (ms > 0) await clock.pass(ms - 1);
    expect(sockets.length).toBe(1);
    await clock.pass(1);
    expect(sockets.length).toBe(2);
  }
});

test('a service that is stopping is come back to within 2 s, as often as it stops, and is no opening that failed', async () => {
  const { clock, sockets, sources, asked } = watch();
  for (let n = 0; n < 4; n++) {
    await nth(sockets, n).open(itemMessage(5, n));
    await nth(sockets, n).end(CLOSE.goingAway);
    expect(sockets.length).toBe(n + 1);
    await clock.pass(2_000 * 2 ** n * clock.chance - 1);
    expect(sockets.length).toBe(n + 1);
    await clock.pass(1);
    expect(sockets.length).toBe(n + 2);
  }
  expect([sources.length, asked.length]).toEqual([0, 0]);
});

test('too many of an address: no streams either, and the next try after a minute at the earliest', async () => {
  const { clock, sockets, sources, asked } = watch();
  clock.chance = 0;
  await nth(sockets, 0).open();
  await nth(sockets, 0).end(CLOSE.tooMany);
  expect([sources.length, asked.length]).toEqual([0, 1]);
  await clock.pass(59_000);
  expect(sockets.length).toBe(1);
  await clock.pass(1_000);
  expect(sockets.length).toBe(2);
});

test('a SKU that is not there closes the WebSocket; the others are asked for', async () => {
  const { clock, sockets, asked, told, script } = watch({ skus: ['A-1', 'GONE'] }, ['EventSource']);
  script.answer = (url) =>
    url.endsWith('GONE') ? new Response('{}', { status: 404 }) : Response.json(item(5, 1));
  await nth(sockets, 0).open();
  await nth(sockets, 0).end(CLOSE.badRequest);
  await clock.pass(2_000);
  expect(asked.length).toBe(4);
  expect(told.states.at(-1)).toBe('polling');
  expect(sockets.length).toBe(1);
});

test('50 items are asked for at 5 requests a second, 4 at a time', async () => {
  const skus = Array.from({ length: 50 }, (_, n) => `A-${n}`);
  const { clock, asked, script } = watch({ skus }, ['WebSocket', 'EventSource']);
  script.answer = () => 'hang';
  await clock.pass(0);
  expect(asked.length).toBe(4);
  const quick = watch({ skus }, ['WebSocket', 'EventSource']);
  quick.script.answer = () => Response.json(item(5, 1));
  await quick.clock.pass(0);
  expect(quick.asked.length).toBe(50);
  await quick.clock.pass(9_999);
  expect(quick.asked.length).toBe(50);
  await quick.clock.pass(1);
  expect(quick.asked.length).toBe(100);
});

test('a round that is refused as too many ends there, and the next one waits as long as it was told', async () => {
  const { clock, asked, script } = watch({ skus: ['A-1', 'A-2', 'A-3', 'A-4', 'A-5', 'A-6'] }, [
    'WebSocket',
    'EventSource',
  ]);
  script.answer = () => new Response('{}', { status: 429, headers: { 'retry-after': '20' } });
  await clock.pass(29_999);
  expect(asked.length).toBe(4);
  await clock.pass(1);
  expect(asked.length).toBe(8);
});

test('while nobody answers, rounds come further apart, up to a minute; one that hangs is ended after 5 s', async () => {
  const { clock, asked, script } = watch({}, ['WebSocket', 'EventSource']);
  await clock.pass(1_800_000);
  const gapsMs = asked.slice(1).map(({ atMs }, n) => atMs - nth(asked, n).atMs);
  expect(gapsMs.slice(0, 6)).toEqual([3_000, 4_000, 6_000, 10_000, 18_000, 32_000]);
  expect(gapsMs.at(-1)).toBe(32_000);
  script.answer = () => 'hang';
  for (const { length } = asked; asked.length === length; ) await clock.pass(100);
  await clock.pass(4_800);
  expect(nth(asked, -1).signal?.aborted).toBe(false);
  await clock.pass(200);
  expect(nth(asked, -1).signal?.aborted).toBe(true);
});

test("its bounds and codes are the contract's", () => {
  expect(MAX_SKUS).toBe(MAX_LIVE_SKUS);
  expect(CLOSE).toMatchObject(LIVE_CLOSE);
});
