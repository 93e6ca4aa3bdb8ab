// The process in which all watch. Messages are counted and not read: what a page does with them costs the page. It ends with
// the bench that started it.
import type { FromWatchers, ToWatchers, Watch } from './watchers.ts';

/** At most so many are opened at once: the kernel's queue for a listener holds 512. */
const OPEN_AT_ONCE = 256;

let open = 0;
let messages = 0;

process.on('message', (message: ToWatchers) => {
  void take(message).catch((error: Error) => tell({ say: 'failed', message: error.stack ?? error.message }));
});
process.on('disconnect', () => process.exit(0));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);

async function take(message: ToWatchers): Promise<void> {
  if (message.say === 'watch') {
    for (let left = message.watch.sockets; left > 0; left -= OPEN_AT_ONCE)
      await Promise.all(Array.from({ length: Math.min(left, OPEN_AT_ONCE) }, () => watching(message.watch)));
  }
  tell({ say: 'counted', counted: { open, messages } });
}

/** Resolves with its first message. */
function watching({ place, sku }: Watch): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = new WebSocket(`ws://${place.host}:${place.port}/api/v1/live?skus=${sku}`);
  socket.onopen = () => {
    open += 1;
  };
  socket.onmessage = () => {
    messages += 1;
    resolve();
  };
  socket.onclose = ({ code }) => {
    open -= 1;
    reject(new Error(`a watcher was closed with ${code}`));
  };
  return promise;
}

function tell(message: FromWatchers): void {
  process.send?.(message);
}
