// postgres.js forgets its socket once that has closed, and writes to it all the same if a transaction still has its ROLLBACK to
// say: in a turn of its own, where nobody can catch what is thrown (porsager/postgres#1208). A client that has been ended writes
// no more. So its socket says that it has closed when the client has been ended, and not before.
import type { Socket } from 'node:net';

export class HeldSocket {
  /** Once statements can be under way, and until the client says good-bye by itself: then it waits to hear that it is gone. */
  holds = false;

  /** Encrypted or not: `socket` is the one that the client is given. */
  constructor(
    private readonly socket: Socket,
    clientEnded: () => Promise<unknown>,
  ) {
    const emit = socket.emit.bind(socket) as (event: string | symbol, ...args: unknown[]) => boolean;
    socket.emit = (event: string | symbol, ...args: unknown[]) => {
      if (event !== 'close' || !this.holds) return emit(event, ...args);
      void clientEnded().then(() => emit(event, ...args));
      return true;
    };
  }

  destroy(): void {
    this.socket.destroy();
  }
}
