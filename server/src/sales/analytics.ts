// How a sale went, as operators ask for it: which steps a question means, and the ledger's sums put together.
import type { Refusal } from '@holdfast/contract/problems';
import {
  type Course,
  courseOf,
  FINE_KEPT_SECONDS,
  grainOf,
  stretches,
  usualStep,
  wholeStep,
} from '../domain/activity.ts';
import { type LatencyQuantiles, quantilesOf } from '../domain/latency-buckets.ts';
import type { SaleRow } from '../domain/ledger-facts.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { Answer } from './sales.ts';

export interface AnalyticsAsked {
  /** Null: where the sale opened. */
  readonly fromMs: number | null;
  /** Null: now. */
  readonly toMs: number | null;
  /** Null: a usual one. */
  readonly stepSeconds: number | null;
}

export interface AnalyticsView extends Course {
  readonly saleId: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepSeconds: number;
  readonly asOfMs: number;
  readonly openedAtMs: number | null;
  readonly soldOutAtMs: number | null;
  readonly latency: { readonly reserve: LatencyQuantiles | null; readonly confirm: LatencyQuantiles | null };
}

export interface AnalyticsVerb {
  analytics(saleId: string, asked: AnalyticsAsked): Promise<Answer<AnalyticsView>>;
}

export interface SaleAnalyticsOptions {
  readonly ledger: Pick<LedgerContract, 'saleById' | 'readActivity'>;
  /** The clock that sales open by. */
  readonly nowMs: () => number;
  /** Points of a series: those it may have, and those it has if nobody chose a step. */
  readonly points: { readonly max: number; readonly usual: number };
}

const UNKNOWN_SALE: Refusal = { code: 'unknown-sale', detail: 'There is no sale with this id.' };

export class SaleAnalytics implements AnalyticsVerb {
  constructor(private readonly options: SaleAnalyticsOptions) {}

  async analytics(saleId: string, asked: AnalyticsAsked): Promise<Answer<AnalyticsView>> {
    const { ledger } = this.options;
    const sale = await ledger.saleById(saleId);
    if (!sale) return { ok: false, refusal: UNKNOWN_SALE };
    const span = this.span(sale, asked);
    if ('refusal' in span) return { ok: false, refusal: span.refusal };
    const { fromS, toS, step } = span;
    const read = await ledger.readActivity(
      sale.number,
      { grain: grainOf(step), fromS, toS },
      stretches(0, fromS),
      stretches(fromS, toS),
    );
    const latencyOf = (verb: string) => quantilesOf(read.latencies.get(verb) ?? []);
    return {
      ok: true,
      value: {
        ...courseOf(fromS, toS, step, read.before, read.during),
        saleId,
        fromMs: fromS * 1000,
        toMs: toS * 1000,
        stepSeconds: step,
        asOfMs: read.asOfMs,
        openedAtMs: this.openedAtMs(sale),
        soldOutAtMs: read.soldOutAtMs,
        latency: { reserve: latencyOf('reserve'), confirm: latencyOf('confirm') },
      },
    };
  }

  /** What is meant, on whole steps; a refusal if it cannot be answered. */
  private span(sale: SaleRow, { fromMs, toMs, stepSeconds }: AnalyticsAsked) {
    const { points } = this.options;
    const nowMs = this.options.nowMs();
    const from = Math.floor((fromMs ?? this.openedAtMs(sale) ?? sale.createdAtMs) / 1000);
    const to = Math.max(Math.ceil((toMs ?? nowMs) / 1000), toMs === null ? from + 1 : 0);
    if (from >= to) return { refusal: invalid('/from', 'must be before `to`') };
    const asked = stepSeconds === null ? usualStep(to - from, points.usual) : wholeStep(stepSeconds);
    // Fine steps of long ago are gone; hours are there.
    const step = from < nowMs / 1000 - FINE_KEPT_SECONDS ? wholeStep(Math.max(asked, 3_600)) : asked;
    const fromS = Math.floor(from / step) * step;
    const toS = Math.ceil(to / step) * step;
    if ((toS - fromS) / step > points.max) {
      const [path, how] = stepSeconds === null ? ['/from', 'nearer to `to`'] : ['/step', 'longer'];
      return { refusal: invalid(path, `must be ${how}: at most ${points.max} points are answered`) };
    }
    return { fromS, toS, step };
  }

  private openedAtMs({ settings, createdAtMs }: SaleRow): number | null {
    const openedAtMs = Math.max(settings.opensAtMs ?? 0, createdAtMs);
    return openedAtMs <= this.options.nowMs() ? openedAtMs : null;
  }
}

function invalid(path: string, message: string): Refusal {
  const detail = 'The time that is asked for cannot be answered: see `errors`.';
  return { code: 'invalid-request', detail, errors: [{ path, message }] };
}
