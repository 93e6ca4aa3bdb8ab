// The ledger decides: once for each reservation, never past the stock or the cap, whoever asks at the same time.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { ConfirmDecision, ConfirmRequest } from '../src/domain/ledger-facts.ts';
import { StaleEpoch } from '../src/domain/ledger-facts.ts';
import { announced } from './conformance/seed.ts';
import { Dice, item, type LedgerStage, ledgerStage, makeSale, pinned, request } from './ledger-stage.ts';

const { parameters, label } = announced(1);

/** As many as the ledger has: more would wait for one, and not for the row. */
const CONNECTIONS = 10;

let stage: LedgerStage;

beforeAll(async () => {
  stage = await ledgerStage();
});

afterAll(() => stage.close());

const kinds = (decisions: readonly ConfirmDecision[]) => decisions.map((decision) => decision.kind);

describe('a confirmation', () => {
  test('gives the order with its lines, prices and payment reference, and counts the stock as sold', async () => {
    const sale = await makeSale(stage, [item('FIRST-A', 5), { ...item('FIRST-B', 5), price: null }]);
    const asked = request(stage, sale, 'ann', 'k', [
      { sku: 'FIRST-B', quantity: 1 },
      { sku: 'FIRST-A', quantity: 2 },
    ]);
    const [decision] = await stage.ledger.confirm(sale, 0, [asked]);
    if (decision?.kind !== 'confirmed') throw new Error(`it was ${decision?.kind}`);
    expect(decision.order).toMatchObject({
      orderId: asked.orderId,
      reservationId: asked.reservationId,
      saleNumber: sale,
      customer: asked.customer,
      paymentReference: 'pay-ann-k',
      lines: [
        { sku: 'FIRST-A', quantity: 2, price: { amountMinor: 2999, currency: 'USD' } },
        { sku: 'FIRST-B', quantity: 1, price: null },
      ],
    });
    expect(Math.abs(decision.order.confirmedAtMs - Date.now())).toBeLessThan(60_000);
    expect(await stage.ledger.order(asked.orderId)).toEqual(decision.order);
    expect(await stage.ledger.orderOfReservation(asked.reservationId, null)).toEqual(decision.order);
    expect((await stage.ledger.itemsOfSale(sale)).map(({ sold }) => sold)).toEqual([2, 1]);
    expect(await stage.ledger.verifySale(sale)).toEqual([]);
  });

  test('asked for again gives the stored decision, payment reference included, and sells nothing more', async () => {
    const sale = await makeSale(stage, [item('AGAIN', 1)]);
    const asked = request(stage, sale, 'ann', 'k', [{ sku: 'AGAIN', quantity: 1 }]);
    const late = request(stage, sale, 'bob', 'k', [{ sku: 'AGAIN', quantity: 1 }]);
    const first = await stage.ledger.confirm(sale, 0, [asked, late]);
    expect(kinds(first)).toEqual(['confirmed', 'refused']);
    const again = await stage.ledger.confirm(sale, 0, [{ ...asked, paymentReference: 'another' }, late]);
    expect(again).toEqual(first);
    expect(await stage.ledger.entriesAfter(sale, 2, 100)).toHaveLength(2);
  });

  test('twice in one batch is one order and one entry', async () => {
    const sale = await makeSale(stage, [item('TWICE', 10)]);
    const asked = request(stage, sale, 'ann', 'k', [{ sku: 'TWICE', quantity: 1 }]);
    const [one, two] = await stage.ledger.confirm(sale, 0, [asked, { ...asked, paymentReference: 'other' }]);
    expect(one).toEqual(two as ConfirmDecision);
    expect(one?.kind).toBe('confirmed');
    expect((await stage.ledger.itemsOfSale(sale))[0]?.sold).toBe(1);
  });

  test('of two lives of one reservation id gives two orders', async () => {
    const sale = await makeSale(stage, [item('LIVES', 10)]);
    const lines = [{ sku: 'LIVES', quantity: 1 }];
    const decisions = await stage.ledger.confirm(sale, 0, [
      request(stage, sale, 'ann', 'k', lines, 1),
      request(stage, sale, 'ann', 'k', lines, 9),
    ]);
    expect(kinds(decisions)).toEqual(['confirmed', 'confirmed']);
    const [first, second] = decisions.flatMap((one) => (one.kind === 'confirmed' ? [one.order] : []));
    const { reservationId } = request(stage, sale, 'ann', 'k', lines);
    expect(await stage.ledger.orderOfReservation(reservationId, 1)).toEqual(first ?? null);
    expect(await stage.ledger.orderOfReservation(reservationId, null)).toEqual(second ?? null);
    expect(await stage.ledger.orderOfReservation(reservationId, 5)).toBeNull();
  });

  test('is all of its lines or none, decided in the order of arrival', async () => {
    const sale = await makeSale(stage, [item('CART-A', 2), item('CART-B', 1)]);
    const both = [
      { sku: 'CART-A', quantity: 1 },
      { sku: 'CART-B', quantity: 1 },
    ];
    const decisions = await stage.ledger.confirm(sale, 0, [
      request(stage, sale, 'ann', 'k', both),
      request(stage, sale, 'bob', 'k', both),
      request(stage, sale, 'cid', 'k', [{ sku: 'CART-A', quantity: 1 }]),
    ]);
    expect(kinds(decisions)).toEqual(['confirmed', 'refused', 'confirmed']);
    expect(await stage.ledger.verifySale(sale)).toEqual([]);
  });

  test('that names a SKU twice counts both lines', async () => {
    const sale = await makeSale(stage, [item('MERGED', 3)]);
    const twice = [
      { sku: 'MERGED', quantity: 2 },
      { sku: 'MERGED', quantity: 2 },
    ];
    expect(kinds(await stage.ledger.confirm(sale, 0, [request(stage, sale, 'ann', 'k', twice)]))).toEqual([
      'refused',
    ]);
  });

  test('of an item that the sale does not have, or of nothing, is refused', async () => {
    const sale = await makeSale(stage, [item('KNOWN', 3)]);
    const decisions = await stage.ledger.confirm(sale, 0, [
      request(stage, sale, 'ann', 'k', [{ sku: 'UNKNOWN', quantity: 1 }]),
      request(stage, sale, 'ann', 'none', []),
      request(stage, sale, 'ann', 'k2', [{ sku: 'KNOWN', quantity: 1 }]),
    ]);
    expect(kinds(decisions)).toEqual(['refused', 'refused', 'confirmed']);
  });

  test('past the cap is refused, within a batch and over batches', async () => {
    const sale = await makeSale(stage, [item('CAPPED', 100, 3)]);
    const buy = (key: string, quantity: number) =>
      request(stage, sale, 'ann', key, [{ sku: 'CAPPED', quantity }]);
    expect(kinds(await stage.ledger.confirm(sale, 0, [buy('1', 2), buy('2', 2), buy('3', 1)]))).toEqual([
      'confirmed',
      'refused',
      'confirmed',
    ]);
    expect(kinds(await stage.ledger.confirm(sale, 0, [buy('4', 1)]))).toEqual(['refused']);
    const other = request(stage, sale, 'bob', 'k', [{ sku: 'CAPPED', quantity: 3 }]);
    expect(kinds(await stage.ledger.confirm(sale, 0, [other]))).toEqual(['confirmed']);
    expect(await stage.ledger.verifySale(sale)).toEqual([]);
  });

  test('under an epoch that is not the sale’s is refused, and writes nothing', async () => {
    const sale = await makeSale(stage, [item('STALE', 5)]);
    const asked = request(stage, sale, 'ann', 'k', [{ sku: 'STALE', quantity: 1 }]);
    const { epoch } = await stage.ledger.beginEpoch(sale);
    await expect(stage.ledger.confirm(sale, 0, [asked])).rejects.toThrow(StaleEpoch);
    await expect(stage.ledger.confirm(sale, epoch + 1, [asked])).rejects.toThrow(StaleEpoch);
    await expect(stage.ledger.resolveExpired(sale, 0, [pinned(asked)])).rejects.toThrow(StaleEpoch);
    expect(await stage.ledger.orderOfReservation(asked.reservationId, null)).toBeNull();
    expect(kinds(await stage.ledger.confirm(sale, epoch, [asked]))).toEqual(['confirmed']);
  });
});

