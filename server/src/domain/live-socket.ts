// A WebSocket between the two rooms that share it: `processes` owns the connection, `http` decides what is said on it.
// Both know this page and not each other.

/** One open WebSocket, as whoever speaks on it sees it. */
export interface LiveSocket {
  /**
   * `taken`: it is on its way. `full`: it waits here until the client reads on, which `drained` tells; send nothing until
   * then. `gone`: nobody is there any more, which `closed` tells.
   */
  send(text: string): 'taken' | 'full' | 'gone';
  /** Asks whether the client reads: `ponged` tells its answer. */
  ping(): void;
  /** With a goodbye; what was sent before it goes out first. */
  close(code: number, reason: string): void;
  /** Without one: the client does not read. */
  cut(): void;
}

/** What happens on a socket, told to whoever asked for it. Nothing is told after `closed`. */
export interface SocketEars {
  opened(socket: LiveSocket): void;
  /** Null: it was not text. */
  said(text: string | null): void;
  /** A ping came; its pong goes back by itself. */
  pinged(): void;
  ponged(): void;
  drained(): void;
  closed(): void;
}

/** Makes a WebSocket of the request; false if it cannot be one any more, or never could. */
export type Upgrade = (request: Request, ears: SocketEars) => boolean;
