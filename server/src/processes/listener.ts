// The port of a worker: takes requests, and on the way out finishes those it has taken.
//
//   open ──▶ noticing ──▶ finishing ──▶ closed
//            answers say    nothing new    what still hangs
//            Connection:    is taken,      (an unfinished
//            close          idle closed    request) is cut
import { createServer } from 'node:net';
import { PROBLEM_BASE, PROBLEMS } from '@holdfast/contract/problems';
import type { SocketEars, Upgrade } from '../domain/live-socket.ts';
import type { Log } from '../telemetry/log.ts';
import type { ListenOptions } from './messages.ts';
import { ears } from './sockets.ts';

export interface Handler {
  /** Asked first, before anything is found out about a request. */
  turnAway?(request: Request): Response | undefined;
  /** Answers with status 101 what it has made a WebSocket of. */
  fetch(request: Request, peerAddress: string, upgrade: Upgrade): Response | Promise<Response>;
  /** Says goodbye on every WebSocket, and ends answers that have no end of their own. */
  endLive?(): void;
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
/** For the goodbyes of clients to those of the service: who is gone gives none. */
const GOODBYES_MS = 500;

const SWITCHED = 101;

/** The port cannot be had; the message says what to do. */
export class PortUnavailable extends Error {
  override readonly name = 'PortUnavailable';
}

export class Listener {
  private closing = false;
  private requestedAtMs = Number.NEGATIVE_INFINITY;
  private closed: Promise<void> | undefined;

  private constructor(
    private readonly handler: Handler,
    private readonly server: Bun.Server<SocketEars>,
  ) {}

  /** @throws PortUnavailable */
  static async open(handler: Handler, options: ListenOptions, log: Log): Promise<Listener> {
    if (options.shared && options.alone && options.port !== 0)
      await assertPortFree(options.host, options.port);
    try {
      const upgrade: Upgrade = (request, data) => listener.server.upgrade(request, { data });
      const listener: Listener = new Listener(
        handler,
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
      return listener;
    } catch (error) {
      throw portUnavailable(error, options.host, options.port);
    }
  }

  get port(): number {
    return this.server.port ?? 0;
  }

  /** Resolves when every request that was taken has been answered, or after `limitMs`. Safe to call again. */
  close(limitMs: number): Promise<void> {
    this.closed ??= this.drain(performance.now() + limitMs);
    return this.closed;
  }

  private async drain(deadline: number): Promise<void> {
    this.closing = true;
    await this.notice(deadline);
    this.handler.endLive?.();
    await this.goodbyes(Math.min(deadline, performance.now() + GOODBYES_MS));
    const stopped = this.server.stop(false);
    while (this.server.pendingRequests > 0 && performance.now() < deadline) {
      await Promise.race([stopped, Bun.sleep(POLL_MS)]);
    }
    await this.server.stop(true);
  }

  private async goodbyes(deadline: number): Promise<void> {
    while (this.server.pendingWebSockets > 0 && performance.now() < deadline) await Bun.sleep(POLL_MS);
  }

  private async notice(deadline: number): Promise<void> {
    const beganAtMs = performance.now();
    const endsAtMs = Math.min(deadline, beganAtMs + NOTICE_MAX_MS);
    for (let nowMs = beganAtMs; nowMs < endsAtMs; nowMs = performance.now()) {
      if (nowMs - beganAtMs >= NOTICE_MS && nowMs - this.requestedAtMs >= QUIET_MS) return;
      await Bun.sleep(POLL_MS);
    }
  }

  private readonly finish = (response: Response): Response | undefined => {
    if (response.status === SWITCHED) return undefined;
    if (this.closing) response.headers.set('connection', 'close');
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
