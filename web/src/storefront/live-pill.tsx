// Whether what the page shows is what is: live, asked for every now and then, or old, and then how old.

import type { LiveState } from '@holdfast/client/live';
import { useEffect, useState } from 'react';
import { useAnnounce } from '../shared/announce.tsx';
import { shortText } from '../shared/duration-text.ts';
import type { Pulse } from '../shared/live-feed.ts';
import { usePulse, useStore } from '../shared/store.tsx';

const TICK_MS = 1_000;

export function LivePill() {
  const pulse = usePulse();
  const ageMs = useAgeMs(pulse);
  const announce = useAnnounce();
  const { state } = pulse;
  useEffect(() => {
    if (state === 'stale') announce('The connection is lost: the stock shown may be old.');
  }, [state, announce]);
  return (
    <p className={`live-pill live-pill-${state}`} data-state={state}>
      <span className="live-dot" aria-hidden="true" />
      <span className="number">{pillText(state, ageMs)}</span>
    </p>
  );
}

export function pillText(state: LiveState, ageMs: number | null): string {
  switch (state) {
    case 'live':
      return 'Live';
    case 'polling':
      return 'Updated every 2 s';
    case 'connecting':
      return ageMs === null ? 'Connecting' : 'Reconnecting';
    case 'stale':
      return ageMs === null ? 'Not connected' : `Stale for ${shortText(ageMs)}`;
  }
}

/** Counts only while there is something to count. */
function useAgeMs({ state, heardAtMs }: Pulse): number | null {
  const { clock } = useStore();
  const [nowMs, setNowMs] = useState(() => clock.monotonicMs());
  useEffect(() => {
    if (state !== 'stale') return;
    setNowMs(clock.monotonicMs());
    const timer = setInterval(() => setNowMs(clock.monotonicMs()), TICK_MS);
    return () => clearInterval(timer);
  }, [state, clock]);
  return heardAtMs === null ? null : Math.max(0, nowMs - heardAtMs);
}
