// A service that stops says so to whoever watches and is not held up by them. A store that is silent ends nobody's
// watching: there are no beats, so that pages know, and when it is back everybody hears again.
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { LIVE_BEAT_MS } from '@holdfast/contract/live';
import { Caller, makeSale, startService, stopServices } from './harness/service.ts';
import { type FreshDatabase, freshDatabase, startRedis, type TestStore } from './harness/stores.ts';
import { until } from './harness/until.ts';
import { availabilities, stream, upgradeRequest, watch } from './harness/watch.ts';
import { RawConnection } from './hostile/raw-http.ts';
import { liveStage, SKU } from './live-stage.ts';

setDefaultTimeout(120_000);
const GOING_AWAY = 1001;
const LIMIT_MS = 20_000;

let redis: TestStore | undefined;
let database: FreshDatabase | undefined;
afterAll(async () => {
  await stopServices();
  await Promise.all([redis?.stop(), database?.drop()]);
});

test('sockets get 1001 and streams end when the service stops; who does not answer the goodbye holds nothing up', async () => {
  const stage = await liveStage();
  const socket = watch(stage.url, SKU);
  const events = await stream(stage.url, SKU);
  const silent = await RawConnection.open(stage.url);
  silent.write(upgradeRequest(SKU));
  await until('all watch', () => stage.hub.count().get('ws') === 2 && events.text() !== '');
  silent.socket.pause();
  const beganAtMs = performance.now();
  const closing = stage.listener.close(LIMIT_MS);
  expect(await socket.closed).toBe(GOING_AWAY);
  await events.ended;
  await closing;
  expect(performance.now() - beganAtMs).toBeLessThan(LIMIT_MS);
  expect([...stage.hub.count().values()]).toEqual([0, 0]);
  expect(stage.dropped).toEqual([]);
});

test('while Redis is silent there are no beats and nobody is closed; when it is back all hear again, and a stop is clean', async () => {
  [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
  const service = await startService({ redisUrl: redis.url, databaseUrl: database.url });
  const { sku } = await makeSale(service.url, { a: 50 });
  const viewer = watch(service.url, sku('a'));
  const events = await stream(service.url, sku('a'));
  const beats = () => viewer.heard.filter(({ type }) => type === 'beat').length;
  let isClosed = false;
  void viewer.closed.then(() => {
    isClosed = true;
  });
  await until(
    'a beat',
    () => beats() > 0 && /event: beat\ndata: \{"type":"beat"/.test(events.text()),
    LIMIT_MS,
  );

  process.kill(redis.pid, 'SIGSTOP');
  // One may be on its way: it was known then that the store had been heard.
  await Bun.sleep(LIVE_BEAT_MS);
  const before = beats();
  await Bun.sleep(2 * LIVE_BEAT_MS);
  expect(beats()).toBe(before);
  expect(isClosed).toBe(false);
  process.kill(redis.pid, 'SIGCONT');

  await until('beats again', () => beats() > before, 2 * LIMIT_MS);
  await until(
    'a reserve is granted',
    async () => (await new Caller(service.url, 'alice').reserve({ [sku('a')]: 1 })).status === 201,
    LIMIT_MS,
  );
  await until('the change', () => availabilities(viewer).at(-1) === 49, LIMIT_MS);
  await until('the change in the stream', () => /"available":49,/.test(events.text()), LIMIT_MS);

  expect(await service.stop()).toBe(0);
  expect(await viewer.closed).toBe(GOING_AWAY);
  await events.ended;
});
