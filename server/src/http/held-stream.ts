// A body that comes bit by bit keeps its place in the route's limit until it is over, whichever way.

/**
 * The same bytes, as they are asked for. `over` is called once: when all of them were read, when they cannot be read on,
 * or when nobody reads them any more.
 */
export function heldUntilOver(
  body: ReadableStream<Uint8Array>,
  over: () => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        reader.closed.then(over, (error) => {
          over();
          // Whoever takes nothing would not hear of it by the next read.
          controller.error(error);
        });
      },
      async pull(controller) {
        const piece = await reader.read();
        if (piece.done) controller.close();
        else controller.enqueue(piece.value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
