// What the stock gauges show, and how far the journal is behind: read from the store at each scrape, by one process for all.
import type { LineageGate } from './reservations/gate.ts';
import type { StoreConnection } from './stock/connect.ts';
import { journalLag } from './stock/journal-lag.ts';
import type { SaleChannels } from './stock/sale-channel.ts';
import type { StockReading } from './telemetry/metrics.ts';

/** Sales read for one scrape, newest first: the gauges are about what is on sale now. */
const MAX_SALES = 50;

export async function readStock(
  redis: StoreConnection,
  channels: SaleChannels,
  gate: LineageGate,
): Promise<StockReading> {
  const saleNumbers = [...gate.watches.keys()].sort((a, b) => b - a).slice(0, MAX_SALES);
  const [snapshots, lags] = await Promise.all([
    Promise.all(saleNumbers.map((saleNumber) => channels.of(saleNumber).snapshot())),
    Promise.all(saleNumbers.map((saleNumber) => journalLag(redis, saleNumber))),
  ]);
  const oldestAtMs = Math.min(...lags.map((lag) => lag.oldestAtMs));
  return {
    activeReservations: snapshots.reduce((sum, snapshot) => sum + snapshot.live, 0),
    available: snapshots.flatMap((snapshot) =>
      snapshot.items.map(({ sku, total, reserved, sold }) => ({ sku, units: total - reserved - sold })),
    ),
    journalLag: {
      entries: lags.reduce((sum, lag) => sum + lag.transitions, 0),
      seconds: Number.isFinite(oldestAtMs) ? Math.max(0, gate.storeNowMs() - oldestAtMs) / 1000 : 0,
    },
  };
}
