// The race lab: a race on the running service keeps every promise and is told as it happens; and the judge sees each promise
// that is broken, in a history that was forged.
import { describe, expect, test } from 'bun:test';
import { HoldfastClient, HoldfastError } from '@holdfast/client';
import { RaceLine, type RaceVerdict } from '@holdfast/contract/race';
import { makePlans } from '../src/http/race/plans.ts';
import type { Deed } from '../src/http/race/shopper.ts';
import { type Evidence, judge } from '../src/http/race/verdict.ts';
import { Caller, operator, token } from './harness/service.ts';
import { sharedService } from './harness/shared-service.ts';
import { until } from './harness/until.ts';

describe('a race', () => {
  const stage = sharedService();
  const client = () =>
    new HoldfastClient({ baseUrl: stage.url, token: token('operator', 'holdfast:operator') });
  const raceSales = async () =>
    (await Array.fromAsync(client().sales())).filter(({ id }) => id.startsWith('race-'));

  test('for the last units is told line by line, and every promise is kept', async () => {
    const lines: RaceLine[] = [];
    const body = { shoppers: 60, units: 7, max_per_customer: 1, seed: 42 };
    for await (const line of client().insight.race(body)) lines.push(RaceLine.parse(line));
    expect(lines[0]).toMatchObject({ type: 'started', shoppers: 60, units: 7, seed: 42 });
    const verdict = lines.at(-1) as RaceVerdict;
    expect(verdict).toMatchObject({ type: 'verdict', oversold: 0, duplicates: 0 });
    expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(verdict.ok).toBe(true);
    expect(verdict.ledger).toMatchObject({ total: 7, reserved: 0, orders: verdict.winners });
    expect(verdict.ledger.available + verdict.ledger.sold).toBe(7);
    const events = lines.flatMap((line) => (line.type === 'events' ? line.events : []));
    expect(new Set(events.map(([shopper]) => shopper)).size).toBe(60);
    expect(events.some(([, , , , outcome]) => outcome === 'limit-exceeded')).toBe(true);
    expect(lines.some(({ type }) => type === 'stock')).toBe(true);
    await until('its sale is closed', async () =>
      (await raceSales()).every(({ status }) => status === 'closed'),
    );
  }, 60_000);

  test('is one at a time, is called off by hanging up, and its sale is closed all the same', async () => {
    const over = new AbortController();
    // The one before has closed its sale, and may not have ended yet.
    const race = await until('a race is started', async () => {
      const lines = client().insight.race({ shoppers: 20, units: 3 }, { signal: over.signal });
      const first = await lines.next().catch(() => undefined);
      return first?.value?.type === 'started' && lines;
    });
    const second = client().insight.race({ shoppers: 2, units: 1 });
    const refused = await second.next().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(HoldfastError);
    expect((refused as HoldfastError).code).toBe('race-running');
    over.abort();
    await race.return();
    await until('another can be run', async () => {
      const another = client().insight.race({ shoppers: 2, units: 1 });
      try {
        return (await another.next()).value?.type === 'started';
      } catch {
        return false;
      } finally {
        await another.return();
      }
    });
    await until('their sales are closed', async () =>
      (await raceSales()).every(({ status }) => status === 'closed'),
    );
  }, 60_000);

  test('is for operators, within bounds', async () => {
    const ask = async (who: Caller, body: object) => {
      const reply = await who.post('/api/v1/admin/races', body);
      return [reply.status, reply.body.code];
    };
    expect(await ask(new Caller(stage.url, 'ann'), { shoppers: 2, units: 1 })).toEqual([403, 'forbidden']);
    for (const body of [
      { shoppers: 1, units: 1 },
      { shoppers: 2001, units: 1 },
      { shoppers: 2, units: 0 },
      { shoppers: 2, units: 10_001 },
    ]) {
      expect(await ask(operator(stage.url), body)).toEqual([400, 'invalid-request']);
    }
  });
});

test('the same seed makes the same plans, with every way to be difficult', () => {
  expect(makePlans(50, 7)).toEqual(makePlans(50, 7));
  expect(makePlans(50, 7)).not.toEqual(makePlans(50, 8));
  expect(new Set(makePlans(50, 7).map(({ ending }) => ending)).size).toBe(5);
});

