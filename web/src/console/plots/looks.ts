// How the plots of the console look: units that stand on each other, and what happens a second as lines.
import uPlot from 'uplot';
import type { Colour, PlotOptions } from './plot.tsx';

const FONT = '13px ui-sans-serif, system-ui, sans-serif';
const Y_AXIS_PX = 58;

const whole = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

function base(colour: Colour): Omit<uPlot.Options, 'width' | 'height' | 'series'> {
  const axis = {
    stroke: colour('--ink-soft'),
    font: FONT,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { stroke: colour('--line'), width: 1 },
  };
  return {
    ms: 1,
    padding: [12, 8, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.04)] } },
    axes: [
      axis,
      { ...axis, size: Y_AXIS_PX, values: (_plot, ticks) => ticks.map((tick) => whole.format(tick)) },
    ],
  };
}

/** Columns: x, sold + reserved + available, sold + reserved, sold. Drawn in this order, each covers the one below. */
export const stackedUnits: PlotOptions = (colour) => {
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const area = (name: `--${string}`) => ({
    stroke: colour(name),
    fill: colour(name),
    width: 1,
    points: { show: false },
    ...(stepped && { paths: stepped }),
  });
  return {
    ...base(colour),
    series: [{}, area('--units-available'), area('--units-reserved'), area('--units-sold')],
  };
};

export const LINES = [
  { name: 'Attempts', colour: '--line-attempts' },
  { name: 'Reserved', colour: '--line-reserved' },
  { name: 'Refused', colour: '--line-refused' },
  { name: 'Confirmed', colour: '--line-confirmed' },
] as const;

/** Columns: x and one a line, each per second. `dashed` tells them apart without colours. */
export const linesASecond: PlotOptions = (colour) => ({
  ...base(colour),
  series: [
    {},
    ...LINES.map(({ colour: name }, index) => ({
      stroke: colour(name),
      width: 2,
      dash: index === 0 ? [2, 3] : index === 2 ? [7, 4] : [],
      points: { show: false },
    })),
  ],
});
