// Latency by load as an inline drawing: median and 99th percentile against the share of saturation that is offered. Times
// are on a logarithmic axis, because what matters is whether they stay or explode.
import type { CurvePoint } from '../company.ts';
import { pointsOf } from './report.ts';

const WIDTH = 760;
const HEIGHT = 320;
const MARGIN = { left: 62, right: 56, top: 16, bottom: 40 };

/** Empty without at least two points. */
export function curvesAsSvg(curve: readonly CurvePoint[]): string {
  const points = pointsOf(curve);
  if (points.length < 2) return '';
  const times = points.flatMap(({ p50Ms, p99Ms }) => [p50Ms, p99Ms]).filter((ms) => ms > 0);
  const [low, high] = [decadeBelow(Math.min(...times)), decadeAbove(Math.max(...times))];
  const x = (share: number) => MARGIN.left + share * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (ms: number) => {
    const part = (Math.log10(Math.max(ms, low)) - Math.log10(low)) / (Math.log10(high) - Math.log10(low));
    return HEIGHT - MARGIN.bottom - part * (HEIGHT - MARGIN.top - MARGIN.bottom);
  };
  return [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Latency by load">`,
    ...decades(low, high).map((ms) => across(y(ms), `${ms} ms`)),
    ...[0, 0.25, 0.5, 0.75, 1].map((share) => below(x(share), `${share * 100} %`)),
    `<text x="${WIDTH / 2}" y="${HEIGHT - 4}" text-anchor="middle">offered load, of saturation</text>`,
    drawn(
      'p50',
      'median',
      points.map(({ share, p50Ms }) => [x(share), y(p50Ms)]),
    ),
    drawn(
      'p99',
      'p99',
      points.map(({ share, p99Ms }) => [x(share), y(p99Ms)]),
    ),
    '</svg>',
  ].join('\n');
}

function drawn(name: string, label: string, places: readonly (readonly number[])[]): string {
  const spots = places.map(([x = 0, y = 0]) => `${x.toFixed(1)},${y.toFixed(1)}`);
  const [lastX = 0, lastY = 0] = places.at(-1) ?? [];
  return [
    `<polyline class="${name}" points="${spots.join(' ')}"/>`,
    ...places.map(
      ([x = 0, y = 0]) => `<circle class="${name}" cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3"/>`,
    ),
    `<text class="${name}" x="${(lastX + 8).toFixed(1)}" y="${(lastY + 4).toFixed(1)}">${label}</text>`,
  ].join('\n');
}

function across(y: number, label: string): string {
  return (
    `<line class="axis" x1="${MARGIN.left}" y1="${y.toFixed(1)}" x2="${WIDTH - MARGIN.right}" y2="${y.toFixed(1)}"/>` +
    `<text x="${MARGIN.left - 8}" y="${(y + 4).toFixed(1)}" text-anchor="end">${label}</text>`
  );
}

function below(x: number, label: string): string {
  return `<text x="${x.toFixed(1)}" y="${HEIGHT - MARGIN.bottom + 18}" text-anchor="middle">${label}</text>`;
}

function decadeBelow(ms: number): number {
  return 10 ** Math.floor(Math.log10(ms));
}

/** Always above it, so that the axis has a length. */
function decadeAbove(ms: number): number {
  return 10 ** (Math.floor(Math.log10(ms)) + 1);
}

function decades(low: number, high: number): number[] {
  const all: number[] = [];
  for (let at = Math.round(Math.log10(low)); at <= Math.round(Math.log10(high)); at++)
    all.push(Number((10 ** at).toPrecision(1)));
  return all;
}
