// What the stock gauges show: read from the store at each scrape, by one process for all.
import type { LineageGate } from './reservations/gate.ts';
import type { SaleChannels } from './stock/sale-channel.ts';
import type { StockReading } from './telemetry/metrics.ts';

/** Sales read for one scrape, newest first: the gauges are about what is on sale now. */
const MAX_SALES = 50;

export async function readStock(channels: SaleChannels, gate: LineageGate): Promise<StockReading> {
  const saleNumbers = [...gate.watches.keys()].sort((a, b) => b - a).slice(0, MAX_SALES);
  const snapshots = await Promise.all(saleNumbers.map((saleNumber) => channels.of(saleNumber).snapshot()));
  return {
    activeReservations: snapshots.reduce((sum, snapshot) => sum + snapshot.live, 0),
    available: snapshots.flatMap((snapshot) =>
      snapshot.items.map(({ sku, total, reserved, sold }) => ({ sku, units: total - reserved - sold })),
    ),
  };
}
