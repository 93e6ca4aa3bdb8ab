import { afterEach, describe, expect, test } from 'bun:test';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { until } from '../harness/until.ts';
import { FaultProxy, whenExecuted, whenSent } from './proxy.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A server that answers every piece with its name and the piece. */
async function echo(name: string): Promise<{ port: number; seen: () => string }> {
  let seen = '';
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (piece) => {
      seen += piece.toString();
      socket.write(`${name}:${piece}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, seen: () => seen };
}

async function proxyTo(port: number, random: () => number = Math.random): Promise<FaultProxy> {
  const proxy = await FaultProxy.start(port, random);
  ends.push(() => proxy.stop());
  return proxy;
}

class Talker {
  heard = '';
  closed = false;
  readonly socket: Socket;
  constructor(port: number) {
    this.socket = dial({ port, host: '127.0.0.1' });
    this.socket.on('data', (piece) => {
      this.heard += piece.toString();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
    });
    ends.push(() => this.socket.destroy());
  }
  say(text: string): void {
    this.socket.write(text);
  }
  hears(text: string): Promise<unknown> {
    return until(`${text} is heard`, () => this.heard.includes(text));
  }
}

describe('the proxy', () => {
  test('forwards-both-ways-and-new-connections-follow-a-retarget', async () => {
    const [a, b] = [await echo('a'), await echo('b')];
    const proxy = await proxyTo(a.port);
    const before = new Talker(proxy.port);
    before.say('one');
    await before.hears('a:one');
    proxy.retarget(b.port);
    const after = new Talker(proxy.port);
    after.say('two');
    await after.hears('b:two');
    before.say('three');
    await before.hears('a:three');
  });

  test('holds-one-direction-and-loses-nothing', async () => {
    const server = await echo('s');
    const proxy = await proxyTo(server.port);
    const talker = new Talker(proxy.port);
    talker.say('1');
    await talker.hears('s:1');
    proxy.hold('to-client');
    talker.say('2');
    await until('it arrives', () => server.seen().includes('2'));
    expect(talker.heard).toBe('s:1');
    proxy.release();
    await talker.hears('s:1s:2');
    proxy.hold('to-server', 'to-client');
    talker.say('3');
    talker.say('4');
    await Bun.sleep(30);
    expect(server.seen()).toBe('12');
    proxy.release();
    await until('both arrive in order', () => server.seen() === '1234');
  });

  test('lets-no-connection-through-a-black-hole-before-it-ends', async () => {
    const server = await echo('s');
    const proxy = await proxyTo(server.port);
    proxy.hold('to-server', 'to-client');
    const patient = new Talker(proxy.port);
    patient.say('later');
    await until('it was accepted', () => proxy.accepted === 1);
    expect(proxy.open).toBe(0);
    proxy.release();
    await patient.hears('s:later');
    expect(server.seen()).toBe('later');
  });

  test('delays-and-trickles', async () => {
    const server = await echo('s');
    const proxy = await proxyTo(server.port, () => 0.5);
    proxy.setWeather({ latencyMs: 60, jitterMs: 30 });
    const talker = new Talker(proxy.port);
    const startedMs = performance.now();
    talker.say('x');
    await talker.hears('s:x');
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(119);
    proxy.setWeather({ bytesPerSecond: 1_000 });
    const slowMs = performance.now();
    talker.say('y'.repeat(100));
    await talker.hears(`s:${'y'.repeat(100)}`);
    expect(performance.now() - slowMs).toBeGreaterThanOrEqual(190);
  });

  test('cuts-by-chance-and-by-order-and-refuses', async () => {
    const server = await echo('s');
    const proxy = await proxyTo(server.port, () => 0.04);
    proxy.setWeather({ cutChance: 0.05 });
    const unlucky = new Talker(proxy.port);
    unlucky.say('x');
    await until('it is cut', () => unlucky.closed);
    proxy.setWeather({});
    const lucky = new Talker(proxy.port);
    lucky.say('x');
    await lucky.hears('s:x');
    proxy.cutAll();
    await until('it is cut too', () => lucky.closed);
    expect(proxy.cuts).toBe(2);
    proxy.refuse(true);
    const late = new Talker(proxy.port);
    await until('it is hung up on', () => late.closed);
    expect(late.heard).toBe('');
  });

  test('cuts-after-the-words-went-out-and-before-the-answer', async () => {
    const server = await echo('s');
    const proxy = await proxyTo(server.port);
    let sprung = 0;
    proxy.setTrap({
      direction: 'to-server',
      make: whenSent('COMMIT'),
      does: 'cut',
      onSprung: () => {
        sprung += 1;
      },
    });
    const talker = new Talker(proxy.port);
    talker.say('SELECT');
    await talker.hears('s:SELECT');
    talker.say('COMMIT');
    await until('it is cut', () => talker.closed);
    expect(server.seen()).toBe('SELECTCOMMIT');
    expect(talker.heard).toBe('s:SELECT');
    expect(sprung).toBe(1);
  });

  test('knows-a-prepared-statement-by-its-name', () => {
    const trap = whenExecuted('confirm_batch')();
    expect(trap(Buffer.from('P\0\0\0\x20other1\0select 1\0'))).toBe(false);
    expect(trap(Buffer.from('B\0\0\0\x20\0other1\0'))).toBe(false);
    expect(trap(Buffer.from('P\0\0\0\x20st2\0select holdfast.confirm_batch($1)\0D\0\0\0\x08Sst2\0'))).toBe(
      false,
    );
    expect(trap(Buffer.from('B\0\0\0\x20\0other1\0'))).toBe(false);
    expect(trap(Buffer.from('B\0\0\0\x20\0st2\0'))).toBe(true);
  });
});
