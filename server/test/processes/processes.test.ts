// Promises of the service as processes: it starts as one, heals, ends in order, and leaves nothing behind.
import { afterAll, afterEach, describe, expect, test } from 'bun:test';
import { createServer } from 'node:net';
import { endAll, isRunning, RunningService, removeDataDir, until } from './running-service.ts';

const SOON_MS = 5_000;
const CLEAN = { code: 0, signal: null };

afterEach(async () => {
  expect(await endAll()).toBe(0); // a test that leaves a service running has failed
});
afterAll(removeDataDir);

async function expectCleanEnd(service: RunningService): Promise<void> {
  const workers = await service.workers(1);
  service.signal('SIGTERM');
  expect(await service.ended).toEqual(CLEAN);
  for (const { pid } of workers) expect(isRunning(pid)).toBe(false);
}

describe('starts-as-one', () => {
  test('PORT=0 picks a port, and the first line on standard output names the URL', async () => {
    const service = await RunningService.start();
    expect(service.stdout[0]).toMatch(/^Holdfast is ready at http:\/\/127\.0\.0\.1:\d+$/);
    expect(service.stdout.filter((line) => line.startsWith('Holdfast'))).toHaveLength(1);
    const about = await service.about();
    expect(about).toMatchObject({ parent: service.pid, peerAddress: '127.0.0.1', prepare: true });
    await expectCleanEnd(service);
  });

  test('several workers share one port; only the first prepares and seeds', async () => {
    const service = await RunningService.start({ HOLDFAST_WORKERS: '3', HOLDFAST_DEMO: 'on' });
    const workers = await service.workers(3);
    expect(workers.filter(({ prepare, seedDemo }) => prepare && seedDemo)).toHaveLength(1);
    expect(workers.filter(({ prepare, seedDemo }) => !prepare && !seedDemo)).toHaveLength(2);
    await expectCleanEnd(service);
  });

  test('every bad variable is named at once, with exit code 78 and nothing started', async () => {
    const service = new RunningService({ PORT: 'eighty', HOLDFAST_WORKERS: '0', HOLDFAST_DMEO: 'on' });
    expect(await service.ended).toEqual({ code: 78, signal: null });
    for (const name of ['PORT', 'HOLDFAST_WORKERS', 'HOLDFAST_DMEO'])
      expect(service.stderr).toContain(`  ${name}: `);
    expect(service.stdout).toEqual([]);
  });

  test('what only the stores can show to be misconfigured ends with 78 too', async () => {
    const service = new RunningService({ HOLDFAST_JWT_ISSUER: 'refused-by-store' });
    expect(await service.ended).toEqual({ code: 78, signal: null });
    expect(service.stderr).toContain('DATABASE_URL: runs without fsync; turn it on');
  });

  test('a store out of reach ends with 75: try again later', async () => {
    const service = new RunningService({ HOLDFAST_JWT_ISSUER: 'store-out-of-reach' });
    expect(await service.ended).toEqual({ code: 75, signal: null });
    expect(service.stderr).toContain('Holdfast cannot start: connect ECONNREFUSED');
  });

  test('a port in use is said in words, with 75', async () => {
    const stranger = createServer();
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    const { port } = stranger.address() as { port: number };
    const service = new RunningService({ PORT: `${port}` });
    expect(await service.ended).toEqual({ code: 75, signal: null });
    expect(service.stderr).toContain(`port ${port} is in use`);
    await new Promise((resolve) => stranger.close(resolve));
  });

  test('a second service never shares the port of the first, though the workers of each share theirs', async () => {
    const first = await RunningService.start({ HOLDFAST_WORKERS: '2' });
    const second = new RunningService({ HOLDFAST_WORKERS: '2', PORT: new URL(first.url).port });
    expect(await second.ended).toEqual({ code: 75, signal: null });
    await expectCleanEnd(first);
  });
});

describe('heals', () => {
  test('a worker that crashes is started again on the same port', async () => {
    const service = await RunningService.start();
    const { pid } = await service.about();
    await fetch(`${service.url}/crash`).catch(() => undefined);
    await until(async () => (await service.about()).pid !== pid, SOON_MS);
    expect(isRunning(pid)).toBe(false);
    expect(await service.metric('holdfast_worker_restarts_total')).toBe(1);
    await expectCleanEnd(service);
  });

  test('a worker killed beside others is replaced', async () => {
    const service = await RunningService.start({ HOLDFAST_WORKERS: '2' });
    const [one, two] = await service.workers(2);
    process.kill(one?.pid ?? 0, 'SIGKILL');
    await until(async () => (await service.metric('holdfast_worker_restarts_total')) === 1, SOON_MS);
    const now = await service.workers(2);
    expect(now.map(({ pid }) => pid)).toContain(two?.pid ?? 0);
    expect(now.map(({ pid }) => pid)).not.toContain(one?.pid ?? 0);
    await expectCleanEnd(service);
  });

  test('an error that nobody catches is answered as a problem, without its text', async () => {
    const service = await RunningService.start();
    const response = await fetch(`${service.url}/throw`);
    expect(response.status).toBe(500);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('x-request-id')).toBeTruthy();
    const body = await response.text();
    expect(JSON.parse(body)).toMatchObject({ code: 'internal', status: 500 });
    expect(body).not.toContain('nobody catches this');
    await expectCleanEnd(service);
  });
});

