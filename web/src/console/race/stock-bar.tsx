// The stock of a race: what is sold, reserved and available of it, as one bar.
import { countText } from '../numbers.ts';
import type { FilmLevels } from './race-film.ts';

export function StockBar({ levels, units }: { readonly levels: FilmLevels; readonly units: number }) {
  const share = (count: number) => (units === 0 ? 0 : (Math.max(0, count) / units) * 100);
  const parts = [
    ['sold', levels.sold],
    ['reserved', levels.reserved],
    ['available', levels.available],
  ] as const;
  const from = (index: number) => parts.slice(0, index).reduce((sum, [, count]) => sum + share(count), 0);
  return (
    <div className="stock-bar">
      <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
        {parts.map(([name, count], index) => (
          <rect key={name} className={`fill-${name}`} x={from(index)} width={share(count)} height="1" />
        ))}
      </svg>
      <p className="number">
        {parts.map(([name, count]) => `${countText(count)} ${name}`).join(' + ')} = {countText(units)} units
      </p>
    </div>
  );
}
