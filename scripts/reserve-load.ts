// A service with stores of its own under accepted reserves, each by another customer with a token and a key of its own, in
// a closed loop, each confirmed by its customer if so wished; and the CPU time of each of its processes. The generator shares
// the machine. Linux only (/proc).
import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cpuMs, processGroups, residentBytes, workersOf } from '../bench/src/cpu-time.ts';

export const REQUESTS = 20_000;
export const AT_ONCE = 128;
/** Confirmations count against the general limit as everywhere, and none is refused: they all come from one address. */
const COUNTED_NOT_REFUSED = '1000000';

/** A machine that is busy with other things turns some away at the door: they come again. */
const TRIES = 100;
const PAUSE_MS = 50;

export type Part = 'service' | 'redis' | 'postgres';

export interface Round {
  readonly perSecond: number;
  /** Microseconds a reservation, its confirmation included. */
  readonly cpu: Readonly<Record<Part, number>>;
}

export class LoadedService {
  private readonly secret = randomBytes(32).toString('base64url');
  readonly dataDir = mkdtempSync(path.join(tmpdir(), 'holdfast-cost-'));
  private readonly child: ChildProcess;
  url = '';
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
        HOLDFAST_RATE_OTHER_IP_PER_MINUTE: COUNTED_NOT_REFUSED,
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

  /** Process id of the first worker. */
  get worker(): number {
    return workersOf(this.child.pid ?? 0)[0] ?? 0;
  }

  /** The first worker's resident memory. */
  get residentBytes(): number {
    return residentBytes(this.worker) ?? 0;
  }

  /** One sale, sold as fast as it goes. */
  async round({ confirms = false } = {}): Promise<Round> {
    const round = this.rounds++;
    const id = `cost-${round}`;
    const sale = { id, name: id, items: [{ sku: id, stock: REQUESTS }] };
    await this.post('admin/sales', this.token('operator', 'holdfast:operator'), sale, 201);
    const tokens = Array.from({ length: REQUESTS }, (_, i) => this.token(`customer-${round}-${i}`));
    const before = this.cpuMs();
    const startedMs = performance.now();
    let next = 0;
    const shop = async () => {
      for (let i = next++; i < REQUESTS; i = next++) {
        const token = tokens[i] as string;
        const wish = { sku: id, quantity: 1 };
        const text = await this.post('inventory/reserve', token, wish, 201, {
          'idempotency-key': `key-${i}`,
        });
        if (!confirms) continue;
        const { reservation_id } = JSON.parse(text) as { readonly reservation_id: string };
        await this.post('checkout/confirm', token, { reservation_id }, 200);
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

  private async post(
    path: string,
    token: string,
    body: object,
    status: number,
    more?: Readonly<Record<string, string>>,
  ): Promise<string> {
    for (let tries = 1; ; tries++) {
      const reply = await fetch(`${this.url}/api/v1/${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...more },
        body: JSON.stringify(body),
      });
      const text = await reply.text();
      if (reply.status === status) return text;
      if (reply.status !== 503 || tries >= TRIES) throw new Error(text);
      await Bun.sleep(PAUSE_MS);
    }
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
