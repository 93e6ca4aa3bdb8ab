// What a client may say on its socket, how often it may ping and how long its token is good: beyond that it is closed with
// the code that says why, and whoever else watches goes on hearing.
import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { LIVE_CLOSE, MAX_LIVE_MESSAGE_BYTES } from '@holdfast/contract/live';
import { until } from './harness/until.ts';
import { upgradeRequest, watch } from './harness/watch.ts';
import { RawConnection } from './hostile/raw-http.ts';
import { token } from './http-fakes.ts';
import { liveStage, SKU } from './live-stage.ts';

/** A token is good for five seconds after its end. */
setDefaultTimeout(30_000);
const TOO_LONG = 1009;
const PING = new Uint8Array([0x89, 0x80, 0, 0, 0, 0]);
const stage = await liveStage();
const authOf = (bearer: string) => JSON.stringify({ type: 'auth', token: bearer });
const isReady = ({ heard }: { heard: readonly { type: string }[] }) =>
  heard.some(({ type }) => type === 'ready');

describe('a token', () => {
  test('that is none, is forged or for somebody else is 4401, and no ready comes', async () => {
    const forged = `${(await token()).slice(0, -3)}AAA`;
    for (const bad of ['x', forged, await token({ aud: 'another-api' }), await token({ exp: 1 })]) {
      const watching = watch(stage.url, SKU, { say: authOf(bad) });
      expect(await watching.closed).toBe(LIVE_CLOSE.token);
      expect(isReady(watching)).toBe(false);
    }
  });

  test('that expires meanwhile is 4401, and not before it does', async () => {
    const exp = Math.floor(Date.now() / 1000) + 2;
    const watching = watch(stage.url, SKU, { say: authOf(await token({ exp })) });
    await until('ready', () => isReady(watching));
    expect(await watching.closed).toBe(LIVE_CLOSE.token);
    expect(Date.now()).toBeGreaterThanOrEqual(exp * 1000);
  });
});

describe('a message', () => {
  test('that is not the one there is, or not text, is 4400', async () => {
    const bad = ['', '{', 'null', '{"type":"auth"}', '{"type":"auth","token":""}', '{"type":"subscribe"}'];
    const more = ['{"type":"auth","token":"x","more":1}', '[{"type":"auth","token":"x"}]'];
    for (const say of [...bad, ...more])
      expect(await watch(stage.url, SKU, { say }).closed, say).toBe(LIVE_CLOSE.badRequest);
    const binary = watch(stage.url, SKU);
    await binary.opened;
    binary.socket.send(new Uint8Array([1]));
    expect(await binary.closed).toBe(LIVE_CLOSE.badRequest);
  });

  test('after the first one is 4400, though both are good', async () => {
    const say = authOf(await token());
    const watching = watch(stage.url, SKU, { say });
    await until('ready', () => isReady(watching));
    watching.socket.send(say);
    expect(await watching.closed).toBe(LIVE_CLOSE.badRequest);
  });

  test('longer than 4 KiB, or a frame that says it has 1 MiB, is closed before it has come', async () => {
    const say = 'x'.repeat(MAX_LIVE_MESSAGE_BYTES + 1);
    expect(await watch(stage.url, SKU, { say }).closed).toBe(TOO_LONG);
    const connection = await RawConnection.open(stage.url);
    connection.write(upgradeRequest(SKU));
    await until('it is a socket', () => connection.bytesReceived > 0);
    // A masked text frame with a length of 64 bits, of which the head alone is sent.
    connection.write(new Uint8Array([0x81, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0]));
    await connection.closed;
  });
});

describe('a frame', () => {
  test('that the protocol does not allow ends the socket, and nobody else’s', async () => {
    const other = watch(stage.url, SKU);
    const text = (bytes: readonly number[]) => [0x81, 0x80 | bytes.length, 0, 0, 0, 0, ...bytes];
    const frames: Record<string, readonly number[]> = {
      'bytes that are no UTF-8': text([0xc3, 0x28]),
      'half a surrogate pair': text([0xed, 0xa0, 0x80]),
      'a bit that nobody agreed on': [0xc1, 0x80, 0, 0, 0, 0],
      'a kind that there is not': [0x83, 0x80, 0, 0, 0, 0],
      'a ping of 126 bytes': [0x89, 0xfe, 0, 126, 0, 0, 0, 0],
      'half a ping': [0x09, 0x80, 0, 0, 0, 0],
      'a continuation of nothing': [0x80, 0x80, 0, 0, 0, 0],
      'a length of 2^63': [0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      'a close with half a code': [0x88, 0x81, 0, 0, 0, 0, 3],
      'pieces without end': Array.from({ length: 600 }, (_, i) => [
        i === 0 ? 1 : 0,
        0x88,
        0,
        0,
        0,
        0,
        ...Array(8).fill(32),
      ]).flat(),
    };
    for (const [what, bytes] of Object.entries(frames)) {
      const connection = await RawConnection.open(stage.url);
      connection.write(upgradeRequest(SKU));
      await until(`it is a socket: ${what}`, () => connection.bytesReceived > 0);
      connection.write(new Uint8Array(bytes));
      await until(`it is over: ${what}`, () => connection.isClosed);
    }
    stage.reserve(3);
    await until('the other hears', () => other.heard.at(-1)?.item?.available === 1_000_000 - 3);
  });
});

test('a flood of pings is 4429; whoever else watches goes on hearing', async () => {
  const other = watch(stage.url, SKU);
  const droppedBefore = stage.dropped.length;
  const flooding = await RawConnection.open(stage.url);
  flooding.write(upgradeRequest(SKU));
  await until('it is a socket', () => flooding.bytesReceived > 0);
  for (let count = 0; count < 31; count += 1) flooding.write(PING);
  await flooding.closed;
  expect(stage.dropped.slice(droppedBefore)).toEqual(['too-many']);
  stage.reserve(7);
  await until('the other hears', () => other.heard.at(-1)?.item?.available === 1_000_000 - 7);
});

test('a few pings are answered', async () => {
  const connection = await RawConnection.open(stage.url);
  connection.write(upgradeRequest(SKU));
  await until('it is a socket', () => connection.bytesReceived > 0);
  for (let count = 0; count < 25; count += 1) connection.write(PING);
  const before = stage.dropped.length;
  const watching = watch(stage.url, SKU);
  await until('another has come and heard', () => watching.heard.length > 0);
  expect(connection.isClosed).toBe(false);
  expect(stage.dropped.length).toBe(before);
  connection.close();
});
