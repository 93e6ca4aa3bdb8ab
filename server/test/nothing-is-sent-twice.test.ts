// No client library queues a command until there is a connection, or sends it again on the next one (protocols §6): by then
// another server may answer. A command fails with its connection, and whoever sent it decides.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { connectRedis, type StoreConnection, untilConnected } from '../src/stock/connect.ts';
import { type Forwarder, startForwarder, through } from './harness/forwarder.ts';
import { startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';

let server: TestStore;
let other: TestStore;
let address: Forwarder;
let direct: StoreConnection;

beforeAll(async () => {
  server = await startRedis();
  other = await startRedis({ password: decodeURIComponent(new URL(server.url).password) });
  address = await startForwarder(server.port);
  direct = connectRedis(other.url, () => undefined);
  await untilConnected(direct, 5_000);
});

afterAll(async () => {
  direct.disconnect();
  await address.close();
  await Promise.all([server.stop(), other.stop()]);
});

/** A connection through the address, which points to `server`. */
async function connected(): Promise<StoreConnection> {
  address.pointTo(server.port);
  const redis = connectRedis(through(address, server.url), () => undefined);
  await untilConnected(redis, 5_000);
  return redis;
}

const outcome = (sent: Promise<unknown>) =>
  sent.then(
    () => 'answered',
    () => 'failed',
  );

describe('a command', () => {
  test('that-was-under-way-when-the-connection-went-is-not-sent-to-the-next-server', async () => {
    const redis = await connected();
    try {
      address.hold();
      const sent = ['a', 'b', 'c'].map((key) => outcome(redis.incr(key)));
      await until('they are on their way', () => redis.status === 'ready');
      address.pointTo(other.port);
      address.cut();
      address.goOn();
      expect(await Promise.all(sent)).toEqual(['failed', 'failed', 'failed']);
      await untilConnected(redis, 5_000);
      expect(await redis.incr('after')).toBe(1);
      expect(await direct.exists('a', 'b', 'c')).toBe(0);
      expect(await direct.get('after')).toBe('1');
    } finally {
      redis.disconnect();
    }
  });

  test('without-a-connection-fails-at-once-and-is-never-sent', async () => {
    const redis = await connected();
    try {
      address.hold();
      address.pointTo(other.port);
      address.cut();
      await until('the connection is gone', () => redis.status !== 'ready');
      const sent = outcome(redis.incr('queued'));
      address.goOn();
      await untilConnected(redis, 5_000);
      await redis.incr('sent');
      expect(await sent).toBe('failed');
      expect(await direct.exists('queued')).toBe(0);
      expect(await direct.exists('sent')).toBe(1);
    } finally {
      redis.disconnect();
    }
  });
});

test('a-store-that-is-still-loading-is-asked-again-at-once-whatever-it-estimates', async () => {
  let asked = 0;
  const loading = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      data(socket, bytes) {
        for (const command of bytes.toString().matchAll(/^\*\d+\r\n\$\d+\r\n(\w+)/gm)) {
          if (command[1]?.toLowerCase() !== 'info') {
            socket.write('+OK\r\n');
            continue;
          }
          asked += 1;
          const info = `loading:${asked < 5 ? 1 : 0}\r\nloading_eta_seconds:3600\r\n`;
          socket.write(`$${info.length}\r\n${info}\r\n`);
        }
      },
    },
  });
  const redis = connectRedis(`redis://127.0.0.1:${loading.port}`, () => undefined);
  try {
    await untilConnected(redis, 20_000);
    expect(asked).toBe(5);
  } finally {
    redis.disconnect();
    loading.stop(true);
  }
});
