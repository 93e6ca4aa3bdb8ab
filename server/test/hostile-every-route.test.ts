// The rows of docs/security.md that hold for every route, walked over every route of the contract and every field of its
// body: a route that is added to the contract is walked too. Sent to the real service; the stock is as it was.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import type { Operation } from '@holdfast/contract/operation';
import { OPERATIONS } from '@holdfast/contract/operations';
import { Problem } from '@holdfast/contract/problem-body';
import { PROBLEMS } from '@holdfast/contract/problems';
import {
  fieldsOf,
  fullBodies,
  leavesOf,
  nullableFieldsOf,
  WITH_BODY,
  withLiteral,
  withMember,
} from './hostile/full-bodies.ts';
import type { RawAnswer } from './hostile/raw-http.ts';
import {
  attack,
  customer,
  type Expected,
  expectProblem,
  operator,
  type Parts,
  signed,
  unharmed,
} from './hostile/target.ts';

const target = attack();
const INVALID: Expected = [400, 'invalid-request'];
const ALL: readonly Operation[] = OPERATIONS;

let sku: string;
let saleId: string;
let reservationId: string;
let bodies: ReturnType<typeof fullBodies>;
let before: unknown;
beforeAll(async () => {
  ({ sku, id: saleId } = await target.sale());
  reservationId = JSON.parse((await target.reserve({ sku, quantity: 1 })).text).reservation_id;
  bodies = fullBodies({ sku, reservationId });
  before = await everything();
});
afterEach(async () => {
  expect(await everything()).toEqual(before);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});
afterAll(() => target.close());

/** What nothing here may change. */
async function everything(): Promise<unknown> {
  const reservation = await target.ask(`/api/v1/reservations/${reservationId}`, { token: customer('alice') });
  const sales = await target.ask('/api/v1/sales');
  return { stock: await target.stock(sku), reservation: reservation.text, sales: sales.text };
}

const tokenFor = ({ access }: Operation): string | null =>
  access === 'public' ? null : access === 'operator' ? operator() : customer('alice');

function pathTo({ path }: Operation): string {
  const ids: Readonly<Record<string, string>> = {
    sku,
    sale_id: saleId,
    reservation_id: reservationId,
    order_id: `ord_${'A'.repeat(22)}`,
  };
  return path.replace(/\{(\w+)\}/, (_, name: string) => ids[name] ?? 'x');
}

/** A request that is right, but for these parts. */
function send(
  operation: Operation,
  { path = pathTo(operation), ...parts }: Parts & { readonly path?: string },
): Promise<RawAnswer> {
  const headers = operation.idempotencyKey ? [['Idempotency-Key', crypto.randomUUID()] as const] : [];
  return target.ask(path, {
    method: operation.method,
    token: tokenFor(operation),
    headers,
    ...parts,
  });
}

/** Refused so, with every member that a problem has, and where: a JSON Pointer for each invalid part. */
function expectInvalid(answer: RawAnswer, about: string, mark?: string): Problem {
  const problem = Problem.parse(expectProblem(answer, INVALID, about, mark));
  expect(problem.title, about).toBe(PROBLEMS['invalid-request'].title);
  expect(problem.detail, about).toMatch(/^[A-Z].*\.$/);
  for (const { path, message } of problem.errors ?? []) {
    expect(path, about).toMatch(/^(\/[^/]+)*$/);
    expect(message, about).not.toBe('');
  }
  expect(problem.errors?.length, about).toBeGreaterThan(0);
  return problem;
}

