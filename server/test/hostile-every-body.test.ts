// What is wrong with a body before a single field of it is looked at, walked over every route that takes one: too long, too deep,
// compressed, of another type, or no text. Refused at the same price everywhere; nothing is changed.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { gzipSync } from 'node:zlib';
import { bodyLimitBytes, type Operation } from '@holdfast/contract/operation';
import { fullBodies, WITH_BODY } from './hostile/full-bodies.ts';
import type { RawAnswer } from './hostile/raw-http.ts';
import {
  attack,
  customer,
  type Expected,
  expectProblem,
  operator,
  type Parts,
  unharmed,
} from './hostile/target.ts';

const INVALID: Expected = [400, 'invalid-request'];
const TOO_LARGE: Expected = [413, 'body-too-large'];
const UNSUPPORTED: Expected = [415, 'unsupported-media-type'];

const target = attack();
afterAll(() => target.close());

let sku: string;
let saleId: string;
let reservationId: string;
let before: unknown;
beforeAll(async () => {
  ({ sku, id: saleId } = await target.sale());
  reservationId = JSON.parse((await target.reserve({ sku, quantity: 1 })).text).reservation_id;
  before = await state();
});
afterEach(async () => expect(await state()).toEqual(before));

async function state(): Promise<unknown> {
  const reservation = await target.ask(`/api/v1/reservations/${reservationId}`, { token: customer('alice') });
  const sales = await target.ask('/api/v1/sales');
  return { stock: await target.stock(sku), reservation: reservation.text, sales: sales.text };
}

/** A request that is right but for its body, and what these parts say. */
function send({ access, idempotencyKey, method, path }: Operation, parts: Parts): Promise<RawAnswer> {
  const ids: Readonly<Record<string, string>> = { sku, sale_id: saleId, reservation_id: reservationId };
  const key = idempotencyKey ? [['Idempotency-Key', crypto.randomUUID()] as const] : [];
  return target.ask(
    path.replace(/\{(\w+)\}/, (_, name: string) => ids[name] ?? 'x'),
    {
      method,
      token: access === 'public' ? null : access === 'operator' ? operator() : customer('alice'),
      ...parts,
      headers: [...key, ...(parts.headers ?? [])],
    },
  );
}

const goodText = ({ id }: Operation): string =>
  JSON.stringify(fullBodies({ sku, reservationId })[id]?.[0] ?? {});

describe('every body', () => {
  test('that is too long is 413, declared or not, also where only spaces make it so', async () => {
    for (const operation of WITH_BODY) {
      const over = bodyLimitBytes(operation) + 1;
      const long = [goodText(operation).padEnd(over), `{"CANARY":"${'x'.repeat(over)}"}`, '['.repeat(over)];
      for (const body of long)
        expectProblem(await send(operation, { body }), TOO_LARGE, operation.id, 'CANARY');
      const chunks = `${over.toString(16)}\r\n${' '.repeat(over)}\r\n0\r\n\r\n`;
      const chunked = await send(operation, { body: chunks, headers: [['Transfer-Encoding', 'chunked']] });
      expectProblem(chunked, TOO_LARGE, `${operation.id} in chunks`);
    }
  });

  test('that is too deep is 400, by itself and in a field', async () => {
    const deep = `${'['.repeat(3_000)}${']'.repeat(3_000)}`;
    for (const operation of WITH_BODY)
      for (const body of [deep, `{"CANARY":${deep}}`, goodText(operation).replace(/\}$/, `,"x":${deep}}`)])
        expectProblem(await send(operation, { body }), INVALID, operation.id, 'CANARY');
  });

  test('that is compressed, or of another type than JSON, is 415, though it reads as JSON', async () => {
    for (const operation of WITH_BODY) {
      const body = goodText(operation);
      for (const encoding of ['gzip', 'br', 'identity, gzip', 'x'])
        expectProblem(
          await send(operation, { body: gzipSync(body), headers: [['Content-Encoding', encoding]] }),
          UNSUPPORTED,
          `${operation.id} ${encoding}`,
        );
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
        'application/json5',
        'application/jsonx',
        'application/xml',
        'text/json, application/json',
      ])
        expectProblem(
          await send(operation, { body, headers: [['Content-Type', type]] }),
          UNSUPPORTED,
          `${operation.id} ${type}`,
        );
    }
  });

  test('that is no UTF-8, or begins with a byte order mark, is 400', async () => {
    for (const operation of WITH_BODY) {
      const text = goodText(operation);
      const at = text.lastIndexOf('"');
      const bodies = {
        'a byte that never is': Buffer.concat([
          Buffer.from(text.slice(0, at)),
          Buffer.of(0xff),
          Buffer.from(text.slice(at)),
        ]),
        'a slash written too long': Buffer.concat([
          Buffer.from(text.slice(0, at)),
          Buffer.of(0xc0, 0xaf),
          Buffer.from(text.slice(at)),
        ]),
        'half a surrogate pair': Buffer.concat([
          Buffer.from(text.slice(0, at)),
          Buffer.of(0xed, 0xa0, 0x80),
          Buffer.from(text.slice(at)),
        ]),
        'a byte order mark': Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), Buffer.from(text)]),
        'UTF-16': Buffer.from(text, 'utf16le'),
      };
      for (const [what, body] of Object.entries(bodies))
        expectProblem(await send(operation, { body }), INVALID, `${operation.id} ${what}`);
    }
  });

  test('that names a field twice is judged by the last of them', async () => {
    for (const operation of WITH_BODY) {
      const text = goodText(operation);
      const [name = ''] = Object.keys(JSON.parse(text));
      const twice = text.replace(/\}$/, `,"${name}":{}}`);
      const problem = expectProblem(await send(operation, { body: twice }), INVALID, operation.id);
      expect(
        problem.errors?.map(({ path }) => path),
        operation.id,
      ).toEqual([`/${name}`]);
    }
  });
});

unharmed(target);
