// Lists page by page: complete, nothing twice, steady while rows come in, and only what is one's own.
import { describe, expect, test } from 'bun:test';
import { ask } from './harness/ask.ts';
import { alike, sharedFleet } from './harness/fleet.ts';
import { Caller, makeSale, operator, type Reply } from './harness/service.ts';
import { until } from './harness/until.ts';

const fleet = sharedFleet(alike(2, {}));
const url = () => fleet.url(0);

type Row = Readonly<Record<string, unknown>>;
interface Page {
  readonly data: readonly Row[];
  readonly next_cursor: string | null;
}
const MAX_PAGES = 100;

/** Every page of a list; `between` runs after each. */
async function pages(
  caller: Caller,
  path: string,
  limit: number,
  between: () => Promise<unknown> = async () => undefined,
): Promise<Page[]> {
  const all: Page[] = [];
  let cursor: string | null = null;
  do {
    const next = `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${cursor === null ? '' : `&cursor=${cursor}`}`;
    const reply = await caller.get(next);
    expect(reply.status).toBe(200);
    const page = reply.body as unknown as Page;
    all.push(page);
    cursor = page.next_cursor;
    await between();
  } while (cursor !== null && all.length < MAX_PAGES);
  return all;
}

const column = (all: readonly Page[], name: string) =>
  all.flatMap(({ data }) => data.map((row) => row[name]));
const sizes = (all: readonly Page[]) => all.map(({ data }) => data.length);

/** Of one millisecond, none is newer than the other. */
async function isOlderThanTheNext({ body }: Reply): Promise<void> {
  await until('the next millisecond', () => Date.now() > Date.parse(body.created_at));
}

/** A customer with this many reservations, every third of them confirmed; the ids, oldest first. */
async function shopper(sub: string, sku: string, count: number) {
  const caller = new Caller(url(), sub);
  const reservations: string[] = [];
  const orders: string[] = [];
  for (let n = 0; n < count; n++) {
    const held = await caller.reserve({ [sku]: 1 }, `k-${n}`);
    reservations.push(held.body.reservation_id);
    if (n % 3 === 0) orders.push((await caller.confirm(held.body.reservation_id)).body.order_id);
    await isOlderThanTheNext(held);
  }
  return { caller, reservations, orders };
}

