// The promise: a feed that is closed leaves no timer, socket, stream or request behind and tells nothing more, whatever it
// was doing; and one that watches other items watches those alone.
import { expect, test } from 'bun:test';
import { CLOSE } from '../src/live.ts';
import { beat, item, itemMessage, nth, watch } from './scripted-live.ts';

type Watched = ReturnType<typeof watch>;

const MOMENTS: Record<string, (watched: Watched) => Promise<void>> = {
  'while it opens': async () => undefined,
  'while it is live': ({ sockets }) => nth(sockets, 0).open(itemMessage(5, 0)),
  'while it pauses': ({ sockets }) => nth(sockets, 0).end(1006),
  'while it streams': async ({ sockets, clock, sources }) => {
    await nth(sockets, 0).end(CLOSE.badRequest);
    nth(sources, 0).say('beat', beat(0));
    await clock.pass(1_000);
  },
  'while streams pause': async ({ sockets, sources }) => {
    await nth(sockets, 0).end(CLOSE.badRequest);
    nth(sources, 0).emit('error');
  },
  'while it asks': async ({ sockets, script }) => {
    script.answer = () => 'hang';
    await nth(sockets, 0).end(CLOSE.tooMany);
  },
  'between two rounds of asking': async ({ sockets, script, clock }) => {
    script.answer = () => Response.json(item(5, 0));
    await nth(sockets, 0).end(CLOSE.tooMany);
    await clock.pass(1_000);
  },
  'while it waits for a token': ({ sockets }) => nth(sockets, 0).open(itemMessage(5, 0)),
};

for (const [moment, reach] of Object.entries(MOMENTS))
  test(`closed ${moment}, and once more`, async () => {
    const waits = moment.endsWith('token');
    const watched = watch(waits ? { token: () => Promise.reject(new Error('Not now')) } : {});
    const { clock, sockets, sources, asked, told, live } = watched;
    await reach(watched);
    const before = JSON.stringify(told);
    live.close();
    live.close();
    expect(clock.left).toBe(0);
    await clock.pass(120_000);
    clock.comeOnline();
    live.setSkus(['B-1']);
    for (const socket of sockets) {
      await socket.open(itemMessage(1, 60));
      await socket.end(1000);
    }
    for (const source of sources) {
      source.say('item', item(1, 60));
      source.emit('error');
    }
    await clock.pass(120_000);
    expect(clock.left).toBe(0);
    expect(sockets.length).toBe(1);
    const ended = moment !== 'while it pauses' && sources.length + asked.length === 0;
    expect(nth(sockets, 0).closed).toBe(ended);
    expect(sources.every(({ closed }) => closed)).toBe(true);
    if (moment === 'while it asks') expect(asked.every(({ signal }) => signal?.aborted)).toBe(true);
    expect(JSON.stringify(told)).toBe(before);
  });

test('the same items in another order, or twice, change nothing', async () => {
  const { sockets, live } = watch({ skus: ['A-1', 'B-1'] });
  await nth(sockets, 0).open(itemMessage(5, 0));
  live.setSkus(['B-1', 'A-1', 'B-1']);
  expect(sockets.length).toBe(1);
});

test('other items: the line to the old ones is closed, and nothing is told of them', async () => {
  const { sockets, told, live } = watch();
  await nth(sockets, 0).open(itemMessage(5, 0));
  live.setSkus(['B-1']);
  expect([sockets.length, nth(sockets, 0).closed]).toEqual([2, true]);
  expect(nth(sockets, 1).url).toEndWith('?skus=B-1');
  nth(sockets, 0).say(itemMessage(4, 1));
  await nth(sockets, 1).open(itemMessage(4, 1), itemMessage(9, 1, 'B-1'));
  expect(told.items.map(({ sku }) => sku)).toEqual(['A-1', 'B-1']);
});

test('no items: it rests, and is not stale; then some: it is live again', async () => {
  const { clock, sockets, sources, asked, told, live } = watch({ skus: [] });
  await clock.pass(60_000);
  clock.comeOnline();
  expect([sockets.length, sources.length, asked.length]).toEqual([0, 0, 0]);
  live.setSkus(['A-1']);
  await nth(sockets, 0).open(itemMessage(5, 60));
  expect(told.states).toEqual(['connecting', 'live']);
});

test('51 items are refused, and what was watched goes on', async () => {
  const many = Array.from({ length: 51 }, (_, n) => `A-${n}`);
  expect(() => watch({ skus: many })).toThrow(RangeError);
  const { sockets, live } = watch();
  expect(() => live.setSkus(many)).toThrow(RangeError);
  expect([sockets.length, nth(sockets, 0).closed]).toEqual([1, false]);
});
