// A free TCP port on loopback. Another program may take it before the store does: callers try again.
import { createServer } from 'node:net';

export const LOOPBACK = '127.0.0.1';

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, LOOPBACK, () => {
      const address = server.address();
      if (address === null || typeof address === 'string')
        throw new Error('a TCP listener has an address and a port');
      server.close(() => resolve(address.port));
    });
  });
}
