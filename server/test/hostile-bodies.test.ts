// What an attacker puts into bodies, ids, paths and keys, sent to the real service. Each test is a row of
// docs/security.md with its neighbours: the answer is the one that the row names, and the stock is as it was.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { gzipSync } from 'node:zlib';
import { exchange, wireBytes } from './hostile/raw-http.ts';
import { attack, customer, type Expected, expectProblem, operator, unharmed } from './hostile/target.ts';

const target = attack();
const INVALID: Expected = [400, 'invalid-request'];
const UNKNOWN_SKU: Expected = [404, 'unknown-sku'];

let sku: string;
let stockBefore: unknown;
beforeAll(async () => {
  ({ sku } = await target.sale());
});
beforeEach(async () => {
  stockBefore = await target.stock(sku);
});
afterEach(async () => {
  expect(await target.stock(sku)).toEqual(stockBefore);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});
afterAll(() => target.close());

/** The fastest of three: a busy machine may hold one up, a dear body holds up all. */
async function fastestMs(
  send: () => ReturnType<typeof target.reserve>,
  expected: Expected,
  name: string,
): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const startedMs = performance.now();
    expectProblem(await send(), expected, name);
    fastest = Math.min(fastest, performance.now() - startedMs);
  }
  return fastest;
}

describe('bodies', () => {
  test('a quantity that is no whole number from 1 to 100 is 400', async () => {
    const quantities = [
      '0',
      '-1',
      '-0',
      '1.5',
      '"2"',
      '"1e1"',
      'true',
      'null',
      '101',
      '1e309',
      '-1e309',
      '9007199254740993',
    ];
    for (const quantity of [...quantities, '1e-400', '[1]', '{}', '""', '"２"', '0.9999999999999999']) {
      for (const body of [
        `{"sku":"${sku}","quantity":${quantity}}`,
        `{"items":[{"sku":"${sku}","quantity":${quantity}}]}`,
      ]) {
        const problem = expectProblem(await target.reserve(body), INVALID, body);
        expect(problem.errors?.[0]?.path, body).toEndWith('/quantity');
      }
    }
    for (const body of [`{"sku":"${sku}"}`, `{"items":[{"sku":"${sku}"}]}`, '{}', '{"items":[]}']) {
      expectProblem(await target.reserve(body), INVALID, body);
    }
  });

  test('what is no JSON object is 400', async () => {
    const good = `{"sku":"${sku}","quantity":1}`;
    const broken = ['NaN', '0x10', '01', '+1', '1.', "'1'", 'Infinity', 'undefined', '1n', '1_0'];
    const bodies = [
      ...broken.map((literal) => `{"sku":"${sku}","quantity":${literal}}`),
      good.replace('}', ',}'),
      `${good}${good}`,
      `${good}//`,
      good.slice(0, -1),
      good.replaceAll('"', "'"),
      `[${good}]`,
      JSON.stringify(good),
      'null',
      'true',
      '1',
      '""',
      '',
      ' ',
      '[]',
    ];
    for (const body of bodies) expectProblem(await target.reserve(body), INVALID, JSON.stringify(body));
  });

  test('a field that is not known is 400, on every route, and changes no prototype', async () => {
    const item = { sku: 'NEW-1', stock: 5 };
    const routes: [path: string, token: string | null, good: object][] = [
      ['/api/v1/inventory/reserve', customer('alice'), { sku, quantity: 1 }],
      ['/api/v1/checkout/confirm', customer('alice'), { reservation_id: `rsv_${'A'.repeat(22)}` }],
      ['/api/v1/auth/token', null, { customer_id: 'alice' }],
      ['/api/v1/admin/sales', operator(), { id: 'new', name: 'New', items: [item] }],
      ['/api/v1/admin/sales/new/items', operator(), { items: [item] }],
      ['/api/v1/admin/sales/new/close', operator(), {}],
    ];
    const fields = [
      'price',
      'customer_id',
      'status',
      'expires_at',
      'role',
      'scope',
      '__proto__',
      'constructor',
      'prototype',
      'toString',
      '',
      'CANARY<1>',
    ];
    for (const [path, token, good] of routes) {
      for (const field of fields.filter((name) => !(name in good) || name.includes('o'))) {
        if (path.endsWith('/token') && field === 'customer_id') continue;
        const members = Object.entries(good).map(
          ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
        );
        const body = `{${[...members, `${JSON.stringify(field)}:{"polluted":true}`].join()}}`;
        const headers = [['Idempotency-Key', 'k']] as const;
        const answer = await target.ask(path, { method: 'POST', token, body, headers });
        expectProblem(answer, INVALID, `${path} ${field}`, 'CANARY');
      }
    }
    for (const line of [
      '"price":1',
      '"__proto__":{"polluted":true}',
      '"\\u005f_proto__":{"polluted":true}',
    ]) {
      const body = `{"items":[{"sku":"${sku}","quantity":1,${line}}]}`;
      expectProblem(await target.reserve(body), INVALID, body);
    }
  });

  test('what is too deep, too long or compressed is refused, and cheaply', async () => {
    const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const inField = `{"sku":"${sku}","quantity":${deep(4_000)}}`;
    const bomb = gzipSync(Buffer.alloc(4 * 1024 * 1024, '[')); // 4 KiB that would become 4 MiB
    const ask =
      (body: string | Uint8Array, ...headers: [string, string][]) =>
      () =>
        target.reserve(body, { headers });
    const create = (body: string) => () =>
      target.ask('/api/v1/admin/sales', { method: 'POST', token: operator(), body });
    type Case = [name: string, send: () => ReturnType<typeof target.reserve>, expected: Expected];
    const fromCustomers: Case[] = [
      ['10,000 deep', ask(deep(10_000)), [413, 'body-too-large']],
      ['4,000 deep', ask(deep(4_000)), INVALID],
      ['4,000 deep in a field', ask(inField), INVALID],
      ['8,000 open brackets', ask('['.repeat(8_000)), INVALID],
      ['8,000 open objects', ask('{"a":'.repeat(1_600)), INVALID],
      [
        'a byte over the limit',
        ask(`{"sku":"${sku}","quantity":1}`.padEnd(8 * 1024 + 1)),
        [413, 'body-too-large'],
      ],
      ['1 MiB', ask('x'.repeat(1024 * 1024)), [413, 'body-too-large']],
      ['a gzip bomb', ask(bomb, ['Content-Encoding', 'gzip']), [415, 'unsupported-media-type']],
      ['a gzip bomb that says nothing', ask(bomb), INVALID],
      ['a deflate bomb', ask(bomb, ['Content-Encoding', 'deflate']), [415, 'unsupported-media-type']],
      ['two encodings', ask('{}', ['Content-Encoding', 'identity, gzip']), [415, 'unsupported-media-type']],
      ['a 10,000-digit number', ask(`{"sku":"${sku}","quantity":${'9'.repeat(8_000)}}`), INVALID],
    ];
    const fromOperators: Case[] = [
      ['10,000 deep, from an operator', create(deep(10_000)), INVALID],
      ['500,000 open brackets', create('['.repeat(500_000)), INVALID],
      ['20,000 keys', create(`{${Array.from({ length: 20_000 }, (_, index) => `"k${index}":1`)}}`), INVALID],
    ];
    const flat = (length: number) => `[${'1,'.repeat(length / 2)}1]`;
    for (const [plain, cases] of [
      [ask(flat(8_000)), fromCustomers],
      [create(flat(500_000)), fromOperators],
    ] as const) {
      const plainMs = await fastestMs(plain, INVALID, 'a flat list');
      // Work that grows with the square of the length would be thousands of times what a flat list takes.
      for (const [name, send, expected] of cases)
        expect(await fastestMs(send, expected, name), name).toBeLessThan(100 * plainMs);
    }
  });

  test('a body that is declared too long is refused before it comes', async () => {
    const declared = wireBytes({
      method: 'POST',
      target: '/api/v1/inventory/reserve',
      headers: [
        ['Authorization', `Bearer ${customer('alice')}`],
        ['Content-Type', 'application/json'],
        ['Content-Length', String(1024 ** 3)],
      ],
    });
    const answer = await exchange(target.url, declared);
    expect(answer?.status).toBe(413);
  });

  test('bytes that are no UTF-8, a byte order mark and NUL are 400', async () => {
    const body = Buffer.from(`{"sku":"${sku}","quantity":1}`);
    const withBytes = (...bytes: number[]) =>
      Buffer.concat([body.subarray(0, 9), Buffer.from(bytes), body.subarray(9)]);
    const cases: [name: string, bytes: Uint8Array][] = [
      ['a lone continuation byte', withBytes(0x80)],
      ['0xFF', withBytes(0xff)],
      ['an overlong slash', withBytes(0xc0, 0xaf)],
      ['half a surrogate pair', withBytes(0xed, 0xa0, 0x80)],
      ['a code point beyond Unicode', withBytes(0xf4, 0x90, 0x80, 0x80)],
      ['a cut sequence', Buffer.concat([body, Buffer.from([0xe2, 0x82])])],
      ['UTF-8 BOM', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), body])],
      ['UTF-16', Buffer.from(body.toString(), 'utf16le')],
      ['a raw NUL in a string', withBytes(0)],
      ['a NUL after the end', Buffer.concat([body, Buffer.from([0])])],
      ['an escaped NUL in a SKU', Buffer.from(`{"sku":"${sku}\\u0000","quantity":1}`)],
      ['an escaped half surrogate', Buffer.from('{"sku":"\\ud800","quantity":1}')],
    ];
    for (const [name, bytes] of cases) expectProblem(await target.reserve(bytes), INVALID, name);
    const names = ['a\\u0000b', 'a\\ud800', 'a\\nb', '\\u0085', '\\u001b[2J', ''];
    for (const name of names) {
      const sale = `{"id":"named","name":"${name}","items":[{"sku":"NAMED","stock":1}]}`;
      const answer = await target.ask('/api/v1/admin/sales', {
        method: 'POST',
        token: operator(),
        body: sale,
      });
      expectProblem(answer, INVALID, name);
    }
  });
});

