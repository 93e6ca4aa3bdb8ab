// When more ask than can be answered, the rest are refused at once, with Retry-After, and nothing of them is looked at; the
// process answers for itself, who has stock pays, and when there is room again the next one comes in.
import { expect, test } from 'bun:test';
import { TOO_MANY_WAIT } from '../src/http/door.ts';
import {
  fakeWorld,
  JSON_HEADERS,
  problemOf,
  RESERVATION_ID,
  reserveWith,
  token,
  VIEW,
} from './http-fakes.ts';

/** The first bound of a route that changes something. */
const RESERVES_IN_FLIGHT = 2_000;

function crowded() {
  const answers: (() => void)[] = [];
  const world = fakeWorld({
    requestMs: 60_000,
    reservations: {
      reserve: () =>
        new Promise((resolve) =>
          answers.push(() => resolve({ ok: true, value: { view: VIEW, replayed: false } })),
        ),
    },
  });
  return { world, answers };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** As many as may be in flight; a few a turn, so that no turn is long. */
async function fill({ world, answers }: ReturnType<typeof crowded>): Promise<Promise<Response>[]> {
  const auth = await token();
  const asked: Promise<Response>[] = [];
  while (asked.length < RESERVES_IN_FLIGHT) {
    for (let i = 0; i < 20; i++) asked.push(reserveWith(world, { token: auth }));
    await turn();
  }
  while (answers.length < RESERVES_IN_FLIGHT) await turn();
  return asked;
}

test('too-many-reserves-are-refused-with-a-problem-and-retry-after', async () => {
  const crowd = crowded();
  const { world, answers } = crowd;
  const asked = await fill(crowd);
  const refused = await reserveWith(world);
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('1');
  const problem = await problemOf(refused);
  expect([problem.code, problem.detail]).toEqual(['unavailable', TOO_MANY_WAIT.detail]);
  expect(answers).toHaveLength(RESERVES_IN_FLIGHT);
  for (const answer of answers.splice(0)) answer();
  expect((await Promise.all(asked)).every(({ status }) => status === 201)).toBe(true);
  const next = reserveWith(world);
  while (answers.length === 0) await turn();
  answers[0]?.();
  expect((await next).status).toBe(201);
});

test('who-is-turned-away-unread-hears-the-same-and-is-counted', async () => {
  const crowd = crowded();
  const { world, answers } = crowd;
  const asked = await fill(crowd);
  const request = (id: string) =>
    new Request('http://shop.test/api/v1/inventory/reserve', {
      method: 'POST',
      headers: { 'x-request-id': id },
    });
  const response = world.turnAway(request('mine-1'));
  expect(response?.status).toBe(503);
  const problem = await problemOf(response as Response);
  expect(problem.request_id).toBe('mine-1');
  const read = await problemOf(await reserveWith(world, { headers: { 'x-request-id': 'mine-1' } }));
  expect(problem).toEqual(read);
  expect(world.reserves.filter((outcome) => outcome === 'unavailable')).toHaveLength(2);
  for (const answer of answers) answer();
  await Promise.all(asked);
  expect(world.turnAway(request('mine-2'))).toBeUndefined();
});

test('in-the-rush-the-process-answers-for-itself-and-who-has-stock-pays', async () => {
  const crowd = crowded();
  const { world, answers } = crowd;
  const asked = await fill(crowd);
  for (const path of ['/healthz', '/readyz', '/api/v1/inventory/FLASH-SALE-001'])
    expect((await world.send(path)).status).toBe(200);
  const paid = await world.send('/api/v1/checkout/confirm', {
    method: 'POST',
    token: await token(),
    headers: JSON_HEADERS,
    body: JSON.stringify({ reservation_id: RESERVATION_ID }),
  });
  expect(paid.status).toBe(200);
  for (const answer of answers) answer();
  await Promise.all(asked);
});
