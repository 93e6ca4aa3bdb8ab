// The report says what was measured, in a terminal and on a page that needs nothing from elsewhere.
import { expect, test } from 'bun:test';
import type { CurvePoint } from '../src/company.ts';
import { mediansOf, rowsOf } from '../src/figures.ts';
import { curvesAsSvg } from '../src/report/curves.ts';
import { asHtml } from '../src/report/html.ts';
import { pointsOf, type Report } from '../src/report/report.ts';
import { asText } from '../src/report/text.ts';

const rounds = [
  { 'reserve.always.perSecond': 12_000, 'node.perSecond': 10_000, 'node.cpu': 90 },
  { 'reserve.always.perSecond': 16_000, 'node.perSecond': 10_000, 'node.cpu': 92 },
];

function point(share: number, p99Ms: number): CurvePoint {
  return { fsync: 'always', share, perSecond: share * 10_000, p50Ms: p99Ms / 4, p99Ms, p999Ms: p99Ms * 2 };
}

const report: Report = {
  date: '2026-11-27 10:00',
  machine: '2 × <a processor>',
  versions: 'Bun 1.4.5',
  command: 'npm run bench -- --rounds 2',
  seed: 7,
  seconds: 61,
  rounds,
  curve: [point(0.5, 8), point(0.25, 4), point(0.5, 6), point(0.5, 700)],
  rows: rowsOf(rounds),
  medians: mediansOf(rounds),
};

test('ratios-come-first-with-what-they-must-be', () => {
  const text = asText(report);
  const line = text.split('\n').find((each) => each.includes('fsync always (the default)'));
  expect(line).toMatch(/1\.40 +≥ 0\.9 +≥ 1\.5 +holds +1\.20 … 1\.60$/);
  expect(text.indexOf('What it must show')).toBeLessThan(text.indexOf('Compared with'));
  expect(text).toContain('accepted reserves, fsync always');
  expect(text).toContain('14,000');
  expect(text).toContain('2 × <a processor>');
});

test('a-busy-machine-is-not-kept-quiet-about', () => {
  const busy = { ...report, medians: { ...report.medians, 'others.cores': 1.26 } };
  expect(asText(busy)).toContain('Other programs used 1.3 cores');
  expect(asHtml(busy)).toContain('Other programs used 1.3 cores');
  expect(asText({ ...report, medians: { ...report.medians, 'others.cores': 0.04 } })).not.toContain('Other');
});

test('the-page-holds-everything-and-fetches-nothing', () => {
  const page = asHtml(report);
  expect(page).toContain('<svg');
  expect(page).toContain('prefers-color-scheme: dark');
  expect(page).toContain('2 × &lt;a processor&gt;');
  expect(page).not.toMatch(/<script|<link|src=|href=|url\(|@import|https?:/);
  for (const { goal } of report.rows) expect(page).toContain(goal.row);
});

test('a-curve-shows-the-middle-round-of-each-load', () => {
  expect(pointsOf(report.curve).map(({ share, p99Ms }) => [share, p99Ms])).toEqual([
    [0.25, 4],
    [0.5, 8],
  ]);
  expect(curvesAsSvg([point(0.5, 8)])).toBe('');
  expect(curvesAsSvg(report.curve)).not.toMatch(/NaN|undefined|Infinity/);
});
