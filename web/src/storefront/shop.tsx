// What the storefront's components share beyond the store: who shops, with which client, and the carts.
import { type HoldfastClient, HoldfastError } from '@holdfast/client';
import type { Reservation } from '@holdfast/contract/reservations';
import { createContext, useContext, useSyncExternalStore } from 'react';
import { createStore, type Store } from '../shared/store.tsx';
import { browserKeep, type Keep } from './kept-value.ts';
import { Carts } from './reserve/carts.ts';
import { Notes } from './reserve/reservation-list.ts';
import type { ReserveParts } from './reserve/reserve-once.ts';
import { browserTurns } from './reserve/turns.ts';
import { type Access, customerOf, Shopper } from './shopper/shopper.ts';

export interface Shop {
  readonly store: Store;
  readonly shopper: Shopper;
  /** Calls of the shopper; those of `store.client` are nobody's. */
  readonly customer: HoldfastClient;
  readonly carts: Carts;
  /** What was said of reservations, for lists that were read meanwhile. */
  readonly notes: Notes;
  readonly reserving: ReserveParts;
}

export function createShop(): Shop {
  const keep: Keep = browserKeep();
  const shopper: Shopper = new Shopper(keep, () => store);
  // Own reservations come over the live feed only to someone who is known already: watching needs no name.
  const store: Store = createStore({
    liveToken: () => (customerOf(shopper.access) === undefined ? undefined : shopper.token()),
  });
  const customer = store.client.as({ token: shopper.token });
  const shop: Shop = {
    store,
    shopper,
    customer,
    carts: new Carts(keep),
    notes: new Notes(),
    reserving: {
      keep,
      turns: browserTurns(),
      newKey: () => crypto.randomUUID(),
      nowMs: () => store.clock.nowMs(),
      send: (lines, idempotencyKey): Promise<Reservation> =>
        asShopper(shop, async () => {
          const [only] = lines;
          const body = lines.length === 1 && only ? only : { items: lines };
          return (await customer.reserve(body, { idempotencyKey })).reservation;
        }),
    },
  };
  shopper.subscribe(() => store.feed.reopen());
  return shop;
}

/** A token can die early, with the secret it was signed with: then once more with a new one. */
export async function asShopper<T>({ shopper }: Pick<Shop, 'shopper'>, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'unauthenticated') throw error;
    shopper.forgetToken();
    return await call();
  }
}

const ShopContext = createContext<Shop | null>(null);
export const ShopProvider = ShopContext.Provider;

export function useShop(): Shop {
  const shop = useContext(ShopContext);
  if (shop === null) throw new Error('a component is outside of the shop');
  return shop;
}

export function useAccess(): Access {
  const { shopper } = useShop();
  return useSyncExternalStore(
    (changed) => shopper.subscribe(changed),
    () => shopper.access,
  );
}
