// How alive the figures are. A dashboard that stands still looks like a calm sale: it says when it is neither.
import { usePulse } from '../../shared/store.tsx';

const WORDS = {
  connecting: { text: 'Connecting', tone: 'warn' },
  live: { text: 'Live', tone: 'good' },
  polling: { text: 'Asking every 2 s', tone: 'warn' },
  stale: { text: 'Stale: nothing heard', tone: 'bad' },
} as const;

export function PulseBadge() {
  const { state } = usePulse();
  const { text, tone } = WORDS[state];
  return (
    <span className={`badge badge-${tone}`} role="status">
      {text}
    </span>
  );
}
