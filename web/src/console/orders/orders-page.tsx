// Find any customer's orders. An order's history is its reservation's.
import type { OperatorOrder } from '@holdfast/contract/admin-orders';
import { exactInstantText } from '../../shared/instant-text.ts';
import { Money } from '../../shared/money.tsx';
import { Asked, useAsk } from '../asking.tsx';
import { FilterField, FilterForm, NothingHere, Pager, useFilters } from '../filter-form.tsx';
import { writeFilters } from '../filters.ts';
import { DASH } from '../numbers.ts';
import { linesText } from '../reservations/lines-text.ts';
import { Link, useSearch } from '../router.tsx';

const NAMES = ['sale', 'sku', 'customer'] as const;
const PAGE_SIZE = 50;

export function OrdersPage() {
  const { filters, cursor } = useFilters(NAMES);
  const search = useSearch();
  const page = useAsk(
    ['orders', filters, cursor],
    (client, signal) => client.operatorOrders({ ...filters, cursor, limit: PAGE_SIZE }, { signal }),
    { keepLast: true },
  );
  return (
    <>
      <h1>Orders</h1>
      <FilterForm
        key={search}
        names={NAMES}
        filters={filters}
        fields={(value, change) => (
          <>
            <FilterField label="Sale" value={value('sale')} onChange={(text) => change('sale', text)} />
            <FilterField label="SKU" value={value('sku')} onChange={(text) => change('sku', text)} />
            <FilterField
              label="Customer"
              value={value('customer')}
              onChange={(text) => change('customer', text)}
            />
          </>
        )}
      />
      <Asked of={page} what="orders" lines={6}>
        {({ data, next_cursor }) => (
          <>
            {data.length === 0 ? <NothingHere next={next_cursor} what="orders" /> : <Rows orders={data} />}
            <Pager search={(to) => writeFilters(filters, NAMES, to)} cursor={cursor} next={next_cursor} />
          </>
        )}
      </Asked>
    </>
  );
}

function Rows({ orders }: { readonly orders: readonly OperatorOrder[] }) {
  return (
    <div className="table-box">
      <table className="rows">
        <thead>
          <tr>
            <th scope="col">Order</th>
            <th scope="col">Customer</th>
            <th scope="col">Units</th>
            <th scope="col">Total</th>
            <th scope="col">Payment</th>
            <th scope="col">Sale</th>
            <th scope="col">Confirmed</th>
            <th scope="col">History</th>
          </tr>
        </thead>
        <tbody>
          {orders.map((order) => (
            <tr key={order.order_id}>
              <th scope="row" className="mono">
                {order.order_id}
              </th>
              <td data-label="Customer">{order.customer_id ?? DASH}</td>
              <td data-label="Units">{linesText(order.items)}</td>
              <td data-label="Total">{order.total === undefined ? DASH : <Money amount={order.total} />}</td>
              <td data-label="Payment">{order.payment_reference ?? DASH}</td>
              <td data-label="Sale" className="mono">
                {order.sale_id}
              </td>
              <td data-label="Confirmed" className="number">
                {exactInstantText(order.confirmed_at)}
              </td>
              <td data-label="History">
                <Link
                  to={{ page: 'reservation', reservationId: order.reservation_id }}
                  aria-label={`History of ${order.order_id}`}
                >
                  Open
                </Link>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
