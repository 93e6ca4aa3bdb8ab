// A loopback server that answers from a script, request after request, and keeps what it was sent.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly key: string | null;
  readonly authorization: string | null;
  readonly body: unknown;
}

/** `hang`: never answers. `cut`: closes the connection in the middle of the body. */
export type Reply = Response | 'hang' | 'cut';

export class ScriptedServer implements Disposable {
  readonly seen: Seen[] = [];

  private constructor(private readonly server: Server) {}

  /** The reply to the n-th request, counted from 0. */
  static async start(replyTo: (n: number, seen: Seen) => Reply): Promise<ScriptedServer> {
    const server = createServer(async (request, response) => {
      const seen = await read(request);
      scripted.seen.push(seen);
      const reply = replyTo(scripted.seen.length - 1, seen);
      if (reply instanceof Response) await answer(reply, response);
      if (reply === 'cut') cutInTheMiddle(response);
    });
    const scripted = new ScriptedServer(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return scripted;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  [Symbol.dispose](): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

async function read(request: IncomingMessage): Promise<Seen> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    key: request.headers['idempotency-key']?.toString() ?? null,
    authorization: request.headers.authorization ?? null,
    body: text === '' ? undefined : JSON.parse(text),
  };
}

async function answer(reply: Response, response: ServerResponse): Promise<void> {
  response.writeHead(reply.status, Object.fromEntries(reply.headers));
  response.end(await reply.text());
}

/** Promises more bytes than it sends, then breaks the connection. */
function cutInTheMiddle(response: ServerResponse): void {
  response.writeHead(201, { 'content-length': '300' });
  response.write('{"reservation_id":', () => response.socket?.destroy());
}

export const RESERVATION = {
  reservation_id: 'rsv_AAAAAQAAAAAAAAAAAAAAAA',
  sale_id: 'drop',
  status: 'active',
  items: [{ sku: 'A-1', quantity: 1 }],
  sku: 'A-1',
  quantity: 1,
  created_at: '2026-01-01T00:00:00.000Z',
  expires_at: '2026-01-01T00:05:00.000Z',
  ttl_seconds: 300,
};

export function problem(
  status: number,
  code: string,
  members: object = {},
  headers: Record<string, string> = {},
) {
  return Response.json(
    {
      type: `https://holdfast.dev/problems/${code}`,
      title: `Title of ${code}`,
      status,
      code,
      request_id: 'req-1',
      ...members,
    },
    { status, headers: { 'content-type': 'application/problem+json', 'x-request-id': 'req-1', ...headers } },
  );
}
