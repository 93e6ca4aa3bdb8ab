// One keep-alive HTTP connection with one request at a time: as much of a client as a load needs, at a tenth of what
// `fetch` costs. It never sends a request again by itself: a request without an answer is told as that.
import type { Socket } from 'bun';

export interface Answer {
  readonly status: number;
  /** The body as it came. */
  readonly text: string;
  readonly replayed: boolean;
  /** 0 = none was given. */
  readonly retryAfterSeconds: number;
  readonly atMs: number;
}

/** Where a wire leads to: may change between two requests, and then the next one goes over a new connection. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

const HEAD_END = '\r\n\r\n';
const CONNECT_WITHIN_MS = 3_000;
/** As long as a service that stops gives notice. */
export const IDLE_MS = 4_000;

/** Requests of all wires that ended without an answer, by how. */
export const unanswered = {
  /** The connection could not be made: nothing was sent. */
  refused: 0,
  /** A connection that had just been opened broke: the kernel had taken it, and nobody else. */
  opening: 0,
  /** A connection that had carried answers before broke after the request had been sent. */
  dropped: 0,
  /** The same, after `IDLE_MS` without a request: a server may close such a one at the moment it is used (RFC 9112, 9.3.1). */
  idle: 0,
  /** The time limit passed. */
  late: 0,
};

export class Wire {
  private socket: Socket<undefined> | undefined;
  private connectedTo = 0;
  /** Over the present connection. */
  private answers = 0;
  private received = '';
  private expected = -1;
  private answer: ((answer: Answer | undefined) => void) | undefined;
  private dueMs = Number.POSITIVE_INFINITY;
  private answeredAtMs = 0;
  /** Between the last answer and the present request. */
  private idleMs = 0;

  constructor(private readonly limitMs: number) {
    beginTicking(this);
  }

  /** Undefined: no answer came, because of the time limit or because the connection broke or could not be made. */
  async ask(place: Place, request: string): Promise<Answer | undefined> {
    if (this.answer !== undefined) throw new Error('a wire carries one request at a time');
    if (this.connectedTo !== place.port) this.hangUp();
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
    this.answer = resolve;
    const nowMs = performance.now();
    this.idleMs = nowMs - this.answeredAtMs;
    this.dueMs = nowMs + this.limitMs;
    try {
      const socket = this.socket ?? (await this.connect(place));
      if (this.answer === resolve && socket.write(request) < request.length) this.hangUp();
    } catch {
      unanswered.refused += 1;
      this.hangUp();
    }
    return promise;
  }

  /** Ends the connection; a request under way stays without an answer. */
  hangUp(): void {
    const { socket, answer } = this;
    this.socket = undefined;
    this.connectedTo = 0;
    this.received = '';
    this.expected = -1;
    this.answer = undefined;
    this.dueMs = Number.POSITIVE_INFINITY;
    socket?.terminate();
    answer?.(undefined);
  }

  close(): void {
    endTicking(this);
    this.hangUp();
  }

  tick(nowMs: number): void {
    if (nowMs <= this.dueMs) return;
    unanswered.late += 1;
    this.hangUp();
  }

  private broken(): void {
    if (this.answer !== undefined) unanswered[this.howBroken()] += 1;
    this.hangUp();
  }

  private howBroken(): 'opening' | 'idle' | 'dropped' {
    if (this.answers === 0) return 'opening';
    return this.idleMs >= IDLE_MS ? 'idle' : 'dropped';
  }

  private async connect({ host, port }: Place): Promise<Socket<undefined>> {
    const connecting = Bun.connect<undefined>({
      hostname: host,
      port,
      socket: {
        data: (socket, piece) => {
          if (socket === this.socket) this.take(piece);
        },
        close: (socket) => {
          if (socket === this.socket) this.broken();
        },
        error: (socket) => {
          if (socket === this.socket) this.broken();
        },
      },
    });
    // One that is opened after its request was given up is of no use to anybody.
    const gaveUp = Bun.sleep(Math.min(CONNECT_WITHIN_MS, this.limitMs)).then(() => 'late' as const);
    const first = await Promise.race([connecting, gaveUp]);
    if (first === 'late') {
      void connecting.then((socket) => socket.terminate()).catch(() => undefined);
      throw new Error('no connection in time');
    }
    this.socket = first;
    this.connectedTo = port;
    this.answers = 0;
    return first;
  }

  private take(piece: Buffer): void {
    this.received += piece.toString('latin1');
    if (this.expected < 0) {
      const headEnd = this.received.indexOf(HEAD_END);
      if (headEnd < 0) return;
      const head = this.received.slice(0, headEnd);
      const length = headerOf(head, 'content-length');
      if (length === undefined) throw new Error(`an answer without a length: ${head}`);
      this.expected = headEnd + HEAD_END.length + Number(length);
    }
    if (this.received.length < this.expected) return;
    const { answer, received } = this;
    const headEnd = received.indexOf(HEAD_END);
    const head = received.slice(0, headEnd);
    const parsed: Answer = {
      status: Number(received.slice(9, 12)),
      text: received.slice(headEnd + HEAD_END.length, this.expected),
      replayed: headerOf(head, 'idempotency-replayed') === 'true',
      retryAfterSeconds: Number(headerOf(head, 'retry-after') ?? 0),
      atMs: performance.now(),
    };
    this.received = received.slice(this.expected);
    this.expected = -1;
    this.answers += 1;
    this.answeredAtMs = parsed.atMs;
    this.answer = undefined;
    this.dueMs = Number.POSITIVE_INFINITY;
    if (headerOf(head, 'connection')?.toLowerCase() === 'close') this.hangUp();
    answer?.(parsed);
  }
}

function headerOf(head: string, name: string): string | undefined {
  const lower = head.toLowerCase();
  const at = lower.indexOf(`\r\n${name}: `);
  if (at < 0) return undefined;
  const from = at + name.length + 4;
  const end = head.indexOf('\r\n', from);
  return head.slice(from, end < 0 ? undefined : end);
}

/** One timer for all wires: limits are seconds, and a look every twentieth of one is close enough. */
const TICK_MS = 50;
const ticking = new Set<Wire>();
let ticker: ReturnType<typeof setInterval> | undefined;

function beginTicking(wire: Wire): void {
  ticking.add(wire);
  ticker ??= setInterval(() => {
    const nowMs = performance.now();
    for (const each of ticking) each.tick(nowMs);
  }, TICK_MS);
}

function endTicking(wire: Wire): void {
  ticking.delete(wire);
  if (ticking.size > 0) return;
  clearInterval(ticker);
  ticker = undefined;
}

/** A request as bytes. */
export function requestText(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  token: string,
  { body, key }: { readonly body?: string; readonly key?: string } = {},
): string {
  const head = `${method} ${path} HTTP/1.1\r\nHost: holdfast\r\nAuthorization: Bearer ${token}\r\n`;
  const keyLine = key === undefined ? '' : `Idempotency-Key: ${key}\r\n`;
  if (body === undefined) return `${head}${keyLine}\r\n`;
  return `${head}${keyLine}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}
