// A response body of lines of JSON that waits for its reader: whoever writes asks first whether there is room, so that a slow
// reader costs no memory, and hears when nobody reads any more.

/** What may wait for the reader; a few socket buffers. */
const BUFFER_BYTES = 64 * 1024;

export class LineStream {
  readonly body: ReadableStream<Uint8Array>;
  private readonly encoder = new TextEncoder();
  private controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  private ended = false;
  private room = Promise.withResolvers<void>();

  constructor(private readonly onHungUp: () => void) {
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.controller = controller;
        },
        pull: () => this.noteRoom(),
        cancel: () => {
          this.ended = true;
          this.noteRoom();
          this.onHungUp();
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: BUFFER_BYTES }),
    );
  }

  /** The reader keeps up, and is there. */
  get hasRoom(): boolean {
    return !this.ended && (this.controller?.desiredSize ?? 0) > 0;
  }

  /** Resolves once there is room, or nobody reads any more. */
  async untilRoom(): Promise<void> {
    while (!this.ended && !this.hasRoom) await this.room.promise;
  }

  write(line: object): void {
    if (!this.ended) this.controller?.enqueue(this.encoder.encode(`${JSON.stringify(line)}\n`));
  }

  /** Again is safe. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.noteRoom();
    this.controller?.close();
  }

  private noteRoom(): void {
    this.room.resolve();
    this.room = Promise.withResolvers<void>();
  }
}
