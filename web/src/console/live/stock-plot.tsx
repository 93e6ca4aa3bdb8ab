// The stock of a sale as it moves: what is sold, reserved and available, standing on each other up to the total.
import { useEffect, useMemo, useState } from 'react';
import { useStoreClock } from '../../shared/use-store-clock.ts';
import { Panel } from '../figures/panel.tsx';
import { countText } from '../numbers.ts';
import { stackedUnits } from '../plots/looks.ts';
import { Plot } from '../plots/plot.tsx';
import { TraceView } from './level-trace.ts';
import type { ShownStock } from './use-sale-stock.ts';

const WINDOWS = [
  { label: '2 minutes', ms: 120_000, moveEveryMs: 250 },
  { label: '15 minutes', ms: 900_000, moveEveryMs: 1_000 },
  { label: '1 hour', ms: 3_600_000, moveEveryMs: 5_000 },
] as const;
/** More than the plot has pixels on most screens. */
const MAX_PLOT_POINTS = 1_300;

export function StockPlot({ shown: { stock, version } }: { readonly shown: ShownStock }) {
  const clock = useStoreClock();
  const [chosen, setChosen] = useState(0);
  const window_ = WINDOWS[chosen] ?? WINDOWS[0];
  const view = useMemo(() => new TraceView(MAX_PLOT_POINTS), []);
  const moved = useTicks(window_.moveEveryMs);
  const toMs = clock.nowMs();
  const fromMs = toMs - window_.ms;
  // biome-ignore lint/correctness/useExhaustiveDependencies: filled anew when there is something new, or when time has passed
  const data = useMemo(
    () => view.fill(stock.traceFor(window_.ms), fromMs, toMs),
    [view, stock, version, moved, window_],
  );
  const { available, reserved, sold, total } = stock.now();
  const label =
    `Units over the last ${window_.label}. Now ${countText(sold)} sold, ${countText(reserved)} reserved and ` +
    `${countText(available)} available of ${countText(total)}.`;
  return (
    <Panel title="Stock over time" wide aside={<WindowChoice chosen={chosen} onChoose={setChosen} />}>
      <Plot options={stackedUnits} data={data} fromMs={fromMs} toMs={toMs} label={label} />
      <UnitsLegend />
    </Panel>
  );
}

export function UnitsLegend() {
  return (
    <ul className="legend">
      {(['available', 'reserved', 'sold'] as const).map((name) => (
        <li key={name}>
          <span className={`swatch swatch-${name}`} aria-hidden="true" /> {name}
        </li>
      ))}
    </ul>
  );
}

function WindowChoice({
  chosen,
  onChoose,
}: {
  readonly chosen: number;
  readonly onChoose: (index: number) => void;
}) {
  return (
    <fieldset className="choice">
      <legend className="visually-hidden">Show the last</legend>
      {WINDOWS.map(({ label }, index) => (
        <label key={label}>
          <input type="radio" name="window" checked={index === chosen} onChange={() => onChoose(index)} />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** Counts up while the page is seen. */
function useTicks(everyMs: number): number {
  const [ticks, setTicks] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') setTicks((count) => count + 1);
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return ticks;
}
