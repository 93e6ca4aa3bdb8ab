// The promise: the history holds every request that went out and what came back, with times around the truth.
import { expect, test } from 'bun:test';
import { HoldfastClient } from '../src/client.ts';
import { History, surelyRefused } from '../src/history.ts';
import { storiesOf } from '../src/stories.ts';
import { problem, RESERVATION, ScriptedServer } from './scripted-server.ts';

test('attempts, answers, refusals and silence, each with when', async () => {
  const servedAtMs: number[] = [];
  using server = await ScriptedServer.start((n) => {
    servedAtMs.push(performance.now());
    if (n === 0) return 'cut';
    if (n === 1)
      return Response.json(RESERVATION, { status: 201, headers: { 'idempotency-replayed': 'true' } });
    return problem(410, 'reservation-expired');
  });
  const history = new History();
  const base = new HoldfastClient({ baseUrl: server.url, retryBaseMs: 1 });
  const ann = base.as({ token: 'ann', observe: history.observerOf('ann') });
  const { idempotencyKey } = await ann.reserve({
    items: [
      { sku: 'A-1', quantity: 1 },
      { sku: 'A-1', quantity: 2 },
    ],
  });
  await ann.confirm(RESERVATION.reservation_id).catch(() => undefined);

  const lines = [{ sku: 'A-1', quantity: 3 }];
  expect(history.exchanges).toMatchObject([
    { shopper: 'ann', operation: 'reserve', idempotencyKey, lines, received: undefined },
    {
      operation: 'reserve',
      idempotencyKey,
      received: { status: 201, text: JSON.stringify(RESERVATION), replayed: true },
    },
    {
      operation: 'confirm',
      reservationId: RESERVATION.reservation_id,
      lines: [],
      received: { code: 'reservation-expired' },
    },
  ]);
  for (const [i, exchange] of history.exchanges.entries()) {
    expect(exchange.sentAtMs).toBeLessThanOrEqual(servedAtMs[i] ?? 0);
    expect(exchange.received?.atMs ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(servedAtMs[i] ?? 0);
  }
  expect(history.exchanges.map(surelyRefused)).toEqual([false, false, true]);
  expect(storiesOf(history)).toMatchObject([
    {
      reservationId: RESERVATION.reservation_id,
      firstSentAtMs: history.exchanges[0]?.sentAtMs,
      accepted: { firstAtMs: history.exchanges[1]?.received?.atMs, ttlMs: 300_000 },
      firstConfirmSentAtMs: history.exchanges[2]?.sentAtMs,
      freedAtMs: history.exchanges[2]?.received?.atMs,
      confirmedAtMs: Number.POSITIVE_INFINITY,
    },
  ]);
});
