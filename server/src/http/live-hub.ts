// Everybody who watches items through this process. A change is made into text once and the same text is sent to all who
// watch the item, a slice of them at a time, so that a hot item with thousands of viewers holds up no reserve. Who does
// not read on is told nothing more until it does, then the newest of each item; who never does is let go.
import type { LiveMessage } from '@holdfast/contract/live';
import { LIVE_BEAT_MS } from '@holdfast/contract/live';
import type { ItemRow } from '../domain/ledger-facts.ts';
import type { ItemFeed } from '../sales/item-feed.ts';
import type { ItemView } from '../sales/sales.ts';
import { itemWire } from './wire.ts';

/** Viewers told in one turn of the event loop: some 0.3 ms of work. */
const SLICE = 40;
/** Between slices: a wave over thousands flows beside the reserves instead of standing before them. */
const SLICE_PAUSE_MS = 8;
/**
 * Messages about one sale a second, for all viewers together: past it looks come further apart. 5,000 viewers of one hot
 * item hear of it every 1.25 s, 400 as often as the contract allows.
 */
const SALE_MESSAGES_PER_SECOND = 4_000;
/** Who has not read for this long, with bytes waiting, is let go at the next beat. */
const SLOW_READER_MS = 5_000;

/** Why a viewer was let go; the labels of a metric. */
export const DROP_REASONS = ['slow', 'bad-request', 'token', 'too-many'] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** A message in the spelling of each way it goes. */
export class Words {
  private inStream: Uint8Array | undefined;

  constructor(
    /** Of a WebSocket. */
    readonly text: string,
    private readonly event: string,
    private readonly data: string,
  ) {}

  /** Of an event stream. */
  get bytes(): Uint8Array {
    this.inStream ??= new TextEncoder().encode(`event: ${this.event}\ndata: ${this.data}\n\n`);
    return this.inStream;
  }
}

/** The line to one viewer. */
export interface ViewerLine {
  readonly kind: 'ws' | 'sse';
  /** False: it takes no more until it says `hub.drained`. Of one that is gone the end follows, and this is true. */
  send(words: Words): boolean;
  /** Asks whether anybody reads, where that can be asked, and keeps the line. False: the last time nobody answered. */
  reads(): boolean;
  /** It does not read. */
  cut(): void;
  /** The service stops. */
  end(): void;
}

export interface Viewer {
  readonly line: ViewerLine;
  readonly skus: readonly string[];
  /** Since when it takes nothing; null while it does. */
  fullSinceMs: number | null;
  /** Of which items it has missed something meanwhile. */
  readonly missed: Set<string>;
}

export interface HubMetrics {
  sent(messages: number): void;
  dropped(reason: DropReason): void;
}

export interface HubOptions {
  readonly feed: ItemFeed;
  readonly storeNowMs: () => number;
  readonly metrics: HubMetrics;
}