describe("a customer's lists", () => {
  test('are-complete-newest-first-and-nobody-elses', async () => {
    const { sku } = await makeSale(url(), { a: 100 });
    const [one, other] = await Promise.all([shopper('one', sku('a'), 23), shopper('other', sku('a'), 5)]);
    const reservations = await pages(one.caller, '/api/v1/reservations', 5);
    expect(sizes(reservations)).toEqual([5, 5, 5, 5, 3]);
    expect(column(reservations, 'reservation_id')).toEqual(one.reservations.toReversed());
    const orders = await pages(one.caller, '/api/v1/orders', 8);
    expect(sizes(orders)).toEqual([8]); // a full page that is the last one says so
    expect(column(orders, 'order_id')).toEqual(one.orders.toReversed());
    expect(column(await pages(other.caller, '/api/v1/orders', 200), 'order_id')).toEqual(
      other.orders.toReversed(),
    );
    const strangers = new Caller(url(), 'somebody else');
    for (const path of ['/api/v1/reservations', '/api/v1/orders'])
      expect((await strangers.get(path)).text).toBe('{"data":[],"next_cursor":null}');
  });

  test('show-the-state-of-each-reservation-as-it-is-now', async () => {
    const { sku } = await makeSale(url(), { a: 10 });
    const caller = new Caller(url(), 'various');
    const ids: string[] = [];
    for (const key of ['kept', 'released', 'confirmed']) {
      const held = await caller.reserve({ [sku('a')]: 1 }, key);
      ids.push(held.body.reservation_id);
      await isOlderThanTheNext(held);
    }
    const [kept = '', released = '', confirmed = ''] = ids;
    await caller.release(released);
    const order = await caller.confirm(confirmed);
    const [page] = await pages(caller, '/api/v1/reservations', 10);
    expect(page?.data).toMatchObject([
      { reservation_id: confirmed, status: 'confirmed', order_id: order.body.order_id },
      { reservation_id: released, status: 'released' },
      { reservation_id: kept, status: 'active' },
    ]);
    for (const row of page?.data ?? [])
      expect((await caller.get(`/api/v1/reservations/${row.reservation_id}`)).text).toBe(JSON.stringify(row));
  });

  test('stay-steady-while-new-ones-come-in', async () => {
    const { sku } = await makeSale(url(), { a: 100 });
    const { caller, reservations, orders } = await shopper('restless', sku('a'), 18);
    let key = 0;
    const another = async () => {
      const held = await caller.reserve({ [sku('a')]: 1 }, `new-${key++}`);
      await caller.confirm(held.body.reservation_id);
    };
    expect(column(await pages(caller, '/api/v1/reservations', 4, another), 'reservation_id')).toEqual(
      reservations.toReversed(),
    );
    const before = column(await pages(caller, '/api/v1/orders', 200), 'order_id');
    expect(before).toHaveLength(orders.length + key);
    expect(column(await pages(caller, '/api/v1/orders', 3, another), 'order_id')).toEqual(before);
  });

  test('lose-nobody-among-orders-of-the-same-millisecond', async () => {
    const { sku } = await makeSale(url(), { a: 100 });
    const caller = new Caller(url(), 'at once');
    const held = await Promise.all(
      Array.from({ length: 40 }, (_, n) => caller.reserve({ [sku('a')]: 1 }, `k-${n}`)),
    );
    const confirmed = await Promise.all(held.map(({ body }) => caller.confirm(body.reservation_id)));
    const wanted = confirmed.map(({ body }) => body.order_id).toSorted();
    expect(column(await pages(caller, '/api/v1/orders', 7), 'order_id').toSorted()).toEqual(wanted);
    const ids = held.map(({ body }) => body.reservation_id).toSorted();
    expect(column(await pages(caller, '/api/v1/reservations', 7), 'reservation_id').toSorted()).toEqual(ids);
  });

  test('reach-other-processes-too', async () => {
    const { sku } = await makeSale(url(), { a: 10 });
    const { reservations } = await shopper('elsewhere', sku('a'), 4);
    const elsewhere = new Caller(fleet.url(1), 'elsewhere');
    const [page] = await until('the journal has them', async () => {
      const all = await pages(elsewhere, '/api/v1/reservations', 10);
      return all[0]?.data.length === reservations.length && all;
    });
    expect(page?.data.map((row) => row.reservation_id)).toEqual(reservations.toReversed());
  });
});

describe('public lists', () => {
  test('of-items-are-complete-by-sku-of-one-sale-or-of-all', async () => {
    const stock = Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`i${n}`, n]));
    const [mine, yours] = [await makeSale(url(), stock), await makeSale(url(), stock)];
    const anyone = new Caller(url(), 'anyone');
    const skus = Object.keys(stock).map(mine.sku).toSorted();
    const ofSale = await pages(anyone, `/api/v1/inventory?sale=${mine.id}`, 4);
    expect(sizes(ofSale)).toEqual([4, 4, 3]);
    expect(column(ofSale, 'sku')).toEqual(skus);
    const all = column(await pages(anyone, '/api/v1/inventory', 9), 'sku');
    expect(new Set(all).size).toBe(all.length);
    expect(all).toEqual(all.toSorted());
    expect(all).toContainValues([...skus, ...Object.keys(stock).map(yours.sku)]);
  });

  test('of-items-stay-steady-while-a-sale-opens', async () => {
    const first = await makeSale(url(), { a: 1, b: 1, c: 1, d: 1, e: 1 });
    const anyone = new Caller(url(), 'anyone');
    const before = column(await pages(anyone, '/api/v1/inventory', 200), 'sku');
    const seen = column(await pages(anyone, '/api/v1/inventory', 2, () => makeSale(url(), { z: 1 })), 'sku');
    expect(seen).toContainValues(before);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toContainValues(['a', 'b', 'c', 'd', 'e'].map(first.sku));
  });

  test('of-sales-name-each-sale-once', async () => {
    const made = [];
    for (let n = 0; n < 5; n++) made.push((await makeSale(url(), { a: n })).id);
    const all = column(await pages(new Caller(url(), 'anyone'), '/api/v1/sales', 2), 'id');
    expect(new Set(all).size).toBe(all.length);
    expect(all).toContainValues(made);
  });

  test('of-an-unknown-sale-are-404', async () => {
    const reply = await ask(url(), '/api/v1/inventory?sale=no-such-sale');
    expect([reply.status, reply.body.code]).toEqual([404, 'unknown-sale']);
  });
});

