// Query parameters as hostile input: every parameter of every list, search, export and series of the contract, so that a route or a
// parameter that is added is walked too. Sent to the real service, which answers 400, or finds nothing; never more than was asked for.
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import type { Operation } from '@holdfast/contract/operation';
import { OPERATIONS } from '@holdfast/contract/operations';
import { until } from './harness/until.ts';
import { ID_REFUSED, NEVER, REFUSED } from './hostile/query-values.ts';
import { type RawAnswer, RawConnection, wireBytes } from './hostile/raw-http.ts';
import {
  attack,
  customer,
  type Expected,
  expectProblem,
  operator,
  signed,
  unharmed,
} from './hostile/target.ts';

const INVALID: Expected = [400, 'invalid-request'];
/** What is wrong with a WebSocket's query is told by closing it: live-doors.test.ts. */
const ASKING = (OPERATIONS as readonly Operation[]).filter(
  ({ query, success }) => query !== undefined && success.status !== 101,
);
const LISTS = ASKING.filter(({ query }) => query !== undefined && 'cursor' in query.shape);

/** Thousands of requests, one after the other. */
setDefaultTimeout(60_000);

// No limit by address: all of this comes from one.
const target = attack({
  HOLDFAST_RATE_OTHER_IP_PER_MINUTE: '0',
  HOLDFAST_RATE_OTHER_CUSTOMER_PER_MINUTE: '0',
});
afterAll(() => target.close());

let sku: string;
/** Of another sale, which has its own stock. */
let other: string;
let saleId: string;
let before: unknown;
beforeAll(async () => {
  ({ sku, id: saleId } = await target.sale());
  ({ sku: other } = await target.sale());
  // Enough of everything that a page of one has a next one.
  for (let count = 0; count < 2; count += 1) {
    for (const sub of ['alice', 'a_b', 'axb', 'a%b']) {
      const held = await target.reserve({ sku, quantity: 1 }, { token: customer(sub) });
      const { reservation_id } = JSON.parse(held.text);
      await target.post('/api/v1/checkout/confirm', { reservation_id }, customer(sub));
    }
  }
  before = await target.stock(sku);
});
afterEach(async () => expect(await target.stock(sku)).toEqual(before));

/** The query is sent byte for byte. */
function send({ access, path }: Operation, query: string): Promise<RawAnswer> {
  const token = access === 'public' ? null : access === 'operator' ? operator() : customer('alice');
  return target.ask(`${path.replace('{sale_id}', saleId)}?${query}`, { token });
}

const encoded = encodeURIComponent;

function* parameters(): Generator<[Operation, string]> {
  for (const operation of ASKING)
    for (const name of Object.keys(operation.query?.shape ?? {})) yield [operation, name];
}

