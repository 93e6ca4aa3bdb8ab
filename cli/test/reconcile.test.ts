// The promise: one command tells whether everything adds up, what was made good and what was not, in words, as JSON and by
// the exit code; and it finds the service and the secret where the other commands do.
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Difference, ReconcileReport, SaleReport } from '@holdfast/contract/reconcile';
import { UsageError } from '../src/command.ts';
import { reconcile } from '../src/reconcile.ts';

const SECRET = 'a secret of at least thirty-two bytes';
const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-reconcile-'));
afterAll(() => rm(folder, { recursive: true }));

const CHECKED = { items: 4, records: 1204, customers: 1, index_entries: 1204, transitions: 2310, seals: 6 };
const RESERVATION = `rsv_${'A'.repeat(22)}`;

function sale(id: string, differences: Difference[] = [], complete = true): SaleReport {
  return { sale_id: id, complete, checked: CHECKED, differences };
}

function report(sales: SaleReport[], next: string | null = null): ReconcileReport {
  return { ran_at: '2026-11-27T09:30:00.000Z', sales, next_cursor: next };
}

const repaired: Difference = {
  invariant: 'I5',
  sku: 'A-1',
  detail: 'reserved is 13, and 12 live',
  repaired: true,
};
const open: Difference = {
  invariant: 'I3',
  reservation_id: RESERVATION,
  detail: 'no order',
  repaired: false,
};

interface Asked {
  readonly path: string;
  readonly authorization: string;
  readonly body: unknown;
}

/** A service that gives these answers one after the other. */
function service(...answers: readonly Response[]) {
  const asked: Asked[] = [];
  const waiting = [...answers];
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: async (request) => {
      asked.push({
        path: new URL(request.url).pathname,
        authorization: request.headers.get('authorization') ?? '',
        body: await request.json(),
      });
      return waiting.shift() ?? new Response('', { status: 500 });
    },
  });
  return {
    asked,
    url: server.url.origin,
    port: String(server.port),
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

async function run(args: string[], env: Record<string, string> = { HOLDFAST_JWT_SECRET: SECRET }) {
  let out = '';
  let err = '';
  const code = await reconcile.run(args, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    rewritable: false,
    env,
    signal: new AbortController().signal,
  });
  return { out, err, code };
}

test('everything adds up: 0, and what was looked at', async () => {
  await using there = service(Response.json(report([sale('flash-sale')])));
  const { out, err, code } = await run(['--url', there.url]);
  expect({ err, code }).toEqual({ err: '', code: 0 });
  expect(out).toBe(
    "flash-sale: adds up (4 items, 1,204 reservations, 1 customer's counter, 2,310 transitions, 6 seals)\n" +
      'Everything that was looked at adds up (2026-11-27T09:30:00.000Z).\n',
  );
  expect(there.asked).toMatchObject([{ path: '/api/v1/admin/reconcile', body: {} }]);
});

test('differences: 1, and which of them were repaired', async () => {
  await using there = service(Response.json(report([sale('one', [repaired, open]), sale('two', [], false)])));
  const { out, code } = await run(['--url', there.url]);
  expect(code).toBe(1);
  expect(out).toContain('one: 2 differences (');
  expect(out).toContain('  repaired  I5 A-1: reserved is 13, and 12 live\n');
  expect(out).toContain(`  OPEN      I3 ${RESERVATION}: no order\n`);
  expect(out).toContain('not everything could be looked at just now');
  expect(out).toContain('2 differences found: 1 repaired, 1 not (');
});

test('what was repaired is a difference too', async () => {
  await using there = service(Response.json(report([sale('one', [repaired])])));
  expect(await run(['--url', there.url])).toMatchObject({ code: 1 });
});

test('a run that takes longer is followed to its end; --sale asks for one sale', async () => {
  await using there = service(
    Response.json(report([sale('one')], 'more')),
    Response.json(report([], 'more-still')),
    Response.json(report([sale('two')])),
  );
  const { out, code } = await run(['--url', there.url, '--sale', 'one', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toEqual(report([sale('one'), sale('two')]));
  expect(there.asked.map(({ body }) => body)).toEqual([
    { sale_id: 'one' },
    { sale_id: 'one', cursor: 'more' },
    { sale_id: 'one', cursor: 'more-still' },
  ]);
});

test('the token is the one given, or signed with the secret of the environment or of the data folder', async () => {
  await mkdir(path.join(folder, 'secrets'));
  await writeFile(path.join(folder, 'secrets', 'jwt'), SECRET);
  const answer = () => Response.json(report([]));
  await using there = service(answer(), answer(), answer());
  await run(['--url', there.url, '--operator-token', 'given'], {});
  await run([], { HOLDFAST_DATA_DIR: folder, PORT: there.port });
  await run([], { HOLDFAST_JWT_SECRET: SECRET, PORT: there.port });
  const [given, ...minted] = there.asked.map(({ authorization }) => authorization);
  expect(given).toBe('Bearer given');
  for (const authorization of minted) {
    const claims = JSON.parse(Buffer.from(authorization.split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toMatchObject({ sub: 'operator', scope: 'holdfast:operator' });
  }
});

describe('what cannot be done is said:', () => {
  const problem = (status: number, code: string) =>
    Response.json({ code, status, title: code, detail: code }, { status });

  test('no secret: 3', async () => {
    const { out, err, code } = await run([], { HOLDFAST_DATA_DIR: path.join(folder, 'none') });
    expect(err).toContain(path.join(folder, 'none', 'secrets', 'jwt'));
    expect({ out, code }).toEqual({ out: '', code: 3 });
  });

  test('no service: 3', async () => {
    const { err, code } = await run(['--url', 'http://127.0.0.1:1']);
    expect(err).toContain('http://127.0.0.1:1 did not reconcile');
    expect(code).toBe(3);
  });

  test('a token that the service does not take: 3', async () => {
    await using there = service(problem(403, 'forbidden'));
    const { err, code } = await run(['--url', there.url]);
    expect(err).toContain('forbidden');
    expect(code).toBe(3);
  });

  test('no such sale, and what was not understood: a usage error', async () => {
    await using there = service(problem(404, 'unknown-sale'));
    expect(run(['--url', there.url, '--sale', 'nothing'])).rejects.toThrow(UsageError);
    expect(run(['--sale', 'Not a sale'])).rejects.toThrow('--sale must be the id of a sale');
    expect(run(['--url', 'localhost'])).rejects.toThrow('--url must be an http');
    expect(run(['--fix'])).rejects.toThrow('--fix');
  });
});
