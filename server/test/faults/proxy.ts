// A TCP proxy that does to a connection what networks do: it delays, cuts, trickles, falls silent in one direction or in
// both, and leads somewhere else from now on. Bytes are never reordered, changed or lost on a connection that lives.
import { createServer, connect as dial, type Server, type Socket } from 'node:net';

export type Direction = 'to-server' | 'to-client';

/** How a proxied connection fares. Left out: as if there were no proxy. */
export interface Weather {
  /** Each piece of data arrives this much later … */
  readonly latencyMs?: number;
  /** … give or take this much. */
  readonly jitterMs?: number;
  /** Chance that a piece of data cuts its connection instead of arriving. */
  readonly cutChance?: number;
  /** In each direction of each connection. */
  readonly bytesPerSecond?: number;
}

/** Sees every piece of data before it is forwarded; true does what the trap is for, once the piece has been forwarded. */
export type Trap = (piece: Buffer) => boolean;

export interface TrapPlan {
  readonly direction: Direction;
  /** A new one for each connection: what it remembers is that connection's own. */
  readonly make: () => Trap;
  /** `cut` after the piece went out and before its answer comes back; `hold` keeps the answer back instead. */
  readonly does: 'cut' | 'hold';
  readonly onSprung?: () => void;
}

const LOOPBACK = '127.0.0.1';
/** Data that one direction holds back before the sender is made to wait, as the kernel's buffers would. */
const HELD_MAX_BYTES = 1 << 20;

export class FaultProxy {
  /** Connections accepted so far. */
  accepted = 0;
  /** Connections that were cut by chance, by trap or by order. */
  cuts = 0;
  private readonly pairs = new Set<Pair>();
  private readonly held = new Set<Direction>();
  /** Accepted while nothing passed in either direction: the server does not hear of them before that ends. */
  private readonly limbo = new Map<Socket, Buffer[]>();
  private weather: Weather = {};
  private trap: TrapPlan | undefined;
  private refusing = false;
  /** Stays when it has stopped: who still asks is refused, as by any port without a listener. */
  private listenedOn: number | undefined;

  private constructor(
    private readonly server: Server,
    private upstreamPort: number,
    private readonly random: () => number,
  ) {
    server.on('connection', (client) => this.accept(client));
  }

  static async start(upstreamPort: number, random: () => number): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const proxy = new FaultProxy(server, upstreamPort, random);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, LOOPBACK, resolve);
    });
    return proxy;
  }

  get port(): number {
    const address = this.server.address();
    if (address !== null && typeof address !== 'string') this.listenedOn = address.port;
    if (this.listenedOn === undefined) throw new Error('the proxy does not listen');
    return this.listenedOn;
  }

  get open(): number {
    return this.pairs.size;
  }

  /** For all connections from now on; `{}` is fine weather, and then what is on its way arrives at once. */
  setWeather(weather: Weather): void {
    this.weather = weather;
    if (Object.keys(weather).length === 0) for (const pair of this.pairs) pair.hurry();
  }

  /** Forwards nothing in this direction until `release`: the other end seems to have fallen silent. */
  hold(...directions: readonly Direction[]): void {
    for (const direction of directions) this.held.add(direction);
  }

  /** What was held goes out, in order, and everything flows again. Traps are taken away. */
  release(): void {
    this.held.clear();
    this.trap = undefined;
    for (const pair of this.pairs) pair.release();
    for (const [client, early] of this.limbo) {
      client.removeAllListeners('data');
      this.join(client, early);
    }
    this.limbo.clear();
  }

  /** New connections are hung up on, as a port without a listener would; those that are open stay. */
  refuse(refusing: boolean): void {
    this.refusing = refusing;
  }

  /** New connections lead there; those that are open stay where they are. */
  retarget(port: number): void {
    this.upstreamPort = port;
  }

  setTrap(trap: TrapPlan): void {
    this.trap = trap;
    for (const pair of this.pairs) pair.arm();
  }

  /** Resets every connection; what was held back is gone. */
  cutAll(): void {
    for (const pair of this.pairs) pair.cut();
    for (const client of this.limbo.keys()) client.resetAndDestroy();
    this.limbo.clear();
  }

  async stop(): Promise<void> {
    this.cutAll();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private accept(client: Socket): void {
    this.accepted += 1;
    if (this.refusing) {
      client.resetAndDestroy();
      return;
    }
    if (this.held.size === 2) {
      // Read all the same: what came before a socket was paused was not always there after it.
      const early: Buffer[] = [];
      client.on('data', (piece) => early.push(Buffer.from(piece)));
      client.on('error', () => undefined);
      client.on('close', () => this.limbo.delete(client));
      this.limbo.set(client, early);
    } else this.join(client, []);
  }

  private join(client: Socket, early: readonly Buffer[]): void {
    const server = dial({ port: this.upstreamPort, host: LOOPBACK, noDelay: true, allowHalfOpen: true });
    const pair: Pair = new Pair(client, server, {
      weather: () => this.weather,
      held: (direction) => this.held.has(direction),
      trap: () => this.trap,
      random: this.random,
      onCut: () => {
        this.cuts += 1;
      },
      onGone: () => this.pairs.delete(pair),
    });
    this.pairs.add(pair);
    for (const piece of early) pair.takeFromClient(piece);
    client.resume();
  }
}

interface Surroundings {
  readonly weather: () => Weather;
  readonly held: (direction: Direction) => boolean;
  readonly trap: () => TrapPlan | undefined;
  readonly random: () => number;
  readonly onCut: () => void;
  readonly onGone: () => void;
}