describe('a list asked wrongly', () => {
  const lists = ['/api/v1/orders', '/api/v1/reservations', '/api/v1/inventory', '/api/v1/sales'];
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const wrong: [name: string, query: string, path: string][] = [
    ...['0', '-1', '201', '1.5', 'ten', '1e2', '', '9999999999'].map((limit): [string, string, string] => [
      `limit ${limit || 'empty'}`,
      `limit=${limit}`,
      '/limit',
    ]),
    ['limit twice', 'limit=1&limit=2', '/limit'],
    ...[
      ['empty', ''],
      ['no base64', '%00'],
      ['no JSON', 'AAAA'],
      ['an object', encode({})],
      ['no key', encode([])],
      ['of another length', encode(['a', 'b', 'c'])],
      ['of other types', encode([true])],
      ['with a NUL', encode(['a\u0000'])],
      ['with a NUL in an id', encode([1, 'a\u0000'])],
      ['past all numbers', encode([1e300, `ord_${'A'.repeat(22)}`])],
      ['too long', 'A'.repeat(513)],
    ].map(([name, cursor]): [string, string, string] => [`cursor ${name}`, `cursor=${cursor}`, '/cursor']),
    ['cursor twice', 'cursor=a&cursor=a', '/cursor'],
  ];
  for (const [name, query, path] of wrong) {
    test(`${name}: 400 on every list`, async () => {
      const caller = new Caller(url(), 'asking');
      for (const list of lists) {
        const reply = await caller.get(`${list}?${query}`);
        expect([list, reply.status, reply.body.code]).toEqual([list, 400, 'invalid-request']);
        expect(pathsOf(reply)).toEqual([path]);
      }
    });
  }

  test("another list's cursor is 400 or a place in this one, never a failure", async () => {
    const { sku } = await makeSale(url(), { a: 6, b: 5 });
    const { caller } = await shopper('wandering', sku('a'), 6);
    const cursors: (string | null)[] = [];
    for (const list of lists) {
      const [page] = await pages(caller, list, 1);
      cursors.push(page?.next_cursor ?? null);
    }
    for (const list of lists) {
      for (const cursor of cursors) {
        const reply = await caller.get(`${list}?cursor=${cursor}`);
        expect([200, 400]).toContain(reply.status);
      }
    }
  });

  test('sale ids of the wrong form are 400', async () => {
    for (const sale of ['', 'Caps', 'a b', 'a'.repeat(65), "' OR 1=1--"]) {
      const reply = await ask(url(), `/api/v1/inventory?sale=${encodeURIComponent(sale)}`);
      expect([reply.status, pathsOf(reply)]).toEqual([400, ['/sale']]);
    }
  });

  test('200 rows are the most that one page shows', async () => {
    const stock = Object.fromEntries(Array.from({ length: 205 }, (_, n) => [`i${n}`, 1]));
    const { id } = await makeSale(url(), stock);
    const anyone = new Caller(url(), 'anyone');
    expect(sizes(await pages(anyone, `/api/v1/inventory?sale=${id}`, 200))).toEqual([200, 5]);
    const plain = (await anyone.get(`/api/v1/inventory?sale=${id}`)).body as unknown as Page;
    expect(plain.data).toHaveLength(50);
    expect((await operator(url()).get('/api/v1/sales?limit=1')).status).toBe(200);
  });
});

function pathsOf(reply: Reply): string[] {
  return (reply.body as unknown as { errors: { path: string }[] }).errors.map(({ path }) => path);
}