describe('stops-in-order', () => {
  test('SIGTERM lets a slow request finish, and closes its connection', async () => {
    const service = await RunningService.start();
    const slow = fetch(`${service.url}/slow?ms=700`);
    await until(async () => (await service.about()).pid > 0, SOON_MS);
    service.signal('SIGTERM');
    const response = await slow;
    expect(await response.text()).toBe('finished');
    expect(response.headers.get('connection')).toBe('close');
    expect(await service.ended).toEqual(CLEAN);
  });

  test('Ctrl-C reaches every process of the terminal, and the workers wait for the word of the supervisor', async () => {
    const service = await RunningService.start({ HOLDFAST_WORKERS: '2' });
    const slow = fetch(`${service.url}/slow?ms=500`);
    const workers = await service.workers(2);
    service.signalGroup('SIGINT');
    expect(await (await slow).text()).toBe('finished');
    expect(await service.ended).toEqual(CLEAN);
    for (const { pid } of workers) expect(isRunning(pid)).toBe(false);
  });

  test('one Ctrl-C that launchers pass on, and so is heard several times, is one', async () => {
    const service = await RunningService.start();
    const slow = fetch(`${service.url}/slow?ms=500`);
    await service.about();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGINT'] as const) service.signalGroup(signal);
    expect(await (await slow).text()).toBe('finished');
    expect(await service.ended).toEqual(CLEAN);
  });

  test('a second Ctrl-C does not wait for requests in flight', async () => {
    const service = await RunningService.start();
    const slow = fetch(`${service.url}/slow?ms=6000`).catch(() => 'cut');
    const { pid } = await service.about();
    service.signalGroup('SIGINT');
    let over = false;
    void service.ended.then(() => {
      over = true;
    });
    await until(() => {
      if (!over) service.signalGroup('SIGINT'); // again and again, as an impatient person does
      return over;
    }, SOON_MS);
    expect(await service.ended).toEqual(CLEAN);
    expect(await slow).toBe('cut');
    expect(isRunning(pid)).toBe(false);
  });

  test('every request that was taken is answered, under load, while the service stops', async () => {
    const service = await RunningService.start({ HOLDFAST_WORKERS: '2' });
    let answered = 0;
    const shopper = async () => {
      for (;;) {
        // Once the port is closed a connection is refused or reset; no worker has seen its request then.
        const response = await fetch(`${service.url}/count`).catch(() => undefined);
        if ((await response?.text()) !== 'counted') return;
        answered += 1;
      }
    };
    const shoppers = Array.from({ length: 8 }, shopper);
    await until(() => answered > 200, SOON_MS);
    service.signal('SIGTERM');
    expect(await service.ended).toEqual(CLEAN);
    await Promise.all(shoppers);
    const taken = [...service.stderr.matchAll(/^took (\d+)$/gm)].map(([, count]) => Number(count));
    expect(taken).toHaveLength(2);
    expect(taken.reduce((sum, count) => sum + count, 0)).toBe(answered);
  });
});

describe('leaves-nothing-behind', () => {
  test('workers end when their supervisor is killed', async () => {
    const service = await RunningService.start({ HOLDFAST_WORKERS: '2' });
    const workers = await service.workers(2);
    service.signal('SIGKILL');
    expect(await service.ended).toEqual({ code: null, signal: 'SIGKILL' });
    await until(() => !workers.some(({ pid }) => isRunning(pid)), SOON_MS);
  });

  test('the service stops in order when the launcher that holds its pipe is gone', async () => {
    const service = await RunningService.start({ HOLDFAST_PARENT_FD: '3' });
    const slow = fetch(`${service.url}/slow?ms=300`);
    const { pid } = await service.about();
    service.closeParentPipe();
    expect(await (await slow).text()).toBe('finished');
    expect(await service.ended).toEqual(CLEAN);
    expect(isRunning(pid)).toBe(false);
  });
});

describe('metrics-tell-all', () => {
  const RESERVED = 'reserve_requests_total{status="reserved"}';
  const reserve = (service: RunningService) =>
    fetch(`${service.url}/reserve`, { headers: { connection: 'close' } }).then((response) => response.text());

  test('counts are added up over the workers, and stock is read once', async () => {
    const service = await RunningService.start({ HOLDFAST_WORKERS: '2' });
    await service.workers(2);
    for (let i = 0; i < 40; i++) await reserve(service);
    expect(await service.metric(RESERVED)).toBe(40);
    expect(await service.metric('reserve_duration_seconds_count')).toBe(40);
    expect(await service.metric('reserve_duration_seconds_bucket{le="0.0025"}')).toBe(40);
    expect(await service.metric('active_reservations_count')).toBe(3);
    expect(await service.metric('inventory_available{sku="A-1"}')).toBe(7);
    expect(await service.metric('holdfast_workers')).toBe(2);
    await expectCleanEnd(service);
  });

  test('a counter does not go back when a worker ends', async () => {
    const service = await RunningService.start();
    for (let i = 0; i < 5; i++) await reserve(service);
    expect(await service.metric(RESERVED)).toBe(5);
    const { pid } = await service.about();
    process.kill(pid, 'SIGKILL');
    await until(async () => (await service.about()).pid !== pid, SOON_MS);
    expect(await service.metric(RESERVED)).toBe(5);
    await reserve(service);
    expect(await service.metric(RESERVED)).toBe(6);
    await expectCleanEnd(service);
  });
});
