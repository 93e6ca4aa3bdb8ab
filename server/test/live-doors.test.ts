// Who may watch, what, and how many: origins, seats of a process and of an address, and requests that are no upgrade.
import { describe, expect, test } from 'bun:test';
import { LIVE_CLOSE, MAX_LIVE_SKUS } from '@holdfast/contract/live';
import { until } from './harness/until.ts';
import { stream, upgradeRequest, watch } from './harness/watch.ts';
import { exchange, RawConnection } from './hostile/raw-http.ts';
import { liveStage, OTHER_SKU, SKU, UNKNOWN } from './live-stage.ts';

const SHOP = 'https://shop.example';

/** What the upgrade is answered with. */
async function answerTo(url: string, ...headers: string[]): Promise<{ status: number; code?: string }> {
  const answer = await exchange(url, upgradeRequest(SKU, ...headers));
  if (answer === undefined) throw new Error('hung up without an answer');
  return { status: answer.status, ...(answer.status !== 101 && { code: JSON.parse(answer.text).code }) };
}

describe('a page', () => {
  test('of a foreign or null origin is refused with 403; of the own or a named one, and who is no page, is let in', async () => {
    const { url } = await liveStage({ corsOrigins: [SHOP] });
    const refused = { status: 403, code: 'origin-not-allowed' };
    for (const origin of ['https://evil.example', 'null', `${SHOP}.evil.example`, 'http://shop.test:81', ''])
      expect(await answerTo(url, `Origin: ${origin}`), origin).toEqual(refused);
    for (const origin of [SHOP, 'http://shop.test', 'https://shop.test'])
      expect(await answerTo(url, `Origin: ${origin}`), origin).toEqual({ status: 101 });
    expect(await answerTo(url)).toEqual({ status: 101 });
  });

  test('of a foreign or null origin may not read the events; of a named one it may, without credentials', async () => {
    const { url } = await liveStage({ corsOrigins: [SHOP] });
    const allowed = async (origin: string) => {
      const { response, hangUp } = await stream(url, SKU, { Origin: origin, Cookie: 'a=b' });
      expect(response.status, origin).toBe(200);
      expect(response.headers.get('access-control-allow-credentials'), origin).toBeNull();
      hangUp();
      return response.headers.get('access-control-allow-origin');
    };
    for (const origin of ['https://evil.example', 'null', `${SHOP}.evil.example`, `${SHOP}:81`, '*'])
      expect(await allowed(origin), origin).toBeNull();
    expect(await allowed(SHOP)).toBe(SHOP);
  });
});

describe('a handshake', () => {
  test('that is none is answered or hung up on, and makes no viewer', async () => {
    const { url, hub } = await liveStage();
    const good = upgradeRequest(SKU);
    const broken = [
      good.replace('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n', ''),
      good.replace('Upgrade: websocket\r\n', 'Upgrade: h2c\r\n'),
      good.replace('Upgrade: websocket\r\n', ''),
      good.replace('GET ', 'HEAD '),
      good.replace('GET ', 'POST ').replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n'),
      good.replace('/api/v1/live?', '/api/v1/inventory?'),
      good.replace('/api/v1/live?', '/api/v1/live/?'),
    ];
    for (const request of broken) {
      const connection = await RawConnection.open(url);
      connection.write(request);
      const answer = await connection.answer(request.startsWith('HEAD'));
      connection.close();
      expect(answer?.status, request).not.toBe(101);
      expect(answer?.status ?? 400, request).toBeLessThan(500);
    }
    expect(hub.count().get('ws')).toBe(0);
    expect((await exchange(url, good))?.status).toBe(101);
  });
});

describe('items', () => {
  test('more than 50, none, one that is not there and one of the wrong form are closed with 4400', async () => {
    const { url, dropped } = await liveStage();
    const many = Array.from({ length: MAX_LIVE_SKUS + 1 }, (_, i) => `A-${i}`).join(',');
    const odd = [
      '%00',
      'A%20B',
      `${SKU}%00`,
      `${SKU}%0d%0aX:1`,
      '%ff',
      '%e2%80%8b',
      '%d0%90',
      '__proto__',
      '*',
    ];
    const tricks = [
      'reserve',
      'x'.repeat(65),
      "'%20OR%201=1--",
      '..%2f..',
      `${SKU},,${OTHER_SKU}`,
      SKU.toLowerCase(),
    ];
    const twice = [`${SKU}&skus=${OTHER_SKU}`, `${SKU}&skus=${SKU}`];
    const bad = [many, '', UNKNOWN, `${SKU},${UNKNOWN}`, `${SKU},`, ...odd, ...tricks, ...twice];
    for (const skus of bad) expect(await watch(url, skus).closed, skus).toBe(LIVE_CLOSE.badRequest);
    expect(dropped).toEqual(bad.map(() => 'bad-request'));
  });

  test('named twice are watched once', async () => {
    const { url } = await liveStage();
    const { heard } = watch(url, `${SKU},${OTHER_SKU},${SKU}`);
    await until('both', () => heard.length >= 2);
    expect(heard.map(({ item }) => item?.sku).sort()).toEqual([SKU, OTHER_SKU].sort());
  });
});

