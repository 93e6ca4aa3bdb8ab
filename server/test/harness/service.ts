// The real service as a process of its own, on stores that the test gives it: started as `holdfast serve` starts it,
// spoken to over HTTP. It holds the other end of a pipe, so that it stops when the test process is gone.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { temporaryFolder } from './stores.ts';

const MAIN = path.join(import.meta.dir, '../../src/main.ts');
const READY_WITHIN_MS = 30_000;
const SECRET = 'a secret for the tests, long enough for HS256';

export interface ServiceOptions {
  readonly redisUrl: string;
  readonly databaseUrl: string;
  readonly workers?: number;
  /** Another program than the sources under this Bun. */
  readonly program?: string;
  /** Further variables; rate limits are off unless one says otherwise. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Service {
  readonly url: string;
  readonly pid: number;
  /** Everything it logged so far. */
  readonly log: () => string;
  /** SIGTERM; resolves with the exit code. Again is safe. */
  stop(): Promise<number | null>;
  /** SIGKILL to the whole process group, workers included. */
  killGroup9(): Promise<void>;
}

const running = new Set<Service>();

export async function startService(options: ServiceOptions): Promise<Service> {
  const [file, args] = options.program ? [options.program, []] : [process.execPath, [MAIN]];
  const child = spawn(file, args, {
    detached: true, // a process group of its own, for killGroup9
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      PORT: '0',
      HOLDFAST_METRICS_PORT: '0',
      HOLDFAST_DATA_DIR: temporaryFolder('service'),
      HOLDFAST_PARENT_FD: '3',
      HOLDFAST_JWT_SECRET: SECRET,
      HOLDFAST_WORKERS: String(options.workers ?? 1),
      HOLDFAST_RATE_CUSTOMER_PER_MINUTE: '0',
      HOLDFAST_RATE_IP_PER_MINUTE: '0',
      HOLDFAST_RATE_OTHER_CUSTOMER_PER_MINUTE: '0',
      HOLDFAST_RATE_OTHER_IP_PER_MINUTE: '0',
      REDIS_URL: options.redisUrl,
      DATABASE_URL: options.databaseUrl,
      ...options.env,
    },
  });
  let logged = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    logged += chunk.toString();
  });
  const url = await readyUrl(child, () => logged);
  const service: Service = {
    url,
    pid: child.pid as number,
    log: () => logged,
    stop: async () => {
      running.delete(service);
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
      return child.exitCode;
    },
    killGroup9: async () => {
      running.delete(service);
      process.kill(-(child.pid as number), 'SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
  running.add(service);
  return service;
}

/** Stops whatever a failed test left. */
export async function stopServices(): Promise<void> {
  await Promise.all([...running].map((service) => service.stop()));
}

async function readyUrl(child: ChildProcess, log: () => string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(() => reject(new Error(`not ready in time:\n${log()}`)), READY_WITHIN_MS);
  let out = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString();
    const found = /Holdfast is ready at (http:\S+)/.exec(out)?.[1];
    if (found) resolve(found);
  });
  child.once('close', (code) => reject(new Error(`exited with ${code}:\n${log()}`)));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** An access token as a shop's identity provider would make it. */
export function token(sub: string, scope?: string, aheadSeconds = 0): string {
  const iat = Math.floor(Date.now() / 1000) + aheadSeconds;
  const claims = { sub, iat, exp: iat + 900, iss: 'holdfast', aud: 'holdfast-api', ...(scope && { scope }) };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

export interface Reply {
  readonly status: number;
  /** The bytes as they came. */
  readonly text: string;
  readonly headers: Headers;
  readonly body: Body;
}

/** What tests read of any answer: the fields of all of them, whichever came. */
export interface Body {
  readonly reservation_id: string;
  readonly order_id: string;
  readonly status: string;
  readonly code: string;
  readonly created_at: string;
  readonly expires_at: string;
  readonly available: number;
  readonly reserved: number;
  readonly sold: number;
  readonly total: number;
  readonly items: readonly { readonly sku: string; readonly quantity: number }[];
  readonly data: readonly Body[];
  readonly next_cursor: string | null;
  readonly ttl_seconds: number;
  readonly errors?: readonly { readonly path: string }[];
  // Of operators' answers.
  readonly customer_id: string | null;
  readonly sale_id: string;
  readonly kind: string;
  readonly source: string;
  readonly reservation: Body;
  readonly order: Body | null;
  readonly history: readonly Body[];
  readonly sales: readonly { readonly differences: readonly unknown[] }[];
}

function isJson(response: Response): boolean {
  return response.headers.get('content-type')?.includes('json') ?? false;
}

/** One customer, or the operator, at one service. */
export class Caller {
  private readonly authorization: string;

  constructor(
    private readonly url: string,
    readonly sub: string,
    scope?: string,
  ) {
    this.authorization = `Bearer ${token(sub, scope)}`;
  }

  reserve(
    items: Readonly<Record<string, number>>,
    key: string = randomUUID(),
    ttlSeconds?: number,
  ): Promise<Reply> {
    const lines = Object.entries(items).map(([sku, quantity]) => ({ sku, quantity }));
    const body = lines.length === 1 ? { ...lines[0] } : { items: lines };
    return this.post(
      '/api/v1/inventory/reserve',
      ttlSeconds ? { ...body, ttl_seconds: ttlSeconds } : body,
      key,
    );
  }

  confirm(reservationId: string): Promise<Reply> {
    return this.post('/api/v1/checkout/confirm', { reservation_id: reservationId });
  }

  release(reservationId: string): Promise<Reply> {
    return this.send('DELETE', `/api/v1/reservations/${reservationId}`);
  }

  get(path_: string): Promise<Reply> {
    return this.send('GET', path_);
  }

  post(path_: string, body: unknown, key?: string): Promise<Reply> {
    return this.send('POST', path_, JSON.stringify(body), key);
  }

  private async send(method: string, path_: string, body?: string, key?: string): Promise<Reply> {
    const response = await fetch(this.url + path_, {
      method,
      headers: {
        authorization: this.authorization,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(key !== undefined && { 'idempotency-key': key }),
      },
      ...(body !== undefined && { body }),
    });
    const text = await response.text();
    return {
      status: response.status,
      text,
      headers: response.headers,
      body: text === '' || !isJson(response) ? null : JSON.parse(text),
    };
  }
}

export function operator(url: string): Caller {
  return new Caller(url, 'operator', 'holdfast:operator');
}

let salesMade = 0;

/** A fresh sale of these items (SKU suffix → units); returns the SKUs by suffix. */
export async function makeSale(
  url: string,
  stock: Readonly<Record<string, number>>,
  { ttlSeconds = 300, cap }: { readonly ttlSeconds?: number; readonly cap?: number } = {},
): Promise<{ id: string; sku: (suffix: string) => string }> {
  salesMade += 1;
  const id = `sale-${process.pid}-${salesMade}`;
  const sku = (suffix: string) => `${id}-${suffix}`;
  const reply = await operator(url).post('/api/v1/admin/sales', {
    id,
    name: 'a sale of the tests',
    reservation_ttl_seconds: ttlSeconds,
    items: Object.entries(stock).map(([suffix, units]) => ({
      sku: sku(suffix),
      stock: units,
      ...(cap !== undefined && { max_per_customer: cap }),
    })),
  });
  if (reply.status !== 201) throw new Error(`the sale was refused: ${reply.text}`);
  return { id, sku };
}