/** One proxied connection. */
class Pair {
  private readonly pipes: Readonly<Record<Direction, Pipe>>;
  private trap: Trap | undefined;
  private gone = false;

  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
    private readonly around: Surroundings,
  ) {
    const pipe = (direction: Direction, from: Socket, to: Socket) =>
      new Pipe(from, to, {
        ...around,
        isHeld: () => around.held(direction),
        cut: () => this.cut(),
        onForward: (piece) => this.look(direction, piece),
      });
    this.pipes = {
      'to-server': pipe('to-server', client, server),
      'to-client': pipe('to-client', server, client),
    };
    for (const socket of [client, server]) {
      socket.on('error', () => this.end());
      socket.on('close', () => this.end());
    }
    this.arm();
  }

  /** What came before there was a pair. */
  takeFromClient(piece: Buffer): void {
    this.pipes['to-server'].take(piece);
  }

  arm(): void {
    this.trap = this.around.trap()?.make();
  }

  hurry(): void {
    for (const pipe of Object.values(this.pipes)) pipe.hurry();
  }

  release(): void {
    this.trap = undefined;
    for (const pipe of Object.values(this.pipes)) pipe.release();
  }

  cut(): void {
    if (this.gone) return;
    this.around.onCut();
    for (const socket of [this.client, this.server]) socket.resetAndDestroy();
    this.end();
  }

  /** Called right before a piece goes out. */
  private look(direction: Direction, piece: Buffer): void {
    const plan = this.around.trap();
    if (this.trap === undefined || plan?.direction !== direction || !this.trap(piece)) return;
    plan.onSprung?.();
    const answers = direction === 'to-server' ? 'to-client' : 'to-server';
    this.pipes[answers].stopped = true;
    // After the write that is about to happen has reached the other end.
    if (plan.does === 'cut') setTimeout(() => this.cut(), CUT_AFTER_MS);
  }

  private end(): void {
    if (this.gone) return;
    this.gone = true;
    for (const pipe of Object.values(this.pipes)) pipe.end();
    this.client.destroy();
    this.server.destroy();
    this.around.onGone();
  }
}

/** Loopback needs far less to take the last piece to where it was going. */
const CUT_AFTER_MS = 20;

interface PipeSurroundings extends Pick<Surroundings, 'weather' | 'random'> {
  readonly isHeld: () => boolean;
  readonly cut: () => void;
  readonly onForward: (piece: Buffer) => void;
}

/** One direction of a connection: pieces leave in the order in which they came, each when it is due. */
class Pipe {
  /** Held by a trap, whatever the proxy says. */
  stopped = false;
  private readonly waiting: { readonly piece: Buffer | null; dueMs: number }[] = [];
  private waitingBytes = 0;
  private lastDueMs = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly around: PipeSurroundings,
  ) {
    from.on('data', (piece) => this.take(Buffer.from(piece)));
    from.on('end', () => this.take(null));
  }

  release(): void {
    this.stopped = false;
    this.flow();
  }

  hurry(): void {
    for (const each of this.waiting) each.dueMs = 0;
    this.lastDueMs = 0;
    this.flow();
  }

  end(): void {
    clearTimeout(this.timer);
    this.waiting.length = 0;
  }

  take(piece: Buffer | null): void {
    const { latencyMs = 0, jitterMs = 0, cutChance = 0, bytesPerSecond } = this.around.weather();
    if (cutChance > 0 && this.around.random() < cutChance) {
      this.around.cut();
      return;
    }
    const delayMs = Math.max(0, latencyMs + (jitterMs === 0 ? 0 : (this.around.random() * 2 - 1) * jitterMs));
    const earliestMs = Math.max(performance.now() + delayMs, this.lastDueMs);
    const transferMs = bytesPerSecond === undefined ? 0 : ((piece?.length ?? 0) / bytesPerSecond) * 1000;
    this.lastDueMs = earliestMs + transferMs;
    this.waiting.push({ piece, dueMs: this.lastDueMs });
    this.waitingBytes += piece?.length ?? 0;
    if (this.waitingBytes > HELD_MAX_BYTES) this.from.pause();
    this.flow();
  }

  private flow(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    while (!this.stopped && !this.around.isHeld()) {
      const [next] = this.waiting;
      if (next === undefined) break;
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0) {
        this.timer = setTimeout(() => this.flow(), waitMs);
        break;
      }
      this.waiting.shift();
      this.send(next.piece);
    }
    if (this.waitingBytes <= HELD_MAX_BYTES && this.from.isPaused()) this.from.resume();
  }

  private send(piece: Buffer | null): void {
    if (piece === null) {
      this.to.end();
      return;
    }
    this.waitingBytes -= piece.length;
    this.around.onForward(piece);
    this.to.write(piece);
  }
}

/** Springs on the first piece that has these bytes in it. */
export function whenSent(words: string): () => Trap {
  return () => (piece) => piece.includes(words);
}

/**
 * Springs when a prepared statement that has this word in its text is executed. Its text is sent once a connection,
 * under a name (Parse); later only the name is (Bind).
 */
export function whenExecuted(word: string): () => Trap {
  const parse = new RegExp(`P[\\s\\S]{4}([^\\0]+)\\0[^\\0]*${word}`);
  return () => {
    let name: string | undefined;
    return (piece) => {
      const text = piece.toString('latin1');
      name ??= parse.exec(text)?.[1];
      return name !== undefined && text.includes(`B`) && text.includes(`\0${name}\0`);
    };
  };
}
