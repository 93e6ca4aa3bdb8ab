// The storefront around its pages: the way between them, and what the shopper holds, wherever they are.
import { useEffect, useRef } from 'react';
import { Countdown } from '../shared/countdown.tsx';
import mark from '../shared/mark.svg';
import { Empty } from '../shared/states.tsx';
import { HomePage } from './pages/home-page.tsx';
import { OrderPage } from './pages/order-page.tsx';
import { OrdersPage } from './pages/orders-page.tsx';
import { SalePage } from './pages/sale-page.tsx';
import { useReservations } from './reserve/holdings.ts';
import { isLive } from './reserve/reservation-list.ts';
import { Link, pageAt, usePath } from './router.tsx';

export function Storefront() {
  const path = usePath();
  const main = useRef<HTMLElement>(null);
  const first = useRef(path);
  useEffect(() => {
    // A new page is read from its beginning; the first one the browser has announced itself.
    if (first.current === path) return;
    first.current = path;
    main.current?.focus({ preventScroll: true });
  }, [path]);
  return (
    <>
      <a className="skip-link" href="#main">
        To the content
      </a>
      <header className="shop-head">
        <Link href="/" className="brand">
          <img src={mark} alt="" width="28" height="28" />
          Holdfast
        </Link>
        <nav className="shop-nav" aria-label="Pages">
          <HeldLink path={path} />
          <Link href="/">Sales</Link>
          <Link href="/orders">Orders</Link>
        </nav>
      </header>
      <main id="main" ref={main} tabIndex={-1} className="page" key={path}>
        <PageContent path={path} />
      </main>
      <footer className="shop-foot small soft">
        <a href="/docs">API documentation</a>
        <a href="/console">Console</a>
      </footer>
    </>
  );
}

const TITLES = {
  home: 'Sales',
  sale: 'Sale',
  orders: 'Your orders',
  order: 'Order',
  nowhere: 'Not here',
} as const;

function PageContent({ path }: { readonly path: string }) {
  const page = pageAt(path);
  const title = `${TITLES[page.kind]} · Holdfast`;
  useEffect(() => {
    document.title = title;
  }, [title]);
  switch (page.kind) {
    case 'home':
      return <HomePage />;
    case 'sale':
      return <SalePage saleId={page.saleId} />;
    case 'orders':
      return <OrdersPage />;
    case 'order':
      return <OrderPage orderId={page.orderId} />;
    case 'nowhere':
      return (
        <Empty title="There is nothing here" wholePage>
          <p>
            The address may be mistyped. <Link href="/">See what is on sale</Link>.
          </p>
        </Empty>
      );
  }
}

/** On every page but its own: what is still reserved, and for how long. */
function HeldLink({ path }: { readonly path: string }) {
  const { data = [] } = useReservations();
  const live = data
    .filter(isLive)
    .sort((one, other) => Date.parse(one.expires_at) - Date.parse(other.expires_at));
  const [next] = live;
  if (!next || path === `/sales/${next.sale_id}`) return null;
  return (
    <Link href={`/sales/${next.sale_id}`} className="held-link">
      Reserved <Countdown until={next.expires_at} label="Time left" />
    </Link>
  );
}