describe('every body', () => {
  test('that is walked here has every field of its schema', () => {
    for (const operation of WITH_BODY) {
      const walked = (bodies[operation.id] ?? [])
        .flatMap((body) => leavesOf(body))
        .map(({ path }) => path.replace(/\/\d+/g, ''));
      expect(new Set(walked), operation.id).toEqual(fieldsOf(operation));
    }
  });

  test('that is no JSON object is 400', async () => {
    for (const operation of WITH_BODY) {
      const [good = {}] = bodies[operation.id] ?? [];
      const text = JSON.stringify(good);
      const broken = ['null', 'true', '0', '""', '[]', '{', text.slice(0, -1), `${text}x`, `[${text}]`];
      const all = [...broken, text.replace(/\}$/, ',}'), text.replaceAll('"', "'"), JSON.stringify(text)];
      for (const body of operation.body?.optional ? all : [...all, '', '{}']) {
        expectInvalid(await send(operation, { body }), `${operation.id} ${body.slice(0, 40)}`);
      }
    }
  });

  test('with a field that is not known, in whichever of its objects, is 400', async () => {
    const members = [
      '"CANARY":1',
      '"__proto__":{"polluted":true}',
      '"constructor":{"prototype":{"polluted":true}}',
      '"status":"open"',
      '"role":"operator"',
      '"":1',
    ];
    for (const operation of WITH_BODY) {
      for (const body of bodies[operation.id] ?? []) {
        for (const member of members) {
          for (const text of withMember(body, member)) {
            expectInvalid(await send(operation, { body: text }), `${operation.id} ${text}`, 'CANARY');
          }
        }
      }
    }
  });

  test('where none is called for may have no field at all', async () => {
    const bare = ALL.filter(({ method, body }) => method !== 'GET' && !body);
    expect(bare.length).toBeGreaterThanOrEqual(2);
    for (const operation of bare) {
      for (const body of ['{"reason":"x"}', '{"__proto__":{"polluted":true}}', '[]', 'null', '{'])
        expectInvalid(await send(operation, { body }), `${operation.id} ${body}`);
    }
  });

  test('is refused for every number in it that is none, is too large or is written in another way', async () => {
    const literals = [
      '-0',
      '0.5',
      '1.000000001',
      '1e309',
      '-1e309',
      '9007199254740993',
      '"1"',
      '"１"',
      'true',
      'null',
      '[1]',
      '{}',
    ];
    const broken = ['NaN', '0x10', '01', '+1', '1.', ''];
    for (const [operation, body, path] of fields('number')) {
      for (const literal of literals) {
        const text = withLiteral(body, path, literal);
        const problem = expectInvalid(await send(operation, { body: text }), `${operation.id} ${text}`);
        expect(
          problem.errors?.map((part) => part.path),
          `${operation.id} ${text}`,
        ).toContain(path);
      }
      for (const literal of broken) {
        const text = withLiteral(body, path, literal);
        expectInvalid(await send(operation, { body: text }), `${operation.id} ${text}`);
      }
    }
  });

  test('is refused for every text in it with NUL, a control character, half a surrogate pair, or of another type', async () => {
    const literals = [
      '""',
      '"a\\u0000b"',
      '"\\ud800"',
      '"a\\r\\nb"',
      '"\\u001b[2J"',
      `"${'x'.repeat(1_001)}"`,
      '5',
      'true',
      'null',
      '["a"]',
      '{}',
    ];
    for (const [operation, body, path] of fields('string')) {
      for (const literal of literals) {
        if (literal === 'null' && nullableFieldsOf(operation).has(path)) continue;
        const text = withLiteral(body, path, literal);
        const about = `${operation.id} ${path} ${literal.slice(0, 20)}`;
        const problem = expectInvalid(await send(operation, { body: text }), about);
        expect(
          problem.errors?.map((part) => part.path),
          about,
        ).toContain(path);
      }
    }
  });

  /** Every field of every body whose value is of this type. */
  function* fields(type: 'number' | 'string'): Generator<[Operation, object, string]> {
    for (const operation of WITH_BODY) {
      for (const body of bodies[operation.id] ?? []) {
        for (const { path, value } of leavesOf(body)) {
          if (typeof value === type) yield [operation, body, path];
        }
      }
    }
  }
});