export class LiveHub {
  private readonly viewers = new Set<Viewer>();
  private readonly bySku = new Map<string, Set<Viewer>>();
  /** The text of an item as it was last seen. */
  private readonly words = new Map<string, { readonly view: ItemView; readonly words: Words }>();
  private beating: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly options: HubOptions) {}

  /** Watches these items until `leave`; what is known of them is sent at once. */
  join(line: ViewerLine, rows: readonly ItemRow[]): Viewer {
    const viewer: Viewer = { line, skus: rows.map(({ sku }) => sku), fullSinceMs: null, missed: new Set() };
    this.viewers.add(viewer);
    for (const row of rows) {
      let here = this.bySku.get(row.sku);
      if (!here) {
        here = new Set();
        this.bySku.set(row.sku, here);
        this.options.feed.watch(row);
      }
      here.add(viewer);
      const view = this.options.feed.view(row.sku);
      if (view && this.give(viewer, row.sku, this.wordsOf(view))) this.options.metrics.sent(1);
    }
    this.beating ??= setInterval(() => void this.beat(), LIVE_BEAT_MS);
    return viewer;
  }

  /** Again is safe. */
  leave(viewer: Viewer): void {
    if (!this.viewers.delete(viewer)) return;
    for (const sku of viewer.skus) {
      const here = this.bySku.get(sku);
      here?.delete(viewer);
      if (here?.size !== 0) continue;
      this.bySku.delete(sku);
      this.words.delete(sku);
      this.options.feed.unwatch(sku);
    }
    if (this.viewers.size > 0) return;
    clearInterval(this.beating);
    this.beating = undefined;
  }

  /** What changed, to all who watch it; how long to wait before the next look, in ms. */
  readonly tell = async (changed: readonly ItemView[]): Promise<number> => {
    let told = 0;
    for (const view of changed) {
      const { sku } = view.row;
      const words = this.wordsOf(view);
      const here = [...(this.bySku.get(sku) ?? [])];
      told += await this.spread(here, (viewer) => this.give(viewer, sku, words));
    }
    return (told / SALE_MESSAGES_PER_SECOND) * 1000;
  };

  /** To this viewer alone; false if it takes nothing now and the words are still the sender's to keep. */
  say(viewer: Viewer, words: Words): boolean {
    if (viewer.fullSinceMs !== null || !this.viewers.has(viewer)) return false;
    this.send(viewer, words);
    this.options.metrics.sent(1);
    return true;
  }

  /** It reads on: the newest of what it has missed. */
  drained(viewer: Viewer): void {
    viewer.fullSinceMs = null;
    for (const sku of viewer.missed) {
      if (viewer.fullSinceMs !== null) return;
      viewer.missed.delete(sku);
      const view = this.options.feed.view(sku);
      if (view && this.viewers.has(viewer)) this.say(viewer, this.wordsOf(view));
    }
  }

  dropped(reason: DropReason): void {
    this.options.metrics.dropped(reason);
  }

  /** The service stops: every viewer is told so. How many there were, by kind. */
  end(): ReadonlyMap<string, number> {
    const watching = this.count();
    for (const viewer of [...this.viewers]) viewer.line.end();
    return watching;
  }

  /** By kind. */
  count(): ReadonlyMap<string, number> {
    const counts = new Map([
      ['ws', 0],
      ['sse', 0],
    ]);
    for (const { line } of this.viewers) counts.set(line.kind, (counts.get(line.kind) ?? 0) + 1);
    return counts;
  }

  /** True: it was sent, and not kept for later. */
  private give(viewer: Viewer, sku: string, words: Words): boolean {
    if (!this.viewers.has(viewer)) return false;
    if (viewer.fullSinceMs === null) return this.send(viewer, words);
    viewer.missed.add(sku);
    return false;
  }

  private send(viewer: Viewer, words: Words): true {
    if (!viewer.line.send(words)) viewer.fullSinceMs ??= performance.now();
    return true;
  }

  /** Says to each viewer that the store is heard, if it is about all that the viewer watches; lets go who does not read. */
  private async beat(): Promise<void> {
    const { feed, storeNowMs } = this.options;
    const at = new Date(storeNowMs()).toISOString();
    const words = wordsFor({ type: 'beat', at });
    await this.spread([...this.viewers], (viewer) => {
      if (!this.viewers.has(viewer)) return false;
      const { fullSinceMs } = viewer;
      const stuck = fullSinceMs !== null && performance.now() - fullSinceMs > SLOW_READER_MS;
      // What is sent to somebody who does not read goes into the kernel's buffers for minutes before any of it waits here.
      if (stuck || !viewer.line.reads()) return this.letGo(viewer);
      if (fullSinceMs !== null || !viewer.skus.every((sku) => feed.isFresh(sku))) return false;
      return this.send(viewer, words);
    });
  }

  /** It does not read. */
  letGo(viewer: Viewer): false {
    if (!this.viewers.has(viewer)) return false;
    this.dropped('slow');
    this.leave(viewer);
    viewer.line.cut();
    return false;
  }

  /** A slice of them in each turn of the event loop; `each` says whether it was sent something. How many were. */
  private async spread(viewers: readonly Viewer[], each: (viewer: Viewer) => boolean): Promise<number> {
    let sent = 0;
    for (let from = 0; from < viewers.length; from += SLICE) {
      if (from > 0) await Bun.sleep(SLICE_PAUSE_MS);
      for (const viewer of viewers.slice(from, from + SLICE)) if (each(viewer)) sent += 1;
    }
    this.options.metrics.sent(sent);
    return sent;
  }

  private wordsOf(view: ItemView): Words {
    const known = this.words.get(view.row.sku);
    if (known?.view === view) return known.words;
    const item = itemWire(view);
    const data = JSON.stringify(item);
    const words = new Words(`{"type":"item","item":${data}}`, 'item', data);
    if (this.bySku.has(view.row.sku)) this.words.set(view.row.sku, { view, words });
    return words;
  }
}

export function wordsFor(message: Exclude<LiveMessage, { type: 'item' }>): Words {
  const text = JSON.stringify(message);
  return new Words(text, message.type, text);
}
