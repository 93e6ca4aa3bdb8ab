// A uPlot that fits its box, follows the colour scheme, and is drawn anew only with new data. The figures it shows are
// on the page in words as well: a canvas says nothing to a screen reader.
import { useEffect, useRef, useSyncExternalStore } from 'react';
import uPlot from 'uplot';

/** The colours of the page's stylesheet, as a canvas needs them. */
export type Colour = (name: `--${string}`) => string;

export type PlotOptions = (colour: Colour) => Omit<uPlot.Options, 'width' | 'height'>;

export interface PlotProps {
  /** Made once: another function is another plot. */
  readonly options: PlotOptions;
  readonly data: uPlot.AlignedData;
  /** The window of the x axis in ms; without it, what the data spans. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** What it shows, for those who cannot see it. */
  readonly label: string;
}

export function Plot({ options, data, fromMs, toMs, label }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const shown = useRef({ data, fromMs, toMs });
  shown.current = { data, fromMs, toMs };
  const dark = useDark();

  // biome-ignore lint/correctness/useExhaustiveDependencies: a canvas keeps its colours, another scheme needs another plot
  useEffect(() => {
    const element = box.current;
    if (element === null || !canDraw()) return;
    const style = getComputedStyle(element);
    const size = () => ({ width: element.clientWidth, height: element.clientHeight });
    const made = new uPlot(
      { ...options((name) => style.getPropertyValue(name).trim()), ...size() },
      shown.current.data,
      element,
    );
    plot.current = made;
    draw(made, shown.current);
    const observer = new ResizeObserver(() => made.setSize(size()));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [options, dark]);

  useEffect(() => {
    if (plot.current !== undefined) draw(plot.current, { data, fromMs, toMs });
  }, [data, fromMs, toMs]);

  return <div className="plot" ref={box} role="img" aria-label={label} />;
}

interface Shown {
  readonly data: uPlot.AlignedData;
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
}

function draw(plot: uPlot, { data, fromMs, toMs }: Shown): void {
  const windowed = fromMs !== undefined && toMs !== undefined;
  plot.setData(data, !windowed);
  if (windowed) plot.setScale('x', { min: fromMs, max: toMs });
}

/** A browser may have its canvas blocked; the figures beside it are there all the same. */
function canDraw(): boolean {
  return document.createElement('canvas').getContext('2d') !== null;
}

const DARK = '(prefers-color-scheme: dark)';

function useDark(): boolean {
  return useSyncExternalStore(
    (changed) => {
      const query = window.matchMedia(DARK);
      query.addEventListener('change', changed);
      return () => query.removeEventListener('change', changed);
    },
    () => window.matchMedia(DARK).matches,
  );
}
