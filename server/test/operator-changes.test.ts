// What an operator changes of a sale, or releases for a customer, holds in every process, is on record with who and why, and
// survives what Redis forgets.
import { describe, expect, test } from 'bun:test';
import { connectRedis, untilConnected } from '../src/stock/connect.ts';
import { ask } from './harness/ask.ts';
import { alike, sharedFleet } from './harness/fleet.ts';
import { Caller, makeSale, operator, token } from './harness/service.ts';
import { until } from './harness/until.ts';

const fleet = sharedFleet(alike(2, {}));
const patch = (id: string, body: object) =>
  ask(fleet.url(0), `/api/v1/admin/sales/${id}`, { method: 'PATCH', bearer: operatorToken(), body });
const operatorToken = () => token('operator', 'holdfast:operator');
const auditOf = async (query: string) =>
  (await operator(fleet.url(1)).get(`/api/v1/admin/audit?${query}`)).body.data as readonly object[];

describe('a changed sale', () => {
  test('opens-and-closes-by-its-new-times-at-once-in-every-process', async () => {
    const { id, sku } = await makeSale(fleet.url(0), { a: 10 });
    const reserve = (n: number) => new Caller(fleet.url(n), `ann-${n}-${id}`).reserve({ [sku('a')]: 1 });
    expect((await reserve(1)).status).toBe(201);
    const opensAt = new Date(Date.now() + 3_600_000).toISOString();
    const later = await patch(id, { opens_at: opensAt, name: 'Later' });
    expect(later.status).toBe(200);
    expect(later.body).toMatchObject({ opens_at: opensAt, name: 'Later', status: 'not_open' });
    expect((await reserve(1)).body.code).toBe('sale-not-open');
    expect(
      (await patch(id, { opens_at: null, closes_at: new Date(Date.now() - 1000).toISOString() })).status,
    ).toBe(200);
    expect((await reserve(1)).body.code).toBe('sale-closed');
    expect((await patch(id, { closes_at: null })).body).toMatchObject({
      opens_at: null,
      closes_at: null,
      status: 'open',
    });
    expect((await reserve(1)).status).toBe(201);
    expect(await auditOf(`sale=${id}&limit=20`)).toContainEqual(
      expect.objectContaining({
        kind: 'settings-changed',
        operator: 'operator',
        before: { name: expect.any(String), opens_at: null },
        after: { name: 'Later', opens_at: opensAt },
      }),
    );
  });

  test('grants-its-new-time-and-extensions-in-every-process-and-old-requests-mean-what-they-meant', async () => {
    const { id, sku } = await makeSale(fleet.url(0), { a: 100_000 });
    const ann = new Caller(fleet.url(1), `ann-${id}`);
    const first = await ann.reserve({ [sku('a')]: 1 }, 'first');
    expect(first.body.ttl_seconds).toBe(300);
    expect((await patch(id, { reservation_ttl_seconds: 60, max_extensions: 0 })).status).toBe(200);
    let n = 0;
    await until('the other process grants the new time', async () => {
      const granted = await new Caller(fleet.url(1), `c${n++}-${id}`).reserve({ [sku('a')]: 1 });
      return granted.body.ttl_seconds === 60;
    });
    for (const at of [0, 1]) {
      const again = await new Caller(fleet.url(at), `ann-${id}`).reserve({ [sku('a')]: 1 }, 'first');
      expect(again.text).toBe(first.text);
      expect(again.headers.get('idempotency-replayed')).toBe('true');
    }
    const extended = await ann.post(`/api/v1/reservations/${first.body.reservation_id}/extend`, {
      seconds: 5,
    });
    expect(extended.body.code).toBe('extension-limit');
    expect((await ann.reserve({ [sku('a')]: 2 }, 'first')).body.code).toBe('idempotency-key-reused');
  });

  test('is-the-same-after-a-rebuild', async () => {
    const { id, sku } = await makeSale(fleet.url(0), { a: 5 });
    const opensAt = new Date(Date.now() + 3_600_000).toISOString();
    await patch(id, { opens_at: opensAt, reservation_ttl_seconds: 42 });
    const redis = connectRedis(fleet.redis.url, () => undefined);
    await untilConnected(redis, 10_000);
    await redis.flushall();
    redis.disconnect();
    const ann = new Caller(fleet.url(1), `ann-${id}`);
    await until('the sale is rebuilt', async () => (await ann.reserve({ [sku('a')]: 1 })).status !== 503);
    expect((await ann.reserve({ [sku('a')]: 1 })).body.code).toBe('sale-not-open');
    await patch(id, { opens_at: null });
    expect((await ann.reserve({ [sku('a')]: 1 })).body.ttl_seconds).toBe(42);
  });

  test('is-refused-where-it-does-not-fit-what-is-stored-and-once-it-is-closed', async () => {
    const { id } = await makeSale(fleet.url(0), { a: 5 });
    const closes = { closes_at: '2030-01-01T00:00:00.000Z' };
    expect((await patch(id, closes)).status).toBe(200);
    const refused = async (body: object) => {
      const { status, body: problem } = await patch(id, body);
      return `${status} ${problem.errors?.[0]?.path ?? problem.code}`;
    };
    expect(await refused({ opens_at: closes.closes_at })).toBe('400 /opens_at');
    expect(await refused({ reservation_ttl_seconds: 901 })).toBe('400 /reservation_ttl_seconds');
    expect(await refused({ max_lifetime_seconds: 1 })).toBe('400 /max_lifetime_seconds');
    expect(await refused({})).toBe('400 ');
    const entries = (await auditOf(`sale=${id}`)).length;
    expect((await patch(id, closes)).status).toBe(200);
    expect(await auditOf(`sale=${id}`)).toHaveLength(entries);
    await operator(fleet.url(0)).post(`/api/v1/admin/sales/${id}/close`, {});
    expect(await refused({ name: 'x' })).toBe('403 sale-closed');
    expect((await patch('no-such-sale', { name: 'x' })).body.code).toBe('unknown-sale');
  });
});

