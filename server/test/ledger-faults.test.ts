// When PostgreSQL is slow, stuck, gone or cut off, every call ends in time and says what is known: surely nothing
// was committed, or nobody can know. After an unknown, asking again gives exactly one order.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { createServer, type Server, Socket } from 'node:net';
import { AmbiguousCommit, type ConfirmRequest, LedgerUnavailable } from '../src/domain/ledger-facts.ts';
import { Ledger } from '../src/ledger/ledger.ts';
import { announced } from './conformance/seed.ts';
import { until } from './harness/until.ts';
import {
  Dice,
  item,
  type LedgerStage,
  ledgerSessions,
  ledgerStage,
  makeSale,
  request,
} from './ledger-stage.ts';

const { parameters, label } = announced(1);

let stage: LedgerStage;
const ends: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  stage = await ledgerStage();
});

afterEach(async () => {
  while (ends.length > 0) await ends.pop()?.();
});

afterAll(() => stage.close());

/** Holds the sale's row as a stalled process would. */
async function stall(sale: number): Promise<void> {
  const session = await stage.sql.reserve();
  await session`BEGIN`;
  await session`SELECT 1 FROM holdfast.sale WHERE number = ${sale} FOR UPDATE`;
  ends.push(async () => {
    await session`ROLLBACK`;
    session.release();
  });
}

function another(url: string, poolSize = 2): Ledger {
  const ledger = new Ledger({ databaseUrl: url, poolSize });
  ends.push(() => ledger.close());
  return ledger;
}

async function failure(call: Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const beganAt = performance.now();
  const error = await call.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  return { error, ms: performance.now() - beganAt };
}

describe('a row that another process holds', () => {
  test('gives LedgerUnavailable within a second, and the row is confirmed once it is free', async () => {
    const sale = await makeSale(stage, [item('STUCK', 1)]);
    const asked = request(stage, sale, 'ann', 'k', [{ sku: 'STUCK', quantity: 1 }]);
    await stall(sale);
    const { error, ms } = await failure(stage.ledger.confirm(sale, 0, [asked]));
    expect(error).toBeInstanceOf(LedgerUnavailable);
    expect(String(error)).toContain('55P03');
    expect(ms).toBeLessThan(1_000);
    await ends.pop()?.();
    expect((await stage.ledger.confirm(sale, 0, [asked]))[0]?.kind).toBe('confirmed');
  });

  test('does not keep the calls that wait for a connection longer than their wait', async () => {
    const sale = await makeSale(stage, [item('QUEUE', 1)]);
    const ledger = another(stage.url, 1);
    await stall(sale);
    const asked = request(stage, sale, 'ann', 'k', [{ sku: 'QUEUE', quantity: 1 }]);
    const calls = Array.from({ length: 5 }, () => failure(ledger.confirm(sale, 0, [asked])));
    for (const { error, ms } of await Promise.all(calls)) {
      expect(error).toBeInstanceOf(LedgerUnavailable);
      expect(ms).toBeLessThan(1_500);
    }
  });
});

