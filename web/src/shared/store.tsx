// The store as the components of a page know it: a client, its clock and its live feed, made once an application and
// handed down.
import { HoldfastClient } from '@holdfast/client';
import type { Item } from '@holdfast/contract/inventory';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useSyncExternalStore } from 'react';
import { Announcer } from './announce.tsx';
import { LiveFeed, type Pulse } from './live-feed.ts';
import { StoreClock, watchForSleep } from './store-clock.ts';
import { StoreClockContext } from './use-store-clock.ts';

/** A read that is younger than this is shown again without asking. */
const FRESH_MS = 2_000;

export interface Store {
  readonly client: HoldfastClient;
  readonly clock: StoreClock;
  readonly feed: LiveFeed;
  readonly queries: QueryClient;
}

export interface StoreOptions {
  /** Whose calls they are: all of them, public reads included. Without it they are nobody's. */
  readonly token?: () => string | Promise<string>;
  /** Who watches the live feed; `token`, if left out. */
  readonly liveToken?: () => string | Promise<string> | undefined;
  /** A person waits: rather soon a sentence than late an answer. */
  readonly timeoutMs?: number;
}

/** The service that the page came from. */
export function createStore({ token, liveToken = token, timeoutMs = 10_000 }: StoreOptions = {}): Store {
  const baseUrl = window.location.origin;
  const clock = new StoreClock();
  const client = new HoldfastClient({
    baseUrl,
    timeoutMs,
    ...(token === undefined ? {} : { token }),
    observe: () => {
      const askedAtMs = clock.monotonicMs();
      return (ended) => {
        const saidMs = 'answer' in ended ? instantIn(ended.answer.json) : undefined;
        if (saidMs !== undefined) clock.hear(saidMs, askedAtMs);
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
  return { client, clock, feed: new LiveFeed({ baseUrl, clock, token: liveToken }), queries };
}

/** `as_of` of an answer, or of the last entry of a page: the store's time when it was read. */
function instantIn(json: unknown): number | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  if ('as_of' in json && typeof json.as_of === 'string') return Date.parse(json.as_of);
  return 'data' in json && Array.isArray(json.data) ? instantIn(json.data.at(-1)) : undefined;
}

const StoreContext = createContext<Store | null>(null);

export function useStore(): Store {
  const store = useContext(StoreContext);
  if (store === null) throw new Error('a component is outside of the store');
  return store;
}

/** Asks the store what time it is: any item's `as_of` tells. */
export async function askTheTime({ client }: Store): Promise<void> {
  try {
    await client.items({ pageSize: 1 }).next();
  } catch {
    // Asked again at the next occasion; until then the clock runs on from what it knows.
  }
}

export function StoreProvider({ store, children }: { readonly store: Store; readonly children: ReactNode }) {
  useEffect(() => {
    const ask = () => void askTheTime(store);
    ask();
    return watchForSleep(store.clock, ask);
  }, [store]);
  return (
    <StoreContext value={store}>
      <StoreClockContext value={store.clock}>
        <QueryClientProvider client={store.queries}>
          <Announcer>{children}</Announcer>
        </QueryClientProvider>
      </StoreClockContext>
    </StoreContext>
  );
}

/** Follows these items as long as the component is there. One component of a page does this. */
export function useFollow(skus: readonly string[]): void {
  const { feed } = useStore();
  const wanted = skus.join();
  useEffect(() => {
    feed.follow(wanted === '' ? [] : wanted.split(','));
  }, [feed, wanted]);
  useEffect(() => () => feed.close(), [feed]);
}

/** The last word on an item. */
export function useLiveItem(sku: string): Item | undefined {
  const { feed } = useStore();
  return useSyncExternalStore(
    (changed) => feed.onItem((item) => item.sku === sku && changed()),
    () => feed.item(sku),
  );
}

export function usePulse(): Pulse {
  const { feed } = useStore();
  return useSyncExternalStore(
    (changed) => feed.onPulse(changed),
    () => feed.pulse,
  );
}