describe('a release for a customer', () => {
  const release = (id: string, reason = 'called us') =>
    operator(fleet.url(0)).post(`/api/v1/admin/reservations/${id}/release`, { reason });

  test('frees-the-stock-is-on-record-with-who-and-why-and-repeats', async () => {
    const { id: sale, sku } = await makeSale(fleet.url(0), { a: 1 });
    const ann = new Caller(fleet.url(1), `ann-${sale}`);
    const { reservation_id: id } = (await ann.reserve({ [sku('a')]: 1 })).body;
    const released = await release(id);
    expect(released.status).toBe(200);
    expect(released.body).toMatchObject({ reservation_id: id, status: 'released', customer_id: null });
    expect((await new Caller(fleet.url(1), `bob-${sale}`).reserve({ [sku('a')]: 1 })).status).toBe(201);
    const again = await release(id, 'another reason');
    expect(`${again.status} ${again.text}`).toBe(`200 ${released.text}`);
    const historyOf = async () =>
      (await operator(fleet.url(0)).get(`/api/v1/admin/reservations/${id}`)).body.history ?? [];
    await until('the journal has it', async () => (await historyOf()).length >= 3);
    const history = await historyOf();
    expect(history.map((entry) => entry.kind)).toEqual(['reserved', 'operator-release', 'released']);
    expect(history[1]).toMatchObject({ operator: 'operator', reason: 'called us', reservation_id: id });
    const report = await operator(fleet.url(0)).post('/api/v1/admin/reconcile', { sale_id: sale });
    expect(report.body.sales.flatMap((one) => one.differences)).toEqual([]);
  });

  test('loses-against-a-confirmation-and-an-expiry-and-knows-no-strangers-id', async () => {
    const { id: sale, sku } = await makeSale(fleet.url(0), { a: 5 });
    const ann = new Caller(fleet.url(1), `ann-${sale}`);
    const { reservation_id: id } = (await ann.reserve({ [sku('a')]: 1 })).body;
    await ann.confirm(id);
    expect((await release(id)).body.code).toBe('already-confirmed');
    expect(await auditOf(`reservation=${id}`)).not.toContainEqual(
      expect.objectContaining({ kind: 'operator-release' }),
    );
    expect((await release(`rsv_${'A'.repeat(22)}`)).body.code).toBe('unknown-reservation');
    const raced = (await ann.reserve({ [sku('a')]: 1 })).body.reservation_id;
    const [confirmed, released] = await Promise.all([ann.confirm(raced), release(raced)]);
    expect([confirmed.status === 200, released.status === 200].filter(Boolean)).toHaveLength(1);
    await patch(sale, { reservation_ttl_seconds: 1 });
    const brief = (await new Caller(fleet.url(0), `bob-${sale}`).reserve({ [sku('a')]: 1 })).body;
    expect(brief.ttl_seconds).toBe(1);
    await until('it has expired', () => Date.now() > Date.parse(brief.expires_at) + 100);
    expect((await release(brief.reservation_id)).body.code).toBe('reservation-expired');
  });
});
