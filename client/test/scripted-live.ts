// A live feed among fakes: a clock that the test turns, sockets and streams that say what the test says, and a fetch that
// answers from a script.
import type { Item } from '@holdfast/contract/inventory';
import { type LiveOptions, openLive } from '../src/live.ts';
import type { Surroundings } from '../src/live-surroundings.ts';

const MANY_TURNS = 10_000;

export class Clock implements Surroundings {
  readonly #timers = new Set<{ atMs: number; run: () => void }>();
  readonly #online = new Set<() => void>();
  #nowMs = Date.parse('2026-11-27T09:00:00.000Z');
  chance = 0.5;
  /** How far the clock that is read was set ahead; timers do not heed it. */
  setAheadMs = 0;

  nowMs(): number {
    return this.#nowMs + this.setAheadMs;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  random(): number {
    return this.chance;
  }

  onOnline(run: () => void): () => void {
    this.#online.add(run);
    return () => this.#online.delete(run);
  }

  comeOnline(): void {
    for (const run of this.#online) run();
  }

  /** Timers and listeners that are left. */
  get left(): number {
    return this.#timers.size + this.#online.size;
  }

  /** Lets time pass: every timer at its moment. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (let turn = 0; turn < MANY_TURNS; turn++) {
      const [next] = [...this.#timers].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > endMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#timers.delete(next);
      next.run();
      await settle();
    }
    this.#nowMs = endMs;
  }

  /** Time passes, but nothing runs until the end of it. */
  async sleep(ms: number): Promise<void> {
    this.#nowMs += ms;
    await this.pass(0);
  }
}

/** What waits in this turn of the event loop has run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

class Speaker {
  readonly #listeners: [string, (event: unknown) => void][] = [];
  closed = false;

  constructor(readonly url: string) {}

  addEventListener(type: string, listener: (event: unknown) => void): void {
    this.#listeners.push([type, listener]);
  }

  close(): void {
    this.closed = true;
  }

  emit(type: string, event: object = {}): void {
    for (const [wanted, listener] of this.#listeners) if (wanted === type) listener(event);
  }
}

export class FakeSocket extends Speaker {
  readonly sent: unknown[] = [];

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  /** What the service would send, or any text. */
  say(message: object | string): void {
    this.emit('message', { data: typeof message === 'string' ? message : JSON.stringify(message) });
  }

  /** Opens, with these to begin with. */
  async open(...messages: readonly object[]): Promise<void> {
    this.emit('open');
    await settle();
    for (const message of messages) this.say(message);
  }

  async end(code: number): Promise<void> {
    this.emit('close', { code });
    await settle();
  }
}

export class FakeSource extends Speaker {
  say(type: 'item' | 'beat', data: object): void {
    this.emit(type, { data: JSON.stringify(data) });
  }
}

/** The n-th of them, from the end where negative. */
export function nth<T>(list: readonly T[], n: number): T {
  const found = list.at(n);
  if (found === undefined) throw new Error(`There are only ${list.length}`);
  return found;
}

export type Answer = Response | 'hang' | 'unreachable';

export interface Asked {
  readonly url: string;
  readonly atMs: number;
  readonly signal: AbortSignal | null | undefined;
}

/** A feed and everything around it. `without`: what the platform lacks. */
export function watch(
  given: Partial<LiveOptions> = {},
  without: readonly ('WebSocket' | 'EventSource' | 'fetch')[] = [],
) {
  const clock = new Clock();
  const sockets: FakeSocket[] = [];
  const sources: FakeSource[] = [];
  const asked: Asked[] = [];
  const told = {
    items: [] as Item[],
    reservations: [] as string[],
    orders: [] as string[],
    states: [] as string[],
    beats: [] as number[],
  };
  const script = { answer: (_url: string): Answer => 'unreachable' };
  const ways = {
    WebSocket: class extends FakeSocket {
      constructor(url: string) {
        super(url);
        sockets.push(this);
      }
    },
    EventSource: class extends FakeSource {
      constructor(url: string) {
        super(url);
        sources.push(this);
      }
    },
    fetch: async (url: string, { signal }: RequestInit) => {
      asked.push({ url, atMs: clock.nowMs(), signal });
      // So that a test can still say what the first ones are answered.
      await undefined;
      return answerOf(script.answer(url), signal);
    },
  };
  const restore = without.map((name) => hide(name));
  const live = openLive(
    {
      baseUrl: 'https://shop.example/holdfast/',
      skus: ['A-1'],
      onItem: (item) => told.items.push(item),
      onReservation: ({ reservation_id, status }) => told.reservations.push(`${reservation_id} ${status}`),
      onOrder: ({ order_id }) => told.orders.push(order_id),
      onState: (state) => told.states.push(state),
      onBeat: (nowMs) => told.beats.push(nowMs),
      ...Object.fromEntries(
        Object.entries(ways).filter(([name]) => !without.some((other) => other === name)),
      ),
      ...given,
    },
    clock,
  );
  for (const show of restore) show();
  return { clock, sockets, sources, asked, told, script, live };
}

/** Takes it away from the platform until the function that it gives is called. */
function hide(name: 'WebSocket' | 'EventSource' | 'fetch'): () => void {
  const here = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, { value: undefined, configurable: true, writable: true });
  return () => {
    if (here) Object.defineProperty(globalThis, name, here);
    else Reflect.deleteProperty(globalThis, name);
  };
}

async function answerOf(answer: Answer, signal: AbortSignal | null | undefined): Promise<Response> {
  if (answer === 'unreachable') throw new TypeError('Nobody there');
  if (answer instanceof Response) return answer;
  return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
}

const BEGIN_MS = Date.parse('2026-11-27T09:00:00.000Z');

/** As it was so many seconds after the beginning. */
export function item(available: number, seconds: number, sku = 'A-1'): Item {
  return {
    sku,
    sale_id: 'drop',
    name: 'Sneaker',
    total: 100,
    available,
    reserved: 0,
    sold: 100 - available,
    max_per_customer: 2,
    status: 'on_sale',
    as_of: new Date(BEGIN_MS + seconds * 1000).toISOString(),
  };
}

export function itemMessage(available: number, seconds: number, sku = 'A-1') {
  return { type: 'item', item: item(available, seconds, sku) };
}

export function beat(seconds: number) {
  return { type: 'beat', at: new Date(BEGIN_MS + seconds * 1000).toISOString() };
}
