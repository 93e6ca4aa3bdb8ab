// The live routes behind the real listener, with a store that the test moves by hand: what is told, to whom and how often
// shows without a Redis, and a viewer that does not read can be fed faster than any sale would.
import { afterAll } from 'bun:test';
import { type DropReason, LiveHub } from '../src/http/live-hub.ts';
import type { SeatLimits } from '../src/http/live-seats.ts';
import { Listener } from '../src/processes/listener.ts';
import { OwnEvents } from '../src/reservations/own-events.ts';
import { ItemFeed } from '../src/sales/item-feed.ts';
import type { ItemView } from '../src/sales/sales.ts';
import { createLog } from '../src/telemetry/log.ts';
import { fakeWorld, ITEM_ROW, ITEM_VIEW, VIEW, type WorldOptions } from './http-fakes.ts';

export const SKU = ITEM_ROW.sku;
export const UNKNOWN = 'NOT-THERE';
/** A second item of the same sale, for viewers that are not to hear of the first. */
export const OTHER_SKU = 'OTHER-1';

export interface StageOptions {
  readonly limits?: Partial<SeatLimits>;
  readonly corsOrigins?: readonly string[];
  readonly trustedProxies?: readonly string[];
  readonly reservations?: WorldOptions['reservations'];
}

export interface LiveStage {
  readonly url: string;
  readonly hub: LiveHub;
  readonly own: OwnEvents;
  readonly listener: Listener;
  /** Why viewers were let go, in order. */
  readonly dropped: DropReason[];
  /** Messages that were sent. */
  sent(): number;
  /** So many are reserved from now on. */
  reserve(units: number): void;
  /** Every viewer of the item is told, past the looks. */
  tell(view: ItemView): Promise<number>;
  /** As every hint that was lost: all is to be read anew. */
  hint(customerKey: string | null, reservationId: string): void;
}

const log = createLog({ level: 'error', process: 'live-stage' });

export async function liveStage(options: StageOptions = {}): Promise<LiveStage> {
  let reserved = 0;
  let sent = 0;
  let ear: (customerKey: string | null, reservationId: string) => void = () => undefined;
  const dropped: DropReason[] = [];
  const rowOf = async (sku: string) => (sku === SKU || sku === OTHER_SKU ? { ...ITEM_ROW, sku } : null);
  const feed: ItemFeed = new ItemFeed({
    catalog: { item: rowOf },
    sales: { item: async () => ({ ok: true, value: ITEM_VIEW }) },
    snapshotOf: async () => ({
      settings: ITEM_VIEW.settings,
      items: [
        { ...ITEM_VIEW.stock, total: 1_000_000, sold: 0, reserved },
        { ...ITEM_VIEW.stock, sku: OTHER_SKU },
      ],
      seq: 1,
      applied: 0,
      live: 0,
      nowMs: Date.now(),
    }),
    tell: (changed) => hub.tell(changed),
  });
  const hub = new LiveHub({
    feed,
    storeNowMs: () => Date.now(),
    metrics: { sent: (messages) => (sent += messages), dropped: (reason) => dropped.push(reason) },
  });
  const own = new OwnEvents({
    verbs: {
      read: async () => ({ ok: true, value: VIEW }),
      order: () => Promise.reject(new Error('no orders here')),
      list: async () => ({ ok: true, value: { rows: [], next: null } }),
      ...options.reservations,
    },
    hints: { listen: (heard) => (ear = heard), quiet: () => undefined },
    isTheirs: () => true,
    storeNowMs: () => Date.now(),
  });
  const world = fakeWorld({
    live: { feed, hub, own, limits: { sockets: 1_000, perAddress: 0, ...options.limits } },
    corsOrigins: options.corsOrigins ?? [],
    trustedProxies: options.trustedProxies ?? [],
  });
  const where = { host: '127.0.0.1', port: 0, shared: false, alone: true };
  const listener = await Listener.open(world, where, log);
  afterAll(async () => {
    feed.stop();
    await listener.close(0);
  });
  return {
    url: `http://127.0.0.1:${listener.port}`,
    hub,
    own,
    listener,
    dropped,
    sent: () => sent,
    reserve: (units) => {
      reserved = units;
    },
    tell: (view) => hub.tell([view]),
    hint: (customerKey, reservationId) => ear(customerKey, reservationId),
  };
}
