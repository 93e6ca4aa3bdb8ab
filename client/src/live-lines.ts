// The ways down which live news comes, each as a line that is opened once, tells what it hears, and breaks once. What
// comes in is only looked at as far as it is used here: what a newer service says besides is let pass, what is no message
// is not heard.
import type { Item } from '@holdfast/contract/inventory';
import type { LiveMessage } from '@holdfast/contract/live';

/** The part of the platform's `WebSocket` that is used here. */
export interface SocketLike {
  addEventListener(type: string, listener: (event: unknown) => void): void;
  send(text: string): void;
  close(): void;
}
export type SocketClass = new (url: string) => SocketLike;

/** The part of the platform's `EventSource` that is used here. */
export interface EventSourceLike {
  addEventListener(type: string, listener: (event: unknown) => void): void;
  close(): void;
}
export type EventSourceClass = new (url: string) => EventSourceLike;

export interface LineEars {
  opened?(): void;
  heard(message: LiveMessage): void;
  /** Once, and never after `close`. `code` is a WebSocket's close code, 0 where there is none. */
  broke(code: number): void;
}

export interface Line {
  /** Nothing is heard of it afterwards. Again is safe. */
  close(): void;
}

export interface SocketLine extends Line {
  send(text: string): void;
}

const NO_CODE = 0;

/** Hands on to the ears until the line is over, whichever side ended it. */
class Ears {
  over = false;

  constructor(private readonly ears: LineEars) {}

  readonly opened = (): void => {
    if (!this.over) this.ears.opened?.();
  };

  heard(message: LiveMessage | undefined): void {
    if (!this.over && message) this.ears.heard(message);
  }

  broke(code: number): void {
    if (this.over) return;
    this.over = true;
    this.ears.broke(code);
  }
}

/** Never throws: what cannot be opened breaks, later. */
export function openSocket(Socket: SocketClass, url: string, given: LineEars): SocketLine {
  const ears = new Ears(given);
  let socket: SocketLike | undefined;
  try {
    socket = new Socket(url);
    socket.addEventListener('open', ears.opened);
    socket.addEventListener('message', (event) => ears.heard(readMessage(jsonOf(event))));
    socket.addEventListener('close', (event) => ears.broke(codeOf(event)));
    // Platforms differ in whether a close follows it.
    socket.addEventListener('error', () => {
      socket?.close();
      ears.broke(NO_CODE);
    });
  } catch {
    queueMicrotask(() => ears.broke(NO_CODE));
  }
  return {
    send: (text) => socket?.send(text),
    close() {
      if (ears.over) return;
      ears.over = true;
      socket?.close();
    },
  };
}

/** One stream an item; the first of them that breaks breaks the line. Never throws. */
export function openStreams(Source: EventSourceClass, urls: readonly string[], given: LineEars): Line {
  const ears = new Ears(given);
  const sources: EventSourceLike[] = [];
  const closeAll = () => {
    for (const source of sources) source.close();
  };
  const broke = () => {
    closeAll();
    ears.broke(NO_CODE);
  };
  try {
    for (const url of urls) {
      const source = new Source(url);
      sources.push(source);
      source.addEventListener('item', (event) =>
        ears.heard(readMessage({ type: 'item', item: jsonOf(event) })),
      );
      source.addEventListener('beat', (event) => ears.heard(readMessage(jsonOf(event))));
      // It would come back by itself after a pause of its own, without jitter: the pause is ours.
      source.addEventListener('error', broke);
    }
  } catch {
    queueMicrotask(broke);
  }
  return {
    close() {
      if (ears.over) return;
      ears.over = true;
      closeAll();
    },
  };
}

/** Of what an event carries; undefined if that is none. */
function jsonOf(event: unknown): unknown {
  if (!isObject(event) || typeof event.data !== 'string') return undefined;
  try {
    return JSON.parse(event.data);
  } catch {
    return undefined;
  }
}

function codeOf(event: unknown): number {
  return isObject(event) && typeof event.code === 'number' ? event.code : NO_CODE;
}

type Loose = Readonly<Record<string, unknown>>;

/** The message, if it is one that this client knows. */
export function readMessage(value: unknown): LiveMessage | undefined {
  if (!isObject(value)) return undefined;
  switch (value.type) {
    case 'item': {
      const item = readItem(value.item);
      return item && { type: 'item', item };
    }
    case 'beat':
      return isInstant(value.at) ? (value as LiveMessage) : undefined;
    case 'ready':
      return { type: 'ready' };
    case 'reservation':
      return hasText(value.reservation, 'reservation_id', 'status') ? (value as LiveMessage) : undefined;
    case 'order':
      return hasText(value.order, 'order_id', 'reservation_id') ? (value as LiveMessage) : undefined;
    default:
      return undefined;
  }
}

export function readItem(value: unknown): Item | undefined {
  if (!hasText(value, 'sku', 'sale_id', 'status') || !isInstant(value.as_of)) return undefined;
  const counts = [value.total, value.available, value.reserved, value.sold];
  return counts.every(Number.isFinite) ? (value as unknown as Item) : undefined;
}

function isObject(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null;
}

function hasText(value: unknown, ...members: readonly string[]): value is Loose {
  return isObject(value) && members.every((member) => typeof value[member] === 'string');
}

function isInstant(value: unknown): value is string {
  return typeof value === 'string' && Number.isFinite(Date.parse(value));
}
