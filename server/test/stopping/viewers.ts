// Who watches while the service stops: WebSockets, which are to be told goodbye with 1001, and event streams, whose answer is
// to have an end: the last chunk, and not just a connection that is gone.
import { connect } from 'node:net';
import type { Place } from '../faults/wire.ts';

const OPENED_AT_A_TIME = 100;
const LAST_CHUNK = '0\r\n\r\n';

export interface Viewer {
  /** The code of a WebSocket's end, or how an event stream ended. */
  readonly ended: Promise<number | 'ended' | 'cut'>;
  hangUp(): void;
}

export async function openSockets({ host, port }: Place, sku: string, count: number): Promise<Viewer[]> {
  const viewers: Viewer[] = [];
  while (viewers.length < count) {
    const some = Math.min(OPENED_AT_A_TIME, count - viewers.length);
    viewers.push(...(await Promise.all(Array.from({ length: some }, () => openSocket({ host, port }, sku)))));
  }
  return viewers;
}

function openSocket({ host, port }: Place, sku: string): Promise<Viewer> {
  const socket = new WebSocket(`ws://${host}:${port}/api/v1/live?skus=${sku}`);
  const ended = new Promise<number>((resolve) => {
    socket.onclose = ({ code }) => resolve(code);
  });
  const viewer: Viewer = { ended, hangUp: () => socket.close() };
  return new Promise((resolve, reject) => {
    // Whoever has heard something is in.
    socket.onmessage = () => resolve(viewer);
    void ended.then((code) => reject(new Error(`closed with ${code} before anything was told`)));
  });
}

export function openStream({ host, port }: Place, sku: string): Promise<Viewer> {
  const socket = connect({ host, port });
  let last = '';
  const ended = new Promise<'ended' | 'cut'>((resolve) => {
    socket.on('close', () => resolve(last.endsWith(LAST_CHUNK) ? 'ended' : 'cut'));
  });
  socket.on('error', () => undefined); // a reset: `close` follows
  socket.write(`GET /api/v1/inventory/${sku}/events HTTP/1.1\r\nHost: shop.test\r\n\r\n`);
  const viewer: Viewer = { ended, hangUp: () => socket.destroy() };
  return new Promise((resolve, reject) => {
    socket.on('data', (piece) => {
      last = (last + piece.toString('latin1')).slice(-LAST_CHUNK.length);
      resolve(viewer);
    });
    void ended.then(() => reject(new Error('closed before anything was told')));
  });
}
