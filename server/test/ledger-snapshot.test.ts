// What the journal says of reservations: a cold rebuild, a single look and a customer's list all agree with a model
// that is told the same story, event by event.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { ConfirmRequest } from '../src/domain/ledger-facts.ts';
import type { ReservationState } from '../src/domain/reservation.ts';
import { REPLAY_KEPT_MS, type Transition, type TransitionKind } from '../src/domain/sale-store.ts';
import { announced } from './conformance/seed.ts';
import { until } from './harness/until.ts';
import {
  Dice,
  item,
  type LedgerStage,
  ledgerSessions,
  ledgerStage,
  makeSale,
  pinned,
  request,
  transition,
} from './ledger-stage.ts';

const { parameters, label } = announced(1);

let stage: LedgerStage;

beforeAll(async () => {
  stage = await ledgerStage();
});

afterAll(() => stage.close());

/** One life of a reservation as it should be remembered. */
interface Life {
  readonly of: ConfirmRequest;
  readonly reservedAtMs: number;
  state: ReservationState;
  /** Of the transition that ended it; 0 if the ledger did, just now. */
  resolvedAtMs: number | null;
}

/** Writes random lives of one sale, and tells how they ended. */
async function play(dice: Dice, sale: number, sku: string, count: number): Promise<Life[]> {
  const transitions: Transition[] = [];
  const lives: Life[] = [];
  const confirms: Life[] = [];
  const expiries: Life[] = [];
  const nowMs = Date.now();
  let seq = 0;
  for (let index = 0; index < count; index++) {
    // Some keys are used again: a further life of the same id. Only the first may be long past.
    const again = index > 10 && dice.roll(10) === 0;
    const key = again ? lives[dice.roll(lives.length)] : undefined;
    const atMs =
      nowMs -
      (key === undefined && dice.roll(3) === 0
        ? REPLAY_KEPT_MS + 60_000 + dice.roll(1_000_000)
        : 1 + dice.roll(600_000));
    const event = (kind: TransitionKind, of: ConfirmRequest, at: number) => {
      seq += 1;
      transitions.push(transition(of, kind, seq, at));
    };
    const sub = `c${key === undefined ? index % 40 : key.of.sub.slice(1)}`;
    const named = request(
      stage,
      sale,
      sub,
      key === undefined ? `k${index}` : 'unused',
      [{ sku, quantity: 1 + dice.roll(3) }],
      seq + 1,
    );
    const reservationId = key?.of.reservationId ?? named.reservationId;
    const of: ConfirmRequest = {
      ...named,
      reservationId,
      orderId: stage.ids.orderId(reservationId, seq + 1, named.customer),
    };
    const life: Life = { of, reservedAtMs: atMs, state: 'active', resolvedAtMs: null };
    lives.push(life);
    event('reserved', of, atMs);
    for (let attempt = dice.roll(3); attempt > 0; attempt--) {
      event('confirming', of, atMs + 1);
      life.state = 'confirming';
      if (dice.roll(2) === 0) continue;
      event('unpinned', of, atMs + 2);
      life.state = 'active';
    }
    const end = dice.roll(5);
    if (end === 0 && life.state === 'active') {
      const kind = dice.roll(2) === 0 ? 'released' : 'expired';
      event(kind, of, atMs + 3);
      Object.assign(life, { state: kind, resolvedAtMs: atMs + 3 });
    } else if (end === 1) {
      confirms.push(life);
    } else if (end === 2) {
      expiries.push(life);
    }
  }
  await stage.ledger.appendTransitions(sale, 0, transitions);
  const decisions = await stage.ledger.confirm(
    sale,
    0,
    confirms.map(({ of }) => of),
  );
  for (const [index, life] of confirms.entries()) {
    const confirmed = decisions[index]?.kind === 'confirmed';
    Object.assign(life, { state: confirmed ? 'confirmed' : 'lost', resolvedAtMs: 0 });
  }
  await stage.ledger.resolveExpired(
    sale,
    0,
    expiries.map(({ of }) => pinned(of)),
  );
  for (const life of expiries) Object.assign(life, { state: 'expired', resolvedAtMs: 0 });
  return lives;
}

/** The record that the store should get of a life. */
function recordOf(life: Life) {
  return {
    ...pinned(life.of),
    state: life.state,
    createdAtMs: life.reservedAtMs,
    deadlineMs: life.reservedAtMs + 300_000,
    attempts: life.state === 'confirming' ? 1 : 0,
    extensions: 0,
  };
}