describe('without an upgrade', () => {
  test('it is 426 with Upgrade, for GET and HEAD', async () => {
    const { url } = await liveStage();
    for (const method of ['GET', 'HEAD']) {
      const answer = await fetch(`${url}/api/v1/live?skus=${SKU}`, { method });
      expect(answer.status, method).toBe(426);
      expect(answer.headers.get('upgrade'), method).toBe('websocket');
      const text = await answer.text();
      if (method === 'GET') expect(JSON.parse(text).code).toBe('upgrade-required');
      else expect(text).toBe('');
    }
  });

  test('HEAD of the events ends at once and takes no seat; 404 for an item that is not there', async () => {
    const { url, hub } = await liveStage({ limits: { sockets: 1 } });
    for (let count = 0; count < 3; count += 1) {
      const answer = await fetch(`${url}/api/v1/inventory/${SKU}/events`, { method: 'HEAD' });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toBe('text/event-stream');
      expect(await answer.text()).toBe('');
    }
    expect(hub.count().get('sse')).toBe(0);
    const { response } = await stream(url, UNKNOWN);
    expect(response.status).toBe(404);
  });
});

describe('seats', () => {
  test('of a process: beyond them 503 with Retry-After, by either way; one that is given back is free', async () => {
    const { url, hub } = await liveStage({ limits: { sockets: 2 } });
    const first = watch(url, SKU);
    const second = await stream(url, SKU);
    await first.opened;
    await until('both watch', () => hub.count().get('ws') === 1 && hub.count().get('sse') === 1);
    const third = await stream(url, SKU);
    expect(third.response.status).toBe(503);
    expect(third.response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(await answerTo(url)).toEqual({ status: 503, code: 'unavailable' });
    second.hangUp();
    await until('its seat is free', () => hub.count().get('sse') === 0);
    await until('the next one gets it', async () => (await answerTo(url)).status === 101);
  });

  test('of an address: beyond them 4429 or 429; another address has its own', async () => {
    const stage = await liveStage({ limits: { perAddress: 2 }, trustedProxies: ['127.0.0.1'] });
    const from = (address: string) => ({ 'X-Forwarded-For': address });
    const [one, other] = [from('203.0.113.1'), from('203.0.113.2')];
    const first = watch(stage.url, SKU, { headers: one });
    const second = await stream(stage.url, SKU, one);
    await first.opened;
    expect(await watch(stage.url, SKU, { headers: one }).closed).toBe(LIVE_CLOSE.tooMany);
    const { response } = await stream(stage.url, SKU, one);
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(response.headers.get('ratelimit-policy')).toBe('"live";q=2;w=60');
    expect(stage.dropped).toEqual(['too-many', 'too-many']);
    const elsewhere = watch(stage.url, SKU, { headers: other });
    await until('another address hears', () => elsewhere.heard.length > 0);
    second.hangUp();
    await until('its seat is free', () => stage.hub.count().get('sse') === 0);
    expect((await stream(stage.url, SKU, one)).response.status).toBe(200);
  });

  test('are given back by whoever is refused, closed or cut', async () => {
    const { url, hub } = await liveStage({ limits: { sockets: 1 } });
    for (let count = 0; count < 5; count += 1) {
      expect(await watch(url, UNKNOWN).closed).toBe(LIVE_CLOSE.badRequest);
      expect(await watch(url, SKU, { say: '?' }).closed).toBe(LIVE_CLOSE.badRequest);
      const cut = await RawConnection.open(url);
      cut.write(upgradeRequest(SKU));
      await until('it watches', () => hub.count().get('ws') === 1);
      cut.close();
      await until('it is gone', () => hub.count().get('ws') === 0);
    }
  });
});
