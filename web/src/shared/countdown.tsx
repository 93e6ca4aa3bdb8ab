// Time left until a moment of the store's clock. Its width does not change as it ticks. It is drawn for the eye; what
// a screen reader should hear of it, and when, is said by who shows it (see announce.tsx).
import { clockText, wordsText } from './duration-text.ts';
import { useRemainingMs } from './use-store-clock.ts';

export function Countdown({ until, label }: { readonly until: string; readonly label: string }) {
  const remaining = useRemainingMs(Date.parse(until));
  return (
    <span className="number" role="timer" aria-label={`${label}: ${wordsText(remaining)}`} aria-live="off">
      {clockText(remaining)}
    </span>
  );
}