describe('a killed backend', () => {
  test('in the middle of a confirmation leaves it undone or in doubt, and the retry makes one order', async () => {
    const sale = await makeSale(stage, [item('KILLED', 5)]);
    const asked = request(stage, sale, 'ann', 'k', [{ sku: 'KILLED', quantity: 1 }]);
    await stall(sale);
    const call = failure(stage.ledger.confirm(sale, 0, [asked]));
    await until('the confirmation waits', async () =>
      (await ledgerSessions(stage.sql)).some((session) => session.wait_event_type === 'Lock'),
    );
    await killLedgerSessions();
    const { error } = await call;
    expect(error instanceof AmbiguousCommit || error instanceof LedgerUnavailable).toBe(true);
    await ends.pop()?.();
    expect((await stage.ledger.confirm(sale, 0, [asked]))[0]?.kind).toBe('confirmed');
    expect(await stage.ledger.verifySale(sale)).toEqual([]);
  });

  test(`again and again, at random, under load: each confirmation makes one order in the end ${label}`, async () => {
    const dice = new Dice(parameters.seed);
    const sale = await makeSale(stage, [item('STORM', 400)]);
    const left = Array.from({ length: 400 }, (_, index) =>
      request(stage, sale, `c${index}`, 'k', [{ sku: 'STORM', quantity: 1 }], index + 1),
    );
    const failures: string[] = [];
    const confirmAll = async () => {
      for (let batch = left.splice(0, 8); batch.length > 0; batch = left.splice(0, 8))
        await confirmWithRetries(batch);
    };
    const confirmWithRetries = async (batch: ConfirmRequest[]) => {
      for (let attempt = 1; attempt <= 50; attempt++) {
        try {
          const decided = await stage.ledger.confirm(sale, 0, batch);
          expect(decided.every(({ kind }) => kind === 'confirmed')).toBe(true);
          return;
        } catch (error) {
          if (!(error instanceof AmbiguousCommit || error instanceof LedgerUnavailable)) throw error;
          failures.push(error.name);
        }
      }
      throw new Error('50 attempts failed');
    };
    let done = false;
    const load = Promise.all([confirmAll(), confirmAll(), confirmAll()]).finally(() => {
      done = true;
    });
    for (let kills = 0; !done && kills < 200; kills++) {
      const sessions = await ledgerSessions(stage.sql);
      const victim = sessions[dice.roll(Math.max(sessions.length, 1))];
      if (victim) await stage.sql`SELECT pg_terminate_backend(${victim.pid})`;
    }
    await load;
    expect((await stage.ledger.itemsOfSale(sale))[0]?.sold).toBe(400);
    expect(await stage.ledger.verifySale(sale)).toEqual([]);
    expect(failures.length).toBeGreaterThan(0);
  });

  async function killLedgerSessions(): Promise<void> {
    for (const { pid } of await ledgerSessions(stage.sql))
      await stage.sql`SELECT pg_terminate_backend(${pid})`;
  }
});

describe('a connection', () => {
  test('cut after COMMIT was sent and before its answer leaves it in doubt; the retry gets the one order', async () => {
    const sale = await makeSale(stage, [item('CUT', 5)]);
    const proxy = await proxyTo(stage.url);
    const ledger = another(proxy.url, 1);
    await ledger.check();
    const before = request(stage, sale, 'bob', 'k', [{ sku: 'CUT', quantity: 1 }]);
    await ledger.confirm(sale, 0, [before]);
    const asked = request(stage, sale, 'ann', 'k', [{ sku: 'CUT', quantity: 1 }]);
    proxy.onAnswer = 'cut';
    const { error } = await failure(ledger.confirm(sale, 0, [asked]));
    expect(error).toBeInstanceOf(AmbiguousCommit);
    proxy.onAnswer = 'pass';
    const [again] = await ledger.confirm(sale, 0, [asked]);
    expect(again).toMatchObject({ kind: 'confirmed', seq: 4, order: { orderId: asked.orderId } });
    expect((await stage.ledger.itemsOfSale(sale))[0]?.sold).toBe(2);
    expect(await stage.ledger.verifySale(sale)).toEqual([]);
  });

  test('that swallows the answer is given up in time: in doubt for a write, out of reach for a read', async () => {
    const sale = await makeSale(stage, [item('HOLE', 5)]);
    const proxy = await proxyTo(stage.url);
    const ledger = another(proxy.url, 2);
    const asked = request(stage, sale, 'ann', 'k', [{ sku: 'HOLE', quantity: 1 }]);
    await Promise.all([ledger.lineages(), ledger.lineages()]);
    proxy.onAnswer = 'swallow';
    const [write, read] = await Promise.all([
      failure(ledger.confirm(sale, 0, [asked])),
      failure(ledger.saleByNumber(sale)),
    ]);
    expect(write.error).toBeInstanceOf(AmbiguousCommit);
    expect(read.error).toBeInstanceOf(LedgerUnavailable);
    for (const { ms } of [write, read]) expect(ms).toBeLessThan(4_000);
    // A new connection goes nowhere either, and then surely nothing was sent.
    const next = await failure(ledger.confirm(sale, 0, [asked]));
    expect(next.error).toBeInstanceOf(LedgerUnavailable);
    expect(next.ms).toBeLessThan(3_000);
    proxy.onAnswer = 'pass';
    expect((await ledger.confirm(sale, 0, [asked]))[0]?.kind).toBe('confirmed');
  });

  test('that is refused, or accepted and hung up on, fails at once, without a storm of attempts', async () => {
    const refused = another('postgres://nobody@127.0.0.1:1/nothing');
    const { error, ms } = await failure(refused.lineages());
    expect(error).toBeInstanceOf(LedgerUnavailable);
    expect(String(error)).not.toContain('127.0.0.1');
    expect(ms).toBeLessThan(1_000);

    let accepted = 0;
    const rude = await listen((client) => {
      accepted += 1;
      client.end();
    });
    const hungUp = await failure(another(`postgres://nobody@127.0.0.1:${rude.port}/nothing`).lineages());
    expect(hungUp.error).toBeInstanceOf(LedgerUnavailable);
    expect(hungUp.ms).toBeLessThan(1_000);
    expect(accepted).toBe(1);
  });

  test('that is bad is forgotten: the next call is answered as if nothing had been', async () => {
    const proxy = await proxyTo(stage.url);
    const ledger = another(proxy.url, 3);
    for (let round = 0; round < 5; round++) {
      await Promise.all([ledger.lineages(), ledger.lineages(), ledger.lineages()]);
      proxy.hangUp();
      await until('a call is answered again', () => ledger.lineages().then(Boolean, () => false));
    }
  });
});

