// The live stock of a sale for components: fed by every update of the feed, shown at most ten times a second.
import { useEffect, useMemo, useState } from 'react';
import { useFollow } from '../../shared/store.tsx';
import { useOperator } from '../operator-store.ts';
import { SaleStock } from './sale-stock.ts';

/** As often as the feed tells one item; with fifty of them a figure would only flicker. */
const SHOWN_EVERY_MS = 100;

export interface ShownStock {
  readonly stock: SaleStock;
  /** Another number when there is something new to show. */
  readonly version: number;
}

/** `skus` as the feed follows them, at most MAX_LIVE_SKUS. */
export function useSaleStock(skus: readonly string[]): ShownStock {
  const { feed } = useOperator();
  const wanted = skus.join();
  const stock = useMemo(() => new SaleStock(wanted === '' ? [] : wanted.split(',')), [wanted]);
  const [version, setVersion] = useState(0);
  useFollow(skus);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = () => {
      timer = undefined;
      setVersion((shown) => shown + 1);
    };
    const forget = feed.onItem((item) => {
      if (stock.update(item)) timer ??= setTimeout(show, SHOWN_EVERY_MS);
    });
    return () => {
      forget();
      clearTimeout(timer);
    };
  }, [feed, stock]);
  return { stock, version };
}
