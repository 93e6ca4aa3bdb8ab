// What holds for every operation, said once at the top of the page. The figures are the defaults; a test compares
// them with the configuration's.
import { sample } from './docs-operation.ts';
import { escapeHtml, jsonHtml } from './html.ts';

export interface Convention {
  readonly id: string;
  readonly title: string;
  readonly html: string;
}

const SETUP = `URL=http://127.0.0.1:8080
TOKEN=$(npx holdfast token --customer alice)
OPERATOR=$(npx holdfast token --operator)`;

const PROBLEM = {
  type: 'https://holdfast.dev/problems/invalid-request',
  title: 'The request is not valid',
  status: 400,
  detail: 'Some parts of the request are not valid: see `errors`, correct them and send it again.',
  code: 'invalid-request',
  request_id: 'b5f0c8de-6c0e-4a56-9a43-1d0f1f6f7a55',
  errors: [{ path: '/quantity', message: 'must be at least 1' }],
};

const RATE_HEADERS = `HTTP/1.1 429 Too Many Requests
Retry-After: 37
RateLimit: "reserve";r=0;t=37
RateLimit-Policy: "reserve";q=10;w=60`;

const RETRY_HEADERS = `HTTP/1.1 201 Created
Idempotency-Replayed: true`;

export const CONVENTIONS: readonly Convention[] = [
  convention(
    'start',
    'Start here',
    `<p>Set these once in a shell, and every example on this page can be pasted. <code>npx holdfast token</code> makes tokens for a
service that runs from this folder; elsewhere your identity provider does.</p>`,
    sample('Shell', escapeHtml(SETUP)),
  ),
  convention(
    'access',
    'Who may call',
    `<dl class="words">
<div><dt>Public</dt><dd>No token. Counted by address.</dd></div>
<div><dt>Customer token</dt><dd><code>Authorization: Bearer</code> and a JWT that lives at most 15 minutes. The customer is its <code>sub</code>, 1 to 128
printable ASCII characters without braces. Nobody sees what belongs to another: it reads like something that does not exist.</dd></div>
<div><dt>Operator token</dt><dd>A token whose <code>scope</code> includes <code>holdfast:operator</code>.</dd></div>
</dl>`,
    sample('Header', escapeHtml('Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.…')),
  ),
  convention(
    'errors',
    'Errors',
    `<p>Every refusal is a problem document (<code>application/problem+json</code>, RFC 9457). Decide by <code>code</code>: codes never change their
meaning. <code>detail</code> says what happened and what to do next. <code>errors</code> names the invalid parts by JSON Pointer. All codes are in
the <a href="#problems">problem catalogue</a>.</p>
<p>Refusals come in a fixed order: 401, 403 <code>forbidden</code>, 405, 413, 415, 400, 404, 422 <code>items-span-sales</code>, 429, a replay or 422
<code>idempotency-key-reused</code>, 403 of the sale, 422 <code>limit-exceeded</code>, 409. On routes other than reserve, 429 stands before 404.</p>
<p>Unknown body fields and wrong types are refused, never dropped or converted. Fields may be added to answers: ignore those you
do not know.</p>`,
    sample('Problem', jsonHtml(PROBLEM)),
  ),
  convention(
    'idempotency',
    'Idempotency',
    `<p>Make an <code>Idempotency-Key</code> before you send, and keep it over every retry of the same wish: one effect, and the answer first
given, byte for byte, with <code>Idempotency-Replayed: true</code>. It stays so after the reservation was confirmed, released or
has expired, for 24 hours more.</p>
<p>A key is 1 to 255 visible ASCII characters. It belongs to one customer in one sale; an operator's, to
the operator and the route. The same key with another body is 422
<a href="#problem-idempotency-key-reused"><code>idempotency-key-reused</code></a>. Confirm and release need no key: they are safe to repeat.</p>`,
    sample('Answer to a retry', escapeHtml(RETRY_HEADERS)),
  ),
  convention(
    'rate-limits',
    'Rate limits',
    `<table class="fields">
<thead><tr><th scope="col">Window</th><th scope="col">A minute, by default</th></tr></thead>
<tbody>
<tr><th scope="row"><code>reserve</code></th><td><p>10 a customer and 100 an address, in each sale. Replays count.</p></td></tr>
<tr><th scope="row"><code>requests</code></th><td><p>120 a customer and 600 an address, everything else.</p></td></tr>
</tbody>
</table>
<p>Beyond it: 429 <a href="#problem-rate-limited"><code>rate-limited</code></a>. <code>Retry-After</code> says after how many seconds the next attempt passes; a refused
attempt does not count. An IPv6 address counts as its /64.</p>`,
    sample('Headers', escapeHtml(RATE_HEADERS)),
  ),
  convention(
    'request-ids',
    'Request ids',
    `<p>Every answer carries <code>X-Request-Id</code>: yours, if it is 1 to 64 letters, digits, <code>_</code> or <code>-</code>, else a new one. A problem repeats
it as <code>request_id</code>. Name it when you ask for help: the logs have it.</p>`,
    sample('Header', escapeHtml('X-Request-Id: b5f0c8de-6c0e-4a56-9a43-1d0f1f6f7a55')),
  ),
  convention(
    'formats',
    'Formats',
    `<p>JSON in UTF-8, names in <code>snake_case</code>. Times are RFC 3339 in UTC with milliseconds. Money is whole minor units and a currency.
Lists take <code>limit</code> (at most 200) and <code>cursor</code>, and answer <code>data</code> and <code>next_cursor</code>, null at the end.</p>`,
    sample(
      'Money and a page',
      jsonHtml({ price: { amount_minor: 2999, currency: 'USD' }, next_cursor: null }),
    ),
  ),
];

function convention(id: string, title: string, text: string, aside: string): Convention {
  const html = `<article class="operation" id="${id}" aria-labelledby="${id}-title">
<div class="about">
<h3 id="${id}-title"><a href="#${id}">${title}</a></h3>
${text}
</div>
<div class="samples">${aside}</div>
</article>`;
  return { id, title, html };
}
