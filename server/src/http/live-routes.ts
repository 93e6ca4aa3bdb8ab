// The doors to what is live: who may watch, what, and how many at once. Past the door it is the hub's.
import { itemEvents, LIVE_CLOSE, live, readSkus } from '@holdfast/contract/live';
import type { Refusal } from '@holdfast/contract/problems';
import type { ItemRow } from '../domain/ledger-facts.ts';
import { retryAfterSeconds } from '../domain/time-budgets.ts';
import type { OwnEvents } from '../reservations/own-events.ts';
import type { ItemFeed } from '../sales/item-feed.ts';
import type { Gate } from './auth.ts';
import type { ErrorLog } from './call.ts';
import { type Endpoint, endpoint, unknownId, wantsSocket } from './endpoint.ts';
import type { LiveHub, Viewer } from './live-hub.ts';
import { type SeatLimits, Seats } from './live-seats.ts';
import { closedAtOnce, WatchingSocket } from './live-socket.ts';
import { eventStream } from './live-stream.ts';

export interface LiveDeps {
  readonly feed: ItemFeed;
  readonly hub: LiveHub;
  readonly own: OwnEvents;
  readonly limits: SeatLimits;
}

interface DoorDeps extends LiveDeps {
  readonly gate: Gate;
  readonly log: ErrorLog;
  readonly corsOrigins: readonly string[];
  /** The service stops: nobody new. */
  readonly closing: () => boolean;
}

const UPGRADE: Refusal = {
  code: 'upgrade-required',
  detail: 'This is a WebSocket: send an upgrade, or watch an item at /api/v1/inventory/{sku}/events.',
};
const ORIGIN: Refusal = {
  code: 'origin-not-allowed',
  detail:
    'Pages of this origin may not watch here. Open the page from the service, or name its origin there.',
};
const STREAMS_OF_ADDRESS: Refusal = {
  code: 'rate-limited',
  detail: 'Too many are watching from this address. Close one, or ask every few seconds instead.',
};

function full(): { ok: false; refusal: Refusal } {
  const detail = 'No more can watch through this process. Try again, or ask every few seconds instead.';
  return { ok: false, refusal: { code: 'unavailable', detail, retryAfterSeconds: retryAfterSeconds(0) } };
}

export function liveRoutes(deps: DoorDeps): Endpoint[] {
  const { feed, hub, limits } = deps;
  const seats = new Seats(limits);
  const origins = new Set(deps.corsOrigins);

  return [
    endpoint(live, async ({ request, address, upgrade }) => {
      if (!upgrade || !wantsSocket(request)) return { ok: false, refusal: UPGRADE };
      if (!isWelcome(request.headers, origins)) return { ok: false, refusal: ORIGIN };
      const [given, ...more] = queryOf(request).getAll('skus');
      const skus = more.length > 0 ? undefined : readSkus(given);
      const found = await Promise.all((skus ?? []).map((sku) => feed.find(sku)));
      const rows = found.filter((row): row is ItemRow => row !== null);
      const seat = deps.closing() ? 'full' : seats.take(address);
      if (seat === 'full') return full();
      let ears = closedAtOnce(LIVE_CLOSE.badRequest, 'name 1–50 SKUs that are on sale here');
      if (seat === 'address-full') {
        hub.dropped('too-many');
        ears = closedAtOnce(LIVE_CLOSE.tooMany, 'too many are watching from this address');
      } else if (skus === undefined || rows.length < skus.length) {
        hub.dropped('bad-request');
        seats.giveBack(address);
      } else {
        ears = new WatchingSocket(rows, deps, () => seats.giveBack(address));
      }
      if (upgrade(request, ears)) return { ok: true, upgraded: true };
      ears.closed();
      return { ok: false, refusal: UPGRADE };
    }),

    endpoint(itemEvents, async ({ request, address, id }) => {
      const row = await feed.find(id);
      if (!row) return unknownId('unknown-sku');
      // A HEAD has nobody who would read on.
      if (request.method === 'HEAD') return { ok: true, value: '' };
      const seat = deps.closing() ? 'full' : seats.take(address);
      if (seat === 'full') return full();
      if (seat === 'address-full') {
        hub.dropped('too-many');
        return { ok: false, refusal: { ...STREAMS_OF_ADDRESS, ...tooManyOf(limits) } };
      }
      let viewer: Viewer | undefined;
      const { body, line } = eventStream({
        drained: () => viewer && hub.drained(viewer),
        closed: () => {
          if (viewer) hub.leave(viewer);
          seats.giveBack(address);
        },
      });
      viewer = hub.join(line, [row]);
      return { ok: true, value: body };
    }),
  ];
}

/** Nobody knows when one will leave: ask again in a minute at the latest. */
function tooManyOf({ perAddress }: SeatLimits): Pick<Refusal, 'retryAfterSeconds' | 'rateLimit'> {
  const windowSeconds = 60;
  return { retryAfterSeconds: windowSeconds, rateLimit: { name: 'live', quota: perAddress, windowSeconds } };
}

/**
 * A page may open a socket to anywhere, so its origin is looked at here: the service's own (whatever its scheme: a proxy
 * may end TLS before it) or one that the configuration names. Who is no page sends none.
 */
function isWelcome(headers: Headers, origins: ReadonlySet<string>): boolean {
  const origin = headers.get('origin');
  if (origin === null || origins.has(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === headers.get('host');
}

function queryOf({ url }: Request): URLSearchParams {
  const start = url.indexOf('?');
  return new URLSearchParams(start < 0 ? '' : url.slice(start + 1));
}
