// HTTP/1.1 in bytes: what a library would tidy up on its way out (paths, repeated headers, framing) arrives exactly as
// an attacker wrote it.
import { connect, type Socket } from 'node:net';

export interface RawRequest {
  readonly method: string;
  /** As it stands in the request line. */
  readonly target: string;
  /** In this order, repeats included. Host and Content-Length are added where they are not given. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: string | Uint8Array;
}

export interface RawAnswer {
  readonly status: number;
  /** By lower-case name; the values of a repeated header are joined with a comma. */
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
  /** A stream goes on: `text` is its first piece, and the connection is of no further use. */
  readonly endless?: true;
}

/** Longer than the server's own limits on slow clients, so that a test sees those and not this. */
const ANSWER_LIMIT_MS = 25_000;
const HEAD_END = '\r\n\r\n';
/** Answers that go on: what their first piece looks like. */
const STREAMS: ReadonlyMap<string, RegExp> = new Map([
  ['text/event-stream', /^[0-9a-f]+\r\nevent: \w+\ndata: (.*)\n\n/i],
  ['application/x-ndjson', /^[0-9a-f]+\r\n(.*)\n/i],
]);

export function wireBytes({ method, target, headers = [], body }: RawRequest): Buffer {
  const given = new Set(headers.map(([name]) => name.toLowerCase()));
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const all = [
    ...(given.has('host') ? [] : [['Host', 'shop.test'] as const]),
    ...headers,
    ...(bytes === undefined || given.has('content-length') || given.has('transfer-encoding')
      ? []
      : [['Content-Length', String(bytes.byteLength)] as const]),
  ];
  const head = [`${method} ${target} HTTP/1.1`, ...all.map(([name, value]) => `${name}: ${value}`)];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}${HEAD_END}`, 'latin1'), bytes ?? new Uint8Array()]);
}

/** One connection. Answers are taken in the order in which they come. */
export class RawConnection {
  /** Resolves when either side has hung up. */
  readonly closed: Promise<void>;
  isClosed = false;
  bytesReceived = 0;
  private buffered: Buffer = Buffer.alloc(0);
  private wake: () => void = () => undefined;

  private constructor(readonly socket: Socket) {
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.isClosed = true;
        resolve();
        this.wake();
      });
    });
    socket.on('error', () => undefined); // a reset is a way of hanging up; `close` follows
    socket.on('data', (chunk: Buffer) => {
      this.bytesReceived += chunk.byteLength;
      this.buffered = this.buffered.byteLength === 0 ? chunk : Buffer.concat([this.buffered, chunk]);
      this.wake();
    });
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    const connection = new RawConnection(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return connection;
  }

  write(bytes: string | Uint8Array): void {
    if (!this.isClosed) this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** The next answer; undefined if the server hung up before there was a whole one. `head`: it has no body. */
  async answer(head = false): Promise<RawAnswer | undefined> {
    const giveUpAt = performance.now() + ANSWER_LIMIT_MS;
    for (;;) {
      const parsed = parseAnswer(this.buffered, head);
      if (parsed) {
        this.buffered = this.buffered.subarray(parsed.length);
        return parsed.answer;
      }
      if (this.isClosed) return undefined;
      if (performance.now() > giveUpAt) throw new Error(`no answer within ${ANSWER_LIMIT_MS} ms`);
      await this.somethingNew(giveUpAt - performance.now());
    }
  }

  close(): void {
    this.socket.destroy();
  }

  private somethingNew(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, limitMs));
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** A client that keeps its connection as long as the server does. One request at a time. */
export class RawClient {
  private connection: RawConnection | undefined;

  constructor(private readonly url: string) {}

  /** @throws if the server hangs up without an answer. */
  async ask(request: RawRequest): Promise<RawAnswer> {
    if (!this.connection || this.connection.isClosed) this.connection = await RawConnection.open(this.url);
    this.connection.write(wireBytes(request));
    let answer: RawAnswer | undefined;
    try {
      answer = await this.connection.answer(request.method === 'HEAD');
    } finally {
      const isOver = !answer || answer.endless || answer.headers.get('connection')?.toLowerCase() === 'close';
      if (isOver) this.close();
    }
    if (!answer) throw new Error(`the server hung up on ${request.method} ${request.target}`);
    return answer;
  }

  close(): void {
    this.connection?.close();
    this.connection = undefined;
  }
}

/** One request on a connection of its own; undefined if the server hung up without an answer. */
export async function exchange(url: string, bytes: string | Uint8Array): Promise<RawAnswer | undefined> {
  const connection = await RawConnection.open(url);
  connection.write(bytes);
  try {
    return await connection.answer();
  } finally {
    connection.close();
  }
}

/** A whole answer at the start of the bytes, and its length; undefined while it is not whole. */
function parseAnswer(bytes: Buffer, isHead: boolean): { answer: RawAnswer; length: number } | undefined {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const [statusLine = '', ...lines] = bytes.subarray(0, headEnd).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]);
  if (!Number.isInteger(status)) throw new Error(`not an answer: ${JSON.stringify(statusLine)}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  const bodyStart = headEnd + HEAD_END.length;
  if (headers.has('transfer-encoding')) {
    const stream = STREAMS.get(headers.get('content-type') ?? '');
    if (stream && !isHead) {
      const text = stream.exec(bytes.subarray(bodyStart).toString())?.[1];
      return text === undefined
        ? undefined
        : { answer: { status, headers, text, endless: true }, length: bytes.byteLength };
    }
    if (!stream && !headers.has('content-disposition'))
      throw new Error('only files and streams come in chunks, all else with a length');
    const body = isHead ? { parts: [], end: bodyStart } : chunksFrom(bytes, bodyStart);
    if (!body) return undefined;
    return { answer: { status, headers, text: Buffer.concat(body.parts).toString() }, length: body.end };
  }
  const bodyLength =
    isHead || status === 204 || status === 304 ? 0 : Number(headers.get('content-length') ?? 0);
  if (bytes.byteLength < bodyStart + bodyLength) return undefined;
  const text = bytes.subarray(bodyStart, bodyStart + bodyLength).toString();
  return { answer: { status, headers, text }, length: bodyStart + bodyLength };
}

/** The chunks that begin at `start`, and where the last one ends; undefined while they are not whole. */
function chunksFrom(bytes: Buffer, start: number): { parts: Buffer[]; end: number } | undefined {
  const parts: Buffer[] = [];
  for (let at = start; ; ) {
    const sizeEnd = bytes.indexOf('\r\n', at);
    if (sizeEnd < 0) return undefined;
    const size = Number.parseInt(bytes.subarray(at, sizeEnd).toString('latin1'), 16);
    const from = sizeEnd + 2;
    if (bytes.byteLength < from + size + 2) return undefined;
    if (size === 0) return { parts, end: from + 2 };
    parts.push(bytes.subarray(from, from + size));
    at = from + size + 2;
  }
}
