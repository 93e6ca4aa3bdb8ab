// A service with stores of its own under accepted reserves, each by another customer with a token and a key of its own, in
// a closed loop; and the CPU time of each of its processes. The generator shares the machine. Linux only (/proc).
import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cpuMs, processGroups } from '../bench/src/cpu-time.ts';

export const REQUESTS = 20_000;
export const AT_ONCE = 128;

export type Part = 'service' | 'redis' | 'postgres';

export interface Round {
  readonly perSecond: number;
  /** Microseconds a reservation. */
  readonly cpu: Readonly<Record<Part, number>>;
}

export class LoadedService {
  private readonly secret = randomBytes(32).toString('base64url');
  private readonly dataDir = mkdtempSync(path.join(tmpdir(), 'holdfast-cost-'));
  private readonly child: ChildProcess;
  private url = '';
  private rounds = 0;

  private constructor(env: Readonly<Record<string, string>>) {
    this.child = spawn(process.execPath, [path.join(import.meta.dir, '../server/src/main.ts')], {
      stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        PORT: '0',
        HOLDFAST_METRICS_PORT: '0',
        HOLDFAST_DATA_DIR: this.dataDir,
        HOLDFAST_JWT_SECRET: this.secret,
        HOLDFAST_PARENT_FD: '3',
        HOLDFAST_RATE_IP_PER_MINUTE: '0',
        HOLDFAST_REDIS_FSYNC: process.env.HOLDFAST_REDIS_FSYNC ?? 'always',
        ...env,
      },
    });
  }

  static async start(env: Readonly<Record<string, string>> = {}): Promise<LoadedService> {
    const service = new LoadedService(env);
    try {
      service.url = await readyUrl(service.child);
      return service;
    } catch (error) {
      await service.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    const { child } = this;
    child.stdio[3]?.destroy();
    if (child.exitCode === null && child.signalCode === null)
      await new Promise((resolve) => child.once('exit', resolve));
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  /** One sale, sold as fast as it goes. */
  async round(): Promise<Round> {
    const round = this.rounds++;
    const id = `cost-${round}`;
    const made = await fetch(`${this.url}/api/v1/admin/sales`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.token('operator', 'holdfast:operator')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ id, name: id, items: [{ sku: id, stock: REQUESTS }] }),
    });
    if (made.status !== 201) throw new Error(await made.text());
    const tokens = Array.from({ length: REQUESTS }, (_, i) => this.token(`customer-${round}-${i}`));
    const before = this.cpuMs();
    const startedMs = performance.now();
    let next = 0;
    const shop = async () => {
      for (let i = next++; i < REQUESTS; i = next++) {
        const reply = await fetch(`${this.url}/api/v1/inventory/reserve`, {
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
    const after = this.cpuMs();
    const each = (part: Part) => ((after[part] - before[part]) * 1000) / REQUESTS;
    return {
      perSecond: Math.round(REQUESTS / seconds),
      cpu: { service: each('service'), redis: each('redis'), postgres: each('postgres') },
    };
  }

  private cpuMs(): Record<Part, number> {
    // Looked for anew each time: PostgreSQL starts a process a connection, when it is first needed.
    const { service, redis, postgres } = processGroups(this.child.pid ?? 0, this.dataDir);
    return { service: cpuMs(service), redis: cpuMs(redis), postgres: cpuMs(postgres) };
  }

  private token(sub: string, scope?: string): string {
    const iat = Math.floor(Date.now() / 1000);
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = {
      sub,
      iat,
      exp: iat + 900,
      iss: 'holdfast',
      aud: 'holdfast-api',
      ...(scope && { scope }),
    };
    const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
    return `${signed}.${createHmac('sha256', this.secret).update(signed).digest('base64url')}`;
  }
}

async function readyUrl(child: ChildProcess): Promise<string> {
  let out = '';
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    out += chunk.toString();
    const url = /Holdfast is ready at (http:\S+)/.exec(out)?.[1];
    if (url) return url;
  }
  throw new Error('the service did not start; run it by hand to see why');
}
