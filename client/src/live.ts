// Watching instead of asking, wherever it runs: one feed of items, and of the customer's own reservations and orders, that
// is kept going by itself.
//
//   WebSocket ──2 openings that fail──▶ event streams (few items) ──2 that fail──▶ asking every 2 s
//       ▲                                         │                                     │
//       └──────────────── tried again every 30 s, while what is below goes on ──────────┘
//
// Only the WebSocket brings what is one's own; the service tells the live reservations again each time it has a token, so
// nothing that still lives is missed. Pauses are of random length up to a bound that doubles: who lost the service in one
// moment does not come back in one.
import type { LiveMessage } from '@holdfast/contract/live';
import {
  type EventSourceClass,
  openSocket,
  openStreams,
  type SocketClass,
  type SocketLine,
} from './live-lines.ts';
import { type LiveListeners, News, STALE_MS } from './live-news.ts';
import { Poller } from './live-poller.ts';
import { PLATFORM, type Surroundings } from './live-surroundings.ts';
import { newWay, Setbacks, type Way } from './live-ways.ts';
import type { Fetch } from './transport.ts';

export type { LiveState } from './live-news.ts';

/** The contract's bound on one feed (MAX_LIVE_SKUS). */
export const MAX_SKUS = 50;
/** The service's own close codes (LIVE_CLOSE), and the protocol's for "it is stopping" and "the message was too long". */
export const CLOSE = {
  badRequest: 4400,
  token: 4401,
  tooMany: 4429,
  goingAway: 1001,
  tooLong: 1009,
} as const;

/** How often lines are looked at. */
const TICK_MS = 1_000;
/** A look that comes this much late: the page was asleep. */
const ASLEEP_MS = 10_000;
/** Nothing heard for so long after the opening: it has failed. */
const OPENING_MS = 5_000;
const OPENINGS_BEFORE_FALLING_BACK = 2;
/** Browsers have six connections a host: streams must leave some for everything else. */
const MAX_STREAMS = 3;
/** No pause before asking for the token again is longer. */
const MAX_TOKEN_PAUSE_MS = 30_000;
/** Upper end of the first pause; doubles with each. */
const PAUSE_MS = 500;
/** The same where the service has said that it stops: all its viewers come back at once. */
const RESTART_PAUSE_MS = 2_000;
/** Between tries of the WebSocket while news comes another way: this and, at random, up to half as much again. */
const BACK_UP_MS = 30_000;
const TOO_MANY_MS = 60_000;
/** Tokens refused in a row before the feed goes on without what is one's own. */
const MAX_REFUSALS = 2;
const NO_CODE = 0;

export interface LiveOptions extends LiveListeners {
  readonly baseUrl: string;
  /** At most 50; none: the feed rests. */
  readonly skus: readonly string[];
  /** For one's own reservations and orders; asked at every opening, and for a new one when the last has expired. */
  readonly token?: () => string | Promise<string> | undefined;
  /** Default: the platform's. Where there is none, that way is left out. */
  readonly WebSocket?: SocketClass;
  readonly EventSource?: EventSourceClass;
  readonly fetch?: Fetch;
}

export interface Live {
  /** Leaves nothing open behind. Again is safe. */
  close(): void;
  /** Watches these from now on. @throws RangeError for more than 50. */
  setSkus(skus: readonly string[]): void;
}

/** `around` is for tests; leave it out. @throws RangeError for more than 50 SKUs. */
export function openLive(options: LiveOptions, around: Surroundings = PLATFORM): Live {
  return new Feed(options, around);
}

type Pause = 'tick' | 'socket' | 'below' | 'token';

class Feed implements Live {
  readonly #options: LiveOptions;
  readonly #around: Surroundings;
  readonly #baseUrl: string;
  readonly #Socket: SocketClass | undefined;
  readonly #Source: EventSourceClass | undefined;
  readonly #fetch: Fetch | undefined;

  readonly #news: News;
  #skus: readonly string[];
  #tickedAtMs: number;

  #socket: Way | undefined;
  readonly #socketSetbacks = new Setbacks();
  #refusals = 0;
  /** What news comes by while there is no socket that brings any. */
  #below: Way | undefined;
  readonly #streamSetbacks = new Setbacks();

  #closed = false;
  readonly #cancels = new Map<Pause, () => void>();
  readonly #offOnline: () => void;

