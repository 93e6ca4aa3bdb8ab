// From the answer of the analytics route to what the plots are drawn from.
import type { AnalyticsPoint } from '@holdfast/contract/analytics';
import { totalRefused } from '../analytics/funnel.ts';

export type Columns = [at: Float64Array, ...values: Float64Array[]];

/** Levels stand at the end of their step. They stand on each other: available above reserved above sold. */
export function unitColumns(series: readonly AnalyticsPoint[], stepSeconds: number): Columns {
  const end = stepSeconds * 1_000;
  return columns(series, [
    (point) => Date.parse(point.at) + end,
    ({ units }) => units.sold + units.reserved + units.available,
    ({ units }) => units.sold + units.reserved,
    ({ units }) => units.sold,
  ]);
}

/** In the order of LINES, each a second, so that steps of other lengths compare. */
export function lineColumns(series: readonly AnalyticsPoint[], stepSeconds: number): Columns {
  return columns(series, [
    (point) => Date.parse(point.at),
    (point) => point.attempts / stepSeconds,
    (point) => point.reserved / stepSeconds,
    (point) => totalRefused(point.refused) / stepSeconds,
    (point) => point.confirmed / stepSeconds,
  ]);
}

function columns(
  series: readonly AnalyticsPoint[],
  values: readonly [(point: AnalyticsPoint) => number, ...((point: AnalyticsPoint) => number)[]],
): Columns {
  return values.map((value) => Float64Array.from(series, value)) as Columns;
}