describe('the journal remembers', () => {
  test(`every live reservation and those resolved within 24 h, in a cold snapshot, as they were ${label}`, async () => {
    const dice = new Dice(parameters.seed);
    const sale = await makeSale(stage, [item('SNAP', 200, 40), item('OTHER', 7)]);
    // A neighbour whose story must not leak in.
    await play(dice, await makeSale(stage, [item('NEIGHBOUR', 10)]), 'NEIGHBOUR', 40);
    const lives = await play(dice, sale, 'SNAP', 400);

    const latest = new Map<string, Life>();
    for (const life of lives) latest.set(life.of.reservationId, life);
    const keptSinceMs = Date.now() - REPLAY_KEPT_MS;
    const expected = [...latest.values()].filter(
      ({ resolvedAtMs }) => resolvedAtMs === null || resolvedAtMs === 0 || resolvedAtMs > keptSinceMs,
    );
    expect(expected.length).toBeLessThan(latest.size);
    expect(latest.size).toBeLessThan(lives.length);

    const snapshot = await stage.ledger.coldSnapshot(sale);
    const found = new Map(snapshot.reservations.map((one) => [one.reservationId, one]));
    expect(found.size).toBe(snapshot.reservations.length);
    expect([...found.keys()].sort()).toEqual(expected.map(({ of }) => of.reservationId).sort());
    for (const life of expected) {
      const { resolvedAtMs, ...record } = found.get(life.of.reservationId) ?? { resolvedAtMs: null };
      expect(record).toEqual(recordOf(life));
      if (life.resolvedAtMs === 0) expect(Math.abs((resolvedAtMs ?? 0) - Date.now())).toBeLessThan(60_000);
      else expect(resolvedAtMs).toBe(life.resolvedAtMs);
    }

    const sold = lives.filter(({ state }) => state === 'confirmed');
    const units = sold.reduce((sum, { of }) => sum + (of.lines[0]?.quantity ?? 0), 0);
    expect(snapshot.items.map(({ sku, total, sold }) => [sku, total, sold])).toEqual([
      ['OTHER', 7, 0],
      ['SNAP', 200, units],
    ]);
    expect(snapshot.bought.reduce((sum, { quantity }) => sum + quantity, 0)).toBe(units);
    expect(new Set(snapshot.bought.map(({ customer }) => customer))).toEqual(
      new Set(sold.map(({ of }) => of.customer)),
    );
    expect(snapshot.lastSeq).toBe(await stage.ledger.lastTransition(sale));
    expect(snapshot.applied).toBe((await stage.ledger.lineage(sale))?.entrySeq ?? 0);
    expect(snapshot.settings).toEqual({ opensAtMs: null, closesAtMs: null, closed: false, cooldown: null });
  });

  test(`the latest life of an id, and of a customer all ids, newest first ${label}`, async () => {
    const dice = new Dice(parameters.seed + 1);
    const sale = await makeSale(stage, [item('LOOK', 100)]);
    const lives = await play(dice, sale, 'LOOK', 200);
    const latest = new Map<string, Life>();
    for (const life of lives) latest.set(life.of.reservationId, life);

    for (const life of latest.values()) {
      const known = await stage.ledger.reservation(life.of.reservationId);
      const orderId = life.state === 'confirmed' ? life.of.orderId : null;
      expect(known).toEqual({ record: recordOf(life), state: life.state, orderId });
    }
    const customer = stage.ids.customerKey('c7');
    const mine = [...latest.values()].filter(({ of }) => of.customer === customer);
    const listed: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await stage.ledger.reservationsOf(customer, { limit: 2, cursor });
      for (const { record, state } of page.rows) {
        if (latest.get(record.reservationId)?.of.reservationId === undefined) continue; // another test's sale
        expect(record).toEqual(recordOf(latest.get(record.reservationId) as Life));
        expect(state).toBe(record.state);
        listed.push(record.reservationId);
      }
      cursor = page.next;
    } while (cursor !== null);
    const newestFirst = mine.toSorted((a, b) => b.reservedAtMs - a.reservedAtMs);
    expect(listed).toEqual(newestFirst.map(({ of }) => of.reservationId));
  });

  test('a decision whose reservation was never journaled; and nothing of an id that was never issued', async () => {
    const sale = await makeSale(stage, [item('AHEAD', 1)]);
    const asked = request(stage, sale, 'ann', 'k', [{ sku: 'AHEAD', quantity: 1 }], 5);
    expect(await stage.ledger.reservation(asked.reservationId)).toBeNull();
    await stage.ledger.confirm(sale, 0, [asked]);
    expect(await stage.ledger.reservation(asked.reservationId)).toMatchObject({
      state: 'confirmed',
      orderId: asked.orderId,
      record: { customer: asked.customer, createdSeq: 5, lines: asked.lines },
    });
    // Its beginning arrives: from now on all of it is known.
    await stage.ledger.appendTransitions(sale, 0, [transition(asked, 'reserved', 5, 1_000)]);
    expect(await stage.ledger.reservation(asked.reservationId)).toMatchObject({
      state: 'confirmed',
      record: { createdAtMs: 1_000, ttlSeconds: 300 },
    });
    expect(await stage.ledger.reservation('rsv_not-an-id')).toBeNull();
    expect(await stage.ledger.order('ord_not-an-id')).toBeNull();
  });
});

test('a cold snapshot is of one moment, whatever is committed while it is read', async () => {
  const sale = await makeSale(stage, [item('MOMENT', 9)]);
  const blocker = await stage.sql.reserve();
  try {
    await blocker`BEGIN`;
    await blocker`LOCK TABLE holdfast.customer_item IN ACCESS EXCLUSIVE MODE`;
    const reading = stage.ledger.coldSnapshot(sale);
    // It has read the sale and its items, and waits for what customers have bought; the journal comes after that.
    await until('the snapshot waits', async () =>
      (await ledgerSessions(stage.sql)).some((session) => session.wait_event_type === 'Lock'),
    );
    const late = request(stage, sale, 'late', 'k', [{ sku: 'MOMENT', quantity: 1 }]);
    await stage.ledger.appendTransitions(sale, 0, [transition(late, 'reserved', 1, Date.now())]);
    await blocker`ROLLBACK`;
    expect(await reading).toMatchObject({ lastSeq: 0, reservations: [] });
    expect(await stage.ledger.coldSnapshot(sale)).toMatchObject({ lastSeq: 1 });
  } finally {
    blocker.release();
  }
});