describe('the judge', () => {
  const deed = (
    shopper: number,
    what: Deed['what'],
    atMs: number,
    reservationId: string | null,
    outcome: Deed['outcome'] = {
      ok: true,
      replayed: false,
      orderId: what === 'confirm' ? `o${shopper}` : null,
    },
  ): Deed => ({
    shopper,
    what,
    key: 'k',
    quantity: 1,
    reservationId,
    sentAtMs: atMs,
    answeredAtMs: atMs + 1,
    outcome,
  });
  const refused = (mayReturn: boolean): Deed['outcome'] => ({
    ok: false,
    code: 'insufficient-stock',
    mayReturn,
  });
  const DEEDS = [
    deed(0, 'reserve', 0, 'r0'),
    deed(1, 'reserve', 10, null, refused(true)),
    deed(0, 'confirm', 20, 'r0'),
    deed(1, 'reserve', 30, null, refused(false)),
  ];
  const SOUND: Evidence = {
    units: 1,
    maxPerCustomer: 1,
    ttlMs: 4_000,
    deeds: DEEDS,
    aftermath: {
      stock: { available: 0, reserved: 0, sold: 1, total: 1 },
      ledger: { sold: 1, total: 1 },
      orders: [{ shopper: 0, orderId: 'o0', reservationId: 'r0', quantity: 1 }],
    },
  };
  const { aftermath } = SOUND;
  const broken = (forged: Partial<Evidence>) =>
    judge({ ...SOUND, ...forged })
      .checks.filter(({ ok }) => !ok)
      .map(({ promise }) => promise);

  test('finds nothing in a sound race', () => {
    expect(judge(SOUND)).toMatchObject({ ok: true, winners: 1, oversold: 0, duplicates: 0 });
  });

  const FORGED: [string, Partial<Evidence>][] = [
    ['never oversold', { deeds: [...DEEDS, deed(2, 'reserve', 12, 'r2')] }],
    ['never oversold', { aftermath: { ...aftermath, ledger: { sold: 2, total: 1 } } }],
    ['one effect a key', { deeds: [...DEEDS, deed(0, 'reserve', 1, 'r9')] }],
    ['one effect a key', { deeds: [...DEEDS, deed(0, 'reserve', 1, 'r0')] }],
    [
      'one effect a key',
      {
        aftermath: {
          ...aftermath,
          orders: [...aftermath.orders, { shopper: 0, orderId: 'o8', reservationId: 'r0', quantity: 1 }],
        },
      },
    ],
    ['one outcome a reservation', { deeds: [...DEEDS, deed(0, 'release', 40, 'r0')] }],
    [
      'nobody refused while a unit was free',
      { deeds: [deed(1, 'reserve', -50, null, refused(true)), ...DEEDS] },
    ],
    [
      'nobody refused while a unit was free',
      {
        aftermath: {
          ...aftermath,
          stock: { ...aftermath.stock, available: 1 },
        },
      },
    ],
    ['every acknowledged order is in the ledger', { aftermath: { ...aftermath, orders: [] } }],
    ['every acknowledged order is in the ledger', { deeds: DEEDS.filter(({ what }) => what !== 'confirm') }],
    [
      'available + reserved + sold = total',
      { aftermath: { ...aftermath, stock: { ...aftermath.stock, sold: 0 } } },
    ],
    [
      'available + reserved + sold = total',
      { aftermath: { ...aftermath, stock: { available: -1, reserved: 1, sold: 1, total: 1 } } },
    ],
    [
      'nobody has more than a customer may',
      {
        aftermath: {
          ...aftermath,
          orders: [{ shopper: 0, orderId: 'o0', reservationId: 'r0', quantity: 2 }],
        },
      },
    ],
  ];
  for (const [number, [promise, forged]] of FORGED.entries()) {
    test(`sees that a promise is broken: ${promise} (${number})`, () => {
      expect(broken(forged)).toContain(promise);
    });
  }
});
