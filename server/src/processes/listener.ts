// The port of a worker: takes requests, and on the way out finishes those it has taken.
//
//   open ──▶ noticing ──▶ settling ──▶ goodbyes ──▶ finishing ──▶ closed
//            answers say    no new         WebSockets    the port and   what still hangs
//            Connection:    connection     get 1001,     idle ones are  (an unfinished
//            close          comes about    streams end   closed         request) is cut
import { createServer } from 'node:net';
import { PROBLEM_BASE, PROBLEMS } from '@holdfast/contract/problems';
import type { SocketEars, Upgrade } from '../domain/live-socket.ts';
import type { Log } from '../telemetry/log.ts';
import type { ListenOptions } from './messages.ts';
import { openingSockets, overlookNewcomers } from './newcomers.ts';
import { ears } from './sockets.ts';

export interface Handler {
  /** Asked first, before anything is found out about a request. */
  turnAway?(request: Request): Response | undefined;
  /** Answers with status 101 what it has made a WebSocket of. */
  fetch(request: Request, peerAddress: string, upgrade: Upgrade): Response | Promise<Response>;
  /** Says goodbye on every WebSocket, and ends answers that have no end of their own: how many of each. */
  endLive?(): LiveEnded;
}

export interface LiveEnded {
  readonly sockets: number;
  readonly streams: number;
}

/** What became of whom on the way out, for the log. */
export interface Drained {
  /** Answered since the word to stop came, refusals among them. */
  readonly requestsAnswered: number;
  /** Of these with 503. */
  readonly requestsRefused: number;
  /** Still without an answer when their time was over. */
  readonly requestsCut: number;
  readonly socketsClosed: number;
  /** Of these without a goodbye in return. */
  readonly socketsCut: number;
  readonly streamsEnded: number;
  /** Connections that were kept alive, and had no request on the way. */
  readonly idleConnectionsClosed: number;
  /** No connection came about while the last ones were served. */
  readonly newcomersOverlooked: boolean;
  readonly noticeMs: number;
  readonly goodbyesMs: number;
  readonly finishMs: number;
}

/** A client that sends or takes nothing for this long is closed, so that slow ones cannot hold connections. */
const IDLE_LIMIT_SECONDS = 15;
/**
 * The server's own bound, far above every route's: routes refuse earlier and with a problem document, which the server
 * cannot. An unread body waits in the kernel, not here (an upload of 300 MB to a handler that slept cost 1 MB).
 */
const MAX_BODY_BYTES = 64 * 1024 * 1024;
/**
 * Answers ask clients to close before idle connections are closed under them, for at least this long, …
 */
const NOTICE_MS = 200;
/** … until no request has come for this long: a busy client may read its answer late, and use the connection again, … */
const QUIET_MS = 500;
/** … and at most this. A client that was idle for as long may still send into the closing, as HTTP has it (RFC 9112, 9.3.1). */
const NOTICE_MAX_MS = 4_000;
const POLL_MS = 10;
/** Then nobody new comes in. Who was let in last asks, and is asked to close: until nobody has asked for so long, … */
const SETTLED_MS = 100;
/** … and at most this: who waits for a connection meanwhile is refused after it, and should not wait long. */
const SETTLE_MAX_MS = 1_000;
/** For the goodbyes of clients to those of the service: who is gone gives none. */
const GOODBYES_MS = 500;

const SWITCHED = 101;
const UNAVAILABLE = 503;

/** The port cannot be had; the message says what to do. */
export class PortUnavailable extends Error {
  override readonly name = 'PortUnavailable';
}

export class Listener {
  private closing = false;
  private requestedAtMs = Number.NEGATIVE_INFINITY;
  private closed: Promise<Drained> | undefined;
  private answered = 0;
  private refused = 0;

  private constructor(
    private readonly handler: Handler,
    private readonly server: Bun.Server<SocketEars>,
    private readonly sockets: readonly number[],
  ) {}

  /** @throws PortUnavailable */
  static async open(handler: Handler, options: ListenOptions, log: Log): Promise<Listener> {
    if (options.shared && options.alone && options.port !== 0)
      await assertPortFree(options.host, options.port);
    try {
      const upgrade: Upgrade = (request, data) => listener.server.upgrade(request, { data });
      const { opened, sockets } = openingSockets(() =>
        Bun.serve<SocketEars>({
          hostname: options.host,
          port: options.port,
          reusePort: options.shared,
          idleTimeout: IDLE_LIMIT_SECONDS,
          maxRequestBodySize: MAX_BODY_BYTES,
          development: false,
          fetch(request, server) {
            listener.requestedAtMs = performance.now();
            const answer =
              handler.turnAway?.(request) ??
              handler.fetch(request, server.requestIP(request)?.address ?? '', upgrade);
            return answer instanceof Promise ? answer.then(listener.finish) : listener.finish(answer);
          },
          websocket: ears,
          error(error) {
            log.error({ err: error }, 'a request ended in an error that nobody caught');
            return lastResort(listener.closing);
          },
        }),
      );
      const listener: Listener = new Listener(handler, opened, sockets);
      return listener;
    } catch (error) {
      throw portUnavailable(error, options.host, options.port);
    }
  }

