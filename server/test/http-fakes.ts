// The HTTP room with verbs that only remember what they were asked: no stores, no sockets. Tests of the
// conventions use it; what the verbs really do is tested elsewhere.
import type { Problem } from '@holdfast/contract/problem-body';
import { SignJWT } from 'jose';
import { courseOf } from '../src/domain/activity.ts';
import { Ids } from '../src/domain/ids.ts';
import type { ItemRow, Order, SaleRow, StockChange } from '../src/domain/ledger-facts.ts';
import type { Upgrade } from '../src/domain/live-socket.ts';
import type { ReservationRecord } from '../src/domain/reservation.ts';
import { createHttp, type HttpDeps } from '../src/http/http.ts';
import { LiveHub } from '../src/http/live-hub.ts';
import type { OperatorVerbs } from '../src/reservations/operator-desk.ts';
import { OwnEvents } from '../src/reservations/own-events.ts';
import type { ReconcileVerb } from '../src/reservations/reconciler.ts';
import type { ReservationVerbs, ReservationView } from '../src/reservations/reservations.ts';
import type { AnalyticsView } from '../src/sales/analytics.ts';
import { ItemFeed } from '../src/sales/item-feed.ts';
import type { ItemView, SaleVerbs, SaleView } from '../src/sales/sales.ts';

export const SECRET = new Uint8Array(32).fill(42);
export const ISSUER = 'holdfast';
export const AUDIENCE = 'holdfast-api';
export const PEER = '203.0.113.7';

export const ids = new Ids(new Uint8Array(32).fill(7));
export const ALICE = { sub: 'alice', key: ids.customerKey('alice') };
export const SALE_NUMBER = 1;
export const RESERVATION_ID = ids.reservationId(SALE_NUMBER, ALICE.key, 'key-1');
export const ORDER_ID = ids.orderId(RESERVATION_ID, 5, ALICE.key);
export const CREATED_AT_MS = Date.UTC(2026, 10, 27, 9, 0, 0, 123);

export const RECORD: ReservationRecord = {
  reservationId: RESERVATION_ID,
  customer: ALICE.key,
  state: 'active',
  createdSeq: 5,
  createdAtMs: CREATED_AT_MS,
  ttlSeconds: 300,
  deadlineMs: CREATED_AT_MS + 300_000,
  attempts: 0,
  extensions: 0,
  fingerprint: 'AAAAAAAAAAA',
  lines: [{ sku: 'FLASH-SALE-001', quantity: 2 }],
};

export const VIEW: ReservationView = {
  saleId: 'flash-sale',
  record: RECORD,
  status: 'active',
  orderId: null,
};

export const ORDER: Order = {
  orderId: ORDER_ID,
  reservationId: RESERVATION_ID,
  saleNumber: SALE_NUMBER,
  saleId: 'flash-sale',
  customer: ALICE.key,
  lines: [{ sku: 'FLASH-SALE-001', quantity: 2, price: { amountMinor: 2999, currency: 'USD' } }],
  paymentReference: 'pi_1',
  confirmedAtMs: CREATED_AT_MS + 5_000,
};

export const ITEM_ROW: ItemRow = {
  saleNumber: SALE_NUMBER,
  saleId: 'flash-sale',
  sku: 'FLASH-SALE-001',
  name: 'Midnight <sneaker>',
  price: { amountMinor: 2999, currency: 'USD' },
  total: 100,
  sold: 10,
  maxPerCustomer: null,
};

export const ITEM_VIEW: ItemView = {
  row: ITEM_ROW,
  stock: { sku: 'FLASH-SALE-001', total: 100, reserved: 20, sold: 10, maxPerCustomer: null },
  settings: { opensAtMs: null, closesAtMs: null, closed: false, cooldown: null },
  asOfMs: CREATED_AT_MS,
};

export const SALE_ROW: SaleRow = {
  number: SALE_NUMBER,
  id: 'flash-sale',
  name: 'Flash sale',
  settings: { opensAtMs: null, closesAtMs: null, closed: false, cooldown: null },
  reservationTtlSeconds: 300,
  extensions: { max: 1, maxLifetimeSeconds: 900 },
  unloaded: false,
  createdAtMs: CREATED_AT_MS,
  closedAtMs: null,
  settingsSeq: 0,
  earlierTtlSeconds: [],
};

export const SALE_VIEW: SaleView = { row: SALE_ROW, items: [ITEM_ROW] };

const ok = <T>(value: T) => ({ ok: true, value }) as const;

/** What the room asked of the world, in order: verb names with their arguments. */
export interface Asked {
  readonly verb: string;
  readonly with: readonly unknown[];
}

