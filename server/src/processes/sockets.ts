// The WebSockets of a worker, as Bun hands them out: each event goes to the ears that came with the upgrade, and what a
// client may make the service keep is bounded here, whatever is said on the socket.
import { MAX_LIVE_MESSAGE_BYTES } from '@holdfast/contract/live';
import type { LiveSocket, SocketEars } from '../domain/live-socket.ts';

/** Waiting for a client that does not read. The hub stops at the first byte that waits; this is the second fence. */
const MAX_WAITING_BYTES = 256 * 1024;
/** Who neither says nor is told anything for this long is gone. What is sent counts, so the hub asks who reads as well. */
const IDLE_LIMIT_SECONDS = 15;

export const ears: Bun.WebSocketHandler<SocketEars> = {
  // Longer messages end the socket with 1009 before they have come in whole.
  maxPayloadLength: MAX_LIVE_MESSAGE_BYTES,
  backpressureLimit: MAX_WAITING_BYTES,
  closeOnBackpressureLimit: true,
  idleTimeout: IDLE_LIMIT_SECONDS,
  sendPings: true,
  perMessageDeflate: false,
  open: (socket) => socket.data.opened(speaker(socket)),
  message: (socket, said) => socket.data.said(typeof said === 'string' ? said : null),
  ping: (socket) => socket.data.pinged(),
  pong: (socket) => socket.data.ponged(),
  drain: (socket) => socket.data.drained(),
  close: (socket) => socket.data.closed(),
};

function speaker(socket: Bun.ServerWebSocket<SocketEars>): LiveSocket {
  return {
    send(text) {
      const sent = socket.send(text);
      if (sent > 0) return 'taken';
      return sent < 0 ? 'full' : 'gone';
    },
    ping: () => void socket.ping(),
    close: (code, reason) => socket.close(code, reason),
    cut: () => socket.terminate(),
  };
}
