// A log file that does not grow past its bound: when it is full it becomes `<file>.1` and a new one begins.
import { appendFileSync, renameSync, statSync } from 'node:fs';

/** Two of these a store: enough for weeks of a healthy one and for the last hours of a sick one. */
const LIMIT_BYTES = 4 * 1024 * 1024;

export class BoundedLog {
  private sizeBytes: number;

  constructor(
    private readonly file: string,
    private readonly limitBytes = LIMIT_BYTES,
  ) {
    this.sizeBytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  }

  readonly write = (line: string): void => {
    const entry = Buffer.from(`${line}\n`);
    if (this.sizeBytes > 0 && this.sizeBytes + entry.byteLength > this.limitBytes) {
      renameSync(this.file, `${this.file}.1`);
      this.sizeBytes = 0;
    }
    try {
      appendFileSync(this.file, entry, { mode: 0o600 });
      this.sizeBytes += entry.byteLength;
    } catch {
      // A full disk must not take the stores' guardian down; the stores themselves will say what is wrong.
    }
  };
}