describe('every parameter of every route', () => {
  test('is walked', () => {
    expect(ASKING.length).toBeGreaterThanOrEqual(8);
    expect(LISTS.length).toBeGreaterThanOrEqual(7);
    expect([...parameters()].length).toBeGreaterThanOrEqual(25);
  });

  test('that is empty, too long, has NUL, a line break, an escape or no UTF-8 is 400, without an echo', async () => {
    for (const [operation, name] of parameters()) {
      for (const value of NEVER) {
        const about = `${operation.id} ${name}=${value.slice(0, 30)}`;
        const problem = expectProblem(
          await send(operation, `${name}=${value}`),
          INVALID,
          about,
          'Set-Cookie',
        );
        expect(
          problem.errors?.map(({ path }) => path),
          about,
        ).toEqual([`/${name}`]);
      }
    }
  });

  test('that is of the wrong form, too large, or a trick on what stands behind it is 400, without an echo', async () => {
    for (const [operation, name] of parameters()) {
      for (const value of REFUSED[name] ?? ID_REFUSED) {
        const about = `${operation.id} ${name}=${value.slice(0, 30)}`;
        const mark = value.length > 4 ? value : undefined;
        const problem = expectProblem(
          await send(operation, `${name}=${encoded(value)}`),
          INVALID,
          about,
          mark,
        );
        expect(problem.errors?.length, about).toBeGreaterThan(0);
      }
    }
  });

  test('that is there twice is 400, also when both are the same; in brackets it is another one, and left alone', async () => {
    for (const [operation, name] of parameters()) {
      for (const query of [`${name}=1&${name}=1`, `${name}=1&${name}=2`, `${name}&${name}`]) {
        const answer = await send(operation, query);
        const problem = expectProblem(answer, INVALID, `${operation.id} ${query}`);
        expect(problem.errors, query).toEqual([{ path: `/${name}`, message: 'must be there once' }]);
      }
      if (name !== Object.keys(operation.query?.shape ?? {})[0]) continue;
      for (const query of [
        `${name}[]=1`,
        `${name}[$ne]=1`,
        `${name}[__proto__][polluted]=1`,
        `__proto__[${name}]=1`,
      ])
        expect((await send(operation, query)).status, `${operation.id} ${query}`).toBe(200);
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('a search', () => {
  const found = async (path: string) => {
    const answer = await target.ask(`/api/v1/admin/${path}`, { token: operator() });
    expect(`${path} ${answer.status}`).toBe(`${path} 200`);
    return JSON.parse(answer.text).data as { customer_id?: string }[];
  };

  test('takes quotes, wildcards and patterns in a name as the letters they are', async () => {
    for (const list of ['reservations', 'orders', 'audit']) {
      for (const name of ['a_b', 'a%b', 'axb']) {
        const rows = await found(`${list}?customer=${encoded(name)}`);
        expect(rows.length, `${list} ${name}`).toBeGreaterThanOrEqual(2);
        for (const row of rows) expect(row.customer_id, `${list} ${name}`).toBe(name);
      }
      for (const nobody of [
        '%',
        '_',
        'a%',
        'a__',
        '.*',
        'a.b',
        "' OR '1'='1",
        "alice'--",
        '\\',
        '$1',
        '*',
        'ALICE',
        ' alice',
      ])
        expect(await found(`${list}?customer=${encoded(nobody)}`), `${list} ${nobody}`).toEqual([]);
    }
  });

  test('by a SKU that only looks like one, or like another, finds nothing', async () => {
    for (const list of ['reservations', 'orders', 'audit'])
      for (const other of [
        sku.toLowerCase(),
        sku.slice(0, -1),
        `${sku}.`,
        sku.replaceAll('-', '_'),
        sku.replaceAll('-', '.'),
      ])
        expect(await found(`${list}?sku=${encoded(other)}`), `${list} ${other}`).toEqual([]);
  });

  test('between the first and the last instant that can be named, or the wrong way round, is answered', async () => {
    const [first, last] = ['0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999-23:59'].map(encoded);
    expect((await found(`audit?from=${first}&to=${last}`)).length).toBeGreaterThan(0);
    for (const backwards of [`from=${last}&to=${first}`, `from=${first}&to=${first}`]) {
      const answer = await target.ask(`/api/v1/admin/audit?${backwards}`, { token: operator() });
      expect(expectProblem(answer, INVALID, backwards).errors).toEqual([
        { path: '/from', message: 'must be before `to`' },
      ]);
    }
    expect(await found(`audit?to=${first}`)).toEqual([]);
    for (const query of [
      `from=${first}`,
      `to=${last}`,
      `from=${first}&to=${last}&step=1`,
      `from=${last}&to=${first}`,
    ]) {
      const answer = await target.ask(`/api/v1/admin/sales/${saleId}/analytics?${query}`, {
        token: operator(),
      });
      if (answer.status !== 200) expectProblem(answer, INVALID, query);
    }
  });
});

describe('a cursor', () => {
  test('that was changed is 400 or another place in the same list, on every list', async () => {
    for (const operation of LISTS) {
      const cursor = JSON.parse((await send(operation, 'limit=1')).text).next_cursor as string;
      expect(cursor, operation.id).toBeString();
      for (const changed of changedCursors(cursor)) {
        const about = `${operation.id} ${Buffer.from(changed, 'base64url')}`.slice(0, 200);
        const answer = await send(operation, `limit=1&cursor=${changed}`);
        if (answer.status === 200) expect(JSON.parse(answer.text).data.length, about).toBeLessThanOrEqual(1);
        else expectProblem(answer, INVALID, about, 'CANARY');
      }
    }
  });

  test('of one list is 400 or no way out of what the token may see in another', async () => {
    const cursors = await Promise.all(
      LISTS.map(
        async (operation) => JSON.parse((await send(operation, 'limit=1')).text).next_cursor as string,
      ),
    );
    for (const path of ['/api/v1/reservations', '/api/v1/orders']) {
      for (const cursor of cursors) {
        const answer = await target.ask(`${path}?cursor=${cursor}`, { token: customer('nobody') });
        if (answer.status === 200) expect(JSON.parse(answer.text).data, path).toEqual([]);
        else expectProblem(answer, INVALID, path);
      }
    }
  });
});

/** Cut, longer, and with each of its parts replaced by what a column might choke on. */
function* changedCursors(cursor: string): Generator<string> {
  yield* [
    cursor.slice(0, -1),
    cursor.slice(1),
    `${cursor}AA`,
    cursor.toUpperCase(),
    cursor + cursor,
    '-',
    '_',
  ];
  const key = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
  const written = (parts: unknown) => Buffer.from(JSON.stringify(parts)).toString('base64url');
  yield* [
    written([]),
    written(key.slice(1)),
    written([...key, 1]),
    written([key]),
    written({ ...key }),
    written(key[0]),
  ];
  const odd: unknown[] = [
    ...[
      0,
      -1,
      1.5,
      2 ** 31,
      2 ** 32,
      -(2 ** 31) - 1,
      Number.MAX_SAFE_INTEGER,
      -Number.MAX_SAFE_INTEGER,
      2 ** 63,
      1e300,
    ],
    ...['', 'CANARY', 'a\u0000b', '\ud800', "' OR 1=1--", '\\', 'x'.repeat(200), '2031-01-01', '00'],
    ...[null, true, [], {}, ['CANARY']],
  ];
  for (const index of key.keys()) for (const part of odd) yield written(key.with(index, part));
  const text = JSON.stringify(key);
  yield Buffer.from(text.replace(/\d+/, '1e309')).toString('base64url');
  yield Buffer.from(text.replace(/\d+/, '9007199254740993')).toString('base64url');
}

describe('the journal as a file', () => {
  test('is refused for the same parameters, as a problem and not as a file, whoever asks in which way', async () => {
    for (const query of [
      'sale=%00',
      'from=now',
      'cursor=x',
      'limit=x',
      'customer=%7bx%7d',
      'format=csv&format=csv',
    ])
      for (const accept of ['text/csv', 'text/csv;q=0.1, */*', 'TEXT/CSV']) {
        const answer = await target.ask(`/api/v1/admin/audit?${query}`, {
          token: operator(),
          headers: [['Accept', accept]],
        });
        expectProblem(answer, INVALID, `${query} ${accept}`);
        expect(answer.headers.has('content-disposition')).toBe(false);
      }
    for (const format of ['CSV', 'csv%00', 'xlsx', 'json,csv', '../csv'])
      expectProblem(
        await target.ask(`/api/v1/admin/audit?format=${format}`, { token: operator() }),
        INVALID,
        format,
      );
  });

  test('has no cell that a spreadsheet takes for a formula, whoever wrote it: customer, operator, or the reason', async () => {
    const names = ['=1+1', '+1', '-1+1', '@SUM(A1)', "=cmd|' /C calc'!A0"];
    for (const sub of names) {
      const held = await target.reserve({ sku: other, quantity: 1 }, { token: customer(sub) });
      const { reservation_id } = JSON.parse(held.text);
      await target.post('/api/v1/checkout/confirm', { reservation_id }, customer(sub));
      await target.ask(`/api/v1/admin/items/${other}/stock`, {
        method: 'POST',
        token: signed({ sub, scope: 'holdfast:operator' }),
        headers: [['Idempotency-Key', crypto.randomUUID()]],
        body: JSON.stringify({ delta: 1, reason: `${sub}, "x"`, reference: `\uff1d${sub}` }),
      });
    }
    const { text } = await target.ask(`/api/v1/admin/audit?sku=${other}&format=csv`, { token: operator() });
    for (const sub of names) expect(text.split(`'${sub}`).length, sub).toBeGreaterThanOrEqual(3);
    expect(text).not.toMatch(/(^|[,"\n])[=+@\uff1d\uff0b\uff0d\uff20]/);
    expect(text).not.toMatch(/(^|,"?)-(?!\d+\b)/m);
  });

  test('that is not taken leaves room for the next one: asked for with HEAD, or hung up on', async () => {
    const path = '/api/v1/admin/audit?format=csv';
    for (let count = 0; count < 5; count += 1) {
      const head = await target.ask(path, { method: 'HEAD', token: operator() });
      expect(head.status).toBe(200);
      const cut = await RawConnection.open(target.url);
      cut.write(
        wireBytes({ method: 'GET', target: path, headers: [['Authorization', `Bearer ${operator()}`]] }),
      );
      await until('it has begun', () => cut.bytesReceived > 0);
      cut.close();
    }
    await until('there is room', async () => (await target.ask(path, { token: operator() })).status === 200);
  });

  test('is nobody else’s: no file without an operator’s token, also where another one was just written', async () => {
    const ask = (token: string | null) => target.ask('/api/v1/admin/audit?format=csv', { token });
    expect((await ask(operator())).status).toBe(200);
    expectProblem(await ask(null), [401, 'unauthenticated'], 'no token');
    expectProblem(await ask(customer('alice')), [403, 'forbidden'], 'a customer');
  });
});

unharmed(target);
