// A server that pretends to be a store, on the way to the real one or in its place, is told nothing: no password, no user,
// no command. Nor does a server that says it cannot encrypt, or somebody who says so in its name, get anything in the open.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { StoreCertificates } from '../src/domain/store-trust.ts';
import { Ledger } from '../src/ledger/ledger.ts';
import { connectRedis, untilConnected } from '../src/stock/connect.ts';
import { makeAuthority } from './harness/certificates.ts';
import { until } from './harness/until.ts';

const PASSWORD = 'the-password-that-no-stranger-hears&sslmode=disable'; // whatever is in it
const USER = 'the-user';
const ours = makeAuthority('Stores of the test');
const strange = makeAuthority('A stranger');
const trusting = (authority: { certificate: string }): StoreCertificates => ({
  authorities: authority.certificate,
  own: null,
});

/** What reached the stranger, decrypted. */
let heard = '';
const servers: Server[] = [];
const sockets = new Set<Socket>();
let tlsPort = 0;

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

const hear = (socket: Socket) => {
  sockets.add(socket);
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    heard += chunk.toString('latin1');
  });
};

/** In PostgreSQL's place: says this to the request for encryption; `then` has the connection afterwards. */
function answering(words: string, then: (socket: Socket) => void): Promise<number> {
  return listen(
    createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.write(words);
        then(socket);
      });
    }),
  );
}

beforeAll(async () => {
  const { certificate: cert, key } = strange.issue(['localhost']);
  tlsPort = await listen(createTlsServer({ cert, key }, hear).on('tlsClientError', () => undefined));
});
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
});

async function askRedis(certificates: StoreCertificates): Promise<string> {
  heard = '';
  const url = `rediss://${USER}:${PASSWORD}@localhost:${tlsPort}`;
  const redis = connectRedis(url, () => undefined, certificates);
  try {
    return await untilConnected(redis, 1_000).then(() => 'connected', String);
  } finally {
    redis.disconnect();
  }
}

async function askPostgres(port: number, certificates: StoreCertificates, mode = 'verify-full') {
  heard = '';
  const databaseUrl = `postgres://${USER}:${PASSWORD}@localhost:${port}/shop?sslmode=${mode}`;
  const ledger = new Ledger({ databaseUrl, certificates });
  try {
    return await ledger.check().then(() => 'connected', String);
  } finally {
    await ledger.close();
  }
}

/** Hands the connection on to the one that speaks TLS. */
function joined(socket: Socket): void {
  const onward = connect(tlsPort, '127.0.0.1');
  sockets.add(onward);
  onward.on('error', () => undefined);
  socket.pipe(onward).pipe(socket);
}

describe('a stranger with a certificate of its own', () => {
  test('in the place of Redis hears nothing; one that is trusted hears the password', async () => {
    expect(await askRedis(trusting(ours))).toContain('nobody who is trusted here issued its certificate');
    expect(heard).toBe('');
    await askRedis(trusting(strange));
    expect(heard).toContain(PASSWORD);
  });

  test('in the place of PostgreSQL hears nothing; one that is trusted hears who comes', async () => {
    const port = await answering('S', joined);
    for (const mode of ['verify-full', 'verify-ca', 'require']) {
      const words = await askPostgres(port, trusting(ours), mode);
      expect(words).toContain('nobody who is trusted here issued its certificate');
      expect(heard).toBe('');
    }
    const asking = askPostgres(port, trusting(strange));
    await until('the first message', () => heard.includes(USER));
    for (const socket of sockets) socket.destroy();
    await asking;
  });
});

test('a password with an @ and a comma in it is sent to its server, and not looked up as a host', async () => {
  heard = '';
  const port = await listen(createServer(hear));
  const ledger = new Ledger({ databaseUrl: `postgres://${USER}:a%40b%2Cc@127.0.0.1:${port}/shop` });
  const asking = ledger.check().catch(() => undefined);
  await until('the first message', () => heard.includes(USER));
  for (const socket of sockets) socket.destroy();
  await asking;
  await ledger.close();
});

describe('a PostgreSQL, or somebody in its name,', () => {
  test('that says it does not encrypt hears nothing in the open, whatever the mode', async () => {
    const port = await answering('N', hear);
    for (const mode of ['verify-full', 'verify-ca', 'require']) {
      const words = await askPostgres(port, trusting(ours), mode);
      expect(words).toContain('the server does not take encrypted connections; set ssl to on there');
      expect(heard).toBe('');
    }
  });

  test('that says more than yes before anything is encrypted is not listened to', async () => {
    const port = await answering('SE\0\0\0\0', hear);
    expect(await askPostgres(port, trusting(strange))).toContain('does not take encrypted connections');
    expect(heard).toBe('');
  });
});