describe('under concurrency', () => {
  test(`never-oversells, keeps caps, numbers entries without a gap, never deadlocks ${label}`, async () => {
    const dice = new Dice(parameters.seed);
    const skus = ['RUSH-A', 'RUSH-B', 'RUSH-C', 'RUSH-D'];
    const sale = await makeSale(stage, [
      item('RUSH-A', 40),
      item('RUSH-B', 25, 2),
      item('RUSH-C', 60, 4),
      item('RUSH-D', 10),
    ]);
    const carts: ConfirmRequest[] = Array.from({ length: 400 }, (_, index) => {
      const lines = dice
        .shuffled(skus)
        .slice(0, 1 + dice.roll(3))
        .map((sku) => ({ sku, quantity: 1 + dice.roll(2) }));
      return request(stage, sale, `c${dice.roll(120)}`, `k${index}`, lines, index + 1);
    });
    // Every cart is asked for twice, in batches of any size, at the same time.
    const asked = dice.shuffled([...carts, ...carts]);
    const batches: ConfirmRequest[][] = [];
    while (asked.length > 0) batches.push(asked.splice(0, 1 + dice.roll(24)));
    const decided: ConfirmDecision[][] = [];
    let next = 0;
    const decideSome = async () => {
      while (next < batches.length) {
        const index = next++;
        decided[index] = await stage.ledger.confirm(sale, 0, batches[index] ?? []);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, decideSome));

    const byReservation = new Map<string, Set<string>>();
    for (const [index, batch] of batches.entries()) {
      for (const [position, { reservationId }] of batch.entries()) {
        const decision = decided[index]?.[position];
        const seen = byReservation.get(reservationId) ?? new Set();
        byReservation.set(reservationId, seen.add(`${decision?.kind} ${decision?.seq}`));
      }
    }
    expect(byReservation.size).toBe(400);
    for (const answers of byReservation.values()) expect(answers.size).toBe(1);
    expect(await stage.ledger.verifySale(sale)).toEqual([]);
    const entries = await stage.ledger.entriesAfter(sale, 0, 1_000);
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
    expect(entries).toHaveLength(1 + skus.length + 400);
    // It was a rush: what could be sold to these caps was sold, and somebody was refused.
    expect(
      (await stage.ledger.itemsOfSale(sale)).find(({ sku }) => sku === 'RUSH-D')?.sold,
    ).toBeGreaterThanOrEqual(9);
    expect(entries.some(({ kind }) => kind === 'refused')).toBe(true);
  });

  test(`confirm-races-expiry: of 1,000 races each has one winner, and both sides know it ${label}`, async () => {
    const dice = new Dice(parameters.seed);
    const sale = await makeSale(stage, [item('RACE', 1_000)]);
    const asked = Array.from({ length: 1_000 }, (_, index) =>
      request(stage, sale, `c${index}`, 'k', [{ sku: 'RACE', quantity: 1 }], index + 1),
    );
    const confirmed = new Map<string, string>();
    const resolved = new Map<string, string>();
    const races: (() => Promise<void>)[] = [];
    for (let from = 0; from < asked.length; from += 10) {
      const batch = asked.slice(from, from + 10);
      races.push(async () => {
        const answers = await stage.ledger.confirm(sale, 0, batch);
        for (const [at, answer] of answers.entries())
          confirmed.set(batch[at]?.reservationId ?? '', answer.kind);
      });
      races.push(async () => {
        const answers = await stage.ledger.resolveExpired(sale, 0, dice.shuffled(batch).map(pinned));
        expect(answers).toHaveLength(batch.length);
        const again = await stage.ledger.resolveExpired(sale, 0, batch.map(pinned));
        for (const [at, answer] of again.entries()) resolved.set(batch[at]?.reservationId ?? '', answer);
      });
    }
    const order = dice.shuffled(races);
    while (order.length > 0) await Promise.all(order.splice(0, 16).map((race) => race()));

    expect(confirmed.size).toBe(1_000);
    expect(resolved).toEqual(confirmed);
    const winners = [...confirmed.values()].filter((kind) => kind === 'confirmed').length;
    expect(winners).toBeGreaterThan(0);
    expect(winners).toBeLessThan(1_000);
    expect((await stage.ledger.itemsOfSale(sale))[0]?.sold).toBe(winners);
    expect(await stage.ledger.verifySale(sale)).toEqual([]);
  });

  test('sales decide beside each other, also for the same customers', async () => {
    const sales = await Promise.all([
      makeSale(stage, [item('SIDE-A', 500)]),
      makeSale(stage, [item('SIDE-B', 500)]),
    ]);
    const batches = sales.flatMap((sale, side) =>
      Array.from({ length: 10 }, (_, batch) => ({
        sale,
        requests: Array.from({ length: 40 }, (_, index) =>
          request(stage, sale, `shared-${(index * 7 + batch) % 50}`, `k${batch}-${index}`, [
            { sku: side === 0 ? 'SIDE-A' : 'SIDE-B', quantity: 1 },
          ]),
        ),
      })),
    );
    const decided = await Promise.all(
      batches.map(({ sale, requests }) => stage.ledger.confirm(sale, 0, requests)),
    );
    expect(decided.flat().every(({ kind }) => kind === 'confirmed')).toBe(true);
    for (const sale of sales) expect(await stage.ledger.verifySale(sale)).toEqual([]);
  });
});

test('the database itself refuses to sell past the total, whatever a statement says', async () => {
  const sale = await makeSale(stage, [item('CHECKED', 1)]);
  const oversell = stage.sql`UPDATE holdfast.item SET sold = 2 WHERE sale = ${sale}`;
  await expect(oversell.execute()).rejects.toThrow('never_oversold');
});
