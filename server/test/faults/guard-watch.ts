// What the services say of their own guards, read from /metrics while a storm goes on: breakers, and what they try again.
import { freePort } from '../../src/embedded/free-port.ts';

const EVERY_MS = 200;
const READ_WITHIN_MS = 1_500;

export interface GuardReading {
  /** Times that the breaker of this store opened. */
  readonly opened: number;
  /** 0 closed, 1 half-open, 2 open. */
  readonly state: number;
  readonly retries: number;
}

export class GuardWatch {
  private constructor(private readonly ports: readonly number[]) {}

  static async reserve(services: number): Promise<GuardWatch> {
    return new GuardWatch(await Promise.all(Array.from({ length: services }, () => freePort())));
  }

  /** Of the service with this number. */
  env(service: number): Record<string, string> {
    return { HOLDFAST_METRICS_PORT: String(this.ports[service]) };
  }

  /** Of all services: sums, and the highest state. */
  async read(store: 'redis' | 'postgresql'): Promise<GuardReading> {
    const texts = await Promise.all(
      this.ports.map(async (port) => {
        const reply = await fetch(`http://127.0.0.1:${port}/metrics`, {
          signal: AbortSignal.timeout(READ_WITHIN_MS),
        });
        return await reply.text();
      }),
    );
    const all = (name: string, label: string) =>
      texts.flatMap((text) =>
        [...text.matchAll(new RegExp(`^${name}\\{[^}]*${label}[^}]*\\} (\\S+)$`, 'gm'))].map(([, value]) =>
          Number(value),
        ),
      );
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    return {
      opened: sum(all('holdfast_breaker_opened_total', `store="${store}"`)),
      state: Math.max(0, ...all('holdfast_breaker_state', `store="${store}"`)),
      retries: sum(all('holdfast_retries_total', 'where=')),
    };
  }

  /** The highest state of the breaker until it is told to stop. */
  watch(store: 'redis' | 'postgresql'): { stop(): Promise<number> } {
    let stopped = false;
    let highest = 0;
    const running = (async () => {
      while (!stopped) {
        const seen = await this.read(store).catch(() => undefined);
        highest = Math.max(highest, seen?.state ?? 0);
        await Bun.sleep(EVERY_MS);
      }
    })();
    return {
      stop: async () => {
        stopped = true;
        await running;
        return highest;
      },
    };
  }
}

/** How often something happens, counted in equal pieces of time. */
export class Pulse {
  private readonly counts: number[] = [];
  private readonly timer: ReturnType<typeof setInterval>;
  private last: number;

  constructor(
    private readonly total: () => number,
    everyMs: number,
  ) {
    this.last = total();
    this.timer = setInterval(() => {
      const now = this.total();
      this.counts.push(now - this.last);
      this.last = now;
    }, everyMs);
  }

  /** Since it began. */
  stop(): readonly number[] {
    clearInterval(this.timer);
    return this.counts;
  }
}
