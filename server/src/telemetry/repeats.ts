// An outage is one story, not ten lines a second: what was said a moment ago is not said again.

const QUIET_MS = 10_000;
/** Messages remembered; past it all are forgotten, and said once more. */
const REMEMBERED_MAX = 100;

export class Repeats {
  /** By message: when it was said last. */
  private readonly saidAtMs = new Map<string, number>();

  constructor(private readonly quietMs = QUIET_MS) {}

  /** Whether the message is worth a line now; the caller then says it. */
  isNews(message: string): boolean {
    const nowMs = performance.now();
    const saidAtMs = this.saidAtMs.get(message);
    if (saidAtMs !== undefined && nowMs - saidAtMs < this.quietMs) return false;
    if (this.saidAtMs.size >= REMEMBERED_MAX) this.saidAtMs.clear();
    this.saidAtMs.set(message, nowMs);
    return true;
  }
}
