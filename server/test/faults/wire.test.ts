import { afterAll, expect, test } from 'bun:test';
import { requestText, unanswered, Wire } from './wire.ts';

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/never') await Bun.sleep(5_000);
    if (pathname === '/closing') return new Response('last', { headers: { connection: 'close' } });
    return new Response(
      `${request.method} ${await request.text()} ${request.headers.get('idempotency-key')}`,
      {
        status: pathname === '/refused' ? 503 : 200,
        headers: { 'idempotency-replayed': 'true', 'retry-after': '2' },
      },
    );
  },
});
const place = { host: '127.0.0.1', port: server.port as number };
afterAll(() => server.stop(true));

test('carries-one-request-after-the-other', async () => {
  const wire = new Wire(2_000);
  const first = await wire.ask(place, requestText('POST', '/a', 'token', { body: '{"x":1}', key: 'k1' }));
  expect(first).toMatchObject({ status: 200, text: 'POST {"x":1} k1', replayed: true, retryAfterSeconds: 2 });
  const second = await wire.ask(place, requestText('DELETE', '/refused', 'token'));
  expect(second).toMatchObject({ status: 503, text: 'DELETE  null' });
  expect((await wire.ask(place, requestText('GET', '/closing', 'token')))?.text).toBe('last');
  expect((await wire.ask(place, requestText('GET', '/again', 'token')))?.status).toBe(200);
  wire.close();
});

test('says-when-no-answer-came-and-how', async () => {
  const wire = new Wire(100);
  const before = { ...unanswered };
  expect(await wire.ask(place, requestText('GET', '/never', 'token'))).toBeUndefined();
  expect(unanswered.late).toBe(before.late + 1);
  expect(await wire.ask({ host: '127.0.0.1', port: 1 }, requestText('GET', '/', 'token'))).toBeUndefined();
  expect(unanswered.refused).toBe(before.refused + 1);
  wire.close();
});
