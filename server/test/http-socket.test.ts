// The same room behind a real socket, spoken to in raw bytes: what only shows with a server in front of it.
import { afterAll, describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { fakeWorld, token, verbsAsked } from './http-fakes.ts';

const world = fakeWorld();
const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: (request) => world.fetch(request) });
afterAll(() => server.stop(true));

/** Sends the bytes; resolves with what came back once `until` is in it or the server hangs up. */
function exchange(bytes: string | Uint8Array, until = '\r\n\r\n'): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(server.port ?? 0, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('utf8');
    socket.on('data', (text) => {
      received += text;
      if (received.includes(until)) socket.destroy();
    });
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
  });
}

const head = (first: string, ...headers: string[]): string =>
  `${[first, 'Host: shop.test', ...headers].join('\r\n')}\r\n\r\n`;
const reserveHead = async (...headers: string[]): Promise<string> =>
  head(
    'POST /api/v1/inventory/reserve HTTP/1.1',
    `Authorization: Bearer ${await token()}`,
    'Content-Type: application/json',
    ...headers,
  );
const BODY = '{"sku":"A","quantity":1}';
const LENGTH = `Content-Length: ${BODY.length}`;

describe('over a socket', () => {
  test('a reserve gets its 201', async () => {
    const answer = await exchange((await reserveHead('Idempotency-Key: k', LENGTH)) + BODY, '300}');
    expect(answer).toStartWith('HTTP/1.1 201');
    expect(answer).toContain('"status":"active"');
  });

  test('a chunked reserve gets its 201', async () => {
    const chunked = `5\r\n${BODY.slice(0, 5)}\r\n13\r\n${BODY.slice(5)}\r\n0\r\n\r\n`;
    const answer = await exchange(
      (await reserveHead('Idempotency-Key: k', 'Transfer-Encoding: chunked')) + chunked,
    );
    expect(answer).toStartWith('HTTP/1.1 201');
  });

  test('two Authorization headers are 401', async () => {
    const bearer = `Authorization: Bearer ${await token()}`;
    const answer = await exchange(head('GET /api/v1/orders HTTP/1.1', bearer, bearer));
    expect(answer).toStartWith('HTTP/1.1 401');
    expect(answer.toLowerCase()).toContain('www-authenticate: bearer');
  });

  test('two idempotency keys are 400', async () => {
    const answer = await exchange(
      (await reserveHead('Idempotency-Key: k', 'Idempotency-Key: l', LENGTH)) + BODY,
    );
    expect(answer).toStartWith('HTTP/1.1 400');
  });

  test('a body declared too long is 413 before it is sent', async () => {
    const answer = await exchange(await reserveHead('Idempotency-Key: k', 'Content-Length: 1000000'));
    expect(answer).toStartWith('HTTP/1.1 413');
  });

  test('a chunked body that grows too long is 413 before its end', async () => {
    const chunks = `1000\r\n${' '.repeat(0x1000)}\r\n`.repeat(3);
    const answer = await exchange(
      (await reserveHead('Idempotency-Key: k', 'Transfer-Encoding: chunked')) + chunks,
    );
    expect(answer).toStartWith('HTTP/1.1 413');
  });

  test('lengths that contradict each other never reach a verb', async () => {
    const before = verbsAsked(world).length;
    for (const headers of [
      [LENGTH, 'Transfer-Encoding: chunked'],
      ['Content-Length: 24', 'Content-Length: 25'],
      ['Content-Length: -1'],
      ['Content-Length: 0x18'],
    ]) {
      const answer = await exchange((await reserveHead('Idempotency-Key: k', ...headers)) + BODY);
      expect(answer).toMatch(/^HTTP\/1\.1 400|^$/);
    }
    expect(verbsAsked(world).length).toBe(before);
  });

  test('an odd Host neither moves the route nor comes back in the page', async () => {
    for (const host of ['a/api/v1/orders', '"><b>', 'ex%2fample', '']) {
      const page = await exchange(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, '</html>');
      expect(page).toStartWith('HTTP/1.1 200');
      if (host !== '') expect(page).not.toContain(host);
      const orders = await exchange(`GET /api/v1/orders HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      expect(orders).toStartWith('HTTP/1.1 401');
    }
  });

  test('dots in a path are resolved by nobody into another route', async () => {
    for (const path of [
      '/api/v1/inventory/..%2freservations',
      '/api/v1/inventory/%2e%2e%2freservations',
      '/api/v1/inventory/A%00',
    ]) {
      expect(await exchange(head(`GET ${path} HTTP/1.1`))).toStartWith('HTTP/1.1 404');
    }
  });

  test('HEAD has headers and no body', async () => {
    const answer = await exchange(head('HEAD /healthz HTTP/1.1', 'Connection: close'));
    expect(answer).toStartWith('HTTP/1.1 200');
    expect(answer).toEndWith('\r\n\r\n');
  });
});
