// SIGTERM under load, twenty times: whoever has a connection gets an answer to what was sent over it, or is asked to close it
// before; what was answered is in the stores afterwards; viewers are told goodbye; and the log says what became of whom.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { freePort, LOOPBACK } from '../src/embedded/free-port.ts';
import { childrenOf } from './faults/stage.ts';
import { type Place, unanswered } from './faults/wire.ts';
import { seed, seededRandom } from './harness/seeded-random.ts';
import { makeSale, type Service, startService, stopServices, token } from './harness/service.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';
import { exchange, type RawAnswer, RawConnection, wireBytes } from './hostile/raw-http.ts';
import { isRunning } from './processes/running-service.ts';
import { Shopper } from './stopping/shoppers.ts';
import { openSockets, openStream, type Viewer } from './stopping/viewers.ts';

setDefaultTimeout(300_000);
/** For what takes a second where nothing else runs. */
const PATIENCE_MS = 60_000;
/** `npm run stops` plays more. */
const ROUNDS = Number(process.env.HOLDFAST_TEST_STOPS || 20);
/** Services that stop at their own pace, beside each other: a stop under load takes four seconds, most of them waiting. */
const LANES = 5;
/** The longest rest of each. The last one's connection is idle for most of the time, and is to be asked to close like the others. */
const REST_MS = [10, 10, 10, 20, 20, 700];
const SOCKETS = 8;
const STREAMS = 3;
/** In one round. */
const CROWD = 1_000;
const GOING_AWAY = 1001;
const STARTED_ANSWERS = 50;
/** Connections that are kept to two workers. */
const KEPT = 24;
const TWICE_SHARE = 0.25;

