// What the shopper has bought here, newest first.
import type { Order } from '@holdfast/contract/orders';
import { useEffect } from 'react';
import { instantText } from '../../shared/instant-text.ts';
import { Money } from '../../shared/money.tsx';
import { Empty, ErrorState, Loading } from '../../shared/states.tsx';
import { namesIn, useOrders, useSale } from '../reads.ts';
import { refusalText } from '../refusals.ts';
import { Link } from '../router.tsx';
import { useAccess, useShop } from '../shop.tsx';
import { customerOf } from '../shopper/shopper.ts';
import { SignIn } from '../shopper/sign-in.tsx';

export function OrdersPage() {
  const access = useAccess();
  const { shopper } = useShop();
  const nobody = access.kind === 'nobody';
  useEffect(() => {
    // Whose orders? Where a token is needed, that comes back as what `access` is then.
    if (nobody) shopper.customer().catch(() => undefined);
  }, [nobody, shopper]);
  return (
    <>
      <header className="page-head">
        <h1>Your orders</h1>
      </header>
      {access.kind === 'token-needed' ? <SignIn /> : <OrderList customer={customerOf(access)} />}
    </>
  );
}

function OrderList({ customer }: { readonly customer: string | undefined }) {
  const orders = useOrders(customer);
  if (orders.error)
    return <ErrorState {...refusalText(orders.error)} onRetry={() => void orders.refetch()} />;
  if (!orders.data) return <Loading what="your orders" />;
  if (orders.data.length === 0) {
    return (
      <Empty title="Nothing bought yet">
        <p>
          What you reserve and pay for appears here. <Link href="/">See what is on sale</Link>.
        </p>
      </Empty>
    );
  }
  return (
    <ul className="orders">
      {orders.data.map((order) => (
        <OrderRow key={order.order_id} order={order} />
      ))}
    </ul>
  );
}

function OrderRow({ order }: { readonly order: Order }) {
  const { data: sale } = useSale(order.sale_id);
  const nameOf = namesIn(sale);
  return (
    <li className="order-row">
      <Link href={`/orders/${order.order_id}`} className="order-link">
        {order.items.map(({ sku, quantity }) => `${quantity} × ${nameOf(sku)}`).join(', ')}
      </Link>
      <p className="soft small">
        <time dateTime={order.confirmed_at}>{instantText(order.confirmed_at)}</time>
      </p>
      <p className="order-total">{order.total && <Money amount={order.total} />}</p>
    </li>
  );
}
