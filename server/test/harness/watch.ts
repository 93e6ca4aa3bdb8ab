// Clients that watch, as a page or a program would: by WebSocket and by event stream. What they hear is kept in order.
import { afterEach } from 'bun:test';

export interface Heard {
  readonly type: string;
  readonly at?: string;
  readonly item?: { readonly sku: string; readonly available: number; readonly as_of: string };
  readonly reservation?: { readonly reservation_id: string; readonly status: string };
  readonly order?: { readonly reservation_id: string };
}

export interface Watching {
  readonly socket: WebSocket;
  readonly heard: Heard[];
  /** With the code. */
  readonly closed: Promise<number>;
  readonly opened: Promise<void>;
}

export interface WatchOptions {
  /** Sent once it is open. */
  readonly say?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const hangUps: (() => void)[] = [];
afterEach(() => {
  for (const hangUp of hangUps.splice(0)) hangUp();
});

/** By WebSocket, until the test is over. */
export function watch(url: string, skus: string, { say, headers = {} }: WatchOptions = {}): Watching {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/live?skus=${skus}`, { headers });
  hangUps.push(() => socket.close());
  const heard: Heard[] = [];
  const closed = Promise.withResolvers<number>();
  const opened = Promise.withResolvers<void>();
  socket.onclose = ({ code }) => closed.resolve(code);
  socket.onmessage = ({ data }) => heard.push(JSON.parse(String(data)));
  socket.onopen = () => {
    opened.resolve();
    if (say !== undefined) socket.send(say);
  };
  return { socket, heard, closed: closed.promise, opened: opened.promise };
}

/** The availabilities that were told of an item, in order. */
export function availabilities({ heard }: Pick<Watching, 'heard'>): number[] {
  return heard.flatMap(({ item }) => item?.available ?? []);
}

export interface Streaming {
  readonly response: Response;
  /** All that came so far. */
  text(): string;
  /** Resolves when the stream has ended, whoever ended it. */
  readonly ended: Promise<void>;
  hangUp(): void;
}

/** By Server-Sent Events, until the test is over. */
export async function stream(
  url: string,
  sku: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Streaming> {
  const controller = new AbortController();
  const hangUp = () => controller.abort();
  hangUps.push(hangUp);
  const { signal } = controller;
  const response = await fetch(`${url}/api/v1/inventory/${sku}/events`, { signal, headers });
  let text = '';
  const ended = (async () => {
    for await (const piece of response.body ?? []) text += new TextDecoder().decode(piece);
  })().catch(() => undefined);
  return { response, text: () => text, ended, hangUp };
}

/** The request that makes a WebSocket, as bytes. */
export function upgradeRequest(skus: string, ...headers: string[]): string {
  const lines = [
    `GET /api/v1/live?skus=${skus} HTTP/1.1`,
    'Host: shop.test',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}
