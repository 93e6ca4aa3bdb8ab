// The HTTP room's door: the API as a fetch handler. Which address a request came from is told by whoever owns the
// socket; everything else about HTTP happens here. Routes come from the contract's operations, each with its
// handler; one handler a route and no middleware chain, because a reserve should cost its decision, not its way in.
import type { Access, Operation } from '@holdfast/contract/operation';
import type { ProblemCode } from '@holdfast/contract/problems';
import { reserve } from '@holdfast/contract/reservations';
import { Hono } from 'hono';
import type { Ids } from '../domain/ids.ts';
import type { Upgrade } from '../domain/live-socket.ts';
import { REQUEST_MS } from '../domain/time-budgets.ts';
import type { OperatorVerbs } from '../reservations/operator-desk.ts';
import type { ReconcileVerb } from '../reservations/reconciler.ts';
import type { ReservationVerbs } from '../reservations/reservations.ts';
import type { AnalyticsVerb } from '../sales/analytics.ts';
import type { SaleVerbs } from '../sales/sales.ts';
import type { AuthConfig } from './access-tokens.ts';
import { createClientAddress } from './addresses.ts';
import { analyticsRoutes } from './analytics-routes.ts';
import { createGate } from './auth.ts';
import { Call, type ErrorLog, pathOf, routeOf } from './call.ts';
import { createCors } from './cors.ts';
import { Deadlines } from './deadlines.ts';
import { docsRoutes } from './docs-routes.ts';
import { type Clock, Door, TOO_MANY_WAIT } from './door.ts';
import { type Checkpoints, type Endpoint, openEndpoint } from './endpoint.ts';
import { inventoryRoutes } from './inventory-routes.ts';
import { type LiveDeps, liveRoutes } from './live-routes.ts';
import { operatorRoutes } from './operator-routes.ts';
import { orderRoutes } from './order-routes.ts';
import { INTERNAL, problemStatus, refusalOf, tooLate } from './problem-response.ts';
import { processRoutes, type Readiness } from './process-routes.ts';
import { raceRoutes } from './race-routes.ts';
import { type GeneralLimit, type RequestLimits, tooManyRequests } from './rate.ts';
import { reconcileRoutes } from './reconcile-routes.ts';
import { reservationRoutes } from './reservation-routes.ts';
import { saleRoutes } from './sale-routes.ts';
import { type StatusReading, statusRoutes } from './status-routes.ts';
import { tokenRoutes } from './token-routes.ts';
import { turnedAway } from './turned-away.ts';
import { createWebFiles, type WebFiles } from './web-files.ts';

export interface HttpDeps {
  readonly reservations: ReservationVerbs;
  readonly sales: SaleVerbs;
  readonly operators: OperatorVerbs;
  readonly reconciler: ReconcileVerb;
  readonly analytics: AnalyticsVerb;
  readonly status: StatusReading;
  readonly live: LiveDeps;
  readonly ids: Ids;
  readonly auth: AuthConfig;
  /** The built-in token issuer is on. */
  readonly demoAuth: boolean;
  readonly generalLimit: GeneralLimit;
  /** What generalLimit enforces, for the words of its refusals. */
  readonly limits: RequestLimits;
  /** Of sales that do not say. */
  readonly reservationTtlSeconds: number;
  /** The store's clock: sales open and close by it, whatever this process's own says. */
  readonly storeNowMs: () => number;
  readonly ready: Readiness;
  /** Ends what goes on for long: the process is to stop. */
  readonly stopping: AbortSignal;
  /** Addresses or CIDR ranges. */
  readonly trustedProxies: readonly string[];
  readonly corsOrigins: readonly string[];
  /** For requests to the API, once they are complete; REQUEST_MS unless a test is in a hurry. */
  readonly requestMs?: number;
  /** By which the door tells how long a turn lasts; the event loop's own unless a test has another. */
  readonly doorClock?: Clock;
  /** Where the web app was built; its usual place unless a test has another. */
  readonly webFolder?: string;
  readonly log: ErrorLog;
  readonly metrics: HttpMetrics;
}

