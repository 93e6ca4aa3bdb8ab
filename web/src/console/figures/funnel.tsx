// The funnel, the refusals and what became of reservations, as bars with their figures.

import { type Counts, refusalsOf, resolutionsOf, stagesOf } from '../analytics/funnel.ts';
import { countText, shareText } from '../numbers.ts';
import { Bar } from './bar.tsx';

export function Funnel({ counts }: { readonly counts: Counts }) {
  return (
    <ol className="bars">
      {stagesOf(counts).map(({ name, count, ofPrevious, ofFirst }) => (
        <li key={name}>
          <span>{name}</span>
          <span className="number strong">{countText(count)}</span>
          <Bar share={ofFirst} />
          <span className="small soft number">
            {name === 'Attempts' ? 'retries not counted' : `${shareText(ofPrevious)} of the step before`}
          </span>
        </li>
      ))}
    </ol>
  );
}

export function RefusalBars({ refused }: { readonly refused: Readonly<Record<string, number>> }) {
  const refusals = refusalsOf(refused);
  if (refusals.length === 0) return <p className="soft">Nobody was refused.</p>;
  return (
    <ol className="bars">
      {refusals.map(({ code, count, share }) => (
        <li key={code}>
          <span className="mono">{code}</span>
          <span className="number strong">{countText(count)}</span>
          <Bar share={share} tone="warn" />
          <span className="small soft number">{shareText(share)} of the refusals</span>
        </li>
      ))}
    </ol>
  );
}

export function Resolutions({ counts }: { readonly counts: Counts }) {
  const { confirmRate, expiryRate, releaseRate, ended, live } = resolutionsOf(counts);
  const rows = [
    ['Confirmed', counts.confirmed, confirmRate, 'accent'],
    ['Expired', counts.expired, expiryRate, 'warn'],
    ['Released', counts.released, releaseRate, 'quiet'],
  ] as const;
  return (
    <>
      <ol className="bars">
        {rows.map(([name, count, share, tone]) => (
          <li key={name}>
            <span>{name}</span>
            <span className="number strong">{shareText(share)}</span>
            <Bar share={share} tone={tone} />
            <span className="small soft number">{countText(count)}</span>
          </li>
        ))}
      </ol>
      <p className="small soft number">
        Of {countText(ended)} that have ended; {countText(live)} live.
        {counts.lost > 0 && ` ${countText(counts.lost)} lost in a failure.`}
      </p>
    </>
  );
}
