// `npm run bare-machine`: where no container engine runs, the steps of deploy/Dockerfile in a folder of this machine, and the result
// run as the image would be: as its user, on a root that nobody can write to, with its environment and nothing else, on
// real stores; asked by its own health check, sold through, and stopped by SIGTERM.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../server/src/embedded/free-port.ts';
import { Caller, makeSale } from '../server/test/harness/service.ts';
import { startPostgres, startRedis, stopAll } from '../server/test/harness/stores.ts';
import { until } from '../server/test/harness/until.ts';
import { type BareImage, buildBare, bytesBelow } from './containers/bare-image.ts';

/** The harness signs its tokens with it. */
const SECRET = 'a secret for the tests, long enough for HS256';
const START_WITHIN_MS = 30_000;

const repository = path.join(import.meta.dir, '..');
const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-image-'));
chmodSync(folder, 0o755); // the image's user must get there
const say = (line: string) => console.log(line);
let served: ChildProcess | undefined;
let unsharable: boolean | undefined;

try {
  await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  served?.kill('SIGKILL');
  await stopAll();
  spawnSync('chmod', ['-R', 'u+w', folder]);
  rmSync(folder, { recursive: true, force: true });
}
process.exit();

async function main(): Promise<void> {
  const image = buildBare(repository, folder, say);
  say(`image: ${(bytesBelow(image.root) / 1e6).toFixed(0)} MB beside its base`);
  const [redis, postgres, port, metricsPort] = await Promise.all([
    startRedis({ appendfsync: 'always' }),
    startPostgres({ durable: true }),
    freePort(),
    freePort(),
  ]);
  const env = {
    ...image.env,
    PORT: String(port),
    HOLDFAST_METRICS_PORT: String(metricsPort),
    REDIS_URL: redis.url,
    DATABASE_URL: postgres.url,
    HOLDFAST_JWT_SECRET: SECRET,
  };
  const { entrypoint, healthcheck } = image.last;
  if (!entrypoint || !healthcheck) throw new Error('the image has no entry point or no health check');
  const url = `http://127.0.0.1:${port}`;
  const isHealthy = () =>
    start(image, healthcheck, env, 'ignore')
      .then(exitOf)
      .then((code) => code === 0);

  if (await isHealthy()) throw new Error('healthy before it was started');
  const beganAtMs = performance.now();
  served = await start(image, entrypoint, env, 'inherit');
  await until('the health check passes', isHealthy, START_WITHIN_MS);
  say(
    `healthy after ${Math.round(performance.now() - beganAtMs)} ms, as user ${userOf(served.pid as number)}`,
  );

  const sale = await makeSale(url, { a: 2 });
  const shopper = new Caller(url, 'shopper');
  const { body } = await shopper.reserve({ [sale.sku('a')]: 1 });
  const confirmed = await shopper.confirm(body.reservation_id);
  if (confirmed.status !== 200) throw new Error(`not confirmed: ${confirmed.text}`);
  say('a unit was reserved and confirmed');
  for (const page of ['/', '/docs', '/openapi.json', '/readyz'])
    if (!(await fetch(url + page)).ok) throw new Error(`${page} is not served`);
  const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  if (!metrics.includes('reserve_requests_total{status="reserved"} 1\n'))
    throw new Error('not in the metrics');
  say('pages, document and metrics are served');

  served.kill('SIGTERM');
  const code = await exitOf(served);
  if (code !== 0) throw new Error(`SIGTERM ended it with ${code}`);
  if (await isHealthy()) throw new Error('healthy after it was stopped');
  say('SIGTERM ended it in order');
}

/** As the image's user, in a mount namespace whose whole root is read-only, where this user may make one. */
async function start(
  image: BareImage,
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  output: 'ignore' | 'inherit',
): Promise<ChildProcess> {
  const mapped = command.map((part) => (part.startsWith('/') ? path.join(image.root, part) : part));
  const [uid, gid] = (image.last.user ?? '').split(':');
  const asUser = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--no-new-privs', '--'];
  const isRoot = process.getuid?.() === 0;
  const readOnly = ['unshare', '--mount', 'sh', '-c', 'mount -o remount,bind,ro / && exec "$@"', 'sh'];
  const wrapped = isRoot ? [...(canUnshare() ? readOnly : []), ...asUser, ...mapped] : mapped;
  const [file = '', ...args] = wrapped;
  const child = spawn(file, args, {
    cwd: path.join(image.root, image.workdir),
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...env },
    stdio: ['ignore', output, output],
  });
  await Promise.race([once(child, 'spawn'), once(child, 'error').then(([error]) => Promise.reject(error))]);
  return child;
}

function canUnshare(): boolean {
  if (unsharable === undefined) {
    const { status } = spawnSync('unshare', ['--mount', 'mount', '-o', 'remount,bind,ro', '/']);
    unsharable = status === 0;
    say(
      unsharable
        ? 'the root is mounted read-only'
        : 'no mount namespace here: read-only by permissions alone',
    );
  }
  return unsharable;
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

function userOf(pid: number): string {
  const { stdout } = spawnSync('ps', ['-o', 'uid=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim();
}
