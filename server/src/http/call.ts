// One request on its way through the room: what it is called in logs, where its answer goes. Every response of
// the service is built here, once, as a string, so that none can miss its request id or its safety headers.
import { randomUUID } from 'node:crypto';
import type { Operation } from '@holdfast/contract/operation';
import { PROBLEM_MEDIA_TYPE } from '@holdfast/contract/problem-body';
import type { ProblemCode, Refusal } from '@holdfast/contract/problems';
import type { Upgrade } from '../domain/live-socket.ts';
import type { Deadline } from './deadlines.ts';
import { problemHeaders, problemStatus, problemText } from './problem-response.ts';

export type ResponseHeaders = Readonly<Record<string, string>>;

/** What the room tells the operators: surprises only, never a request that was merely refused. */
export interface ErrorLog {
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** One text an operation: labels are looked up by it with every request, and a new text would be hashed each time. */
const ROUTES = new WeakMap<Operation, string>();

export function routeOf(operation: Operation): string {
  let route = ROUTES.get(operation);
  if (route === undefined) {
    route = `${operation.method} ${operation.path}`;
    ROUTES.set(operation, route);
  }
  return route;
}

const REQUEST_ID = /^[A-Za-z0-9_-]{1,64}$/;

export class Call {
  readonly requestId: string;
  readonly path: string;
  /** Set once a route was found: names the request in metrics and logs. */
  operation: Operation | undefined;
  /** Its time limit, if it has one. */
  deadline: Deadline | undefined;
  /** What makes a WebSocket of it; undefined where nobody owns a socket. */
  upgrade: Upgrade | undefined;
  /** The code it was refused with; undefined while it is not. */
  refusedWith: ProblemCode | undefined;

  /** `cors`: the headers that this request's origin is owed, empty for most. */
  constructor(
    readonly request: Request,
    readonly peerAddress: string,
    private readonly cors: ResponseHeaders,
  ) {
    this.requestId = requestIdOf(request);
    this.path = pathOf(request);
  }

  /** The template of the route, never the path itself: labels must stay few. */
  get route(): string {
    return this.operation === undefined ? 'unmatched' : routeOf(this.operation);
  }

  respond(status: number, mediaType: string, body: string, more?: ResponseHeaders): Response {
    const headers = this.commonHeaders(mediaType);
    // The router drops the body of a HEAD answer; its length stays what GET would have had (RFC 9110, 8.6).
    if (this.request.method === 'HEAD') headers['content-length'] = String(Buffer.byteLength(body));
    return new Response(body, { status, headers: Object.assign(headers, this.cors, more) });
  }

  /** A body that comes bit by bit. HEAD of it has no length: it is not made to be thrown away. */
  async stream(
    status: number,
    mediaType: string,
    body: ReadableStream<Uint8Array>,
    more?: ResponseHeaders,
  ): Promise<Response> {
    const headers = Object.assign(this.commonHeaders(mediaType), this.cors, more);
    if (this.request.method !== 'HEAD') return new Response(body, { status, headers });
    await body.cancel();
    return new Response(null, { status, headers });
  }

  /** What was made before, as it is: `more` says how it is encoded and how long it may be kept. */
  respondBytes(
    status: number,
    mediaType: string,
    body: Uint8Array<ArrayBuffer>,
    more: ResponseHeaders,
  ): Response {
    const headers = {
      'content-type': mediaType,
      'content-length': String(body.length),
      'x-request-id': this.requestId,
      'x-content-type-options': 'nosniff',
      ...this.cors,
      ...more,
    };
    return new Response(this.request.method === 'HEAD' ? null : body, { status, headers });
  }

  /** 304: the copy that the caller has is still right. */
  notModified(more: ResponseHeaders): Response {
    const { 'content-encoding': _, ...headers } = more;
    return new Response(null, {
      status: 304,
      headers: {
        'x-request-id': this.requestId,
        'x-content-type-options': 'nosniff',
        ...this.cors,
        ...headers,
      },
    });
  }

  /** 204, for preflights. */
  noContent(headers: ResponseHeaders): Response {
    const common = { 'x-request-id': this.requestId, 'cache-control': 'no-store' };
    return new Response(null, { status: 204, headers: { ...common, ...this.cors, ...headers } });
  }

  private commonHeaders(mediaType: string): Record<string, string> {
    return {
      'content-type': mediaType,
      'x-request-id': this.requestId,
      // Stock and reservations are true for a moment only, and most answers are one customer's.
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    };
  }

  refuse(refusal: Refusal, more?: ResponseHeaders): Response {
    this.refusedWith = refusal.code;
    const headers = problemHeaders(refusal, this.request);
    const text = problemText(refusal, this.requestId);
    return this.respond(problemStatus(refusal), PROBLEM_MEDIA_TYPE, text, Object.assign(headers, more));
  }
}

/** The caller's, if it is one, else a new one. */
export function requestIdOf(request: Request): string {
  const given = request.headers.get('x-request-id');
  return given !== null && REQUEST_ID.test(given) ? given : randomUUID();
}

/** The path exactly as it was sent: nothing is decoded before routing, so no two spellings meet one route. */
export function pathOf(request: Request): string {
  const { url } = request;
  // Without a usable Host header the server gives the path alone.
  const start = url.startsWith('/') ? 0 : url.indexOf('/', url.indexOf('://') + 3);
  const end = url.indexOf('?', start);
  return end < 0 ? url.slice(start) : url.slice(start, end);
}
