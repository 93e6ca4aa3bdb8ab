// The service as an operator's page knows it: the SDK with the session's token, the store's clock, the live feed, and
// the cache of what was asked. A 401 on any call ends the session, whichever page made it.
import { OperatorClient } from '@holdfast/client/operator';
import { QueryClient } from '@tanstack/react-query';
import { createContext, useContext, useSyncExternalStore } from 'react';
import { LiveFeed } from '../shared/live-feed.ts';
import type { Store } from '../shared/store.tsx';
import { StoreClock } from '../shared/store-clock.ts';
import type { Session, SessionState } from './session/session.ts';

/** Analytics of a long sale take a while; beyond this the operator should hear that something is wrong. */
const TIMEOUT_MS = 15_000;
const FRESH_MS = 1_000;

export interface OperatorStore extends Store {
  readonly client: OperatorClient;
  readonly session: Session;
}

export function createOperatorStore(session: Session): OperatorStore {
  const clock = new StoreClock();
  const client = new OperatorClient({
    baseUrl: window.location.origin,
    token: () => session.token,
    timeoutMs: TIMEOUT_MS,
    fetch: async (url, init) => {
      const token = session.token;
      const response = await globalThis.fetch(url, init);
      if (response.status === 401) session.refused(token);
      return response;
    },
    observe: () => {
      const askedAtMs = clock.monotonicMs();
      return (ended) => {
        const json = 'answer' in ended ? ended.answer.json : undefined;
        if (typeof json === 'object' && json !== null && 'as_of' in json && typeof json.as_of === 'string') {
          clock.hear(Date.parse(json.as_of), askedAtMs);
        }
      };
    },
  });
  const queries = new QueryClient({
    defaultOptions: {
      // The client retries by itself, within its budget; and a page that is offline should say so, not wait.
      queries: { retry: false, networkMode: 'always', staleTime: FRESH_MS },
      mutations: { retry: false, networkMode: 'always' },
    },
  });
  return { client, clock, feed: new LiveFeed({ baseUrl: window.location.origin, clock }), queries, session };
}

export const OperatorContext = createContext<OperatorStore | null>(null);

export function useOperator(): OperatorStore {
  const store = useContext(OperatorContext);
  if (store === null) throw new Error('a component is outside of the operator store');
  return store;
}

export function useSessionState(session: Session): SessionState {
  return useSyncExternalStore(
    (changed) => session.subscribe(changed),
    () => session.state,
  );
}
