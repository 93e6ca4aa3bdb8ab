// The promise: nothing older is ever told after something newer, and whoever shows what was told knows when it has become
// old; a line that has gone quiet, or slept, is not waited for.
import { expect, test } from 'bun:test';
import { LIVE_STALE_MS } from '@holdfast/contract/live';
import { STALE_MS } from '../src/live-news.ts';
import { beat, item, itemMessage, nth, watch } from './scripted-live.ts';

const availables = (items: readonly { available: number }[]) => items.map(({ available }) => available);

test('an item older than the one told before is ignored, whichever way it came', async () => {
  const { clock, sockets, told, script } = watch({}, ['EventSource']);
  await nth(sockets, 0).open(itemMessage(5, 10), itemMessage(6, 9), itemMessage(4, 11));
  expect(availables(told.items)).toEqual([5, 4]);
  script.answer = () => Response.json(item(8, 10.5));
  await nth(sockets, 0).end(1006);
  await clock.pass(250);
  await nth(sockets, 1).end(1006);
  await clock.pass(1_000);
  expect(availables(told.items)).toEqual([5, 4]);
  script.answer = () => Response.json(item(3, 12));
  await clock.pass(2_000);
  expect(availables(told.items)).toEqual([5, 4, 3]);
});

test('an item that is not watched is ignored', async () => {
  const { sockets, told } = watch();
  await nth(sockets, 0).open(itemMessage(5, 0, 'OTHER'));
  expect(told.items).toEqual([]);
});

test('what is no message, and what a newer service may say, is ignored', async () => {
  const { sockets, told, script, clock } = watch({}, ['EventSource']);
  const socket = nth(sockets, 0);
  await socket.open(itemMessage(5, 0));
  for (const strange of [
    'x',
    '',
    'null',
    '7',
    '[]',
    '{}',
    '{"type":"fanfare"}',
    '{"type":"item"}',
    '{"type":"item","item":null}',
    JSON.stringify({ type: 'item', item: { ...item(1, 5), as_of: 'soon' } }),
    JSON.stringify({ type: 'item', item: { ...item(1, 5), available: '1' } }),
    '{"type":"beat","at":5}',
    '{"type":"beat","at":"soon"}',
    '{"type":"reservation","reservation":{}}',
    '{"type":"order","order":[]}',
  ])
    socket.say(strange);
  socket.emit('message', { data: new ArrayBuffer(8) });
  expect(told).toMatchObject({ states: ['connecting', 'live'], reservations: [], orders: [], beats: [] });
  expect(availables(told.items)).toEqual([5]);
  script.answer = () => new Response('<html>a proxy</html>');
  await socket.end(4429);
  await clock.pass(4_000);
  expect(availables(told.items)).toEqual([5]);
});

test('beats tell the clock of the store and keep the feed live, however long no item changes', async () => {
  const { clock, sockets, told } = watch();
  await nth(sockets, 0).open(itemMessage(5, 0));
  for (let second = 5; second <= 60; second += 5) {
    await clock.pass(5_000);
    nth(sockets, 0).say(beat(second));
  }
  expect(told.beats.length).toBe(12);
  expect(told.beats[0]).toBe(Date.parse('2026-11-27T09:00:05.000Z'));
  expect(told.states).toEqual(['connecting', 'live']);
  expect(sockets.length).toBe(1);
});

test('12 s without an item or a beat are stale; the quiet line is dropped and opened again', async () => {
  const { clock, sockets, told } = watch();
  await nth(sockets, 0).open(itemMessage(5, 0));
  await clock.pass(11_000);
  expect([told.states.at(-1), nth(sockets, 0).closed]).toEqual(['live', false]);
  await clock.pass(1_000);
  expect([told.states.at(-1), nth(sockets, 0).closed]).toEqual(['stale', true]);
  await clock.pass(500);
  expect(sockets.length).toBe(2);
  await nth(sockets, 1).open(itemMessage(5, 13));
  expect(told.states).toEqual(['connecting', 'live', 'stale', 'live']);
});

test('what a line that was opened again repeats is no sign that the store is heard', async () => {
  const { clock, sockets, told } = watch();
  await nth(sockets, 0).open(itemMessage(5, 0));
  await clock.pass(12_500);
  await nth(sockets, 1).open(itemMessage(5, 0));
  expect(told.states.at(-1)).toBe('stale');
  nth(sockets, 1).say(beat(13));
  expect(told.states.at(-1)).toBe('live');
});

test('streams that have gone quiet are dropped too', async () => {
  const { clock, sources, told } = watch({}, ['WebSocket']);
  nth(sources, 0).say('beat', beat(0));
  await clock.pass(12_000);
  expect([told.states.at(-1), nth(sources, 0).closed]).toEqual(['stale', true]);
  await clock.pass(500);
  expect(sources.length).toBe(2);
});

test('never heard of at all: stale after 12 s, not connecting for ever', async () => {
  const { clock, told } = watch();
  await clock.pass(12_000);
  expect(told.states).toEqual(['connecting', 'stale']);
});

test('a page that slept opens again at once, and so does one that comes back online', async () => {
  const { clock, sockets } = watch();
  clock.chance = 0.999;
  await nth(sockets, 0).open(itemMessage(5, 0));
  await clock.sleep(60_000);
  expect([sockets.length, nth(sockets, 0).closed]).toEqual([2, true]);
  await nth(sockets, 1).open(itemMessage(4, 60));
  clock.comeOnline();
  expect([sockets.length, nth(sockets, 1).closed]).toEqual([3, true]);
});

test('a page below the WebSocket that slept asks at once, and tries the WebSocket at once', async () => {
  const { clock, sockets, asked } = watch({}, ['EventSource']);
  await nth(sockets, 0).end(4429);
  await clock.pass(10_000);
  const before = asked.length;
  await clock.sleep(11_500);
  expect(sockets.length).toBe(2);
  expect(asked.length).toBeGreaterThan(before);
});

test('a hidden page, whose timers come late while beats go on, keeps its line', async () => {
  const { clock, sockets, told } = watch();
  await nth(sockets, 0).open(itemMessage(5, 0));
  for (let minute = 1; minute <= 3; minute++) {
    // The beat is heard, then the timers run.
    const sleeping = clock.sleep(60_000);
    nth(sockets, 0).say(beat(minute * 60));
    await sleeping;
  }
  expect(sockets.length).toBe(1);
  expect(told.states.at(-1)).toBe('live');
});

test('a clock that is set back hides no silence', async () => {
  const { clock, sockets, told } = watch();
  await nth(sockets, 0).open(itemMessage(5, 0));
  clock.setAheadMs = -3_600_000;
  await clock.pass(13_000);
  expect(nth(sockets, 0).closed).toBe(true);
  expect(told.states.at(-1)).toBe('stale');
});

test('old is what the contract calls old', () => {
  expect(STALE_MS).toBe(LIVE_STALE_MS);
});