  get port(): number {
    return this.server.port ?? 0;
  }

  /** Resolves when every request that was taken has been answered, or after `limitMs`. Safe to call again. */
  close(limitMs: number): Promise<Drained> {
    this.closed ??= this.drain(performance.now() + limitMs);
    return this.closed;
  }

  private async drain(deadline: number): Promise<Drained> {
    const { server } = this;
    const beganAtMs = performance.now();
    this.closing = true;
    await this.untilQuiet(NOTICE_MS, QUIET_MS, Math.min(deadline, beganAtMs + NOTICE_MAX_MS));
    const newcomersOverlooked = overlookNewcomers(this.sockets);
    if (newcomersOverlooked)
      await this.untilQuiet(SETTLED_MS, SETTLED_MS, Math.min(deadline, performance.now() + SETTLE_MAX_MS));
    const noticedAtMs = performance.now();
    const live = this.handler.endLive?.();
    await this.goodbyes(Math.min(deadline, noticedAtMs + GOODBYES_MS));
    const saidAtMs = performance.now();
    const socketsCut = server.pendingWebSockets;
    const idleConnectionsClosed = server.closeIdleConnections();
    const stopped = server.stop(false);
    while (server.pendingRequests > 0 && performance.now() < deadline) {
      await Promise.race([stopped, Bun.sleep(POLL_MS)]);
    }
    const requestsCut = server.pendingRequests;
    await server.stop(true);
    return {
      requestsAnswered: this.answered,
      requestsRefused: this.refused,
      requestsCut,
      socketsClosed: live?.sockets ?? 0,
      socketsCut,
      streamsEnded: live?.streams ?? 0,
      idleConnectionsClosed,
      newcomersOverlooked,
      noticeMs: Math.round(noticedAtMs - beganAtMs),
      goodbyesMs: Math.round(saidAtMs - noticedAtMs),
      finishMs: Math.round(performance.now() - saidAtMs),
    };
  }

  private async goodbyes(deadline: number): Promise<void> {
    while (this.server.pendingWebSockets > 0 && performance.now() < deadline) await Bun.sleep(POLL_MS);
  }

  /** For `leastMs`, and until no request has come for `quietMs`. */
  private async untilQuiet(leastMs: number, quietMs: number, endsAtMs: number): Promise<void> {
    const beganAtMs = performance.now();
    for (let nowMs = beganAtMs; nowMs < endsAtMs; nowMs = performance.now()) {
      if (nowMs - beganAtMs >= leastMs && nowMs - this.requestedAtMs >= quietMs) return;
      await Bun.sleep(POLL_MS);
    }
  }

  private readonly finish = (response: Response): Response | undefined => {
    if (response.status === SWITCHED) return undefined;
    if (!this.closing) return response;
    this.answered += 1;
    if (response.status === UNAVAILABLE) this.refused += 1;
    response.headers.set('connection', 'close');
    return response;
  };
}

/**
 * Resolves when nobody listens there. A shared port (SO_REUSEPORT) would be shared with a stranger too, such as a
 * second service of the same user, and each would get a part of the requests.
 * @throws PortUnavailable
 */
export async function assertPortFree(host: string, port: number): Promise<void> {
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject);
      probe.listen({ host, port, exclusive: true }, resolve);
    });
  } catch (error) {
    throw portUnavailable(error, host, port);
  } finally {
    await new Promise((resolve) => probe.close(resolve));
  }
}

function portUnavailable(error: unknown, host: string, port: number): Error {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    return new PortUnavailable(
      `${host} port ${port} is in use. Stop what listens there, or set PORT to another one (0 picks a free one).`,
    );
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new PortUnavailable(
      `${host} is not an address of this machine. Set HOST to one, or to 0.0.0.0 for all.`,
    );
  }
  if (code === 'EACCES') {
    return new PortUnavailable(
      `Port ${port} needs privileges that this user lacks. Set PORT to one above 1023.`,
    );
  }
  return error instanceof Error ? error : new Error(String(error));
}

function lastResort(closing: boolean): Response {
  const { status, title } = PROBLEMS.internal;
  const requestId = crypto.randomUUID();
  return Response.json(
    {
      type: `${PROBLEM_BASE}internal`,
      title,
      status,
      detail: 'The request could not be answered. Trying it again is safe.',
      code: 'internal',
      request_id: requestId,
    },
    {
      status,
      headers: {
        'content-type': 'application/problem+json',
        'x-request-id': requestId,
        ...(closing && { connection: 'close' }),
      },
    },
  );
}
