// Who watches hears of an item at once and of every change, whichever process made it; a customer hears of the own
// reservations on any process, and nobody of a stranger's.
import { describe, expect, test } from 'bun:test';
import { alike, sharedFleet } from './harness/fleet.ts';
import { Caller, makeSale, token } from './harness/service.ts';
import { until } from './harness/until.ts';
import { stream, watch } from './harness/watch.ts';

const fleet = sharedFleet(alike(2, {}));

const auth = (sub: string) => JSON.stringify({ type: 'auth', token: token(sub) });

describe('an item', () => {
  test('is sent at once and after a change that another process made, the last one included', async () => {
    const { sku } = await makeSale(fleet.url(0), { a: 50 });
    const { heard } = watch(fleet.url(1), sku('a'));
    await until('the snapshot', () => heard[0]?.item?.available === 50);
    for (let i = 0; i < 30; i++) await new Caller(fleet.url(0), `shopper-${i}`).reserve({ [sku('a')]: 1 });
    await until('the last change', () => heard.at(-1)?.item?.available === 20);
    const moments = heard.flatMap(({ item }) => item?.as_of ?? []);
    expect(moments).toEqual([...moments].sort());
  });

  test('is sent by Server-Sent Events too', async () => {
    const { sku } = await makeSale(fleet.url(0), { a: 5 });
    const { response, text } = await stream(fleet.url(1), sku('a'));
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    await until('the snapshot', () => /event: item\ndata: \{.*"available":5,/.test(text()));
    await new Caller(fleet.url(0), 'alice').reserve({ [sku('a')]: 2 });
    await until('the change', () => /"available":3,.*\n\n/.test(text()));
  });
});

describe("a customer's own", () => {
  test('reservation, its order and its end are told on another process, and to nobody else', async () => {
    const { sku } = await makeSale(fleet.url(0), { a: 50 });
    const alice = watch(fleet.url(1), sku('a'), { say: auth('alice') });
    const bob = watch(fleet.url(1), sku('a'), { say: auth('bob') });
    await until('ready', () => [alice, bob].every(({ heard }) => heard.some(({ type }) => type === 'ready')));
    const caller = new Caller(fleet.url(0), 'alice');
    const told = (id: string, status: string) => () =>
      alice.heard.some(({ reservation: r }) => r?.reservation_id === id && r.status === status);
    const bought = (await caller.reserve({ [sku('a')]: 1 })).body.reservation_id;
    await until('active', told(bought, 'active'));
    await caller.confirm(bought);
    await until('confirmed', told(bought, 'confirmed'));
    await until('the order', () => alice.heard.some(({ order }) => order?.reservation_id === bought));
    const short = (await caller.reserve({ [sku('a')]: 1 }, crypto.randomUUID(), 10)).body.reservation_id;
    await until('expired', told(short, 'expired'), 20_000);
    expect(bob.heard.filter(({ reservation, order }) => reservation ?? order)).toEqual([]);
  }, 40_000);
});

describe('a socket is closed', () => {
  test('with 4400 for an unknown SKU, 51 of them, another message and a second one; with 4401 for a bad token', async () => {
    const { sku } = await makeSale(fleet.url(0), { a: 5 });
    const many = Array.from({ length: 1_000 }, (_, i) => `A-${i}`).join(',');
    expect(await watch(fleet.url(0), 'NOT-THERE').closed).toBe(4400);
    expect(await watch(fleet.url(0), many).closed).toBe(4400);
    expect(await watch(fleet.url(0), sku('a'), { say: '{"type":"subscribe"}' }).closed).toBe(4400);
    expect(await watch(fleet.url(0), sku('a'), { say: '{"type":"auth","token":"x"}' }).closed).toBe(4401);
    expect(await watch(fleet.url(0), sku('a'), { say: 'x'.repeat(5_000) }).closed).toBe(1009);
  });
});
