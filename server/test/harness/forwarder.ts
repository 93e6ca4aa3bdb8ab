// A TCP port before a server, as an address that can move: new connections go wherever it points, those that are open stay
// where they are until they are cut. Held, it passes nothing on and hangs nobody up, as a network that is down.
import { createServer, type Server, Socket } from 'node:net';
import { LOOPBACK } from '../../src/embedded/free-port.ts';

export interface Forwarder {
  readonly port: number;
  /** Where connections go that are made from now on. */
  pointTo(port: number): void;
  /** Hangs up on every open connection, both ends. */
  cut(): void;
  /** From now on nothing is passed on, either way, on old connections and new ones; what was held is lost when they are cut. */
  hold(): void;
  /** Passes on what was held, and everything after it. */
  goOn(): void;
  close(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

export async function startForwarder(port: number): Promise<Forwarder> {
  let target = port;
  let held = false;
  const pairs = new Set<Pair>();
  const listener: Server = createServer((client) => {
    const server = new Socket();
    const pair = { client, server };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('error', end).on('close', end).setNoDelay(true);
    server.connect(target, LOOPBACK);
    client.on('data', (bytes) => server.write(bytes));
    server.on('data', (bytes) => client.write(bytes));
    if (held) for (const socket of [client, server]) socket.pause();
  });
  await new Promise<void>((resolve) => listener.listen(0, LOOPBACK, resolve));
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('the forwarder has no port');
  const each = (action: (socket: Socket) => void) => {
    for (const { client, server } of [...pairs]) for (const socket of [client, server]) action(socket);
  };
  return {
    port: address.port,
    pointTo: (next) => {
      target = next;
    },
    cut: () => each((socket) => socket.destroy()),
    hold: () => {
      held = true;
      each((socket) => void socket.pause());
    },
    goOn: () => {
      held = false;
      each((socket) => void socket.resume());
    },
    close: async () => {
      each((socket) => socket.destroy());
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}

/** The same URL at the forwarder's port. */
export function through(forwarder: Forwarder, url: string): string {
  const moved = new URL(url);
  moved.port = String(forwarder.port);
  return moved.href;
}
