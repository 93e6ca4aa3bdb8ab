// Clients that hold a connection without using it: trickled headers and bodies, answers that nobody reads, thousands of
// idle sockets. All at once against the real service: each is closed within the listener's limit, and the others are
// answered meanwhile. How fast is printed, not asserted: this machine may be busy with more than this test.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { execFileSync } from 'node:child_process';
import { TOO_MANY_WAIT } from '../src/http/door.ts';
import { RawConnection, wireBytes } from './hostile/raw-http.ts';
import { attack, customer, unharmed } from './hostile/target.ts';

/** The listener's limit is 15 s; the hand of its clock moves every few seconds. */
const CLOSED_WITHIN_MS = 20_000;
const TEST_LIMIT_MS = 2 * CLOSED_WITHIN_MS;
const TRICKLE_MS = 500;
const IDLE_SOCKETS = 5_000;
/** Files that this process and the service need for themselves. */
const SPARE_FILES = 500;
const OPENED_AT_A_TIME = 250;
/** Attempts of a reserve that has nothing but the machine against it. */
const LET_IN_BY = 5;
/** Far more than the buffers of both ends hold. */
const UNREAD_ANSWERS = 500;

const target = attack();
const reserveHead = (framing: string): string =>
  wireBytes({
    method: 'POST',
    target: '/api/v1/inventory/reserve',
    headers: [
      ['Authorization', `Bearer ${customer('slow')}`],
      ['Content-Type', 'application/json'],
      ['Idempotency-Key', 'k'],
      ...[framing.split(': ') as [string, string]],
    ],
  }).toString('latin1');

/** Never rejects, so that the tests can be told one by one what became of attacks that run all at once. */
type Closed = 'closed' | 'still open';

describe('slow clients are closed within 15 s', () => {
  let sku: string;
  let outcomes: Record<'headers' | 'bodies' | 'idle', Promise<Closed[]>> & { unread: Promise<number> };
  const beforeMs: number[] = [];
  const meanwhileMs: number[] = [];

  beforeAll(async () => {
    ({ sku } = await target.sale());
    for (let count = 0; count < 300; count += 1) beforeMs.push(await askForItem());
    const bodies = [
      trickle(await letIn(reserveHead('Content-Length: 8000')), ' ', 400),
      trickle(await letIn(reserveHead('Transfer-Encoding: chunked')), '1\r\n \r\n', 400),
    ];
    const idle = await openIdle(Math.min(IDLE_SOCKETS, filesAllowed() - SPARE_FILES));
    outcomes = {
      headers: Promise.all([
        trickle(await begun('GET /healthz HTTP/1.1\r\nHost: a\r\nX: '), 'x'),
        trickle(await begun('GET /healthz HTTP/1.1\r\nHost: a\r\n'), 'X: y\r\n'),
        trickle(await begun(''), 'G'),
      ]),
      bodies: Promise.all(bodies),
      idle: Promise.all(idle.map(closing)),
      unread: neverReads(),
    };
    console.log(`hostile-slow: ${idle.length} idle sockets`);
  }, TEST_LIMIT_MS);
  afterAll(() => target.close());

  async function askForItem(): Promise<number> {
    const sentMs = performance.now();
    expect((await target.ask(`/api/v1/inventory/${sku}`)).status).toBe(200);
    return performance.now() - sentMs;
  }

  test(
    'others are answered meanwhile',
    async () => {
      let isOver = false;
      const all = Promise.all(Object.values(outcomes)).then(() => {
        isOver = true;
      });
      while (!isOver) meanwhileMs.push(await askForItem());
      await all;
      console.log(`hostile-slow: alone ${describeMs(beforeMs)}, meanwhile ${describeMs(meanwhileMs)}`);
    },
    TEST_LIMIT_MS,
  );

  test('slow headers', async () => {
    expect(new Set(await outcomes.headers)).toEqual(new Set(['closed']));
  });

  test('slow bodies, with a length or in chunks', async () => {
    expect(new Set(await outcomes.bodies)).toEqual(new Set(['closed']));
  });

  test('thousands of idle sockets: silent ones, ones in the middle of a request, ones after it', async () => {
    expect(new Set(await outcomes.idle)).toEqual(new Set(['closed']));
  });

  test('a client that asks and asks and never reads is hung up on before it has its answers', async () => {
    const received = await outcomes.unread;
    const whole = (await (await fetch(`${target.url}/openapi.json`)).text()).length * UNREAD_ANSWERS;
    expect(received).toBeLessThan(whole / 2);
  });
});

