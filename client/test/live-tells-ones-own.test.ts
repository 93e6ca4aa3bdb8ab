// The promise: a customer's own reservations and orders are told as long as there is a token that is taken, a new one is
// asked for when the last is not, and none that is refused keeps the items from coming.
import { expect, test } from 'bun:test';
import { CLOSE } from '../src/live.ts';
import { beat, itemMessage, nth, watch } from './scripted-live.ts';
import { RESERVATION } from './scripted-server.ts';

const READY = { type: 'ready' };
const HELD = { type: 'reservation', reservation: RESERVATION };

test('the token goes in the first message, never in the URL; what is told then is handed on', async () => {
  const { sockets, told } = watch({ token: () => 'secret' });
  const socket = nth(sockets, 0);
  await socket.open(itemMessage(5, 0), READY, HELD);
  socket.say({ type: 'order', order: { order_id: 'ord_1', reservation_id: RESERVATION.reservation_id } });
  expect(socket.sent).toEqual([{ type: 'auth', token: 'secret' }]);
  expect(socket.url).not.toContain('secret');
  expect(told.reservations).toEqual([`${RESERVATION.reservation_id} active`]);
  expect(told.orders).toEqual(['ord_1']);
});

test('without a token nothing is sent', async () => {
  for (const token of [undefined, () => undefined, () => '']) {
    const { sockets } = watch(token ? { token } : {});
    await nth(sockets, 0).open(itemMessage(5, 0));
    expect(nth(sockets, 0).sent).toEqual([]);
  }
});

test('a token that has expired is followed by a new one, again and again', async () => {
  let made = 0;
  const { clock, sockets, asked, sources } = watch({ token: async () => `token-${++made}` });
  for (let n = 0; n < 6; n++) {
    await nth(sockets, n).open(itemMessage(5, n), READY);
    expect(nth(sockets, n).sent).toEqual([{ type: 'auth', token: `token-${n + 1}` }]);
    for (let second = 5; second <= 15; second += 5) {
      await clock.pass(5_000);
      nth(sockets, n).say(beat(second));
    }
    await nth(sockets, n).end(CLOSE.token);
    await clock.pass(500);
  }
  expect([sources.length, asked.length]).toEqual([0, 0]);
});

for (const code of [CLOSE.token, CLOSE.badRequest, CLOSE.tooLong])
  test(`a token refused twice in a row (${code}): items go on without it, until the feed is another`, async () => {
    const { clock, sockets, told, live } = watch({ token: () => 'bad' });
    await nth(sockets, 0).open(itemMessage(5, 0));
    await nth(sockets, 0).end(code);
    await clock.pass(500);
    await nth(sockets, 1).open(itemMessage(4, 1));
    await nth(sockets, 1).end(code);
    await clock.pass(1_000);
    await nth(sockets, 2).open(itemMessage(3, 2));
    expect(sockets.map(({ sent }) => sent.length)).toEqual([1, 1, 0]);
    expect(told.states.at(-1)).toBe('live');
    live.setSkus(['A-1', 'B-1']);
    await nth(sockets, 3).open();
    expect(nth(sockets, 3).sent.length).toBe(1);
  });

test('a token that cannot be had now is asked for again on the same line', async () => {
  let fails = 2;
  const { clock, sockets } = watch({
    token: async () => {
      if (fails-- > 0) throw new Error('No network');
      return 'late';
    },
  });
  await nth(sockets, 0).open(itemMessage(5, 0));
  expect(nth(sockets, 0).sent).toEqual([]);
  await clock.pass(2_000);
  expect(nth(sockets, 0).sent).toEqual([{ type: 'auth', token: 'late' }]);
  expect(sockets.length).toBe(1);
});

test('a token that comes after its line has gone is sent nowhere', async () => {
  const give: ((token: string) => void)[] = [];
  const { clock, sockets } = watch({ token: () => new Promise((resolve) => give.push(resolve)) });
  await nth(sockets, 0).open(itemMessage(5, 0));
  await nth(sockets, 0).end(1006);
  await clock.pass(500);
  await nth(sockets, 1).open(beat(1));
  nth(give, 0)('old');
  await clock.pass(0);
  expect(sockets.map(({ sent }) => sent.length)).toEqual([0, 0]);
  nth(give, 1)('new');
  await clock.pass(0);
  expect(nth(sockets, 1).sent).toEqual([{ type: 'auth', token: 'new' }]);
});
