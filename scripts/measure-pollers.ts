// What it costs when thousands of shoppers keep looking at one item: `npm run measure:pollers`. Starts a service of one
// process and stores of its own. First everybody at once, wave after wave; then everybody once a second, each at a
// moment of their own, which leaves less to share. Prints Redis's share of a read, with and without the general limits.
import { connect, type Socket } from 'node:net';
import { connectRedis, untilConnected } from '../server/src/stock/connect.ts';
import { makeSale, type Service, startService } from '../server/test/harness/service.ts';
import { freshDatabase, startRedis, stopAll } from '../server/test/harness/stores.ts';
import { describeMachine, type RedisWork, redisVersion, redisWork, since } from './measure-machine.ts';

const READS = 10_000;
const WAVES = 5;
const STEADY_SECONDS = 5;
/** Both ends of a connection and the stores' files are under one limit each; 10,000 need `ulimit -n` above that. */
const CONNECTIONS = [256, 1_000, 10_000];
/** At most so many connections are opened at once: the kernel's queue for a listener holds 512. */
const OPEN_AT_ONCE = 256;
const CONNECT_WITHIN_MS = 5_000;
/** The most that may be set: nobody is refused, everybody is counted. */
const COUNTED_NOT_REFUSED = '1000000';

const redisServer = await startRedis({ appendfsync: 'always' });
const redis = connectRedis(redisServer.url, () => undefined);
try {
  await untilConnected(redis, CONNECT_WITHIN_MS);
  console.log(describeMachine(await redisVersion(redis)));
  await withService('general limits off', {});
  await withService('general limits on', {
    HOLDFAST_RATE_OTHER_IP_PER_MINUTE: COUNTED_NOT_REFUSED,
    HOLDFAST_RATE_OTHER_CUSTOMER_PER_MINUTE: COUNTED_NOT_REFUSED,
  });
} finally {
  redis.disconnect();
  await stopAll();
}

async function withService(name: string, env: Readonly<Record<string, string>>): Promise<void> {
  const database = await freshDatabase();
  await redis.flushall();
  const service = await startService({ redisUrl: redisServer.url, databaseUrl: database.url, env });
  try {
    const one = await makeSale(service.url, { a: 100 });
    const stock = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`i${n}`, 100]));
    const many = await makeSale(service.url, stock);
    console.log(`\n${name}`);
    for (const connections of CONNECTIONS) {
      await waves(service, connections, one.sku('a'), '1 item in the sale');
    }
    await waves(service, 1_000, many.sku('i0'), '1,000 items in the sale');
    await steady(service, READS, one.sku('a'));
  } finally {
    await service.stop();
    await database.drop();
  }
}

async function waves(service: Service, connections: number, sku: string, sale: string): Promise<void> {
  const pollers = await Pollers.open(service.url, connections, sku);
  try {
    await pollers.wave();
    const background = await idle();
    const before = await redisWork(redis);
    const startedMs = performance.now();
    const perWave = Math.max(connections, READS);
    for (let wave = 0; wave < WAVES; wave++) {
      for (let asked = 0; asked < perWave; asked += connections) await pollers.wave();
    }
    const seconds = (performance.now() - startedMs) / 1000;
    const rounds = Math.ceil(perWave / connections) * WAVES;
    report(
      `waves of ${connections}, ${sale}`,
      rounds * connections,
      seconds,
      await workSince(before),
      background,
    );
  } finally {
    pollers.close();
  }
}

/** Everybody once a second for a few seconds, evenly spread. */
async function steady(service: Service, pollersCount: number, sku: string): Promise<void> {
  const pollers = await Pollers.open(service.url, pollersCount, sku);
  try {
    await pollers.wave();
    const background = await idle();
    const before = await redisWork(redis);
    const startedMs = performance.now();
    const reads = await pollers.spread(STEADY_SECONDS);
    const seconds = (performance.now() - startedMs) / 1000;
    report(
      `${pollersCount} once a second, 1 item in the sale`,
      reads,
      seconds,
      await workSince(before),
      background,
    );
  } finally {
    pollers.close();
  }
}

