// Operators find any customer's reservations and orders by each filter, page by page, and see what became of each one; the
// journal reads the same as pages and as a file. Customers may do none of it.
import { describe, expect, test } from 'bun:test';
import { ask } from './harness/ask.ts';
import { type Body, Caller, makeSale, operator } from './harness/service.ts';
import { sharedService } from './harness/shared-service.ts';

const stage = sharedService({ workers: 2 });
const find = async (path: string) => {
  const reply = await operator(stage.url).get(`/api/v1/admin/${path}`);
  expect(`${path} ${reply.status} ${reply.status === 200 ? '' : reply.text}`).toBe(`${path} 200 `);
  return reply.body;
};
const idsIn = (page: Body) => page.data.map((row) => row.reservation_id);

/** Every entry of a list, and how many pages it took. */
async function all(path: string, meanwhile: () => Promise<unknown> = async () => undefined) {
  const rows: Record<string, unknown>[] = [];
  for (let cursor: string | null = '', pages = 0; cursor !== null; pages++) {
    expect(pages).toBeLessThan(100);
    const page: Body = await find(`${path}${cursor === '' ? '' : `&cursor=${cursor}`}`);
    rows.push(...page.data.map((row) => ({ ...row })));
    cursor = page.next_cursor;
    await meanwhile();
  }
  return rows;
}

/** A sale in which ann bought a, bob released b, cleo has a and b. */
async function played() {
  const { id, sku } = await makeSale(stage.url, { a: 50, b: 50 });
  const [a, b] = [sku('a'), sku('b')];
  const reserve = async (sub: string, lines: Record<string, number>) =>
    (await new Caller(stage.url, sub).reserve(lines)).body.reservation_id as string;
  const names = { ann: `ann-${id}`, bob: `bob-${id}`, cleo: `cleo-${id}` };
  const bought = await reserve(names.ann, { [a]: 2 });
  expect((await new Caller(stage.url, names.ann).confirm(bought)).status).toBe(200);
  const released = await reserve(names.bob, { [b]: 1 });
  expect((await new Caller(stage.url, names.bob).release(released)).status).toBe(200);
  const live = await reserve(names.cleo, { [a]: 1, [b]: 1 });
  return { id, a, b, names, bought, released, live };
}

describe('reservations', () => {
  test('are-found-by-each-filter-newest-first-as-they-stand', async () => {
    const { id, a, b, names, bought, released, live } = await played();
    expect(idsIn(await find(`reservations?sale=${id}`))).toEqual([live, released, bought]);
    expect(idsIn(await find(`reservations?sku=${a}`))).toEqual([live, bought]);
    expect(idsIn(await find(`reservations?sale=${id}&sku=${b}`))).toEqual([live, released]);
    expect(idsIn(await find(`reservations?customer=${names.bob}`))).toEqual([released]);
    expect(idsIn(await find(`reservations?customer=${names.bob}&sku=${a}`))).toEqual([]);
    for (const [status, one] of [
      ['active', live],
      ['released', released],
      ['confirmed', bought],
    ])
      expect(idsIn(await find(`reservations?sale=${id}&status=${status}`))).toEqual([one as string]);
    expect(idsIn(await find(`reservations?sale=${id}&status=expired`))).toEqual([]);
    const newest = await find('reservations?limit=3');
    expect(idsIn(newest)).toEqual([live, released, bought]);
    const customers = newest.data.map((row) => row.customer_id);
    expect(customers).toEqual([null, null, names.ann]);
    expect((await find(`reservations?customer=${names.cleo}`)).data[0]?.customer_id).toBe(names.cleo);
    expect((await operator(stage.url).get('/api/v1/admin/reservations?sale=none')).body.code).toBe(
      'unknown-sale',
    );
    expect((await operator(stage.url).get('/api/v1/admin/reservations?cursor=x')).status).toBe(400);
  });

  test('come-page-by-page-without-gap-or-repeat-while-new-ones-come-in', async () => {
    const { id, sku } = await makeSale(stage.url, { a: 100 });
    const reserve = async (n: number) =>
      (await new Caller(stage.url, `c${n}-${id}`).reserve({ [sku('a')]: 1 })).body.reservation_id as string;
    const before: string[] = [];
    for (let n = 0; n < 23; n++) before.unshift(await reserve(n));
    let late = 100;
    for (const path of [`reservations?sale=${id}&limit=4`, `reservations?sku=${sku('a')}&limit=4`]) {
      const rows = await all(path, () => reserve(late++));
      const seen = rows.map((row) => row.reservation_id as string);
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.filter((one) => before.includes(one))).toEqual(before);
    }
  });

  test('have-their-whole-history-and-their-order', async () => {
    const { names, bought, live } = await played();
    const one = await find(`reservations/${bought}`);
    expect(one.reservation).toMatchObject({ status: 'confirmed', customer_id: names.ann });
    expect(one.order).toMatchObject({ reservation_id: bought, status: 'confirmed' });
    const kinds = one.history.map((entry) => `${entry.source} ${entry.kind}`);
    expect(kinds).toEqual(['store reserved', 'store confirming', 'ledger confirmed']);
    expect((await find(`reservations/${live}`)).order).toBeNull();
    for (const id of ['rsv_AAAAAQAAAAAAAAAAAAAAAA', `rsv_${'A'.repeat(22)}`, 'rsv_']) {
      const reply = await operator(stage.url).get(`/api/v1/admin/reservations/${id}`);
      expect(`${reply.status} ${reply.body.code}`).toBe('404 unknown-reservation');
    }
  });
});

