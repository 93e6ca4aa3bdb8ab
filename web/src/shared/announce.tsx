// One place on the page that screen readers listen to, for news that comes without being asked for: stock that is
// back, a deadline that is near. Politely, the last word only, so that a busy minute does not become a lecture.
import { createContext, type ReactNode, useCallback, useContext, useEffect, useRef, useState } from 'react';

/** News that come closer together than this are said as one: the last. */
const PAUSE_MS = 800;

const AnnounceContext = createContext<(sentence: string) => void>(() => undefined);

export function useAnnounce(): (sentence: string) => void {
  return useContext(AnnounceContext);
}

export function Announcer({ children }: { readonly children: ReactNode }) {
  const [sentence, setSentence] = useState('');
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const announce = useCallback((next: string) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setSentence(next), PAUSE_MS);
  }, []);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <AnnounceContext value={announce}>
      {children}
      <div className="visually-hidden" aria-live="polite" role="status" data-testid="announcer">
        {sentence}
      </div>
    </AnnounceContext>
  );
}
