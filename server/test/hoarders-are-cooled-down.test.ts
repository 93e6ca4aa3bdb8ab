// Whoever keeps units from others and lets them expire, over and over, waits before the next: two services on one Redis.
import { describe, expect, test } from 'bun:test';
import { saleNumberOf } from '../src/domain/ids.ts';
import { saleKey } from '../src/stock/keys.ts';
import { ask, attempt } from './harness/ask.ts';
import { tell } from './harness/embedded.ts';
import { alike, sharedFleet } from './harness/fleet.ts';
import { storeClockMs } from './harness/rate-minutes.ts';
import { type Reply, token } from './harness/service.ts';
import { until } from './harness/until.ts';

const MINUTE_MS = 60_000;
const TTL_SECONDS = 1;
const OPERATOR = token('operator', 'holdfast:operator');

const fleet = sharedFleet(alike(2, {}));
/** Reservations go through one service and then the other. */
let turn = 0;
const nextUrl = () => fleet.url(turn++);

async function newSale(cooldown?: { expirations: number; minutes: number }) {
  const sku = `hoard-${crypto.randomUUID()}`;
  const made = await operate('POST', '/api/v1/admin/sales', {
    id: sku,
    name: 'A sale',
    reservation_ttl_seconds: TTL_SECONDS,
    ...(cooldown && { cooldown }),
    items: [{ sku, stock: 100 }],
  });
  expect(made.status, made.text).toBe(201);
  expect(made.body as unknown).toMatchObject({ cooldown: cooldown ?? null });
  return sku;
}

function operate(method: string, path: string, body: object): Promise<Reply> {
  return ask(fleet.url(0), path, { method, body, bearer: OPERATOR });
}

/** Waits until the store's clock has passed the deadline. Returns it. */
async function passed({ body }: Reply): Promise<number> {
  const deadlineMs = Date.parse(body.expires_at);
  await until('the deadline has passed', async () => (await storeClockMs(fleet.redis.url)) >= deadlineMs);
  return deadlineMs;
}

/** Reserves, and waits until it has expired; its answer, and when that was. */
async function letExpire(sku: string, as: string, key: string = crypto.randomUUID()) {
  const reply = await attempt(nextUrl(), sku, { as, key });
  expect(reply.status, reply.text).toBe(201);
  return { reply, deadlineMs: await passed(reply) };
}

/** Retry-After is the very second, rounded up, until `endsMs`; the rule is named where a rate window would be. */
function expectCooled(reply: Reply, endsMs: number, sentMs: number, answeredMs: number): void {
  expect(reply.status, reply.text).toBe(429);
  expect(reply.body.code).toBe('cooling-down');
  expect(reply.headers.get('content-type')).toContain('application/problem+json');
  const seconds = Number(reply.headers.get('retry-after'));
  expect(reply.headers.get('ratelimit')).toBe(`"cooldown";r=0;t=${seconds}`);
  expect(reply.headers.get('ratelimit-policy')).toMatch(/^"cooldown";q=\d+;w=\d+$/);
  const waitSeconds = (atMs: number) => Math.max(1, Math.ceil((endsMs - atMs) / 1000));
  expect(seconds).toBeLessThanOrEqual(waitSeconds(sentMs));
  expect(seconds).toBeGreaterThanOrEqual(waitSeconds(answeredMs));
}

async function expectRefused(sku: string, as: string, endsMs: number): Promise<void> {
  for (const _ of fleet.services) {
    const sentMs = await storeClockMs(fleet.redis.url);
    const reply = await attempt(nextUrl(), sku, { as });
    expectCooled(reply, endsMs, sentMs, await storeClockMs(fleet.redis.url));
  }
}