test('orders-are-found-by-each-filter-newest-first', async () => {
  const { id, a, b, names, bought } = await played();
  const bob = new Caller(stage.url, names.bob);
  const later = (await bob.reserve({ [b]: 1 })).body.reservation_id as string;
  await bob.confirm(later);
  expect(idsIn(await find(`orders?sale=${id}`))).toEqual([later, bought]);
  expect(idsIn(await find(`orders?sku=${a}`))).toEqual([bought]);
  expect(idsIn(await find(`orders?customer=${names.bob}`))).toEqual([later]);
  expect((await find('orders?limit=2')).data).toMatchObject([
    { customer_id: names.bob },
    { customer_id: names.ann },
  ]);
  expect(await all(`orders?sale=${id}&limit=1`)).toHaveLength(2);
});

describe('the journal', () => {
  test('is-found-by-each-filter-and-time-and-says-who-what-and-why', async () => {
    const { id, a, names, bought, live } = await played();
    const restock = { delta: 5, reason: '=HYPERLINK("http://x"), "quoted"', reference: '+1' };
    await operator(stage.url).post(`/api/v1/admin/items/${a}/stock`, restock, crypto.randomUUID());
    const entries = await all(`audit?sale=${id}&limit=3`);
    expect(entries).toHaveLength(10);
    const times = entries.map((entry) => entry.at as string);
    expect(times).toEqual([...times].sort().reverse());
    expect(new Set(entries.map((entry) => entry.entry_id)).size).toBe(entries.length);
    expect(entries.find((entry) => entry.kind === 'stock-changed')).toMatchObject({
      items: [{ sku: a, quantity: 5 }],
      before: { total: 50 },
      after: { total: 55 },
      reason: restock.reason,
      reference: '+1',
      operator: 'operator',
    });
    const about = async (filter: string) =>
      (await all(`audit?${filter}`)).map((entry) => entry.reservation_id ?? entry.kind);
    expect(await about(`customer=${names.ann}`)).toEqual([bought, bought, bought]);
    expect(await about(`reservation=${live}`)).toEqual([live]);
    expect(await about(`reservation=${live}&customer=${names.ann}`)).toEqual([]);
    expect(await about(`sku=${a}`)).toEqual(['stock-changed', live, bought, bought, bought, 'item-added']);
    const middle = times[5] as string;
    const from = (await all(`audit?sale=${id}&from=${middle}`)).map((entry) => entry.entry_id);
    const to = (await all(`audit?sale=${id}&to=${middle}`)).map((entry) => entry.entry_id);
    expect([...from, ...to]).toEqual(entries.map((entry) => entry.entry_id));
    expect((await find('audit?limit=10')).data.map((entry) => entry.sale_id)).toEqual(entries.map(() => id));
  });

  test('as-a-file-says-the-same-and-no-cell-is-a-formula', async () => {
    const { id, a } = await played();
    for (const reason of ['=1+1', '+1', '-1', '@x', 'a, "b"'])
      await operator(stage.url).post(
        `/api/v1/admin/items/${a}/stock`,
        { delta: 1, reason },
        crypto.randomUUID(),
      );
    const entries = await all(`audit?sale=${id}`);
    const reply = await operator(stage.url).get(`/api/v1/admin/audit?sale=${id}&format=csv`);
    expect(reply.status).toBe(200);
    expect(reply.headers.get('content-type')).toStartWith('text/csv');
    expect(reply.headers.get('content-disposition')).toStartWith('attachment');
    const [head = [], ...lines] = parseCsv(reply.text);
    expect(lines.map((cells) => cells[head.indexOf('entry_id')])).toEqual(
      entries.map((entry) => entry.entry_id as string),
    );
    const reasons = lines.map((cells) => cells[head.indexOf('reason')]).filter((cell) => cell !== '');
    expect(reasons).toEqual(['a, "b"', "'@x", "'-1", "'+1", "'=1+1"]);
    for (const cells of lines) expect(cells).toHaveLength(head.length);
    for (const cell of lines.flat()) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
    const items = lines.map((cells) => cells[head.indexOf('items')]);
    expect(items).toEqual(
      entries.map((entry) =>
        ((entry.items ?? []) as { sku: string; quantity: number }[])
          .map((line) => `${line.sku}*${line.quantity}`)
          .join(','),
      ),
    );
  });
});

test('customers-are-forbidden-all-of-it-before-anything-is-looked-at', async () => {
  const { id, live } = await played();
  const routes: [string, string][] = [
    ['PATCH', `sales/${id}`],
    ['GET', 'reservations?limit=x'],
    ['GET', `reservations/${live}`],
    ['POST', `reservations/${live}/release`],
    ['GET', 'orders'],
    ['GET', 'audit?format=csv'],
  ];
  for (const [method, path] of routes) {
    const body = method === 'GET' ? {} : { body: 'no such body' };
    const reply = await ask(stage.url, `/api/v1/admin/${path}`, { method, as: 'ann', ...body });
    expect(`${method} ${path} ${reply.status} ${reply.body.code}`).toBe(`${method} ${path} 403 forbidden`);
  }
});

/** RFC 4180. */
function parseCsv(text: string): string[][] {
  const lines: string[][] = [[]];
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    lines.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === '\r\n') lines.push([]);
    if (end === '') break;
  }
  return lines.slice(0, -1);
}
