// The web app as the service hands it out: only what was built, by its exact name, under a policy that lets nothing
// else in; and what a service says whose web app was never built.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { type FakeWorld, fakeWorld, problemOf } from './http-fakes.ts';

const SCRIPT = 'console.log("a shop");'.repeat(100);
const ORDER = 'ord_AAAAAWJ2bkE4dXJ5aG9sZA';
let folder: string;
let world: FakeWorld;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'holdfast-web-'));
  mkdirSync(path.join(folder, 'assets'));
  const files: Record<string, object> = {};
  const put = (name: string, type: string, text: string, compressed: boolean) => {
    writeFileSync(path.join(folder, name), text);
    const br = brotliCompressSync(text);
    const gzip = gzipSync(text);
    if (compressed) {
      writeFileSync(path.join(folder, `${name}.br`), br);
      writeFileSync(path.join(folder, `${name}.gz`), gzip);
    }
    const sha256 = new Bun.CryptoHasher('sha256').update(text).digest('hex');
    files[name] = { type, sha256, ...(compressed && { br_bytes: br.length, gzip_bytes: gzip.length }) };
  };
  put('index.html', 'text/html; charset=utf-8', '<!doctype html><title>Storefront</title>', false);
  put('console.html', 'text/html; charset=utf-8', '<!doctype html><title>Console</title>', false);
  put('assets/index-1a.js', 'text/javascript; charset=utf-8', SCRIPT, true);
  writeFileSync(path.join(folder, 'assets/not-listed.js'), 'secret');
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify({ files }));
  world = fakeWorld({ webFolder: folder });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the pages', () => {
  const pages: [path: string, title: string][] = [
    ['/', 'Storefront'],
    ['/?utm=1', 'Storefront'],
    ['/sales/flash-sale', 'Storefront'],
    ['/orders', 'Storefront'],
    [`/orders/${ORDER}`, 'Storefront'],
    ['/console', 'Console'],
    ['/console/', 'Console'],
    ['/console/sales/flash-sale', 'Console'],
  ];
  for (const [at, title] of pages) {
    test(`${at} is the ${title}`, async () => {
      const response = await world.send(at);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(response.headers.get('cache-control')).toBe('no-cache');
      expect(await response.text()).toContain(`<title>${title}</title>`);
    });
  }

  test('come under a policy without anything inline or foreign, in nobody’s frame', async () => {
    const { headers } = await world.send('/');
    expect(headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
    );
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(headers.get('permissions-policy')).toContain('camera=()');
    expect(headers.has('x-request-id')).toBe(true);
  });

  test('nothing but what was built is found, whatever the spelling', async () => {
    const nowhere = [
      '/assets/',
      '/assets/not-listed.js',
      '/assets/..%2findex.html',
      '/assets/%2e%2e/index.html',
      '/assets/..\\manifest.json',
      '/assets/index-1a.js.br',
      '/assets/index-1a.js/',
      '/assets//index-1a.js',
      '/Assets/index-1a.js',
      '/index.html',
      '/manifest.json',
      '/sales/',
      '/sales/Flash',
      '/sales/a/b',
      '/sales/..%2f..%2fetc',
      '/orders/',
      '/orders/ord_short',
      '/console/a.b',
      '/console/..%2f',
      '/console2',
      '/start.css',
      '/constructor',
    ];
    for (const at of nowhere) {
      const response = await world.send(at);
      expect([at, response.status]).toEqual([at, 404]);
      expect((await problemOf(response)).code).toBe('not-found');
    }
  });

  test('another method is 405; HEAD is GET without the body, its length included', async () => {
    for (const at of ['/', '/console', '/assets/index-1a.js']) {
      const refused = await world.send(at, { method: 'POST' });
      expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
      const [get, head] = [await world.send(at), await world.send(at, { method: 'HEAD' })];
      expect(head.headers.get('content-length')).toBe(String((await get.arrayBuffer()).byteLength));
      expect(head.headers.get('etag')).toBe(get.headers.get('etag'));
      expect(await head.text()).toBe('');
    }
  });
});

describe('assets', () => {
  const ask = (headers: Record<string, string>) => world.send('/assets/index-1a.js', { headers });

  test('are good for ever: their name is their content', async () => {
    const { headers } = await ask({});
    expect(headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('come in the best form that the browser takes, each with a tag of its own', async () => {
    const forms: [accept: string, encoding: string | null][] = [
      ['gzip, deflate, br, zstd', 'br'],
      ['gzip', 'gzip'],
      ['GZIP;q=0.5', 'gzip'],
      ['br;q=0, gzip', 'gzip'],
      ['identity', null],
      ['*', null],
      ['brotli, xgzip', null],
    ];
    const tags = new Set<string | null>();
    for (const [accept, encoding] of forms) {
      const response = await ask({ 'accept-encoding': accept });
      expect([accept, response.headers.get('content-encoding')]).toEqual([accept, encoding]);
      expect(response.headers.get('vary')).toBe('Accept-Encoding');
      const bytes = new Uint8Array(await response.arrayBuffer());
      const plain =
        encoding === 'br' ? brotliDecompressSync(bytes) : encoding === 'gzip' ? gunzipSync(bytes) : bytes;
      expect(new TextDecoder().decode(plain)).toBe(SCRIPT);
      tags.add(response.headers.get('etag'));
    }
    expect(tags.size).toBe(3);
  });

  test('and pages that the browser has already are not sent again', async () => {
    const etag = (await ask({ 'accept-encoding': 'br' })).headers.get('etag') ?? '';
    const again = await ask({ 'accept-encoding': 'br', 'if-none-match': `"x", W/${etag}` });
    expect([again.status, await again.text()]).toEqual([304, '']);
    expect(again.headers.get('etag')).toBe(etag);
    expect((await ask({ 'accept-encoding': 'gzip', 'if-none-match': etag })).status).toBe(200);
  });
});

test('a service whose web app was not built says which command builds it, and its API works', async () => {
  const bare = fakeWorld({ webFolder: path.join(folder, 'nothing-here') });
  for (const at of ['/', '/console']) {
    const response = await bare.send(at);
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('npm run build:web');
  }
  expect((await bare.send('/assets/index-1a.js')).status).toBe(404);
  expect((await bare.send('/api/v1/sales')).status).toBe(200);
  expect((await bare.send('/docs')).status).toBe(200);
});
