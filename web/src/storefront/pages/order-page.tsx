// One order: proof that it is theirs.
import type { Order } from '@holdfast/contract/orders';
import { exactInstantText } from '../../shared/instant-text.ts';
import { ErrorState, Loading } from '../../shared/states.tsx';
import { LinesTable } from '../pay/lines-table.tsx';
import { namesIn, useOrder, useSale } from '../reads.ts';
import { refusalText } from '../refusals.ts';
import { Link } from '../router.tsx';
import { useAccess } from '../shop.tsx';
import { SignIn } from '../shopper/sign-in.tsx';

export function OrderPage({ orderId }: { readonly orderId: string }) {
  const order = useOrder(orderId);
  const access = useAccess();
  if (access.kind === 'token-needed') return <SignIn wholePage />;
  if (order.data) return <OrderView order={order.data} />;
  if (!order.error) return <Loading what="your order" />;
  return <ErrorState {...refusalText(order.error)} wholePage onRetry={() => void order.refetch()} />;
}

function OrderView({ order }: { readonly order: Order }) {
  const sale = useSale(order.sale_id);
  const nameOf = namesIn(sale.data);
  return (
    <article className="order">
      <header className="page-head">
        <p className="order-mark">
          <svg viewBox="0 0 48 48" aria-hidden="true">
            <circle cx="24" cy="24" r="22" />
            <path d="M14 25l7 7 13-15" />
          </svg>
        </p>
        <h1>It is yours</h1>
        <p className="soft">Paid, confirmed and on record. Nothing that happens to the sale takes it away.</p>
      </header>
      <div className="panel">
        <LinesTable
          caption="What you bought"
          lines={order.items.map((line) => ({ ...line, name: nameOf(line.sku) }))}
        />
        <dl className="facts">
          <dt>Order</dt>
          <dd className="mono">{order.order_id}</dd>
          <dt>Confirmed</dt>
          <dd>
            <time dateTime={order.confirmed_at}>{exactInstantText(order.confirmed_at)}</time>
          </dd>
          {order.payment_reference !== undefined && (
            <>
              <dt>Payment</dt>
              <dd className="mono">{order.payment_reference}</dd>
            </>
          )}
          <dt>Sale</dt>
          <dd>
            <Link href={`/sales/${order.sale_id}`}>{sale.data?.name ?? order.sale_id}</Link>
          </dd>
        </dl>
      </div>
      <p>
        <Link href="/orders">All your orders</Link>
      </p>
    </article>
  );
}