describe('every route', () => {
  test('that is not public is 401 with WWW-Authenticate without a good token, whatever else is wrong', async () => {
    const closed = ALL.filter(({ access }) => access !== 'public');
    expect(closed.length).toBeGreaterThanOrEqual(10);
    const authorizations = [null, 'Basic YWxpY2U6eA==', 'Bearer x', `Bearer ${signed({ exp: 1 })}`];
    for (const operation of closed) {
      for (const authorization of authorizations) {
        const headers = authorization === null ? [] : ([['Authorization', authorization]] as const);
        const body = operation.method === 'GET' ? {} : { body: '{{{'.padEnd(9_000) };
        const answer = await send(operation, { token: null, headers, ...body });
        expectProblem(answer, [401, 'unauthenticated'], `${operation.id} ${authorization}`);
        expect(answer.headers.get('www-authenticate')).toStartWith('Bearer realm="holdfast"');
      }
    }
  });

  test('that takes an id is 404 for one of the wrong form in its path, and 400 for one in its body', async () => {
    const inPath = [
      '%00',
      'A%00',
      'A%2fB',
      '..%2f..%2fetc%2fpasswd',
      'A%252fB',
      '%',
      '%ff',
      'A%7bB%7d',
      'A:B',
      'A*',
      'A%20B',
      'A%0d%0aX:1',
      'A%e2%80%8b',
      '%d0%90',
      '__proto__',
      'x'.repeat(65),
      "'%20OR%201=1--",
    ];
    const taking = ALL.filter(({ pathId }) => pathId);
    expect(taking.length).toBeGreaterThanOrEqual(8);
    for (const operation of taking) {
      const body = bodies[operation.id]?.[0];
      for (const id of inPath) {
        const path = operation.path.replace(/\{\w+\}/, () => id);
        const answer = await send(operation, { path, ...(body && { body: JSON.stringify(body) }) });
        expectProblem(answer, [404, operation.pathId?.unknown ?? 'not-found'], `${operation.method} ${path}`);
      }
    }
    const inBody = [
      'A{B}',
      '{',
      '}',
      'A:B',
      'A*',
      'A B',
      'A\r\n',
      'A\u0000',
      '\u0410',
      'A\u200b',
      '../A',
      '__proto__',
    ];
    for (const operation of WITH_BODY) {
      for (const body of bodies[operation.id] ?? []) {
        for (const { path } of leavesOf(body).filter((leaf) =>
          /\/(sku|id|reservation_id)$/.test(leaf.path),
        )) {
          for (const id of [...inBody, 'x'.repeat(65), "' OR 1=1--"]) {
            const text = withLiteral(body, path, JSON.stringify(id));
            expectInvalid(await send(operation, { body: text }), `${operation.id} ${text}`);
          }
        }
      }
    }
  });

  test('that wants an idempotency key is 400 without one, or with one that is none', async () => {
    const keyed = ALL.filter(({ idempotencyKey }) => idempotencyKey);
    expect(keyed.length).toBeGreaterThanOrEqual(2);
    for (const operation of keyed) {
      const body = JSON.stringify(bodies[operation.id]?.[0]);
      const ask = (...headers: [string, string][]) => send(operation, { body, headers });
      expectProblem(await ask(), [400, 'idempotency-key-required'], operation.id);
      for (const name of ['Idempotency-Key', 'X-Idempotency-Key']) {
        for (const key of ['', ' ', 'x'.repeat(256), 'a b', 'a\tb', 'caf\u00e9'])
          expectInvalid(await ask([name, key]), `${operation.id} ${name} ${JSON.stringify(key)}`);
      }
      const two = await ask(['Idempotency-Key', 'a'], ['X-Idempotency-Key', 'b']);
      expectInvalid(two, `${operation.id} two keys`);
    }
  });

  test('is 405 with Allow for any other method, after the token was looked at', async () => {
    const byPath = Map.groupBy(ALL, ({ path }) => path);
    for (const here of byPath.values()) {
      const [first] = here;
      if (!first) continue;
      const methods = here.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
      const isPublic = here.some(({ access }) => access === 'public');
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']) {
        if (methods.includes(method)) continue;
        const about = `${method} ${first.path}`;
        const answer = await send(first, { method });
        expect(answer.status, about).toBe(405);
        expect(answer.headers.get('allow'), about).toBe(methods.join(', '));
        if (method !== 'HEAD') expectProblem(answer, [405, 'method-not-allowed'], about);
        const nobody = await send(first, { method, token: null });
        expect(nobody.status, about).toBe(isPublic ? 405 : 401);
      }
    }
  });

  test('gives every answer a request id: the one that came, if it is one', async () => {
    for (const operation of ALL) {
      const nobody = await send(operation, { token: null, headers: [['X-Request-Id', 'mine-1_A']] });
      expect(nobody.headers.get('x-request-id'), operation.id).toBe('mine-1_A');
      const odd = await send(operation, { token: null, headers: [['X-Request-Id', 'a b']] });
      expect(odd.headers.get('x-request-id'), operation.id).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});

unharmed(target);
