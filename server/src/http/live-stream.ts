// One viewer by Server-Sent Events: the body of an answer that has no end of its own.
import type { ViewerLine, Words } from './live-hub.ts';

/** Bytes that may wait here for a client that reads slowly; more wait in the kernel. */
const WAITING_BYTES = 16 * 1024;

/** Events that are none: clients take no notice (HTML standard, 9.2.6). */
const COMMENT = { bytes: new TextEncoder().encode(':\n\n') };

export interface Stream {
  readonly body: ReadableStream<Uint8Array>;
  readonly line: ViewerLine;
}

export interface StreamEars {
  drained(): void;
  /** Whoever ended it. Once. */
  closed(): void;
}

export function eventStream(ears: StreamEars): Stream {
  let out: ReadableStreamDefaultController<Uint8Array> | undefined;
  let full = false;
  let over = false;
  const close = () => {
    if (over) return;
    over = true;
    ears.closed();
  };
  const end = () => {
    if (over) return;
    close();
    try {
      out?.close();
    } catch {
      // The client was gone already.
    }
  };
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        out = controller;
      },
      pull() {
        if (!full) return;
        full = false;
        ears.drained();
      },
      cancel: close,
    },
    new ByteLengthQueuingStrategy({ highWaterMark: WAITING_BYTES }),
  );
  const line = {
    kind: 'sse' as const,
    send({ bytes }: Pick<Words, 'bytes'>) {
      if (over || !out) return true;
      try {
        out.enqueue(bytes);
      } catch {
        close();
        return true;
      }
      full = (out.desiredSize ?? 0) <= 0;
      return !full;
    },
    // Nobody can be asked: whoever takes nothing is seen by what waits, once the kernel's buffers are full. But a comment
    // keeps the connection, which the listener would close as idle while there are no beats.
    reads() {
      if (!over && !full) line.send(COMMENT);
      return true;
    },
    cut() {
      close();
      out?.error(new Error('the client does not read'));
    },
    end,
  };
  return { body, line };
}