  constructor(options: LiveOptions, around: Surroundings) {
    this.#options = options;
    this.#around = around;
    this.#skus = setOf(options.skus);
    this.#baseUrl = options.baseUrl.replace(/\/+$/, '');
    const platform = globalThis as { WebSocket?: unknown; EventSource?: unknown; fetch?: Fetch };
    this.#Socket = options.WebSocket ?? (platform.WebSocket as SocketClass | undefined);
    this.#Source = options.EventSource ?? (platform.EventSource as EventSourceClass | undefined);
    // Called as a method of nothing: browsers refuse a fetch that is bound to another object.
    this.#fetch = options.fetch ?? (platform.fetch && ((url, init) => globalThis.fetch(url, init)));
    this.#tickedAtMs = around.nowMs();
    this.#news = new News(options, () => around.nowMs());
    this.#news.about(this.#skus);
    this.#offOnline = around.onOnline(() => this.#restart());
    this.#tellState();
    this.#begin();
    this.#tickSoon();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#news.end();
    this.#offOnline();
    this.#hangUp();
    this.#cancel('tick');
  }

  setSkus(skus: readonly string[]): void {
    const next = setOf(skus);
    if (this.#closed || next.join() === this.#skus.join()) return;
    this.#skus = next;
    this.#news.about(next);
    this.#restart();
  }

  // Opening and closing

  /** As if it were new, only that the way below goes on: there was a reason for it. */
  #restart(): void {
    if (this.#closed) return;
    const wasBelow = this.#below !== undefined;
    this.#hangUp();
    this.#socketSetbacks.reset();
    this.#streamSetbacks.reset();
    this.#refusals = 0;
    this.#begin();
    if (wasBelow) this.#openBelow();
    this.#tellState();
  }

  #begin(): void {
    if (this.#skus.length === 0) return;
    if (this.#Socket) this.#openSocket(this.#Socket);
    else this.#openBelow();
  }

  #hangUp(): void {
    this.#dropSocket();
    this.#dropBelow();
    this.#cancel('socket');
  }

  #openSocket(Socket: SocketClass): void {
    const way = newWay('socket', this.#around.nowMs());
    this.#socket = way;
    const line = openSocket(Socket, this.#socketUrl(), {
      opened: () => void this.#sayWho(line, 0),
      heard: (message) => this.#heard(way, message),
      broke: (code) => this.#socketBroke(way, code),
    });
    way.line = line;
  }

  /** Never throws. The token goes in a message: URLs are logged. */
  async #sayWho(line: SocketLine, failed: number): Promise<void> {
    const { token } = this.#options;
    if (!token || this.#refusals >= MAX_REFUSALS) return;
    let text: unknown;
    try {
      text = await token();
    } catch {
      if (this.#socket?.line !== line) return;
      const pauseMs = this.#around.random() * Math.min(MAX_TOKEN_PAUSE_MS, PAUSE_MS * 2 ** failed);
      this.#in('token', pauseMs, () => void this.#sayWho(line, failed + 1));
      return;
    }
    if (this.#socket?.line !== line || typeof text !== 'string' || text === '') return;
    line.send(JSON.stringify({ type: 'auth', token: text }));
  }

  #socketBroke(way: Way, code: number): void {
    this.#dropSocket();
    // Once items have come, a message that is none or is too long can only have been the token.
    const isToken = code === CLOSE.token || (way.up && (code === CLOSE.badRequest || code === CLOSE.tooLong));
    if (isToken) this.#refusals += 1;
    this.#socketSetbacks.note(way, !isToken && !(code === CLOSE.goingAway && way.up));
    const isRefused = code === CLOSE.tooMany || (code === CLOSE.badRequest && !isToken);
    const isLost = this.#socketSetbacks.failures >= OPENINGS_BEFORE_FALLING_BACK;
    // Streams have the same seats as sockets.
    if (isRefused || isLost) this.#openBelow(code === CLOSE.tooMany);
    const Socket = this.#Socket;
    if (Socket)
      this.#in('socket', this.#pauseAfter(code, isRefused || isLost), () => this.#openSocket(Socket));
    this.#tellState();
  }

  #pauseAfter(code: number, isBelow: boolean): number {
    const random = this.#around.random();
    if (code === CLOSE.tooMany) return TOO_MANY_MS * (1 + random / 2);
    if (isBelow) return BACK_UP_MS * (1 + random / 2);
    return this.#socketSetbacks.pauseMs(code === CLOSE.goingAway ? RESTART_PAUSE_MS : PAUSE_MS, random);
  }

