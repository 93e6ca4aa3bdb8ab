// Everything that happens to a sale is in the journal, once: each transition, each decision, each operator action with
// who did it and when. And all of it is sealed.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { LedgerUnavailable, type NewSale } from '../src/domain/ledger-facts.ts';
import type { LedgerContract } from '../src/ledger/contract.ts';
import { openRooms, openSale, type Rooms } from './harness/rooms.ts';
import { startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';
import { item } from './ledger-stage.ts';
import { type SealStage, sealChain, sealSale, sealStage } from './seal-stage.ts';

let redis: TestStore;
let stage: SealStage;
let rooms: Rooms;
/** Stands in for the next confirm of the ledger. */
let instead: LedgerContract['confirm'] | undefined;

beforeAll(async () => {
  [redis, stage] = await Promise.all([startRedis(), sealStage()]);
  rooms = await openRooms({
    redisUrl: redis.url,
    databaseUrl: stage.url,
    instead: (real) => ({
      confirm: (...args) => {
        const confirm = instead ?? real.confirm.bind(real);
        instead = undefined;
        return confirm(...args);
      },
    }),
  });
});

afterAll(async () => {
  await rooms.close();
  await stage.close();
  await redis.stop();
});

interface Row {
  readonly kind: string;
  readonly seq: number;
  readonly at: number;
  readonly operator: string | null;
}

function journalOf(sale: number, source: 'r' | 'l'): Promise<Row[]> {
  return stage.sql`
    SELECT kind, seq::integer, at_ms::float8 AS at, detail->>'operator' AS operator FROM holdfast.journal
    WHERE sale = ${sale} AND source = ${source} ORDER BY epoch, seq`;
}

async function journalAll(sale: number): Promise<void> {
  const channel = rooms.channels.of(sale);
  const waiting = await channel.store.pending(1_000);
  const last = waiting.at(-1);
  if (last === undefined) return;
  await rooms.ledger.appendTransitions(sale, channel.epoch, waiting);
  await channel.store.trim(last.seq, last.epoch);
}

test('every transition of a reservation', async () => {
  const sale = await openSale(rooms, { ANY: 9 });
  const channel = rooms.channels.of(sale);
  const [ann, bob, cid] = ['ann', 'bob', 'cid'].map((sub) => rooms.customer(sub));
  if (!ann || !bob || !cid) throw new Error('three customers');
  const confirmed = await rooms.reserveOne(ann, 'ANY', 'k');
  instead = () => Promise.reject(new LedgerUnavailable('out of reach'));
  await rooms.desk.confirm(ann, sale, confirmed, null);
  await rooms.desk.confirm(ann, sale, confirmed, null);
  await rooms.desk.release(bob, sale, await rooms.reserveOne(bob, 'ANY', 'k'));
  const short = { customer: cid, address: '', idempotencyKey: 'k', lines: [{ sku: 'ANY', quantity: 1 }] };
  await rooms.desk.reserve({ ...short, ttlSeconds: 1 });
  await until('it has expired', async () => (await channel.store.expire(10)).expired > 0);
  await journalAll(sale);
  const rows = await journalOf(sale, 'r');
  expect(rows.map(({ kind }) => kind)).toEqual([
    ...['reserved', 'confirming', 'unpinned', 'confirming'],
    ...['reserved', 'released'],
    ...['reserved', 'expired'],
  ]);
  expect(rows.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect((await journalOf(sale, 'l')).map(({ kind }) => kind)).toEqual([
    'settings-changed',
    'item-added',
    'confirmed',
  ]);
  await sealSale(rooms.ledger, sale);
  expect((await stage.findings(sale)).words).toEqual([]);
});

test('every decision and every operator action, with who and when', async () => {
  const beganAtMs = Date.now() - 1;
  const made = { ...newSale(), items: [item('DECIDED', 1)] };
  const created = await rooms.ledger.createSale(made, 'olga');
  if (created.kind !== 'created') throw new Error(created.kind);
  const sale = created.sale.number;
  await rooms.ledger.addItems(made.id, [item('ADDED', 5)], 'otto');
  const { epoch } = await rooms.ledger.beginEpoch(sale);
  const ids = rooms.customer('dora');
  const ask = (key: string, seq: number) => ({
    reservationId: stage.ids.reservationId(sale, ids.key, key),
    createdSeq: seq,
    customer: ids.key,
    sub: ids.sub,
    orderId: stage.ids.orderId(stage.ids.reservationId(sale, ids.key, key), seq, ids.key),
    lines: [{ sku: 'DECIDED', quantity: 1 }],
    paymentReference: null,
  });
  await rooms.ledger.confirm(sale, epoch, [ask('a', 1), ask('b', 2)]);
  await rooms.ledger.resolveExpired(sale, epoch, [
    {
      ...ask('c', 3),
      ...{
        state: 'confirming',
        createdAtMs: 1,
        ttlSeconds: 1,
        deadlineMs: 1_001,
        attempts: 1,
        extensions: 0,
      },
      fingerprint: '',
    },
  ]);
  await rooms.ledger.closeSale(made.id, 'olga');
  const rows = await journalOf(sale, 'l');
  expect(rows.map(({ kind, operator }) => [kind, operator])).toEqual([
    ['settings-changed', 'olga'],
    ['item-added', 'olga'],
    ['item-added', 'otto'],
    ['confirmed', null],
    ['refused', null],
    ['expired', null],
    ['closed', 'olga'],
  ]);
  expect(await stage.audit.forget('dora', 'otto')).toBe(true);
  const [forgotten] = await journalOf(0, 'l');
  expect(forgotten).toMatchObject({ kind: 'customer-forgotten', seq: 1, operator: 'otto' });
  for (const row of [...rows, forgotten]) expect(row?.at).toBeWithin(beganAtMs, Date.now() + 1);
  await sealSale(rooms.ledger, sale);
  expect(await sealChain(rooms.ledger, { saleNumber: 0, source: 'l' })).toBe(1);
  expect((await stage.findings(sale)).words).toEqual([]);
  expect((await stage.findings(0)).words).toEqual([]);
});

test('a customer is forgotten once each time they became known; many at once leave no gap', async () => {
  const subs = Array.from({ length: 8 }, (_, index) => `customer ${index}`);
  for (const sub of subs) {
    await stage.sql`INSERT INTO holdfast.customer (key, sub) VALUES (decode(md5(${sub}), 'hex'), ${sub})`;
  }
  const asked = [...subs, ...subs];
  const forgotten = await Promise.all(asked.map((sub) => stage.audit.forget(sub, 'otto')));
  expect(forgotten.filter(Boolean)).toHaveLength(subs.length);
  const seqs = (await journalOf(0, 'l')).map(({ seq }) => seq);
  expect(seqs).toEqual(seqs.map((_, index) => index + 1));
  expect(await stage.audit.forget('customer 0', 'otto')).toBe(false);
  await stage.sql`INSERT INTO holdfast.customer (key, sub) VALUES (decode(md5('customer 0'), 'hex'), 'customer 0')`;
  expect(await stage.audit.forget('customer 0', 'otto')).toBe(true);
  await sealChain(stage.ledger, { saleNumber: 0, source: 'l' });
  expect((await stage.findings(0)).words).toEqual([]);
});

function newSale(): Omit<NewSale, 'items'> {
  return {
    id: 'decided',
    name: 'Decided',
    opensAtMs: null,
    closesAtMs: null,
    reservationTtlSeconds: 300,
    extensions: { max: 1, maxLifetimeSeconds: 900 },
  };
}