export interface HttpMetrics {
  /** One reserve request: `outcome` is `reserved` or the code it was refused with. */
  onReserve(outcome: 'reserved' | ProblemCode, seconds: number): void;
  /** One response: `route` is a method and a template, or `unmatched`. */
  onResponse(route: string, status: number, seconds: number): void;
  /** One request that was not answered within its time. */
  onTimeout(): void;
  /** Counts the requests of a route that are turned away because as many are under way as may be. Made once a route. */
  turnedAway(route: string): () => void;
}

export interface Http {
  /** The answer to a reserve that comes when too many wait; undefined: it may come in. Asked first, because it costs least. */
  turnAway(request: Request): Response | undefined;
  /** Answers every request and never rejects. */
  fetch(request: Request, peerAddress: string, upgrade?: Upgrade): Promise<Response>;
  /** Whoever watches is told that the service stops, and nobody new may: how many were told. Again is safe. */
  endLive(): { readonly sockets: number; readonly streams: number };
}

type Env = { Bindings: { call: Call } };

/** What has a time limit: everything but the process's own pages, which must answer when nothing else does. */
const API = '/api/';
const RESERVE_ROUTE = routeOf(reserve);

/** @throws if the configuration cannot work: no key, a bad public key, a bad proxy range. */
export function createHttp(deps: HttpDeps): Http {
  const { reservations, sales, ids, auth, demoAuth, log, metrics } = deps;
  const checkpoints: Checkpoints = {
    gate: createGate(auth, ids, log),
    clientAddress: createClientAddress(deps.trustedProxies),
    generalLimit: deps.generalLimit,
    limits: deps.limits,
    log,
    turnedAway: metrics.turnedAway,
  };
  let closing = false;
  const door = new Door(deps.doorClock);
  const reserveEntry = door.entry(reserve);
  const countTurnedAway = metrics.turnedAway(RESERVE_ROUTE);
  const route = routes(checkpoints, door, createWebFiles(deps.webFolder), [
    ...reservationRoutes(reservations, ids),
    ...orderRoutes(reservations, ids),
    ...inventoryRoutes(sales),
    ...liveRoutes({
      ...deps.live,
      gate: checkpoints.gate,
      log,
      corsOrigins: deps.corsOrigins,
      closing: () => closing,
    }),
    ...saleRoutes(sales, deps.reservationTtlSeconds, deps.storeNowMs),
    ...operatorRoutes(deps.operators),
    ...reconcileRoutes(deps.reconciler),
    ...analyticsRoutes(deps.analytics),
    ...statusRoutes(deps.status, deps.ready),
    ...raceRoutes({ reservations, sales, ids, log, stopping: deps.stopping }),
    ...tokenRoutes(auth, demoAuth),
    ...processRoutes(deps.ready),
    ...docsRoutes(),
  ]);
  const cors = createCors(deps.corsOrigins);
  const deadlines = new Deadlines(deps.requestMs ?? REQUEST_MS);

  /** Never rejects. */
  const answer = async (call: Call): Promise<Response> => {
    const { request } = call;
    try {
      const preflight = cors.preflight(request);
      return preflight ? call.noContent(preflight) : await route(call);
    } catch (error) {
      const refusal = refusalOf(error);
      if (!refusal)
        log.error({ err: error, request_id: call.requestId, route: call.route }, 'unexpected error');
      return call.refuse(refusal ?? INTERNAL);
    }
  };
  const answerInTime = (call: Call): Promise<Response> =>
    deadlines.within(
      (deadline) => {
        call.deadline = deadline;
        return answer(call);
      },
      () => {
        metrics.onTimeout();
        return call.refuse(tooLate());
      },
    );

  return {
    turnAway(request) {
      if (!reserveEntry?.isShut || request.method !== 'POST' || pathOf(request) !== reserve.path)
        return undefined;
      countTurnedAway();
      metrics.onReserve(TOO_MANY_WAIT.code, 0);
      metrics.onResponse(RESERVE_ROUTE, problemStatus(TOO_MANY_WAIT), 0);
      return turnedAway(request, cors.headersFor(request));
    },

    async fetch(request, peerAddress, upgrade) {
      const startedMs = performance.now();
      const call = new Call(request, peerAddress, cors.headersFor(request));
      call.upgrade = upgrade;
      const response = await (call.path.startsWith(API) ? answerInTime(call) : answer(call));
      const seconds = (performance.now() - startedMs) / 1000;
      if (call.operation?.limit === 'reserve') metrics.onReserve(call.refusedWith ?? 'reserved', seconds);
      metrics.onResponse(call.route, response.status, seconds);
      return response;
    },
    endLive() {
      closing = true;
      const told = deps.live.hub.end();
      return { sockets: told.get('ws') ?? 0, streams: told.get('sse') ?? 0 };
    },
  };
}

