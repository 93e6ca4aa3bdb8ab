// Was it the machine? An independent witness to stalls that are no fault of the service: a timer of this process that comes late
// (the processor was elsewhere), and a file that takes long to reach the disk (which Redis waits for at every write).
import { open } from 'node:fs/promises';
import path from 'node:path';
import type { Window } from '../faults/windows.ts';
import { temporaryFolder } from '../harness/stores.ts';

const TICK_MS = 50;
/** A customer's Redis command has 250 ms, of which this is most. */
const LATE_MS = 200;
const WRITE_EVERY_MS = 500;
const BYTES = 512;
/** A machine that stands still more often is no place for a measurement. */
const WINDOWS_MAX = 2_000;

export class Witness {
  readonly stalls: Window[] = [];
  private lastTickMs = performance.now();
  private readonly timer = setInterval(() => this.tick(), TICK_MS);
  private stopped = false;
  private readonly writing: Promise<void>;

  constructor() {
    this.writing = this.write();
  }

  get stalledMs(): number {
    return this.stalls.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.writing;
  }

  private tick(): void {
    const nowMs = performance.now();
    if (nowMs - this.lastTickMs - TICK_MS > LATE_MS)
      this.saw(this.lastTickMs, nowMs, 'the processor was elsewhere');
    this.lastTickMs = nowMs;
  }

  private async write(): Promise<void> {
    const file = await open(path.join(temporaryFolder('witness'), 'written'), 'w');
    const bytes = Buffer.alloc(BYTES, 1);
    try {
      while (!this.stopped) {
        const fromMs = performance.now();
        await file.write(bytes, 0, BYTES, 0);
        await file.datasync();
        const toMs = performance.now();
        if (toMs - fromMs > LATE_MS) this.saw(fromMs, toMs, 'the disk was slow');
        await Bun.sleep(WRITE_EVERY_MS);
      }
    } finally {
      await file.close();
    }
  }

  private saw(fromMs: number, toMs: number, why: string): void {
    if (this.stalls.length < WINDOWS_MAX) this.stalls.push({ fromMs, toMs, why });
  }
}
