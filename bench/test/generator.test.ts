// The generator tells the truth about a server: how many it answered, and how long those waited who came during a stall.
import { afterAll, expect, test } from 'bun:test';
import { Generator } from '../src/load/generator.ts';
import { countOf, type Order, type Pace, type Visits } from '../src/load/order.ts';
import { writeScript } from '../src/load/requests.ts';

const ID = `rsv_${'x'.repeat(22)}`;
const seen = { reserves: 0, confirms: new Set<string>(), keys: new Set<string>(), tokens: new Set<string>() };
let stallMs = 0;

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (stallMs > 0) await Bun.sleep(stallMs);
    if (request.method === 'GET') return Response.json({});
    const body = (await request.json()) as { readonly reservation_id?: string };
    if (pathname.endsWith('confirm')) {
      seen.confirms.add(String(body.reservation_id));
      return Response.json({});
    }
    seen.reserves += 1;
    seen.keys.add(request.headers.get('idempotency-key') ?? '');
    seen.tokens.add(request.headers.get('authorization') ?? '');
    return Response.json({ reservation_id: ID, padding: '-'.repeat(2_000) }, { status: 201 });
  },
});
afterAll(() => server.stop(true));

async function run(visits: Visits, pace: Pace) {
  const order: Order = { place: { host: '127.0.0.1', port: server.port as number }, visits, pace, seed: 1 };
  const generator = new Generator(order, writeScript(order));
  await generator.connect();
  return await generator.run();
}

const buyers = { kind: 'reserve', skus: ['A'], choice: { by: 'any' } } as const;

test('every-customer-key-and-token-is-another-and-confirms-carry-the-id', async () => {
  const outcome = await run(
    { ...buyers, count: 300, confirms: true },
    { kind: 'closed', connections: 8, seconds: 20 },
  );
  expect(countOf(outcome, 'reserve', [201])).toBe(300);
  expect(countOf(outcome, 'confirm', [200])).toBe(300);
  expect(outcome).toMatchObject({ unanswered: 0, notSent: 0 });
  expect(seen.reserves).toBe(300);
  expect([seen.keys.size, seen.tokens.size]).toEqual([300, 300]);
  expect([...seen.confirms]).toEqual([ID]);
});

test('an-open-model-counts-the-wait-for-a-connection', async () => {
  stallMs = 20;
  try {
    const pace = { kind: 'open', perSecond: 100, seconds: 1, connections: 1 } as const;
    const outcome = await run({ ...buyers, count: 0, confirms: false }, pace);
    const times = outcome.answers['reserve 201'];
    // Fifty a second are served of a hundred that come: the last ones wait for a second, though each answer takes 20 ms.
    expect(times?.p50Ms).toBeGreaterThan(200);
    expect((times?.count ?? 0) + outcome.unanswered + outcome.notSent).toBeGreaterThan(60);
  } finally {
    stallMs = 0;
  }
});

test('nothing-is-sent-before-the-clock-starts-however-often-connections-break', async () => {
  const order: Order = {
    place: { host: '127.0.0.1', port: server.port as number },
    visits: { ...buyers, count: 0, confirms: false },
    pace: { kind: 'open', perSecond: 200, seconds: 0.2, connections: 4 },
    seed: 2,
  };
  const generator = new Generator(order, writeScript(order));
  await generator.connect();
  const before = seen.reserves;
  generator.hangUp();
  await Bun.sleep(100);
  expect(seen.reserves).toBe(before);
  const { answers, unanswered, notSent } = await generator.run();
  expect(answers['reserve 201']?.count).toBeGreaterThan(10);
  expect({ unanswered, notSent }).toEqual({ unanswered: 0, notSent: 0 });
});

test('readers-are-answered-and-a-closed-loop-ends-in-time', async () => {
  const visits = { kind: 'read', count: 50_000, sale: 's', skus: ['A'] } as const;
  const startedMs = performance.now();
  const outcome = await run(visits, { kind: 'closed', connections: 2, seconds: 0.3 });
  expect(countOf(outcome, 'item', [200])).toBeGreaterThan(10);
  expect(outcome.seconds).toBeLessThan(5);
  expect(performance.now() - startedMs).toBeLessThan(20_000);
});
