// What those who watch are served by: one feed of items for all of them, the hub that hands it on, and what becomes of
// customers' own reservations. With its metrics.
import type { Config } from './config.ts';
import type { Ids } from './domain/ids.ts';
import { DROP_REASONS, LiveHub } from './http/live-hub.ts';
import type { LiveDeps } from './http/live-routes.ts';
import type { Catalog } from './ledger/catalog.ts';
import type { LineageGate } from './reservations/gate.ts';
import { OwnEvents } from './reservations/own-events.ts';
import type { ReservationVerbs } from './reservations/reservations.ts';
import { ItemFeed } from './sales/item-feed.ts';
import type { SaleVerbs } from './sales/sales.ts';
import type { Hints } from './stock/hints.ts';
import type { SaleChannels } from './stock/sale-channel.ts';
import type { Metrics } from './telemetry/metrics.ts';

export interface LiveParts {
  readonly catalog: Catalog;
  readonly sales: SaleVerbs;
  readonly reservations: ReservationVerbs;
  readonly channels: SaleChannels;
  readonly ids: Ids;
  readonly hints: Hints;
  readonly gate: LineageGate;
  readonly limits: Config['live'];
  readonly metrics: Metrics;
}

export function createLive(parts: LiveParts): LiveDeps {
  const { catalog, sales, reservations, channels, ids, hints, gate, limits, metrics } = parts;
  const storeNowMs = () => gate.storeNowMs();
  const sent = metrics.counter('holdfast_live_messages_total', 'Messages sent to those who watch.');
  const dropped = metrics.counter(
    'holdfast_live_dropped_total',
    'Sockets and event streams that the service ended, by reason.',
    ['reason'],
  );
  for (const reason of DROP_REASONS) dropped.inc({ reason }, 0);
  const feed: ItemFeed = new ItemFeed({
    catalog,
    sales,
    snapshotOf: (saleNumber) => channels.of(saleNumber).snapshot(),
    tell: (changed) => hub.tell(changed),
  });
  const hub = new LiveHub({
    feed,
    storeNowMs,
    metrics: { sent: (messages) => sent.inc(messages), dropped: (reason) => dropped.inc({ reason }) },
  });
  const own = new OwnEvents({
    verbs: reservations,
    hints,
    isTheirs: ({ key }, reservationId) => ids.saleOf('reservation', reservationId, key) !== undefined,
    storeNowMs,
  });
  metrics.levels('holdfast_live_sockets', 'Who watches now, by kind: ws or sse.', 'kind', 'sum', () =>
    hub.count(),
  );
  return { feed, hub, own, limits };
}
