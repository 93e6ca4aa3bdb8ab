// One keep-alive HTTP connection for a load generator: whole requests as bytes, one at a time, and of the answer no more
// than its status and where its body is. The same code meets every server, so that its own cost is the same for all.
import type { Socket } from 'bun';
import type { Place } from './order.ts';

const HEAD_END = '\r\n\r\n';
/** "HTTP/1.1 200": where the digits are. */
const STATUS_AT = 9;
const ZERO = 48;
const LENGTH = /\r\ncontent-length: *(\d+)/i;

export interface Bytes {
  readonly buffer: Buffer;
  readonly from: number;
  readonly length: number;
}

export interface Listener {
  /** The answer's bytes are good until this returns. */
  answered(connection: Connection, status: number, bytes: Buffer): void;
  /** The connection is gone; `busy` says that a request was under way. */
  closed(connection: Connection, busy: boolean): void;
}

export class Connection {
  /** The visit under way, for the listener. */
  visit = -1;
  /** When the visit was to begin, and when its request under way was to be sent. */
  beganAtMs = 0;
  intendedAtMs = 0;
  /** Which request of the visit is under way. */
  step = 0;
  private socket: Socket<undefined> | undefined;
  private busy = false;
  private received: Buffer | undefined;

  constructor(private readonly listener: Listener) {}

  async open({ host, port }: Place): Promise<void> {
    this.socket = await Bun.connect<undefined>({
      hostname: host,
      port,
      socket: {
        data: (_socket, piece) => this.take(piece),
        close: () => this.gone(),
        error: () => this.gone(),
      },
    });
  }

  send({ buffer, from, length }: Bytes): void {
    this.busy = true;
    const written = this.socket?.write(buffer, from, length) ?? 0;
    // A request is far smaller than a socket's buffer, and none is sent before the one before it was answered.
    if (written !== length) this.close();
  }

  close(): void {
    this.socket?.terminate();
    this.gone();
  }

  private gone(): void {
    if (this.socket === undefined) return;
    this.socket = undefined;
    this.received = undefined;
    const busy = this.busy;
    this.busy = false;
    this.listener.closed(this, busy);
  }

  private take(piece: Buffer): void {
    const all = this.received === undefined ? piece : Buffer.concat([this.received, piece]);
    const end = endOfAnswer(all);
    if (end < 0 || all.length < end) {
      this.received = Buffer.from(all);
      return;
    }
    this.received = undefined;
    this.busy = false;
    this.listener.answered(this, statusOf(all), all);
  }
}

export function statusOf(bytes: Buffer): number {
  const digit = (at: number) => (bytes[STATUS_AT + at] ?? ZERO) - ZERO;
  return digit(0) * 100 + digit(1) * 10 + digit(2);
}

/** Where the answer ends; −1 while its head is not complete. @throws if its length is not given */
export function endOfAnswer(bytes: Buffer): number {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd < 0) return -1;
  const length = LENGTH.exec(bytes.toString('latin1', 0, headEnd))?.[1];
  if (length === undefined) throw new Error('an answer without a length');
  return headEnd + HEAD_END.length + Number(length);
}
