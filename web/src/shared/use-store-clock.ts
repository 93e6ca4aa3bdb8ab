// The store's clock for components, which look again exactly when what they show changes, and not in between.
import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react';
import type { StoreClock } from './store-clock.ts';

export const StoreClockContext = createContext<StoreClock | null>(null);

export function useStoreClock(): StoreClock {
  const clock = useContext(StoreClockContext);
  if (clock === null) throw new Error('a component is outside of the store clock');
  return clock;
}

/** False until the store was heard: a countdown before that would be the browser's guess. */
export function useClockKnown(): boolean {
  const clock = useStoreClock();
  return useSyncExternalStore(
    (changed) => clock.subscribe(changed),
    () => clock.known,
  );
}

/** Milliseconds until a moment of the store's clock, as of the last whole second; 0 when it is past. */
export function useRemainingMs(untilMs: number): number {
  const clock = useStoreClock();
  const [remaining, setRemaining] = useState(() => Math.max(0, untilMs - clock.nowMs()));
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      clearTimeout(timer);
      const left = Math.max(0, untilMs - clock.nowMs());
      setRemaining(left);
      // Next when the rounded-up second changes.
      if (left > 0) timer = setTimeout(look, left % 1000 === 0 ? 1000 : (left % 1000) + 1);
    };
    look();
    const forget = clock.subscribe(look);
    document.addEventListener('visibilitychange', look);
    return () => {
      clearTimeout(timer);
      forget();
      document.removeEventListener('visibilitychange', look);
    };
  }, [clock, untilMs]);
  return remaining;
}