test('a closed ledger refuses calls, closes twice, and does not wait for a stuck one for ever', async () => {
  const sale = await makeSale(stage, [item('CLOSING', 1)]);
  const ledger = new Ledger({ databaseUrl: stage.url, poolSize: 1 });
  await stall(sale);
  const stuck = failure(
    ledger.confirm(sale, 0, [request(stage, sale, 'ann', 'k', [{ sku: 'CLOSING', quantity: 1 }])]),
  );
  const beganAt = performance.now();
  await Promise.all([ledger.close(), ledger.close()]);
  expect(performance.now() - beganAt).toBeLessThan(5_000);
  expect((await stuck).error).toBeInstanceOf(LedgerUnavailable);
  expect((await failure(ledger.lineages())).error).toBeInstanceOf(LedgerUnavailable);
});

interface Proxy {
  readonly url: string;
  /** What becomes of the server's next answer, and of those after it. */
  onAnswer: 'pass' | 'cut' | 'swallow';
  hangUp(): void;
}

/** A proxy before PostgreSQL that can lose its answers. */
async function proxyTo(databaseUrl: string): Promise<Proxy> {
  const target = new URL(databaseUrl);
  const clients = new Set<Socket>();
  const { port } = await listen((client) => {
    const server = new Socket();
    clients.add(client);
    server.connect(Number(target.port), target.hostname);
    client.on('data', (bytes) => server.write(bytes));
    server.on('data', (bytes) => {
      if (proxy.onAnswer === 'pass') client.write(bytes);
      if (proxy.onAnswer === 'cut') client.destroy();
    });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  const url = new URL(databaseUrl);
  url.port = String(port);
  const proxy: Proxy = {
    url: url.href,
    onAnswer: 'pass',
    hangUp: () => {
      for (const client of clients) client.destroy();
    },
  };
  return proxy;
}

/** A server on a free port that ends with the test. */
async function listen(serve: (client: Socket) => void): Promise<{ port: number }> {
  const clients = new Set<Socket>();
  const server: Server = createServer((client) => {
    clients.add(client);
    client.on('error', () => undefined);
    serve(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(async () => {
    for (const client of clients) client.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return { port: address.port };
}
