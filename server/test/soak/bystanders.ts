// Who is there beside the shoppers: readers who look at items, sales and their own orders, and viewers, by WebSocket and by event stream,
// who come, watch for a while and go.
import { openLive } from '@holdfast/client/live';
import type { Floor } from './floor.ts';
import { renewed } from './floor.ts';

const READERS = 12;
const READ_PAUSE_MS = 250;
const SOCKETS = 24;
const STREAMS = 12;
/** On average. */
const WATCHED_MS = 20_000;
const AWAY_MS = 3_000;
/** A viewer that has been told nothing for so long after its opening has been let down. */
const TOLD_WITHIN_MS = 8_000;
const PAGE = 50;

export interface Watched {
  sockets: number;
  streams: number;
  itemsTold: number;
  /** Told an item older than before. */
  wentBack: number;
}

export class Bystanders {
  readonly watched: Watched = { sockets: 0, streams: 0, itemsTold: 0, wentBack: 0 };
  private readonly loops: Promise<void>[];

  constructor(private readonly floor: Floor) {
    const many = (count: number, loop: (n: number) => Promise<void>) =>
      Array.from({ length: count }, (_, n) => loop(n));
    this.loops = [
      ...many(READERS, (n) => this.read(n)),
      ...many(SOCKETS, (n) => this.watchBySocket(n)),
      ...many(STREAMS, () => this.watchByStream()),
    ];
  }

  /** After the floor has closed. */
  async gone(): Promise<void> {
    await Promise.all(this.loops);
  }

  private async read(n: number): Promise<void> {
    const { floor } = this;
    const client = floor.customer(`c${n}-0`);
    await floor.keepDoing(async () => {
      const [sku, saleId, what] = [floor.sku, floor.saleId, floor.random()];
      if (sku === undefined || saleId === undefined) return;
      if (what < 0.7) await client.item(sku);
      else if (what < 0.8) await firstOf(client.items({ saleId, pageSize: PAGE }));
      else if (what < 0.85) await firstOf(client.sales({ pageSize: PAGE }));
      else if (what < 0.9) await client.sale(saleId);
      else if (what < 0.95) await firstOf(client.reservations({ pageSize: PAGE }));
      else await firstOf(client.orders({ pageSize: PAGE }));
    }, READ_PAUSE_MS);
  }

  private async watchBySocket(n: number): Promise<void> {
    const { floor, watched } = this;
    const token = renewed(`c${n}-0`);
    await floor.keepDoing(async () => {
      const skus = [...new Set([floor.sku, floor.sku, floor.sku])].filter((sku) => sku !== undefined);
      if (skus.length === 0) return;
      watched.sockets += 1;
      const openedAtMs = performance.now();
      let toldAtMs: number | undefined;
      const lastMs = new Map<string, number>();
      const live = openLive({
        baseUrl: floor.url,
        skus,
        token,
        onItem: ({ sku, as_of }) => {
          toldAtMs ??= performance.now();
          watched.itemsTold += 1;
          const asOfMs = Date.parse(as_of);
          if (asOfMs < (lastMs.get(sku) ?? 0)) watched.wentBack += 1;
          lastMs.set(sku, asOfMs);
        },
        onReservation: () => undefined,
        onOrder: () => undefined,
        onState: () => undefined,
        onBeat: () => undefined,
      });
      await floor.pause(WATCHED_MS);
      live.close();
      this.note('watch by socket', openedAtMs, toldAtMs);
      await floor.pause(AWAY_MS);
    }, 1);
  }

  private async watchByStream(): Promise<void> {
    const { floor, watched } = this;
    await floor.keepDoing(async () => {
      const { sku } = floor;
      if (sku === undefined) return;
      watched.streams += 1;
      const openedAtMs = performance.now();
      let toldAtMs: number | undefined;
      const hangUp = new AbortController();
      const leaving = floor.pause(WATCHED_MS).then(() => hangUp.abort());
      try {
        const response = await fetch(`${floor.url}/api/v1/inventory/${sku}/events`, {
          signal: hangUp.signal,
        });
        if (!response.ok) {
          const code = response.status === 503 ? 'unavailable' : String(response.status);
          this.floor.answers.note({
            what: 'watch by stream',
            status: response.status,
            code,
            sentAtMs: openedAtMs,
            endedAtMs: performance.now(),
          });
          return;
        }
        for await (const piece of response.body ?? []) {
          if (Buffer.from(piece).includes('event: item')) {
            toldAtMs ??= performance.now();
            watched.itemsTold += 1;
          }
        }
        this.brokeOff(openedAtMs, hangUp.signal);
      } catch {
        this.brokeOff(openedAtMs, hangUp.signal);
      } finally {
        hangUp.abort();
        if (toldAtMs !== undefined) this.note('watch by stream', openedAtMs, toldAtMs);
        await Promise.race([leaving, floor.pause(AWAY_MS)]);
      }
    }, 1);
  }

  /** A stream that ended though its viewer had not hung up. */
  private brokeOff(openedAtMs: number, hungUp: AbortSignal): void {
    if (hungUp.aborted) return;
    const endedAtMs = performance.now();
    this.floor.answers.note({
      what: 'watch by stream',
      status: 0,
      code: 'network',
      // It was well until just now.
      sentAtMs: Math.max(openedAtMs, endedAtMs - 1_000),
      endedAtMs,
    });
  }

  private note(what: string, openedAtMs: number, toldAtMs: number | undefined): void {
    const endedAtMs = performance.now();
    if (toldAtMs === undefined && endedAtMs - openedAtMs < TOLD_WITHIN_MS) return;
    const inTime = toldAtMs !== undefined && toldAtMs - openedAtMs < TOLD_WITHIN_MS;
    this.floor.answers.note({
      what,
      status: inTime ? 200 : 0,
      code: inTime ? '' : 'timeout',
      sentAtMs: openedAtMs,
      endedAtMs: toldAtMs ?? endedAtMs,
    });
  }
}

async function firstOf<T>(list: AsyncGenerator<T>): Promise<void> {
  await list.next();
  await list.return(undefined);
}
