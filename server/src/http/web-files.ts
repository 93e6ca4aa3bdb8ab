// The web app as it was built into web/dist: pages and their assets, read once and answered from memory, compressed
// forms included. Only what the build listed is served, by its exact name, so a path has no way to anything else.
//
//   /  /sales/{id}  /orders  /orders/{id}      the storefront
//   /console  /console/…                       the operators' console
//   /assets/…                                  named by their content: good for ever
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { operation } from '@holdfast/contract/operation';
import * as z from 'zod';
import type { Call, ResponseHeaders } from './call.ts';
import { APP_HEADERS } from './page-headers.ts';

const BUILT = fileURLToPath(new URL('../../../web/dist', import.meta.url));

/** As in the contract: what is not an id is no page either. */
const SALE_PAGE = /^\/sales\/[a-z0-9][a-z0-9-]{0,63}$/;
const ORDER_PAGE = /^\/orders(?:\/ord_[A-Za-z0-9_-]{22})?$/;
const CONSOLE_PAGE = /^\/console(?:\/[A-Za-z0-9_/-]{0,200})?$/;

const ASSETS = 'assets/';
const HTML = 'text/html; charset=utf-8';

// These two are for people, not part of the promise on the wire, so the contract does not list them.
const getWebPage = operation({
  id: 'getWebPage',
  tag: 'Process',
  method: 'GET',
  path: '/',
  summary: 'The web app',
  access: 'public',
  limit: 'none',
  success: { status: 200, description: 'HTML.', schema: z.string(), textType: HTML },
  problems: [],
});

const getWebAsset = operation({
  ...getWebPage,
  id: 'getWebAsset',
  path: '/assets/{file}',
  summary: 'What the web app is made of',
});

/** What web/dist/manifest.json says; scripts/build-web.mjs writes it. */
interface Manifest {
  readonly files: Readonly<
    Record<
      string,
      {
        readonly type: string;
        readonly sha256: string;
        readonly br_bytes?: number;
        readonly gzip_bytes?: number;
      }
    >
  >;
}

interface WebFile {
  readonly type: string;
  readonly etag: string;
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly br: Uint8Array<ArrayBuffer> | undefined;
  readonly gzip: Uint8Array<ArrayBuffer> | undefined;
}

export interface WebFiles {
  /** The answer, if the path is one of the web app's; undefined otherwise. */
  answer(call: Call): Response | undefined;
}

/** @throws if the build is there but broken: a listed file is missing. */
export function createWebFiles(folder: string = BUILT): WebFiles {
  const files = readBuild(folder);

  return {
    answer(call) {
      if (call.path.startsWith('/api/')) return undefined;
      const found = find(files, call.path);
      if (!found) return undefined;
      const { method } = call.request;
      call.operation = found.operation;
      if (method === 'GET' || method === 'HEAD') return respond(call, found.file, found.headers);
      return call.refuse(
        { code: 'method-not-allowed', detail: 'Use one of: GET, HEAD.' },
        { allow: 'GET, HEAD' },
      );
    },
  };
}

interface Found {
  readonly operation: typeof getWebPage | typeof getWebAsset;
  readonly file: WebFile;
  readonly headers: ResponseHeaders;
}

function find(files: ReadonlyMap<string, WebFile>, at: string): Found | undefined {
  if (at.startsWith('/assets/')) {
    const file = files.get(at.slice(1));
    return file && { operation: getWebAsset, file, headers: ASSET_HEADERS };
  }
  const page = pageAt(at);
  if (page === undefined) return undefined;
  return { operation: getWebPage, file: files.get(page) ?? NOT_BUILT, headers: PAGE_HEADERS };
}

function pageAt(at: string): 'index.html' | 'console.html' | undefined {
  if (at === '/' || SALE_PAGE.test(at) || ORDER_PAGE.test(at)) return 'index.html';
  return CONSOLE_PAGE.test(at) ? 'console.html' : undefined;
}

/** A page is asked for anew each time, and mostly answered 304: it names the assets of the build that runs. */
const PAGE_HEADERS = { ...APP_HEADERS, 'cache-control': 'no-cache' };
const ASSET_HEADERS = { 'cache-control': 'public, max-age=31536000, immutable' };

function respond(call: Call, file: WebFile, headers: ResponseHeaders): Response {
  const accepted = call.request.headers.get('accept-encoding') ?? '';
  const encoding =
    file.br && accepts(accepted, 'br') ? 'br' : file.gzip && accepts(accepted, 'gzip') ? 'gzip' : null;
  // A form of its own has a tag of its own (RFC 9110, 8.8.3.3).
  const etag = encoding === null ? `"${file.etag}"` : `"${file.etag}-${encoding}"`;
  const all = {
    ...headers,
    etag,
    vary: 'Accept-Encoding',
    ...(encoding !== null && { 'content-encoding': encoding }),
  };
  if (tagsOf(call.request.headers.get('if-none-match')).includes(etag)) return call.notModified(all);
  const body = encoding === 'br' ? file.br : encoding === 'gzip' ? file.gzip : undefined;
  return call.respondBytes(200, file.type, body ?? file.plain, all);
}

/** RFC 9110, 12.5.3: named and not with q=0. `*` alone is no reason to compress. */
function accepts(header: string, encoding: string): boolean {
  return header.split(',').some((part) => {
    const [name = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    return name === encoding && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
  });
}

/** Weak and strong compare alike here (RFC 9110, 13.1.2). */
function tagsOf(header: string | null): readonly string[] {
  return header === null ? [] : header.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
}

function readBuild(folder: string): ReadonlyMap<string, WebFile> {
  const list = path.join(folder, 'manifest.json');
  if (!existsSync(list)) return new Map();
  const { files }: Manifest = JSON.parse(readFileSync(list, 'utf8'));
  const read = (name: string) => new Uint8Array(readFileSync(path.join(folder, name)));
  return new Map(
    Object.entries(files)
      .filter(([name]) => name.startsWith(ASSETS) || name === 'index.html' || name === 'console.html')
      .map(([name, { type, sha256, br_bytes, gzip_bytes }]) => [
        name,
        {
          type,
          etag: sha256.slice(0, 32),
          plain: read(name),
          br: br_bytes === undefined ? undefined : read(`${name}.br`),
          gzip: gzip_bytes === undefined ? undefined : read(`${name}.gz`),
        },
      ]),
  );
}

/** Whoever starts the service another way than by npm has it say what is missing; the API does without. */
const NOT_BUILT: WebFile = {
  type: HTML,
  etag: 'not-built',
  br: undefined,
  gzip: undefined,
  plain: new TextEncoder().encode(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast</title>
</head>
<body>
<main>
<h1>Holdfast</h1>
<p>The service runs, but its web app has not been built. Build it with <code>npm run build:web</code> and start the service again.</p>
<p>The API works without it: see the <a href="/docs">API documentation</a>.</p>
</main>
</body>
</html>
`),
};
