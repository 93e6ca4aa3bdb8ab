// The four figures of the minute of the drop, as large as the screen allows.
import type { Analytics } from '@holdfast/contract/analytics';
import { wordsText } from '../../shared/duration-text.ts';
import { useStoreClock } from '../../shared/use-store-clock.ts';
import { KeyFigure } from '../figures/key-figure.tsx';
import { DASH, largeText, rateText, shareText } from '../numbers.ts';
import { projectSellOut, type SellOut } from './sell-out.ts';
import type { ShownStock } from './use-sale-stock.ts';

export interface KeyFiguresProps {
  readonly shown: ShownStock;
  /** Of the whole sale, as far as it was read. */
  readonly sales: Analytics['sales'] | undefined;
}

export function KeyFigures({ shown: { stock }, sales }: KeyFiguresProps) {
  const clock = useStoreClock();
  const { available, reserved, sold, total } = stock.now();
  const known = stock.complete && total > 0;
  const share = (units: number) => (known ? `${shareText(units / total)} of ${largeText(total)}` : ' ');
  const value = (units: number) => (stock.complete ? largeText(units) : DASH);
  const sellOut = projectSellOut(stock.traceFor(0), total - sold, total, clock.nowMs());
  return (
    <dl className="key-figures">
      <KeyFigure label="Available" swatch="available" value={value(available)} note={share(available)} />
      <KeyFigure label="Reserved" swatch="reserved" value={value(reserved)} note={share(reserved)} />
      <KeyFigure label="Sold" swatch="sold" value={value(sold)} note={share(sold)} />
      <SellOutFigure sellOut={stock.complete ? sellOut : { kind: 'unknown' }} sales={sales} />
    </dl>
  );
}

interface SellOutFigureProps {
  readonly sellOut: SellOut;
  readonly sales: Analytics['sales'] | undefined;
}

function SellOutFigure({ sellOut, sales }: SellOutFigureProps) {
  const seconds = sales?.seconds_to_sell_out ?? null;
  const once = seconds === null ? ' ' : `sold out after ${wordsText(seconds * 1_000)}`;
  switch (sellOut.kind) {
    case 'sold out':
      return (
        <KeyFigure
          label="Time to sell out"
          value={seconds === null ? 'Sold out' : shortText(seconds * 1_000)}
          note={once}
        />
      );
    case 'projected':
      return (
        <KeyFigure
          label="Sold out in about"
          value={shortText(sellOut.inMs)}
          note={`at ${rateText(sellOut.perMinute)} a minute`}
        />
      );
    case 'resting':
      return (
        <KeyFigure
          label="Sold out in"
          value={DASH}
          note={seconds === null ? 'no sales in the last minute' : once}
        />
      );
    case 'unknown':
      return (
        <KeyFigure
          label="Sold out in"
          value={DASH}
          note={seconds === null ? 'not watched long enough' : once}
        />
      );
  }
}

/** `42 s`, `3:05`, `2.4 h`: what fits where it is read from afar. */
export function shortText(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}