describe('a customer who lets reservations expire over and over', () => {
  test('is-cooled-down-after-so-many-by-every-process-and-nobody-else-and-nowhere-else-is', async () => {
    const rule = { expirations: 2, minutes: 10 };
    const [sku, other] = [await newSale(rule), await newSale(rule)];
    const first = await letExpire(sku, 'hoarder');
    const second = await letExpire(sku, 'hoarder');
    expect(second.deadlineMs).toBeGreaterThan(first.deadlineMs);
    await expectRefused(sku, 'hoarder', first.deadlineMs + 10 * MINUTE_MS);
    expect((await attempt(nextUrl(), sku, { as: 'patient' })).status).toBe(201);
    expect((await attempt(nextUrl(), other, { as: 'hoarder' })).status).toBe(201);
    const item = await ask(fleet.url(0), `/api/v1/inventory/${sku}`);
    expect(item.body).toMatchObject({ available: 99, reserved: 1 });
  });

  test('may-again-at-the-very-second-and-not-a-moment-sooner', async () => {
    const sku = await newSale({ expirations: 1, minutes: 1 });
    const { reply, deadlineMs } = await letExpire(sku, 'waiting');
    await expectRefused(sku, 'waiting', deadlineMs + MINUTE_MS);
    // Moved back by hand, so that the wait is seconds.
    const customers = saleKey(saleNumberOf(reply.body.reservation_id), 'cust');
    const kept = (await tell(fleet.redis.url, 'HGETALL', customers)) as Record<string, string>;
    const customer = Object.keys(kept).find((name) => kept[name] === String(deadlineMs)) ?? '';
    expect(customer, 'the deadline is kept beside the units').not.toBe('');
    const nowMs = await storeClockMs(fleet.redis.url);
    const endsMs = nowMs + 2_500;
    await tell(fleet.redis.url, 'HSET', customers, customer, String(endsMs - MINUTE_MS));
    const allowed = await until('the next attempt passes', async () => {
      const sentMs = await storeClockMs(fleet.redis.url);
      const again = await attempt(nextUrl(), sku, { as: 'waiting' });
      if (again.status === 201) return again;
      expectCooled(again, endsMs, sentMs, await storeClockMs(fleet.redis.url));
      expect(sentMs).toBeLessThan(endsMs);
      return undefined;
    });
    expect(Date.parse(allowed.body.created_at)).toBeGreaterThanOrEqual(endsMs);
  });

  test('is-told-so-before-a-replay-and-afterwards-gets-the-answer-first-given', async () => {
    const sku = await newSale({ expirations: 1, minutes: 60 });
    const { reply, deadlineMs } = await letExpire(sku, 'retrying', 'one-key');
    const again = () => attempt(nextUrl(), sku, { as: 'retrying', key: 'one-key' });
    expect((await again()).body.code).toBe('cooling-down');
    await expectRefused(sku, 'retrying', deadlineMs + 60 * MINUTE_MS);
    const changed = await operate('PATCH', `/api/v1/admin/sales/${sku}`, { cooldown: null });
    expect(changed.body as unknown).toMatchObject({ cooldown: null });
    const audit = await ask(fleet.url(0), `/api/v1/admin/audit?sale=${sku}`, { bearer: OPERATOR });
    expect(audit.body.data.find(({ kind }) => kind === 'settings-changed') as unknown).toMatchObject({
      before: { cooldown_expirations: 1, cooldown_minutes: 60 },
      after: { cooldown: null },
    });
    const replayed = await again();
    expect([replayed.status, replayed.text]).toEqual([201, reply.text]);
    expect(replayed.headers.get('idempotency-replayed')).toBe('true');
  });

  test('is-still-cooled-down-when-redis-has-lost-everything', async () => {
    const sku = await newSale({ expirations: 1, minutes: 60 });
    const { reply, deadlineMs } = await letExpire(sku, 'forgotten');
    await expectRefused(sku, 'forgotten', deadlineMs + 60 * MINUTE_MS);
    await until('the journal has the expiry', async () => {
      const path = `/api/v1/admin/audit?reservation=${reply.body.reservation_id}`;
      const { body } = await ask(fleet.url(0), path, { bearer: OPERATOR });
      return body.data.some(({ kind }) => kind === 'expired');
    });
    await tell(fleet.redis.url, 'FLUSHALL');
    await until(
      'the sale is open again',
      async () => (await attempt(nextUrl(), sku, { as: 'other' })).status === 201,
    );
    await expectRefused(sku, 'forgotten', deadlineMs + 60 * MINUTE_MS);
  });
});

describe('nobody is cooled down', () => {
  test('for-what-was-released-bought-or-released-by-an-operator', async () => {
    const sku = await newSale({ expirations: 1, minutes: 60 });
    const as = 'honest';
    const reserved = async () => (await attempt(nextUrl(), sku, { as })).body.reservation_id;
    const released = await ask(fleet.url(0), `/api/v1/reservations/${await reserved()}`, {
      method: 'DELETE',
      as,
    });
    expect(released.status).toBe(200);
    const bought = await ask(fleet.url(0), '/api/v1/checkout/confirm', {
      as,
      body: { reservation_id: await reserved() },
    });
    expect(bought.status).toBe(200);
    const path = `/api/v1/admin/reservations/${await reserved()}/release`;
    expect((await operate('POST', path, { reason: 'asked for it' })).status).toBe(200);
    const last = await attempt(nextUrl(), sku, { as });
    expect(last.status, last.text).toBe(201);
    // Confirmed too late it has expired, and counts.
    const deadlineMs = await passed(last);
    const late = await ask(fleet.url(0), '/api/v1/checkout/confirm', {
      as,
      body: { reservation_id: last.body.reservation_id },
    });
    expect(late.body.code).toBe('reservation-expired');
    await expectRefused(sku, as, deadlineMs + 60 * MINUTE_MS);
  });

  test('in-a-sale-that-says-nothing-of-it', async () => {
    const sku = await newSale();
    for (let n = 0; n < 4; n++) await letExpire(sku, 'free');
    expect((await attempt(nextUrl(), sku, { as: 'free' })).status).toBe(201);
  });

  test('by-a-rule-that-is-none', async () => {
    const items = [{ sku: 'NEVER-MADE', stock: 1 }];
    const wrong = [
      {},
      { expirations: 3 },
      { minutes: 3 },
      { expirations: 0, minutes: 1 },
      { expirations: 101, minutes: 1 },
      { expirations: 1, minutes: 0 },
      { expirations: 1, minutes: 1_441 },
      { expirations: 1.5, minutes: 1 },
      { expirations: '1', minutes: 1 },
      { expirations: 1, minutes: 1, seconds: 1 },
      null,
      5,
    ];
    for (const cooldown of wrong) {
      const body = { id: 'never-made', name: 'Never made', items, cooldown };
      const refused = await operate('POST', '/api/v1/admin/sales', body);
      expect([refused.status, refused.body.code], JSON.stringify(cooldown)).toEqual([400, 'invalid-request']);
    }
  });
});
