// Each route has so much room and no more: filled, it refuses the next one at once and all others go on; and a place comes back
// whichever way its request ended, for a place that is lost would shut the route for good.
import { expect, test } from 'bun:test';
import { readAudit } from '@holdfast/contract/admin-audit';
import { OPERATIONS } from '@holdfast/contract/operations';
import { heldUntilOver } from '../src/http/held-stream.ts';
import { boundsOf } from '../src/http/route-limits.ts';
import { Listener } from '../src/processes/listener.ts';
import { createLog } from '../src/telemetry/log.ts';
import { until } from './harness/until.ts';
import {
  fakeWorld,
  JSON_HEADERS,
  operatorToken,
  problemOf,
  RESERVATION_ID,
  reserveWith,
  token,
  VIEW,
  type WorldOptions,
} from './http-fakes.ts';

const AUDIT = '/api/v1/admin/audit';
const PLACES = boundsOf(readAudit).atMost;
const NOTHING = { ok: true, value: { rows: [], next: null } } as const;
/** More than a file's piece, so that its reader is asked for. */
const ENDLESS = { ok: true, value: { rows: [], next: 'more' } } as const;

type Page = typeof NOTHING | typeof ENDLESS;

/** A world whose journal answers when the test says so. */
async function crowd(options: WorldOptions = {}) {
  const pages: ((page: Page) => void)[] = [];
  const failures: ((error: Error) => void)[] = [];
  const world = fakeWorld({
    requestMs: 60_000,
    ...options,
    operators: {
      audit: () =>
        new Promise((resolve, reject) => {
          pages.push(resolve as (page: Page) => void);
          failures.push(reject);
        }),
    } as never,
  });
  const auth = await operatorToken();
  const ask = (query = '', init: { headers?: Record<string, string> } = {}) =>
    world.send(AUDIT + query, { token: auth, ...init });
  const fill = async () => {
    const asked = Array.from({ length: PLACES }, () => ask());
    await until('the route is full', () => pages.length >= PLACES);
    return asked;
  };
  /** The next one comes in. */
  const expectRoom = async () => {
    const before = pages.length;
    const asked = ask();
    await until('it came in', () => pages.length > before);
    pages.at(-1)?.(NOTHING);
    expect((await asked).status).toBe(200);
  };
  return { world, ask, fill, pages, failures, expectRoom, auth };
}

test('a-full-route-refuses-the-next-one-at-once-and-counts-it', async () => {
  const { world, ask, fill, pages, expectRoom } = await crowd();
  const asked = await fill();
  const refused = await ask();
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect((await problemOf(refused)).code).toBe('unavailable');
  expect(world.turnedAway).toEqual([`GET ${AUDIT}`]);
  expect(pages).toHaveLength(PLACES);
  for (const page of pages) page(NOTHING);
  for (const response of await Promise.all(asked)) expect(response.status).toBe(200);
  await expectRoom();
});

test('those-who-come-together-do-not-pass-the-limit-together', async () => {
  const { world, ask, pages } = await crowd();
  const asked = Array.from({ length: 10 * PLACES }, () => ask());
  await until('all but those under way are refused', () => world.turnedAway.length === 9 * PLACES);
  expect(pages).toHaveLength(PLACES);
  for (const page of pages) page(NOTHING);
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(PLACES);
});

test('while-one-route-is-full-all-others-answer', async () => {
  const { world, fill, pages, auth } = await crowd();
  const asked = await fill();
  expect((await reserveWith(world)).status).toBe(201);
  const customer = await token();
  const paid = await world.send('/api/v1/checkout/confirm', {
    method: 'POST',
    token: customer,
    headers: JSON_HEADERS,
    body: JSON.stringify({ reservation_id: RESERVATION_ID }),
  });
  expect(paid.status).toBe(200);
  for (const path of [
    '/api/v1/orders',
    '/api/v1/reservations',
    '/api/v1/inventory',
    '/api/v1/sales',
    '/readyz',
  ])
    expect((await world.send(path, { token: customer })).status).toBe(200);
  for (const path of ['reservations', 'orders', 'sales/flash-sale/analytics', 'status'])
    expect((await world.send(`/api/v1/admin/${path}`, { token: auth })).status).toBe(200);
  for (const page of pages) page(NOTHING);
  await Promise.all(asked);
});

test('readers-in-masses-leave-room-for-who-buys', async () => {
  const answers: (() => void)[] = [];
  const world = fakeWorld({
    requestMs: 60_000,
    reservations: {
      list: () =>
        new Promise((resolve) =>
          answers.push(() => resolve({ ok: true, value: { rows: [VIEW], next: null } })),
        ),
    },
  });
  const customer = await token();
  const asked = Array.from({ length: 1_500 }, () => world.send('/api/v1/reservations', { token: customer }));
  await until('many are refused', () => world.turnedAway.length > 0 && answers.length > 0);
  expect(answers.length).toBeLessThanOrEqual(1_000);
  expect((await reserveWith(world)).status).toBe(201);
  while (answers.length > 0) {
    for (const answer of answers.splice(0)) answer();
    await Bun.sleep(0);
  }
  for (const { status } of await Promise.all(asked)) expect([200, 503]).toContain(status);
});

