// When work that nobody waits for may take its time. A drop is a minute long, and in it the process's core is the customers':
// what can be done after it is done after it. What keeps the process busy for longer is a working day, not a rush, and then the
// work is done beside it.

/** Of a core, all threads of the process: above it customers would wait for background work. */
const BUSY = 0.25;
/** Between two measurements. */
const SAMPLE_MS = 500;
/** The longest that work is put off. */
const RUSH_MS = 60_000;
/** A pause that ends a rush; a shorter one is a part of it. */
const CALM_MS = 5_000;

export interface LeisureOptions {
  /** Processor time that the process has used, in ms. */
  readonly cpuMs?: () => number;
  /** In ms; goes on evenly. */
  readonly clock?: () => number;
}

export class Leisure {
  private readonly cpuMs: () => number;
  private readonly clock: () => number;
  private sample: { readonly atMs: number; readonly cpuMs: number };
  private isBusy = false;
  private rushSinceMs: number | undefined;
  private calmSinceMs: number;

  constructor({ cpuMs = ownCpuMs, clock = () => performance.now() }: LeisureOptions = {}) {
    this.cpuMs = cpuMs;
    this.clock = clock;
    this.sample = { atMs: clock(), cpuMs: cpuMs() };
    this.calmSinceMs = this.sample.atMs;
  }

  /** The process leaves most of its core to spare. */
  get isCalm(): boolean {
    this.look();
    return !this.isBusy;
  }

  /** False in a rush, for a minute at most. */
  get isNow(): boolean {
    this.look();
    if (!this.isBusy || this.rushSinceMs === undefined) return true;
    return this.clock() - this.rushSinceMs >= RUSH_MS;
  }

  private look(): void {
    const atMs = this.clock();
    const elapsedMs = atMs - this.sample.atMs;
    if (elapsedMs < SAMPLE_MS) return;
    const cpuMs = this.cpuMs();
    const wasBusy = this.isBusy;
    this.isBusy = (cpuMs - this.sample.cpuMs) / elapsedMs >= BUSY;
    this.sample = { atMs, cpuMs };
    if (this.isBusy) {
      this.rushSinceMs ??= atMs;
    } else {
      if (wasBusy) this.calmSinceMs = atMs;
      if (atMs - this.calmSinceMs >= CALM_MS) this.rushSinceMs = undefined;
    }
  }
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