/**
 * Every endpoint at its path; what is left over is another method at a known path (405), or nothing (404). A path without
 * an id is found by one look-up; reserve is one of them, and a pass through the router would cost it 3 µs.
 */
function routes(
  checkpoints: Checkpoints,
  door: Door,
  web: WebFiles,
  endpoints: readonly Endpoint[],
): (call: Call) => Response | Promise<Response> {
  const fixed = new Map<string, (call: Call) => Promise<Response>>();
  const app = new Hono<Env>({ getPath: pathOf });
  app.onError((error) => {
    throw error;
  });
  const at = pathFinder(endpoints.map(({ operation }) => operation));
  for (const endpoint of endpoints) {
    const { operation } = endpoint;
    const { method, path, pathId } = operation;
    const answer = openEndpoint(endpoint, checkpoints, door.entry(operation));
    if (!pathId) fixed.set(`${method} ${path}`, (call) => answer(call, ''));
    // Hono writes :sku where OpenAPI writes {sku}.
    app.on(method, path.replace(/\{(\w+)\}/g, ':$1'), (c) => {
      const { call } = c.env;
      if (!pathId) return answer(call, '');
      const here = at(call.path);
      return here.includes(operation)
        ? answer(call, c.req.param(pathId.name) ?? '')
        : methodNotAllowed(checkpoints, here, call);
    });
  }
  app.notFound((c) => {
    const { call } = c.env;
    const here = at(call.path);
    return here.length > 0 ? methodNotAllowed(checkpoints, here, call) : notFound(checkpoints, call);
  });
  return (call) => {
    const { request, path } = call;
    const answer = fixed.get(`${request.method} ${path}`);
    return answer ? answer(call) : (web.answer(call) ?? app.fetch(request, { call }));
  };
}

/**
 * The operations at a path, whatever their method. A fixed path is not an id: /inventory/reserve belongs to
 * reserve alone, so GET there is 405 and not an item of that name.
 */
function pathFinder(operations: readonly Operation[]): (path: string) => readonly Operation[] {
  const byTemplate = Map.groupBy(operations, ({ path }) => path);
  const patterns = [...byTemplate]
    .filter(([template]) => template.includes('{'))
    .map(([template, here]) => ({ pattern: new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`), here }));
  return (path) => byTemplate.get(path) ?? patterns.find(({ pattern }) => pattern.test(path))?.here ?? [];
}

/** 405 with Allow, after the token was looked at as for the path's own methods. */
async function methodNotAllowed(
  { gate }: Checkpoints,
  here: readonly Operation[],
  call: Call,
): Promise<Response> {
  const order: readonly Access[] = ['public', 'customer', 'operator'];
  const access = order.find((level) => here.some((operation) => operation.access === level)) ?? 'operator';
  const admitted = await gate(call.request.headers.get('authorization'), access);
  if (!admitted.ok) return call.refuse(admitted.refusal);
  const allow = here.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
  return call.refuse({ code: 'method-not-allowed', detail: `Use one of: ${allow}.` }, { allow });
}

/** 404. Under /api it counts against the address: probing paths is no way around the limit. */
async function notFound({ clientAddress, generalLimit, limits }: Checkpoints, call: Call): Promise<Response> {
  if (call.path.startsWith(API)) {
    const address = clientAddress(call.request.headers, call.peerAddress);
    const full = await generalLimit(null, address);
    if (full) return call.refuse(tooManyRequests(limits, full));
  }
  return call.refuse({ code: 'not-found', detail: 'Check the path. The API is described at /docs.' });
}