unharmed(target);

async function begun(start: string): Promise<RawConnection> {
  const connection = await RawConnection.open(target.url);
  connection.write(start);
  return connection;
}

/**
 * A reserve whose body is awaited. Before the other attacks: in a rush it is turned away at the door instead, which is
 * another test's promise (a-rush-is-refused-at-the-door). Should that happen here, it comes again when it is told to.
 */
async function letIn(head: string): Promise<RawConnection> {
  for (let attempt = 1; ; attempt += 1) {
    const connection = await begun(head);
    // What was sent before is read before: once to be accepted, once to be read, once for an answer to be here.
    for (let turn = 0; turn < 3; turn += 1) await target.ask('/healthz');
    if (connection.bytesReceived === 0) return connection;
    const answer = await connection.answer();
    connection.close();
    expect(answer && JSON.parse(answer.text).detail).toBe(TOO_MANY_WAIT.detail);
    expect(attempt, 'times that a reserve was turned away in a calm moment').toBeLessThan(LET_IN_BY);
    const retryAfter = answer?.headers.get('retry-after');
    expect(retryAfter).toMatch(/^[1-9]\d*$/);
    await Bun.sleep(1000 * Number(retryAfter)); // the answer asks for this very wait
  }
}

/** Sends a piece now and then until the server hangs up. `late`: what it may say before that, on a busy machine; else nothing. */
async function trickle(connection: RawConnection, piece: string, late?: number): Promise<Closed> {
  const timer = setInterval(() => connection.write(piece), TRICKLE_MS);
  const outcome = await closing(connection);
  clearInterval(timer);
  expect([undefined, late]).toContain((await connection.answer())?.status);
  if (late === undefined) expect(connection.bytesReceived).toBe(0);
  return outcome;
}

/** Asks for many long answers and reads none; then, when the limit is past, what there is. @returns bytes that came */
async function neverReads(): Promise<number> {
  const connection = await RawConnection.open(target.url);
  connection.socket.pause();
  connection.write(
    Buffer.concat(Array(UNREAD_ANSWERS).fill(wireBytes({ method: 'GET', target: '/openapi.json' }))),
  );
  await closing(connection);
  connection.socket.resume();
  await closing(connection);
  return connection.bytesReceived;
}

async function openIdle(count: number): Promise<RawConnection[]> {
  const opened: RawConnection[] = [];
  while (opened.length < count) {
    const several = Math.min(OPENED_AT_A_TIME, count - opened.length);
    opened.push(
      ...(await Promise.all(Array.from({ length: several }, () => RawConnection.open(target.url)))),
    );
  }
  for (const [index, connection] of opened.entries()) {
    if (index % 3 === 1) connection.write('GET /healthz HTTP/1.1\r\nHo');
    if (index % 3 === 2) connection.write(wireBytes({ method: 'GET', target: '/healthz' }));
  }
  return opened;
}

function closing(connection: RawConnection): Promise<Closed> {
  const { promise, resolve } = Promise.withResolvers<Closed>();
  const timer = setTimeout(() => resolve('still open'), CLOSED_WITHIN_MS);
  void connection.closed.then(() => resolve('closed'));
  return promise.finally(() => {
    clearTimeout(timer);
  });
}

/** Open files that a process may have here. */
function filesAllowed(): number {
  const allowed = Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }));
  return Number.isNaN(allowed) ? Number.POSITIVE_INFINITY : allowed;
}

function describeMs(samples: readonly number[]): string {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}
