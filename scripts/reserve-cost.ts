// What a reservation costs in CPU, by process: `npm run cost`. Starts a service and stores of its own, sends accepted
// reserves with unique customers, tokens and keys in a closed loop, and reads each process's CPU time before and after.
// The generator shares the machine, so the rate is a floor; the CPU figures are what to compare. Linux only (/proc).
import { spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cpuMs, processGroups } from '../bench/src/cpu-time.ts';

const ROUNDS = 3;
const REQUESTS = 20_000;
const AT_ONCE = 128;

const secret = randomBytes(32).toString('base64url');
const dataDir = mkdtempSync(path.join(tmpdir(), 'holdfast-cost-'));

const child = spawn(process.execPath, [path.join(import.meta.dir, '../server/src/main.ts')], {
  stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
  env: {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    PORT: '0',
    HOLDFAST_METRICS_PORT: '0',
    HOLDFAST_DATA_DIR: dataDir,
    HOLDFAST_JWT_SECRET: secret,
    HOLDFAST_PARENT_FD: '3',
    HOLDFAST_RATE_IP_PER_MINUTE: '0',
    HOLDFAST_REDIS_FSYNC: process.env.HOLDFAST_REDIS_FSYNC ?? 'always',
  },
});

try {
  const url = await readyUrl();
  // Looked for anew each time: PostgreSQL starts a process a connection, when it is first needed.
  const groups = () => processGroups(child.pid as number, dataDir);
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await measure(url, groups, round));
  rounds.sort((a, b) => a.perSecond - b.perSecond);
  const median = rounds[ROUNDS >> 1] as (typeof rounds)[number];
  console.log(
    `${REQUESTS} accepted reservations, ${AT_ONCE} at once, fsync ${process.env.HOLDFAST_REDIS_FSYNC ?? 'always'}`,
  );
  console.log(
    `median of ${ROUNDS} rounds: ${median.perSecond} a second, with generator and stores on this machine`,
  );
  for (const [name, microseconds] of Object.entries(median.cpu)) {
    console.log(`  ${name.padEnd(12)} ${microseconds.toFixed(0).padStart(5)} µs CPU a reservation`);
  }
} finally {
  child.stdio[3]?.destroy();
  await new Promise((resolve) => child.once('exit', resolve));
  rmSync(dataDir, { recursive: true, force: true });
}

async function readyUrl(): Promise<string> {
  let out = '';
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    out += chunk.toString();
    const url = /Holdfast is ready at (http:\S+)/.exec(out)?.[1];
    if (url) return url;
  }
  throw new Error('the service did not start; run it by hand to see why');
}

async function measure(url: string, groups: () => Record<string, number[]>, round: number) {
  const id = `cost-${round}`;
  const made = await fetch(`${url}/api/v1/admin/sales`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token('operator', 'holdfast:operator')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ id, name: id, items: [{ sku: id, stock: REQUESTS }] }),
  });
  if (made.status !== 201) throw new Error(await made.text());
  const tokens = Array.from({ length: REQUESTS }, (_, i) => token(`customer-${round}-${i}`));
  const before = Object.values(groups()).map(cpuMs);
  const startedMs = performance.now();
  let next = 0;
  const shop = async () => {
    for (let i = next++; i < REQUESTS; i = next++) {
      const reply = await fetch(`${url}/api/v1/inventory/reserve`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${tokens[i]}`,
          'content-type': 'application/json',
          'idempotency-key': `key-${i}`,
        },
        body: JSON.stringify({ sku: id, quantity: 1 }),
      });
      const text = await reply.text();
      if (reply.status !== 201) throw new Error(text);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, shop));
  const seconds = (performance.now() - startedMs) / 1000;
  const cpu = Object.fromEntries(
    Object.entries(groups()).map(([name, pids], i) => [
      name,
      ((cpuMs(pids) - (before[i] ?? 0)) * 1000) / REQUESTS,
    ]),
  );
  return { perSecond: Math.round(REQUESTS / seconds), cpu };
}

function token(sub: string, scope?: string): string {
  const iat = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub, iat, exp: iat + 900, iss: 'holdfast', aud: 'holdfast-api', ...(scope && { scope }) };
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}
