// `/docs` and its stylesheet, as endpoints: for people, not part of the promise on the wire, so the contract does not
// list them. The document does not change while the process lives: the page is rendered once, and a document that
// cannot be rendered is noticed at the start.
import { readFileSync } from 'node:fs';
import { operation } from '@holdfast/contract/operation';
import * as z from 'zod';
import { docsHtml } from './docs-page.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { OPENAPI_TEXT } from './openapi-file.ts';
import { PAGE_HEADERS } from './page-headers.ts';

const getDocs = operation({
  id: 'getDocs',
  tag: 'Process',
  method: 'GET',
  path: '/docs',
  summary: 'The documentation',
  access: 'public',
  limit: 'none',
  success: { status: 200, description: 'HTML.', schema: z.string(), textType: 'text/html; charset=utf-8' },
  problems: [],
});

const getDocsStyle = operation({
  id: 'getDocsStyle',
  tag: 'Process',
  method: 'GET',
  path: '/docs.css',
  summary: 'How it looks',
  access: 'public',
  limit: 'none',
  success: { status: 200, description: 'CSS.', schema: z.string(), textType: 'text/css; charset=utf-8' },
  problems: [],
});

const PAGE = docsHtml(OPENAPI_TEXT);

const STYLE = ['docs-frame.css', 'docs-content.css', 'docs-reference.css']
  .map((name) => readFileSync(new URL(name, import.meta.url), 'utf8'))
  .join('\n');

export function docsRoutes(): Endpoint[] {
  return [
    endpoint(getDocs, async () => ({ ok: true, value: PAGE, headers: PAGE_HEADERS })),
    endpoint(getDocsStyle, async () => ({ ok: true, value: STYLE })),
  ];
}