let redis: TestStore;
let database: FreshDatabase;
/** One for each lane, and one more. */
const skus: string[] = [];
beforeAll(async () => {
  [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
  const first = await start(0, 1);
  // Where the machine is busy a sale may open too late for its answer.
  const sale = () => makeSale(first.url, { a: 1_000_000 }, { ttlSeconds: 3_600 }).catch(() => undefined);
  while (skus.length <= LANES) skus.push((await until('a sale', sale, PATIENCE_MS)).sku('a'));
  await first.stop();
  console.log(`stopping-drops-nothing: seed ${seed}`);
}, 2 * PATIENCE_MS);
afterAll(async () => {
  await stopServices();
  await Promise.all([redis?.stop(), database?.drop()]);
});

function start(port: number, workers: number): Promise<Service> {
  return startService({
    redisUrl: redis.url,
    databaseUrl: database.url,
    workers,
    env: { PORT: String(port), HOLDFAST_LOG_LEVEL: 'info', HOLDFAST_LIVE_SOCKETS_PER_IP: '0' },
  });
}

const FIELDS = [
  'requestsAnswered',
  'requestsRefused',
  'requestsCut',
  'socketsClosed',
  'socketsCut',
  'streamsEnded',
  'idleConnectionsClosed',
  'transitionsJournaled',
  'noticeMs',
  'goodbyesMs',
  'finishMs',
  'drainMs',
  'stopMs',
] as const;
const ROUNDING_MS = 3;

type Stopped = Readonly<Record<(typeof FIELDS)[number], number>> & { readonly newcomersOverlooked: boolean };

/** The last line of each worker. */
function stoppedLines(service: Service): Stopped[] {
  return service
    .log()
    .split('\n')
    .filter((line) => line.includes('"msg":"stopped'))
    .map((line) => JSON.parse(line));
}

const sum = (lines: readonly Stopped[], field: keyof Stopped): number =>
  lines.reduce((total, line) => total + Number(line[field]), 0);

function shoppersOf(lane: number, place: Place, random: () => number): Shopper[] {
  const sku = skus[lane] as string;
  return REST_MS.map((restMs, who) => new Shopper(`shopper-${lane}-${who}`, place, sku, random, restMs));
}

interface Round {
  readonly place: Place;
  readonly sku: string;
  readonly shoppers: readonly Shopper[];
  readonly sockets: number;
  readonly workers: number;
  /** Tells the service to stop; resolves with its exit code. */
  readonly stop: (service: Service) => Promise<number | null>;
}

/** One service's stop under load. */
async function stopUnderLoad(service: Service, round: Round): Promise<void> {
  const { place, sku, shoppers } = round;
  const before = shoppers.reduce((total, { answers }) => total + answers, 0);
  const sockets = await openSockets(place, sku, round.sockets);
  const streams = await Promise.all(Array.from({ length: STREAMS }, () => openStream(place, sku)));
  const shopping = shoppers.map((shopper) => shopper.shop());
  const answers = () => shoppers.reduce((total, shopper) => total + shopper.answers, 0) - before;
  await until('all are at it', () => answers() >= STARTED_ANSWERS, PATIENCE_MS);
  const code = await round.stop(service);
  await Promise.all(shopping);
  const ends = async (viewers: readonly Viewer[]) => [
    ...new Set(await Promise.all(viewers.map(({ ended }) => ended))),
  ];
  expect(await ends(sockets)).toEqual([GOING_AWAY]);
  expect(await ends(streams)).toEqual(['ended']);
  expect(code).toBe(0);

  // A worker that is not done within its 10 s ends itself, without this line.
  const lines = stoppedLines(service);
  expect(lines).toHaveLength(round.workers);
  expect(sum(lines, 'requestsAnswered')).toBeGreaterThan(0);
  expect(sum(lines, 'requestsAnswered')).toBeLessThanOrEqual(answers());
  expect(sum(lines, 'requestsCut')).toBe(0);
  expect([sum(lines, 'socketsClosed'), sum(lines, 'socketsCut')]).toEqual([round.sockets, 0]);
  expect(sum(lines, 'streamsEnded')).toBe(STREAMS);
}

test(`${ROUNDS} stops under load drop no request and no connection, and lose nothing that was answered`, async () => {
  const before = { ...unanswered };
  const everybody: Shopper[] = [];
  const lane = async (number: number) => {
    const random = seededRandom(seed + number);
    const place = { host: LOOPBACK, port: await freePort() };
    const shoppers = shoppersOf(number, place, random);
    everybody.push(...shoppers);
    for (let round = number; round < ROUNDS; round += LANES) {
      const workers = random() < 0.5 ? 1 : 2;
      const service = await start(place.port, workers);
      await stopUnderLoad(service, {
        place,
        sku: skus[number] as string,
        shoppers,
        workers,
        sockets: round === ROUNDS - 1 ? CROWD : SOCKETS,
        stop: async (stopping) => {
          // One that is heard twice in a moment is one.
          if (random() < TWICE_SHARE) process.kill(stopping.pid, 'SIGTERM');
          return await stopping.stop();
        },
      });
    }
    const back = await start(place.port, 1);
    await Promise.all(shoppers.map((shopper) => shopper.verify()));
    await back.stop();
  };
  await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
  for (const shopper of everybody) shopper.close();
  const told = everybody.reduce((total, shopper) => total + shopper.told.size, 0);
  const { refused, ...lost } = unanswered;
  console.log(
    `stopping-drops-nothing: ${told} reservations as they were told; ${refused - before.refused} refused at a closed port`,
  );
  const { refused: _, ...none } = before;
  expect(lost).toEqual(none);
});

test('Ctrl-C under load is the same, and says what became of whom', async () => {
  const before = { ...unanswered };
  const place = { host: LOOPBACK, port: await freePort() };
  const shoppers = shoppersOf(LANES, place, seededRandom(seed));
  const service = await start(place.port, 2);
  const sku = skus[LANES] as string;
  await stopUnderLoad(service, {
    place,
    sku,
    shoppers,
    workers: 2,
    sockets: SOCKETS,
    stop: async ({ pid }) => {
      process.kill(-pid, 'SIGINT'); // as a terminal does: every process hears it
      await until('it is gone', () => !isRunning(pid), PATIENCE_MS);
      return await service.stop();
    },
  });
  const lines = stoppedLines(service);
  for (const line of lines) {
    expect(line.newcomersOverlooked).toBe(process.platform === 'linux');
    for (const field of FIELDS) expect(line[field], field).toBeGreaterThanOrEqual(0);
    expect(line.noticeMs + line.goodbyesMs + line.finishMs).toBeLessThanOrEqual(line.drainMs + ROUNDING_MS);
  }
  expect(sum(lines, 'transitionsJournaled')).toBeGreaterThan(0);
  const back = await start(place.port, 1);
  await Promise.all(shoppers.map((shopper) => shopper.verify()));
  for (const shopper of shoppers) shopper.close();
  expect({ ...unanswered, refused: before.refused }).toEqual(before);
  await back.stop();
});

test('a worker that is killed takes its own connections with it, and not one of the others', async () => {
  const service = await start(0, 2);
  const authorization = `Bearer ${token('operator', 'holdfast:operator')}`;
  const status = wireBytes({
    method: 'GET',
    target: '/api/v1/admin/status',
    headers: [['Authorization', authorization]],
  });
  const hasTurn = (answer: RawAnswer | undefined): boolean => JSON.parse(answer?.text ?? '').process.has_turn;
  // Each over a connection of its own: those that are kept stay with the worker that took them.
  const bothAnswer = async () => {
    const seen = await Promise.all(Array.from({ length: 4 }, () => exchange(service.url, status)));
    return new Set(seen.map(hasTurn)).size === 2;
  };
  await until('both workers answer', bothAnswer, PATIENCE_MS);
  const connections = await Promise.all(Array.from({ length: KEPT }, () => RawConnection.open(service.url)));
  // One of the two does the shared work: that tells them apart.
  const whose: boolean[] = [];
  for (const connection of connections) {
    connection.write(status);
    whose.push(hasTurn(await connection.answer()));
  }
  expect(new Set(whose).size).toBe(2);
  const read = wireBytes({ method: 'GET', target: `/api/v1/inventory/${skus[LANES]}` });
  const ask = async (connection: RawConnection) => {
    connection.write(read);
    return (await connection.answer())?.status;
  };
  let over = false;
  const answered = connections.map(() => 0);
  const asking = connections.map(async (connection, index) => {
    while (!over && (await ask(connection)) === 200) answered[index] = (answered[index] ?? 0) + 1;
  });
  await until('all are answered', () => answered.every((count) => count > 2), PATIENCE_MS);
  process.kill(childrenOf(service.pid)[0] as number, 'SIGKILL');
  await until('its connections are gone', () => connections.some(({ isClosed }) => isClosed), PATIENCE_MS);
  const [gone] = new Set(whose.filter((_, index) => connections[index]?.isClosed));
  const others = connections.flatMap((_, index) => (whose[index] === gone ? [] : [index]));
  const then = [...answered];
  const goOn = () => others.every((index) => (answered[index] ?? 0) > (then[index] ?? 0) + 2);
  await until('the others are answered on and on', goOn, PATIENCE_MS);
  over = true;
  await Promise.all(asking);
  expect(others.filter((index) => connections[index]?.isClosed)).toEqual([]);
  for (const connection of connections) connection.close();
  expect(await service.stop()).toBe(0);
});