export const CHANGE: StockChange = {
  sku: 'A-1',
  delta: 5,
  totalBefore: 10,
  total: 15,
  reason: 'second delivery',
  reference: 'PO-7',
  operator: 'operator',
  atMs: CREATED_AT_MS,
  entrySeq: 3,
};

export const ANALYTICS: AnalyticsView = {
  saleId: 'flash-sale',
  fromMs: CREATED_AT_MS,
  toMs: CREATED_AT_MS + 1_000,
  stepSeconds: 1,
  asOfMs: CREATED_AT_MS + 2_000,
  openedAtMs: CREATED_AT_MS,
  soldOutAtMs: null,
  latency: { reserve: null, confirm: null },
  ...courseOf(0, 1, 1, [], []),
};

const STATUS = {
  version: '0.0.0',
  process: { uptime_seconds: 1, resident_bytes: 1, has_turn: true },
  stores: { redis: { breaker: 'closed' as const }, postgresql: { breaker: 'closed' as const } },
  workers: [],
  invariants: [],
  sales: [],
};

export interface FakeWorld {
  readonly asked: Asked[];
  readonly errors: { fields: Readonly<Record<string, unknown>>; message: string }[];
  readonly reserves: string[];
  readonly responses: { route: string; status: number }[];
  /** When requests ran out of time. */
  readonly timeouts: number[];
  /** Routes of requests that were turned away at their limit. */
  readonly turnedAway: string[];
  turnAway(request: Request): Response | undefined;
  fetch(request: Request, peer?: string, upgrade?: Upgrade): Promise<Response>;
  endLive(): { sockets: number; streams: number };
  /** Sends a request; `path` begins with a slash. */
  send(path: string, init?: SendInit): Promise<Response>;
}

export interface SendInit {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array | ReadableStream<Uint8Array>;
  token?: string | null;
  peer?: string;
}

export type WorldOptions = Partial<Omit<HttpDeps, 'reservations' | 'sales'>> & {
  reservations?: Partial<ReservationVerbs>;
  sales?: Partial<SaleVerbs>;
};

export function fakeWorld(options: WorldOptions = {}): FakeWorld {
  const asked: Asked[] = [];
  const errors: FakeWorld['errors'] = [];
  const reserves: string[] = [];
  const responses: FakeWorld['responses'] = [];
  const timeouts: number[] = [];
  const turnedAway: string[] = [];
  const reservations: ReservationVerbs = {
    reserve: async () => ok({ view: VIEW, replayed: false }),
    read: async () => ok(VIEW),
    list: async () => ok({ rows: [VIEW], next: null }),
    release: async () => ok({ ...VIEW, status: 'released' }),
    extend: async () => ok(VIEW),
    confirm: async () => ok(ORDER),
    order: async () => ok(ORDER),
    orders: async () => ok({ rows: [ORDER], next: 'next' }),
    ...options.reservations,
  };
  const sales: SaleVerbs = {
    item: async () => ok(ITEM_VIEW),
    items: async () => ok({ rows: [ITEM_VIEW], next: null }),
    sale: async () => ok(SALE_VIEW),
    sales: async () => ok({ rows: [SALE_VIEW], next: null }),
    create: async () => ok(SALE_VIEW),
    addItems: async () => ok(SALE_VIEW),
    change: async () => ok(SALE_VIEW),
    changeStock: async () => ok({ change: CHANGE, replayed: false }),
    close: async () => ok({ ...SALE_VIEW, row: { ...SALE_ROW, closedAtMs: CREATED_AT_MS } }),
    ...options.sales,
  };
  const reconciler: ReconcileVerb = {
    reconcile: async () => ok({ ranAtMs: CREATED_AT_MS, sales: [], next: null }),
    ...options.reconciler,
  };
  const found = { view: VIEW, customerId: 'ann' };
  const operators: OperatorVerbs = {
    reservations: async () => ok({ rows: [found], next: null }),
    reservation: async () => ok({ ...found, order: null, history: [] }),
    release: async () => ok({ ...found, view: { ...VIEW, status: 'released' } }),
    orders: async () => ok({ rows: [{ order: ORDER, customerId: 'ann' }], next: null }),
    audit: async () => ok({ rows: [], next: null }),
    ...options.operators,
  };
  const feed = new ItemFeed({
    catalog: { item: () => ITEM_ROW },
    sales,
    snapshotOf: () => Promise.reject(new Error('no store here')),
    tell: async () => 0,
  });
  const hub = new LiveHub({
    feed,
    storeNowMs: () => Date.now(),
    metrics: { sent: () => undefined, dropped: () => undefined },
  });
  const own = new OwnEvents({
    verbs: reservations,
    hints: { listen: () => undefined, quiet: () => undefined },
    isTheirs: () => true,
    storeNowMs: () => Date.now(),
  });
  const generalLimit = options.generalLimit ?? (async () => null);
  const http = createHttp({
    live: { feed, hub, own, limits: { sockets: 10, perAddress: 0 } },
    ids,
    auth: { hmacSecret: SECRET, issuer: ISSUER, audience: AUDIENCE },
    demoAuth: true,
    limits: { requestsPerCustomer: 120, requestsPerAddress: 600 },
    reservationTtlSeconds: 300,
    storeNowMs: () => Date.now(),
    ready: () => ({ ok: true, reasons: [] }),
    stopping: new AbortController().signal,
    // Nobody is late here, however busy the machine is.
    doorClock: { nowMs: () => 0, afterTurn: () => undefined },
    analytics: { analytics: async () => ok(ANALYTICS) },
    status: async () => STATUS,
    trustedProxies: [],
    corsOrigins: [],
    log: { error: (fields, message) => errors.push({ fields, message }) },
    metrics: {
      onReserve: (outcome) => reserves.push(outcome),
      onResponse: (route, status) => responses.push({ route, status }),
      onTimeout: () => timeouts.push(performance.now()),
      turnedAway: (route) => () => turnedAway.push(route),
    },
    ...options,
    reservations: remembering(reservations, asked),
    sales: remembering(sales, asked),
    operators: remembering(operators, asked),
    reconciler: remembering(reconciler, asked),
    generalLimit: (customerKey, address) => {
      asked.push({ verb: 'generalLimit', with: [customerKey, address] });
      return generalLimit(customerKey, address);
    },
  });
  return {
    asked,
    errors,
    reserves,
    responses,
    timeouts,
    turnedAway,
    turnAway: http.turnAway,
    fetch: (request, peer = PEER, upgrade) => http.fetch(request, peer, upgrade),
    endLive: () => http.endLive(),
    async send(path, { method = 'GET', headers = {}, body, token = null, peer = PEER } = {}) {
      const all = new Headers(headers);
      if (token !== null) all.set('authorization', `Bearer ${token}`);
      const request = new Request(`http://shop.test${path}`, {
        method,
        headers: all,
        ...(body !== undefined && { body }),
      });
      return http.fetch(request, peer);
    },
  };
}