async function workSince(before: RedisWork): Promise<RedisWork> {
  return since(before, await redisWork(redis));
}

/** What the service costs Redis in a second in which nobody asks anything: leases, sweeps, the ledger writer. */
async function idle(): Promise<RedisWork> {
  const before = await redisWork(redis);
  await Bun.sleep(1_000);
  return await workSince(before);
}

function report(what: string, reads: number, seconds: number, work: RedisWork, background: RedisWork): void {
  const calls = Math.max(0, work.functionCalls - background.functionCalls * seconds);
  const cpu = Math.max(0, work.cpuMicroseconds - background.cpuMicroseconds * seconds);
  const per10k = (n: number) =>
    Math.round((n / reads) * 10_000)
      .toLocaleString('en')
      .padStart(6);
  console.log(
    `  ${what.padEnd(42)} ${Math.round(reads / seconds)
      .toLocaleString('en')
      .padStart(7)} reads/s;` +
      ` per 10,000 reads: ${per10k(calls)} function calls, ${per10k(work.stockReads)} of them stock;` +
      ` Redis CPU ${(cpu / reads).toFixed(2)} µs a read, ${(cpu / seconds / 10_000).toFixed(1)} % of a core`,
  );
}

/** Connections that stay open, each with at most one request under way. */
class Pollers {
  private readonly request: Buffer;
  private constructor(
    private readonly sockets: readonly Poller[],
    host: string,
    sku: string,
  ) {
    this.request = Buffer.from(`GET /api/v1/inventory/${sku} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  }

  static async open(url: string, count: number, sku: string): Promise<Pollers> {
    const { hostname, port, host } = new URL(url);
    const sockets: Poller[] = [];
    while (sockets.length < count) {
      const batch = Array.from({ length: Math.min(OPEN_AT_ONCE, count - sockets.length) }, () =>
        Poller.open(hostname, Number(port)),
      );
      sockets.push(...(await Promise.all(batch)));
    }
    return new Pollers(sockets, host, sku);
  }

  /** Everybody asks at once; resolves when all are answered. */
  async wave(): Promise<void> {
    await Promise.all(this.sockets.map((socket) => socket.ask(this.request)));
  }

  /** Everybody asks once a second, the first of them at once and the last nearly a second later; how many were answered. */
  async spread(seconds: number): Promise<number> {
    const startedMs = performance.now();
    const answers: Promise<void>[] = [];
    const total = this.sockets.length * seconds;
    while (answers.length < total) {
      const due = Math.min(total, Math.floor(((performance.now() - startedMs) / 1000) * this.sockets.length));
      while (answers.length < due)
        answers.push((this.sockets[answers.length % this.sockets.length] as Poller).ask(this.request));
      await Bun.sleep(1);
    }
    await Promise.all(answers);
    return answers.length;
  }

  close(): void {
    for (const socket of this.sockets) socket.close();
  }
}

class Poller {
  private received = '';
  private waiting: { resolve: () => void; reject: (error: Error) => void } | undefined;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.take(text));
    socket.on('close', () => this.waiting?.reject(new Error('the service hung up')));
  }

  static open(host: string, port: number): Promise<Poller> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, host);
      socket.once('error', reject);
      socket.once('connect', () => resolve(new Poller(socket)));
    });
  }

  async ask(request: Buffer): Promise<void> {
    await this.answered;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.waiting = { resolve, reject };
    this.answered = promise;
    this.socket.write(request);
    await promise;
  }
  private answered: Promise<void> = Promise.resolve();

  close(): void {
    this.waiting = undefined;
    this.socket.destroy();
  }

  private take(text: string): void {
    this.received += text;
    const head = this.received.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(this.received)?.[1]);
    if (this.received.length < head + 4 + length) return;
    const { waiting } = this;
    const good = this.received.startsWith('HTTP/1.1 200');
    this.waiting = undefined;
    this.received = '';
    if (good) waiting?.resolve();
    else waiting?.reject(new Error('a read was not answered with 200'));
  }
}
