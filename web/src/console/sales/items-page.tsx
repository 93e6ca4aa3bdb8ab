// The items of a sale and what can be done with them: change the sale, add, restock, write off, close.
import type { Item } from '@holdfast/contract/inventory';
import type { Sale } from '@holdfast/contract/sales';
import { useState } from 'react';
import { Button } from '../../shared/button.tsx';
import { Money } from '../../shared/money.tsx';
import { Empty } from '../../shared/states.tsx';
import { Asked, useAsk } from '../asking.tsx';
import { countText } from '../numbers.ts';
import { Link } from '../router.tsx';
import { AddItemsDialog } from './add-items-dialog.tsx';
import { atMost } from './at-most.ts';
import { ChangeSaleDialog } from './change-sale-dialog.tsx';
import { CloseSaleDialog } from './close-sale-dialog.tsx';
import { SaleHead } from './sale-head.tsx';
import { StockDialog } from './stock-dialog.tsx';

const EVERY_MS = 3_000;
const MAX_ITEMS = 1_000;

type Open = { readonly kind: 'change' | 'add' | 'close' } | { readonly kind: 'stock'; readonly sku: string };

export function ItemsPage({ saleId }: { readonly saleId: string }) {
  const sale = useAsk(['sale', saleId], (client, signal) => client.sale(saleId, { signal }));
  const items = useAsk(
    ['items', saleId],
    (client, signal) => atMost(client.items({ saleId, pageSize: 200, signal }), MAX_ITEMS),
    { everyMs: EVERY_MS },
  );
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  return (
    <Asked of={sale} what="the sale" lines={6}>
      {(known) => (
        <>
          <SaleHead sale={known} here="items" />
          <Actions sale={known} onOpen={(kind) => setOpen({ kind })} />
          <Asked of={items} what="the items" lines={5}>
            {({ rows, cut }) => (
              <>
                <Items
                  items={rows}
                  closed={known.status === 'closed'}
                  onStock={(sku) => setOpen({ kind: 'stock', sku })}
                />
                {cut && <p className="small soft">The first {countText(MAX_ITEMS)} are shown.</p>}
              </>
            )}
          </Asked>
          {open?.kind === 'change' && <ChangeSaleDialog sale={known} onClose={close} />}
          {open?.kind === 'add' && <AddItemsDialog sale={known} onClose={close} />}
          {open?.kind === 'close' && <CloseSaleDialog sale={known} onClose={close} />}
          {open?.kind === 'stock' && <StockDialog sku={open.sku} onClose={close} />}
        </>
      )}
    </Asked>
  );
}

function Actions({
  sale,
  onOpen,
}: {
  readonly sale: Sale;
  readonly onOpen: (kind: 'change' | 'add' | 'close') => void;
}) {
  const whyNot = sale.status === 'closed' ? 'the sale is closed' : undefined;
  return (
    <div className="actions">
      <Button onClick={() => onOpen('change')} whyNot={whyNot}>
        Change the sale
      </Button>
      <Button onClick={() => onOpen('add')} whyNot={whyNot}>
        Add items
      </Button>
      <Button look="danger" onClick={() => onOpen('close')} whyNot={whyNot}>
        Close the sale
      </Button>
      <Link to={{ page: 'reservations' }} search={`?sale=${encodeURIComponent(sale.id)}`}>
        Its reservations
      </Link>
      <Link to={{ page: 'orders' }} search={`?sale=${encodeURIComponent(sale.id)}`}>
        Its orders
      </Link>
      <Link to={{ page: 'audit' }} search={`?sale=${encodeURIComponent(sale.id)}`}>
        Its audit
      </Link>
    </div>
  );
}

interface ItemsProps {
  readonly items: readonly Item[];
  readonly closed: boolean;
  readonly onStock: (sku: string) => void;
}

function Items({ items, closed, onStock }: ItemsProps) {
  if (items.length === 0) return <Empty title="No items yet" />;
  return (
    <div className="table-box">
      <table className="rows">
        <thead>
          <tr>
            <th scope="col">Item</th>
            <th scope="col">Price</th>
            <th scope="col">Available</th>
            <th scope="col">Reserved</th>
            <th scope="col">Sold</th>
            <th scope="col">Total</th>
            <th scope="col">Most a customer</th>
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <tr key={item.sku}>
              <th scope="row">
                {item.name}
                <span className="small soft mono block">{item.sku}</span>
              </th>
              <td data-label="Price">{item.price === undefined ? '–' : <Money amount={item.price} />}</td>
              {(['available', 'reserved', 'sold', 'total'] as const).map((name) => (
                <td key={name} data-label={name[0]?.toUpperCase() + name.slice(1)} className="number">
                  {countText(item[name])}
                </td>
              ))}
              <td data-label="Most a customer" className="number">
                {item.max_per_customer === null ? 'no cap' : countText(item.max_per_customer)}
              </td>
              <td>
                <Button
                  onClick={() => onStock(item.sku)}
                  whyNot={closed ? 'the sale is closed' : undefined}
                  aria-label={`Change the stock of ${item.name}`}
                >
                  Stock…
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