/** The same verbs, noting each call. */
function remembering<V extends object>(verbs: V, asked: Asked[]): V {
  return new Proxy(verbs, {
    get(target, name) {
      const verb: unknown = Reflect.get(target, name);
      if (typeof verb !== 'function') return verb;
      return (...args: unknown[]) => {
        asked.push({ verb: String(name), with: args });
        return verb.apply(target, args);
      };
    },
  });
}

/** The verbs that were asked, without the rate limit. */
export function verbsAsked(world: FakeWorld): string[] {
  return world.asked.map(({ verb }) => verb).filter((verb) => verb !== 'generalLimit');
}

/** A good token of the built-in kind; `claims` overrides. Times in seconds. */
export function token(claims: Record<string, unknown> = {}): Promise<string> {
  const iat = Math.floor(Date.now() / 1000);
  const all = { sub: ALICE.sub, iss: ISSUER, aud: AUDIENCE, iat, exp: iat + 900, ...claims };
  return new SignJWT(all).setProtectedHeader({ alg: 'HS256' }).sign(SECRET);
}

export const operatorToken = (): Promise<string> =>
  token({ sub: 'olga', scope: 'shop:read holdfast:operator' });

export const JSON_HEADERS = { 'content-type': 'application/json' };

/** A well-formed reserve request with these parts replaced. */
export async function reserveWith(world: FakeWorld, init: SendInit = {}): Promise<Response> {
  return world.send('/api/v1/inventory/reserve', {
    method: 'POST',
    token: await token(),
    body: '{"sku":"FLASH-SALE-001","quantity":2}',
    ...init,
    headers: { ...JSON_HEADERS, 'idempotency-key': 'key-1', ...init.headers },
  });
}

/** The problem of a response, after checking what all problems promise. @throws if one is broken */
export async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text();
  const problem = JSON.parse(text) as Problem;
  const broken = [
    response.headers.get('content-type') !== 'application/problem+json' && 'content type',
    problem.status !== response.status && 'status',
    problem.type !== `https://holdfast.dev/problems/${problem.code}` && 'type',
    problem.request_id !== response.headers.get('x-request-id') && 'request id',
    !/^[A-Z].*[.?]$/.test(problem.detail) && 'detail is a sentence',
    /\bat \S+ \(|\.ts:\d|node_modules/.test(text) && 'a stack',
  ].filter(Boolean);
  if (broken.length > 0) throw new Error(`a broken problem (${broken.join(', ')}): ${text}`);
  return problem;
}
