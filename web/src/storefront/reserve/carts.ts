// The carts of this browser, one a sale, shared by its tabs.
import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { type Cart, emptyCart, parseCart, withQuantity } from '../cart.ts';
import { type Keep, onOtherTabs } from '../kept-value.ts';

export class Carts {
  readonly #keep: Keep;
  readonly #known = new Map<string, { readonly text: string | null; readonly cart: Cart }>();
  readonly #listeners = new Set<() => void>();

  constructor(keep: Keep) {
    this.#keep = keep;
  }

  of(saleId: string): Cart {
    const text = this.#keep.read(`cart.${saleId}`);
    const known = this.#known.get(saleId);
    if (known && known.text === text) return known.cart;
    const cart = parseCart(text) ?? emptyCart();
    this.#known.set(saleId, { text, cart });
    return cart;
  }

  setQuantity(saleId: string, sku: string, quantity: number): void {
    this.#write(saleId, withQuantity(this.of(saleId), sku, quantity));
  }

  /** It was reserved: the next one is another. Only if it still is this one. */
  finish(saleId: string, cartId: string): void {
    if (this.of(saleId).id === cartId) this.#write(saleId, emptyCart());
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    const forget = onOtherTabs((name) => name.startsWith('cart.') && listener());
    return () => {
      this.#listeners.delete(listener);
      forget();
    };
  }

  #write(saleId: string, cart: Cart): void {
    const text = JSON.stringify(cart);
    this.#keep.write(`cart.${saleId}`, text);
    this.#known.set(saleId, { text, cart });
    for (const listener of this.#listeners) listener();
  }
}

export function useCart(carts: Carts, saleId: string): Cart {
  const subscribe = useCallback((changed: () => void) => carts.subscribe(changed), [carts]);
  const read = useMemo(() => () => carts.of(saleId), [carts, saleId]);
  return useSyncExternalStore(subscribe, read);
}