test('a-place-comes-back-after-an-error', async () => {
  const { fill, failures, expectRoom } = await crowd();
  const asked = await fill();
  for (const fail of failures) fail(new Error('the ledger stumbled'));
  for (const response of await Promise.all(asked)) expect(response.status).toBe(500);
  await expectRoom();
});

test('who-ran-out-of-time-keeps-its-place-until-the-work-is-over', async () => {
  const { ask, fill, pages, expectRoom } = await crowd({ requestMs: 50 });
  const asked = await fill();
  for (const response of await Promise.all(asked)) expect(response.status).toBe(503);
  expect((await ask()).status).toBe(503);
  expect(pages).toHaveLength(PLACES);
  for (const page of pages) page(NOTHING);
  await Bun.sleep(0);
  await expectRoom();
});

test('a-file-keeps-its-place-to-its-end-and-gives-it-back-when-nobody-reads-on', async () => {
  const { world, ask, pages, expectRoom } = await crowd();
  const file = async () => {
    const before = pages.length;
    const asked = ask('?format=csv');
    await until('its first page is read', () => pages.length > before);
    pages.at(-1)?.(ENDLESS);
    return (await asked).body as ReadableStream<Uint8Array>;
  };
  const [left, read] = [await file(), await file()];
  const others = Array.from({ length: PLACES - 2 }, () => ask());
  await until('they are under way', () => pages.length === PLACES);
  expect((await ask()).status).toBe(503);

  await left.cancel();
  await expectRoom();
  const whole = new Response(read).text();
  await until('the next page is asked for', () => pages.length === PLACES + 2);
  pages.at(-1)?.(NOTHING);
  expect(await whole).toContain('\n');
  for (const page of pages) page(NOTHING);
  await Promise.all(others);
  expect(world.turnedAway).toHaveLength(1);
  for (let i = 0; i < 2 * PLACES; i++) await expectRoom();
});

test('a-client-that-hangs-up-gives-its-place-back-over-a-real-connection-too', async () => {
  const { world, ask, pages, auth } = await crowd();
  const where = { host: '127.0.0.1', port: 0, shared: false, alone: true };
  const listener = await Listener.open(
    world,
    where,
    createLog({ level: 'error', process: 'no-route-starves' }),
  );
  const url = `http://127.0.0.1:${listener.port}${AUDIT}?format=csv`;
  const hangUp = new AbortController();
  const { signal } = hangUp;
  const asked = Array.from({ length: 2 }, () =>
    fetch(url, { headers: { authorization: `Bearer ${auth}` }, signal }),
  );
  await until('both are under way', () => pages.length === 2);
  // One before its file has begun, one in the middle of it: whichever of the two connections came first.
  pages[0]?.(ENDLESS);
  await Promise.race(asked);
  await until('it reads on', () => pages.length === 3);
  hangUp.abort();
  await Promise.allSettled(asked);
  const [, late, going] = pages.splice(0);
  late?.(ENDLESS);
  going?.(NOTHING);
  await until('all places are there again', async () => {
    const refused = world.turnedAway.length;
    const together = Array.from({ length: PLACES }, () => ask());
    await until('each is in, or refused', () => pages.length + world.turnedAway.length - refused >= PLACES);
    const came = pages.splice(0);
    for (const page of came) page(NOTHING);
    await Promise.all(together);
    // One page more may be the file's that nobody reads.
    return world.turnedAway.length === refused;
  });
  await listener.close(0);
});

test('a-file-that-is-ready-too-late-gives-its-place-back', async () => {
  const { ask, pages, expectRoom } = await crowd({ requestMs: 50 });
  const asked = Array.from({ length: 2 }, () => ask('?format=csv'));
  await until('they are under way', () => pages.length === 2);
  for (const response of await Promise.all(asked)) expect(response.status).toBe(503);
  for (const page of pages) page(ENDLESS);
  await Bun.sleep(0);
  const more = Array.from({ length: PLACES }, () => ask());
  await until('all places are there again', () => pages.length === 2 + PLACES);
  for (const page of pages.slice(2)) page(NOTHING);
  for (const response of await Promise.all(more)) expect(response.status).toBe(200);
  await expectRoom();
});

test('a-stream-is-over-once-however-it-ends', async () => {
  let over = 0;
  let source: ReadableStreamDefaultController<Uint8Array> | undefined;
  const held = () =>
    heldUntilOver(
      new ReadableStream<Uint8Array>({
        start(controller) {
          source = controller;
        },
      }),
      () => {
        over += 1;
      },
    );
  const ended = held();
  source?.enqueue(new Uint8Array([1]));
  source?.close();
  expect(new Uint8Array(await new Response(ended).arrayBuffer())).toEqual(new Uint8Array([1]));
  expect(over).toBe(1);

  const failed = held().getReader();
  source?.error(new Error('the disk is gone'));
  await expect(failed.read()).rejects.toThrow('the disk is gone');
  expect(over).toBe(2);

  const cancelled = held();
  await cancelled.cancel('enough');
  expect(over).toBe(3);
});

test('every-route-but-the-process-itself-has-a-limit-that-can-be-reached', () => {
  for (const operation of OPERATIONS.filter(({ limit }) => limit === 'requests')) {
    const { atLeast, atMost } = boundsOf(operation);
    expect(atLeast, operation.id).toBeGreaterThan(0);
    expect(atMost, operation.id).toBeLessThanOrEqual(16_000);
  }
});