describe('ids, paths and keys', () => {
  const malformed = [
    'A{B}',
    'A:B',
    'A*',
    'A B',
    'A\r',
    'A\n',
    'A\u0000',
    ' A',
    '-A',
    '.A',
    '',
    '\u0410BC',
    'ＡＢＣ',
    'A\u200b',
    'é',
    '__proto__',
    "' OR 1=1--",
    'x'.repeat(65),
    '../A',
    '{{7*7}}',
    '%41',
    'reserve',
  ];

  test('a SKU of the wrong form is 400 in a body and 404 in a path; one that nobody has is 404', async () => {
    for (const bad of malformed) {
      expectProblem(await target.reserve({ sku: bad, quantity: 1 }), INVALID, JSON.stringify(bad));
      if (bad === '' || bad === 'reserve') continue;
      const answer = await target.ask(`/api/v1/inventory/${encodeURIComponent(bad)}`);
      expectProblem(answer, UNKNOWN_SKU, `path ${JSON.stringify(bad)}`);
    }
    for (const unknown of [
      'A',
      'x'.repeat(64),
      'constructor',
      'hasOwnProperty',
      'hf',
      `${sku}.`,
      sku.toLowerCase(),
    ]) {
      expectProblem(await target.reserve({ sku: unknown, quantity: 1 }), UNKNOWN_SKU, unknown);
      expectProblem(await target.ask(`/api/v1/inventory/${unknown}`), UNKNOWN_SKU, unknown);
    }
  });

  test('a path in another spelling leads nowhere', async () => {
    const nowhere = [
      '//api/v1/sales',
      '/api//v1/sales',
      '/api/v1/sales/',
      '/api/v1/sales//',
      '/API/v1/sales',
      '/api/v1/%73ales',
      '/api/v1/sales;x=1',
      '/api/v1/sales%20',
      '/api%2fv1%2fsales',
      '/api/v1/sales%3f',
      '/.env',
      '/../../etc/passwd',
      '/api/v1',
      '/api/v1/admin',
      '/%00',
    ];
    for (const path of nowhere) expectProblem(await target.ask(path), [404, 'not-found'], path);
    const noSku = [
      '..%2fsales',
      '..%2f..%2fetc%2fpasswd',
      '%2e%2e%2fsales',
      '%252e%252e',
      '%00',
      'A%00',
      'A%2fB',
      'A%252fB',
      '%',
      '%zz',
      '%ff',
      'A;b',
      'A%0d%0aX:1',
    ];
    for (const id of noSku) expectProblem(await target.ask(`/api/v1/inventory/${id}`), UNKNOWN_SKU, id);
    for (const id of ['..%2fsales', '%00', 'Sale', '__proto__', 'x'.repeat(65)]) {
      expectProblem(await target.ask(`/api/v1/sales/${id}`), [404, 'unknown-sale'], id);
    }
  });

  test('dot segments are resolved before routing: they are the plain path, its token check included', async () => {
    const path = '/api/v1/inventory/../admin/sales/target-1/close';
    for (const spelled of [path, path.replace('..', '%2e%2e'), path.replace('..', '.%2E')]) {
      const nobody = await target.ask(spelled, { method: 'POST' });
      expectProblem(nobody, [401, 'unauthenticated'], spelled);
      const shopper = await target.ask(spelled, { method: 'POST', token: customer('alice') });
      expectProblem(shopper, [403, 'forbidden'], spelled);
    }
  });

  test('an idempotency key that is missing, empty, too long or not visible ASCII is 400', async () => {
    const body = JSON.stringify({ sku, quantity: 1 });
    const ask = (headers: [string, string][]) =>
      target.ask('/api/v1/inventory/reserve', { method: 'POST', token: customer('alice'), body, headers });
    expectProblem(await ask([]), [400, 'idempotency-key-required'], 'missing');
    const bad = ['', ' ', 'x'.repeat(256), 'a b', 'a\tb', 'caf\u00e9', '\u00a0', 'a\u0085'];
    for (const key of bad) expectProblem(await ask([['Idempotency-Key', key]]), INVALID, JSON.stringify(key));
    const twice: [string, string][] = [
      ['Idempotency-Key', 'a'],
      ['Idempotency-Key', 'b'],
    ];
    expectProblem(await ask(twice), INVALID, 'twice');
    expectProblem(
      await ask([
        ['Idempotency-Key', 'a'],
        ['X-Idempotency-Key', 'b'],
      ]),
      INVALID,
      'two names',
    );
    // A control character never gets as far as a request.
    for (const control of ['\u0000', '\u0007', '\u001b', '\u007f', '\r', '\n x']) {
      const answer = await ask([['Idempotency-Key', `a${control}b`]]).catch(() => undefined);
      expect(answer?.status ?? 400, JSON.stringify(control)).toBe(400);
    }
  });
});

unharmed(target);
