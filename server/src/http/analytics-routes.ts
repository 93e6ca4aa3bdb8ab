// How a sale went, for operators.
import { type Analytics, getAnalytics } from '@holdfast/contract/analytics';
import type { Counts } from '../domain/activity.ts';
import type { LatencyQuantiles } from '../domain/latency-buckets.ts';
import type { AnalyticsVerb, AnalyticsView } from '../sales/analytics.ts';
import { type Endpoint, endpoint } from './endpoint.ts';

export function analyticsRoutes(sales: AnalyticsVerb): Endpoint[] {
  return [
    endpoint(getAnalytics, async ({ id, query }) => {
      const { from, to, step } = query;
      const answer = await sales.analytics(id, {
        fromMs: from === undefined ? null : Date.parse(from),
        toMs: to === undefined ? null : Date.parse(to),
        stepSeconds: step ?? null,
      });
      return answer.ok ? { ok: true, value: analyticsWire(answer.value) } : answer;
    }),
  ];
}

export function analyticsWire(view: AnalyticsView): Analytics {
  const { openedAtMs, soldOutAtMs } = view;
  const sellOutMs =
    openedAtMs === null || soldOutAtMs === null ? null : Math.max(0, soldOutAtMs - openedAtMs);
  return {
    sale_id: view.saleId,
    from: instant(view.fromMs),
    to: instant(view.toMs),
    step_seconds: view.stepSeconds,
    as_of: instant(view.asOfMs),
    series: view.series.map(({ atS, units, ...counts }) => ({
      at: instant(atS * 1000),
      ...countsWire(counts),
      units: { available: units.available, reserved: units.reserved, sold: units.sold },
    })),
    funnel: { ...countsWire(view.funnel), live: view.funnel.live },
    sales: {
      opened_at: openedAtMs === null ? null : instant(openedAtMs),
      sold_out_at: soldOutAtMs === null ? null : instant(soldOutAtMs),
      seconds_to_sell_out: sellOutMs === null ? null : sellOutMs / 1000,
    },
    latency: { reserve: quantilesWire(view.latency.reserve), confirm: quantilesWire(view.latency.confirm) },
  };
}

function countsWire({ attempts, replayed, reserved, refused, confirmed, expired, released, lost }: Counts) {
  return { attempts, replayed, reserved, refused: { ...refused }, confirmed, expired, released, lost };
}

function quantilesWire(quantiles: LatencyQuantiles | null) {
  return quantiles && { p50_ms: quantiles.p50Ms, p95_ms: quantiles.p95Ms, p99_ms: quantiles.p99Ms };
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
