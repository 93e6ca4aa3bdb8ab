// One viewer by WebSocket. It may say one thing, who it is, and then hears of its own reservations too, until its token
// has expired. Anything else that it says ends it.
//
//   open ──auth──▶ checking ──good──▶ known ──the token's end──▶ closed 4401
//     │               └──bad──▶ closed 4401
//     └──anything else, or a second message──▶ closed 4400
import { LIVE_CLOSE, LiveAuth, MAX_LIVE_MESSAGE_BYTES } from '@holdfast/contract/live';
import type { ItemRow, Order } from '../domain/ledger-facts.ts';
import type { LiveSocket, SocketEars } from '../domain/live-socket.ts';
import type { OwnEvents } from '../reservations/own-events.ts';
import type { ReservationView } from '../reservations/reservations.ts';
import type { Gate } from './auth.ts';
import type { ErrorLog } from './call.ts';
import {
  type DropReason,
  type LiveHub,
  type Viewer,
  type ViewerLine,
  type Words,
  wordsFor,
} from './live-hub.ts';
import { orderWire, reservationWire } from './wire.ts';

/** Events of its own that may wait for a client that reads slowly. */
const WAITING_MAX = 64;
/** Pings that a client may send within a beat of ours. */
const PINGS_MAX = 30;
const PINGS_WITHIN_MS = 10_000;
/** A ping of ours without an answer for so long: two beats. The client does not read, or is not there. */
const UNANSWERED_MS = 9_000;
/** "Try again later" (RFC 6455's registry). */
const TRY_LATER = 1013;
const GOING_AWAY = 1001;

export interface SocketDeps {
  readonly hub: LiveHub;
  readonly own: OwnEvents;
  readonly gate: Gate;
  readonly log: ErrorLog;
}

/** Refused at once, in the only way that a page can see: a page cannot read the answer to an upgrade. */
export function closedAtOnce(code: number, reason: string): SocketEars {
  return {
    opened: (socket) => socket.close(code, reason),
    said: () => undefined,
    pinged: () => undefined,
    ponged: () => undefined,
    drained: () => undefined,
    closed: () => undefined,
  };
}

export class WatchingSocket implements SocketEars, ViewerLine {
  readonly kind = 'ws';
  private socket: LiveSocket | undefined;
  private viewer: Viewer | undefined;
  private heard = false;
  private over = false;
  private leaveOwn: (() => void) | undefined;
  private expiry: ReturnType<typeof setTimeout> | undefined;
  private readonly waiting: Words[] = [];
  /** A ping of ours that has no answer yet. */
  private askedAtMs: number | null = null;
  private pings = 0;
  private pingsSinceMs = 0;

  constructor(
    private readonly rows: readonly ItemRow[],
    private readonly deps: SocketDeps,
    /** Once, when it is over. */
    private readonly onClosed: () => void,
  ) {}

  opened(socket: LiveSocket): void {
    this.socket = socket;
    this.viewer = this.deps.hub.join(this, this.rows);
  }

  said(text: string | null): void {
    if (this.over) return;
    const message = text === null || this.heard ? undefined : readAuth(text);
    this.heard = true;
    if (message) void this.admit(message.token);
    else this.refuse('badRequest', 'send {"type":"auth","token":"…"} once, or nothing');
  }

  pinged(): void {
    const nowMs = performance.now();
    if (nowMs - this.pingsSinceMs > PINGS_WITHIN_MS) {
      this.pingsSinceMs = nowMs;
      this.pings = 0;
    }
    this.pings += 1;
    if (this.pings > PINGS_MAX) this.refuse('tooMany', 'too many pings');
  }

  ponged(): void {
    this.askedAtMs = null;
  }

  drained(): void {
    if (!this.viewer) return;
    this.deps.hub.drained(this.viewer);
    while (this.waiting[0] && this.deps.hub.say(this.viewer, this.waiting[0])) this.waiting.shift();
  }

  closed(): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.expiry);
    this.leaveOwn?.();
    if (this.viewer) this.deps.hub.leave(this.viewer);
    this.onClosed();
  }

  send({ text }: Words): boolean {
    return this.socket?.send(text) !== 'full';
  }

  reads(): boolean {
    const nowMs = performance.now();
    if (this.askedAtMs !== null) return nowMs - this.askedAtMs < UNANSWERED_MS;
    this.askedAtMs = nowMs;
    this.socket?.ping();
    return true;
  }

  cut(): void {
    this.socket?.cut();
  }

  end(): void {
    this.socket?.close(GOING_AWAY, 'the service is stopping: connect again');
    this.closed();
  }

  private async admit(token: string): Promise<void> {
    const authorization = `Bearer ${token}`;
    try {
      const admitted = await this.deps.gate(authorization, 'customer');
      if (this.over) return;
      if (!admitted.ok || admitted.value === null) return this.refuse('token', 'the token is not valid here');
      this.say(wordsFor({ type: 'ready' }));
      this.leaveOwn = this.deps.own.join(admitted.value, {
        reservation: (view: ReservationView) =>
          this.say(wordsFor({ type: 'reservation', reservation: reservationWire(view) })),
        order: (order: Order) => this.say(wordsFor({ type: 'order', order: orderWire(order) })),
      });
      const leftMs = this.deps.gate.endsAtSeconds(authorization) * 1000 - Date.now();
      this.expiry = setTimeout(() => this.refuse('token', 'the token has expired'), Math.max(0, leftMs));
    } catch {
      // The key set is out of reach, which its own room has told.
      if (!this.over) this.bye(TRY_LATER, 'tokens cannot be checked now');
    }
  }

  /** Of its own: in order, and none is left out. */
  private say(words: Words): void {
    if (!this.viewer || this.over) return;
    if (this.waiting.length === 0 && this.deps.hub.say(this.viewer, words)) return;
    if (this.waiting.length >= WAITING_MAX) this.deps.hub.letGo(this.viewer);
    else this.waiting.push(words);
  }

  private refuse(why: keyof typeof LIVE_CLOSE, reason: string): void {
    this.deps.hub.dropped(REASONS[why]);
    this.bye(LIVE_CLOSE[why], reason);
  }

  private bye(code: number, reason: string): void {
    this.socket?.close(code, reason);
    this.closed();
  }
}

const REASONS: Readonly<Record<keyof typeof LIVE_CLOSE, DropReason>> = {
  badRequest: 'bad-request',
  token: 'token',
  tooMany: 'too-many',
};

function readAuth(text: string): LiveAuth | undefined {
  if (Buffer.byteLength(text) > MAX_LIVE_MESSAGE_BYTES) return undefined;
  try {
    const read = LiveAuth.safeParse(JSON.parse(text));
    return read.success ? read.data : undefined;
  } catch {
    return undefined;
  }
}