  /** Streams for a few items, while they can be opened; else polls. */
  #openBelow(withoutStreams = false): void {
    if (this.#skus.length === 0 || this.#below || this.#cancels.has('below')) return;
    const urls = this.#skus.map((sku) => `${this.#baseUrl}/api/v1/inventory/${encodeURIComponent(sku)}`);
    const mayStream = !withoutStreams && urls.length <= MAX_STREAMS;
    if (mayStream && this.#Source && this.#streamSetbacks.failures < OPENINGS_BEFORE_FALLING_BACK) {
      const way = newWay('streams', this.#around.nowMs());
      this.#below = way;
      way.line = openStreams(
        this.#Source,
        urls.map((url) => `${url}/events`),
        { heard: (message) => this.#heard(way, message), broke: () => this.#streamsBroke(way) },
      );
    } else if (this.#fetch) {
      const way = newWay('polls', this.#around.nowMs());
      this.#below = way;
      const ears = { heard: (message: LiveMessage) => this.#heard(way, message) };
      way.line = new Poller({ fetch: this.#fetch, urls, around: this.#around, ears });
    }
  }

  #streamsBroke(way: Way): void {
    this.#dropBelow();
    this.#streamSetbacks.note(way, true);
    const pauseMs = this.#streamSetbacks.pauseMs(PAUSE_MS, this.#around.random());
    this.#in('below', pauseMs, () => this.#openBelow());
    this.#tellState();
  }

  #dropSocket(): void {
    this.#socket?.line?.close();
    this.#socket = undefined;
    this.#cancel('token');
  }

  #dropBelow(): void {
    this.#below?.line?.close();
    this.#below = undefined;
    this.#cancel('below');
  }

  #socketUrl(): string {
    const page = (globalThis as { location?: { href: string } }).location;
    const url = new URL(`${this.#baseUrl}/api/v1/live`, page?.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.searchParams.set('skus', this.#skus.join());
    return url.href;
  }

  #heard(way: Way, message: LiveMessage): void {
    way.heardAtMs = this.#around.nowMs();
    if (message.type === 'ready') this.#refusals = 0;
    const weight = this.#news.weigh(message);
    if (weight !== 'neither') way.up = true;
    if (weight === 'fresh') {
      way.freshAtMs = way.heardAtMs;
      this.#news.fresh();
    }
    if (way.up && way === this.#socket) {
      this.#dropBelow();
      this.#streamSetbacks.reset();
    }
    this.#tellState();
    this.#news.tell(message);
  }

  // Looking after it

  #tickSoon(): void {
    this.#in('tick', TICK_MS, () => {
      this.#tickSoon();
      this.#tick();
    });
  }

  #tick(): void {
    const nowMs = this.#around.nowMs();
    const ways = [this.#socket, this.#below].filter((way) => way !== undefined);
    // A clock that was set back would make what is silent look heard for as long.
    for (const way of ways) way.heardAtMs = Math.min(way.heardAtMs, nowMs);
    const lateMs = nowMs - this.#tickedAtMs - TICK_MS;
    this.#tickedAtMs = nowMs;
    // In a hidden tab every look is late; its lines go on.
    const isQuiet = ways.every(({ heardAtMs }) => nowMs - heardAtMs > ASLEEP_MS);
    if (lateMs > ASLEEP_MS && isQuiet) {
      this.#restart();
      return;
    }
    for (const way of ways) {
      if (nowMs - way.heardAtMs < (way.up ? STALE_MS : OPENING_MS)) continue;
      if (way === this.#socket) this.#socketBroke(way, NO_CODE);
      else if (way.kind === 'streams') this.#streamsBroke(way);
    }
    this.#tellState();
  }

  #tellState(): void {
    this.#news.tellState(this.#socket?.up ? this.#socket : this.#below);
  }

  /** One pause of each kind at a time. */
  #in(what: Pause, ms: number, run: () => void): void {
    this.#cancel(what);
    this.#cancels.set(
      what,
      this.#around.after(ms, () => {
        this.#cancels.delete(what);
        run();
      }),
    );
  }

  #cancel(what: Pause): void {
    this.#cancels.get(what)?.();
    this.#cancels.delete(what);
  }
}

/** Each once, in an order that does not matter. */
function setOf(skus: readonly string[]): readonly string[] {
  const set = [...new Set(skus)].sort();
  if (set.length > MAX_SKUS) throw new RangeError(`A live feed watches at most ${MAX_SKUS} SKUs`);
  return set;
}
