// The page at `/`: says what runs here, what is on sale, and what to type next. Plain HTML without scripts.
import type { Item } from '@holdfast/contract/inventory';
import { operation } from '@holdfast/contract/operation';
import * as z from 'zod';
import type { SaleVerbs } from '../sales/sales.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { escapeHtml } from './html.ts';
import { PAGE_HEADERS } from './page-headers.ts';
import { itemWire } from './wire.ts';

/** Enough to show a demo sale; the rest is behind the link. */
const ITEMS_SHOWN = 12;

// These two are for people, not part of the promise on the wire, so the contract does not list them.
const getStartPage = operation({
  id: 'getStartPage',
  tag: 'Process',
  method: 'GET',
  path: '/',
  summary: 'The start page',
  access: 'public',
  limit: 'requests',
  success: { status: 200, description: 'HTML.', schema: z.string(), textType: 'text/html; charset=utf-8' },
  problems: [],
});

const getStartStyle = operation({
  id: 'getStartStyle',
  tag: 'Process',
  method: 'GET',
  path: '/start.css',
  summary: 'How it looks',
  access: 'public',
  limit: 'none',
  success: { status: 200, description: 'CSS.', schema: z.string(), textType: 'text/css; charset=utf-8' },
  problems: [],
});

export function startPageRoutes(sales: SaleVerbs, demoAuth: boolean): Endpoint[] {
  return [
    endpoint(getStartPage, async ({ request }) => {
      const answer = await sales.items(null, ITEMS_SHOWN, null);
      if (!answer.ok) return answer;
      const value = page(answer.value.rows.map(itemWire), originOf(request), demoAuth);
      return { ok: true, value, headers: PAGE_HEADERS };
    }),

    endpoint(getStartStyle, async () => ({ ok: true, value: STYLE })),
  ];
}

/** Where the reader's browser found us, for lines that can be pasted; never an odd Host header repeated. */
function originOf(request: Request): string {
  const origin = /^https?:\/\/[A-Za-z0-9.-]+(?::\d+)?(?=\/)|^https?:\/\/\[[0-9a-f:]+\](?::\d+)?(?=\/)/.exec(
    request.url,
  );
  return origin?.[0] ?? 'http://localhost:8080';
}

function page(items: readonly Item[], origin: string, demoAuth: boolean): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast</title>
<link rel="stylesheet" href="/start.css">
</head>
<body>
<main>
<h1>Holdfast</h1>
<p>Inventory reservation for flash sales: may this customer have this unit for the next few minutes?</p>
<nav><a href="/docs">API documentation</a> <a href="/openapi.json">API description</a> <a href="/readyz">Readiness</a> <a href="/api/v1/inventory">Inventory</a> <a href="/api/v1/sales">Sales</a></nav>
<h2>On sale</h2>
${items.length > 0 ? table(items) : '<p>Nothing yet. An operator creates a sale with <code>POST /api/v1/admin/sales</code>.</p>'}
<h2>Try it</h2>
<pre>${escapeHtml(commands(items[0]?.sku ?? 'FLASH-SALE-001', origin, demoAuth))}</pre>
</main>
</body>
</html>
`;
}

function table(items: readonly Item[]): string {
  const rows = items.map(({ sku, name, available, reserved, sold, total, status }) => {
    const cells = [name, sku, available, reserved, sold, total, status.replaceAll('_', ' ')];
    return `<tr>${cells.map((cell) => `<td>${escapeHtml(String(cell))}</td>`).join('')}</tr>`;
  });
  const heads = ['Item', 'SKU', 'Available', 'Reserved', 'Sold', 'Total', 'Status'];
  return `<table>
<thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>`;
}

function commands(sku: string, origin: string, demoAuth: boolean): string {
  const token = demoAuth
    ? `TOKEN=$(curl -s -X POST ${origin}/api/v1/auth/token | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')`
    : 'TOKEN=…   # an access token of your identity provider';
  return `${token}

curl -s ${origin}/api/v1/inventory/reserve \\
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
  -H "Idempotency-Key: $(date +%s)-1" -d '{"sku":"${sku}","quantity":1}'

curl -s ${origin}/api/v1/checkout/confirm \\
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
  -d '{"reservation_id":"rsv_…"}'`;
}

const STYLE = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem; }
h1 { margin: 0; font-size: 2rem; letter-spacing: -0.02em; }
h2 { margin: 2rem 0 0.5rem; font-size: 1.1rem; }
nav a { margin-right: 1rem; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.4rem 0.6rem; text-align: left; border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent); }
pre { padding: 1rem; overflow-x: auto; border-radius: 0.5rem; background: color-mix(in srgb, currentColor 7%, transparent); font-size: 0.85rem; }
`;
