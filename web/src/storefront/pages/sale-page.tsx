// The page of one sale: what there is, how much of it, until when, and the way to have some.
import type { Sale } from '@holdfast/contract/sales';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { clockText, wordsText } from '../../shared/duration-text.ts';
import { instantText } from '../../shared/instant-text.ts';
import { Empty, ErrorState, Skeleton } from '../../shared/states.tsx';
import { useFollow } from '../../shared/store.tsx';
import { useClockKnown, useRemainingMs } from '../../shared/use-store-clock.ts';
import { quantityIn } from '../cart.ts';
import { ItemCard } from '../item-card.tsx';
import { LivePill } from '../live-pill.tsx';
import { useItems, useSale } from '../reads.ts';
import { refusalText } from '../refusals.ts';
import { useCart } from '../reserve/carts.ts';
import { Dock } from '../reserve/dock.tsx';
import { useShop } from '../shop.tsx';

export function SalePage({ saleId }: { readonly saleId: string }) {
  const sale = useSale(saleId);
  if (sale.data) return <SaleView sale={sale.data} />;
  if (!sale.error) return <SaleSkeleton />;
  const { title, sentence } = refusalText(sale.error);
  return <ErrorState title={title} sentence={sentence} wholePage onRetry={() => void sale.refetch()} />;
}

function SaleView({ sale }: { readonly sale: Sale }) {
  const { carts } = useShop();
  const cart = useCart(carts, sale.id);
  const items = useItems(sale.id, sale.status);
  const known = items.data ?? [];
  useFollow(known.map(({ sku }) => sku));
  return (
    <>
      <header className="sale-head">
        <div className="sale-title">
          <h1>{sale.name}</h1>
          <LivePill />
        </div>
        <SaleTime sale={sale} />
      </header>
      <div className="sale-body">
        <section aria-labelledby="items-title">
          <h2 id="items-title" className="visually-hidden">
            Items
          </h2>
          {items.error && known.length === 0 && (
            <ErrorState {...refusalText(items.error)} onRetry={() => void items.refetch()} />
          )}
          {items.data?.length === 0 && (
            <Empty title="Nothing in this sale yet">
              <p>The shop has not put anything in it. This page shows it as soon as it does.</p>
            </Empty>
          )}
          <ul className="items">
            {items.isPending && [1, 2, 3].map((each) => <ItemSkeleton key={each} />)}
            {known.map((item) => (
              <ItemCard
                key={item.sku}
                item={item}
                quantity={quantityIn(cart, item.sku)}
                onQuantity={(quantity) => carts.setQuantity(sale.id, item.sku, quantity)}
              />
            ))}
          </ul>
        </section>
        <Dock sale={sale} />
      </div>
    </>
  );
}

/** Where the sale stands in time: a countdown to its opening, a word once it runs. */
function SaleTime({ sale }: { readonly sale: Sale }) {
  const { status, opens_at, closes_at } = sale;
  if (status === 'closed') return <p className="sale-time">This sale is over.</p>;
  if (status === 'not_open' && opens_at !== null) return <Opening at={opens_at} />;
  if (closes_at !== null) return <Closing at={closes_at} />;
  return (
    <p className="sale-time">
      Open now. A reservation is yours for {wordsText(sale.reservation_ttl_seconds * 1000)}.
    </p>
  );
}

function Opening({ at }: { readonly at: string }) {
  const remaining = useRemainingMs(Date.parse(at));
  const known = useClockKnown();
  useLookWhenOver(remaining);
  return (
    <div className="opening">
      <p className="soft">{remaining > 0 ? 'Opens in' : 'Opening'}</p>
      <p
        className="opening-clock number"
        role="timer"
        aria-live="off"
        aria-label={`Opens in ${wordsText(remaining)}`}
      >
        {known ? clockText(remaining) : '–:––'}
      </p>
      <p className="soft small">{instantText(at)}, by the store’s clock</p>
    </div>
  );
}

/** The countdown is over here: whether it is at the store too is asked at once, and then often (see reads.ts). */
function useLookWhenOver(remaining: number): void {
  const queries = useQueryClient();
  const over = remaining === 0;
  useEffect(() => {
    if (over) void queries.invalidateQueries({ queryKey: ['sale'] });
  }, [over, queries]);
}

const CLOSES_SOON_MS = 60 * 60_000;

function Closing({ at }: { readonly at: string }) {
  const remaining = useRemainingMs(Date.parse(at));
  useLookWhenOver(remaining);
  if (remaining > CLOSES_SOON_MS) return <p className="sale-time">Open now, until {instantText(at)}.</p>;
  return (
    <p className="sale-time">
      Open now. Closes in{' '}
      <span className="number" role="timer" aria-live="off">
        {clockText(remaining)}
      </span>
    </p>
  );
}

function SaleSkeleton() {
  return (
    <div role="status" aria-busy="true">
      <span className="visually-hidden">Loading the sale</span>
      <div className="sale-head">
        <Skeleton width="60%" height="2.75rem" />
        <Skeleton width="40%" height="1.25rem" />
      </div>
      <ul className="items" aria-hidden="true">
        {[1, 2, 3].map((each) => (
          <ItemSkeleton key={each} />
        ))}
      </ul>
    </div>
  );
}

function ItemSkeleton() {
  return (
    <li className="item" aria-hidden="true">
      <span className="item-art skeleton" />
      <div className="item-body">
        <Skeleton width="70%" height="1.25rem" />
        <Skeleton width="40%" height="1rem" />
        <Skeleton width="50%" height="2.75rem" />
      </div>
    </li>
  );
}
