// All sales, open ones first. Sales of the race lab are many and closed: they are there when asked for.
import type { Sale } from '@holdfast/contract/sales';
import { useState } from 'react';
import { instantText } from '../../shared/instant-text.ts';
import { Empty } from '../../shared/states.tsx';
import { Asked, useAsk } from '../asking.tsx';
import { countText } from '../numbers.ts';
import { Link } from '../router.tsx';
import { atMost } from './at-most.ts';
import { SaleStatusBadge } from './sale-head.tsx';

/** The newest; who has more finds older ones by their address. */
const MAX_SALES = 400;
const EVERY_MS = 10_000;
const RACE_SALE = /^race-/;
const ORDER = { open: 0, not_open: 1, closed: 2 } as const;

export function SalesPage() {
  const sales = useAsk(
    ['sales'],
    (client, signal) => atMost(client.sales({ pageSize: 200, signal }), MAX_SALES),
    {
      everyMs: EVERY_MS,
    },
  );
  return (
    <>
      <div className="page-head">
        <h1>Sales</h1>
        <Link to={{ page: 'new-sale' }} className="button button-primary">
          New sale
        </Link>
      </div>
      <Asked of={sales} what="the sales" lines={5}>
        {({ rows, cut }) => <Sales sales={rows} cut={cut} />}
      </Asked>
    </>
  );
}

function Sales({ sales, cut }: { readonly sales: readonly Sale[]; readonly cut: boolean }) {
  const [withRaces, setWithRaces] = useState(false);
  const races = sales.filter(({ id }) => RACE_SALE.test(id)).length;
  const shown = sales
    .filter(({ id }) => withRaces || !RACE_SALE.test(id))
    .toSorted((a, b) => ORDER[a.status] - ORDER[b.status]);
  return (
    <>
      {races > 0 && (
        <label className="check">
          <input
            type="checkbox"
            checked={withRaces}
            onChange={(event) => setWithRaces(event.target.checked)}
          />
          Show the {countText(races)} of the race lab
        </label>
      )}
      {shown.length === 0 ? (
        <Empty title="No sale yet">
          <p>Create one, and watch it from here.</p>
        </Empty>
      ) : (
        <SalesTable sales={shown} />
      )}
      {cut && <p className="small soft">The newest {countText(MAX_SALES)} are shown.</p>}
    </>
  );
}

function SalesTable({ sales }: { readonly sales: readonly Sale[] }) {
  return (
    <div className="table-box">
      <table className="rows">
        <thead>
          <tr>
            <th scope="col">Sale</th>
            <th scope="col">Status</th>
            <th scope="col">Opens</th>
            <th scope="col">Closes</th>
            <th scope="col">Items</th>
            <th scope="col">Units</th>
            <th scope="col">
              <span className="visually-hidden">Views</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {sales.map((sale) => (
            <tr key={sale.id}>
              <th scope="row">
                <Link to={{ page: 'live', saleId: sale.id }}>{sale.name}</Link>
                <span className="small soft mono block">{sale.id}</span>
              </th>
              <td data-label="Status">
                <SaleStatusBadge status={sale.status} />
              </td>
              <td data-label="Opens">
                {sale.opens_at === null ? 'from the start' : instantText(sale.opens_at)}
              </td>
              <td data-label="Closes">
                {sale.closes_at === null ? 'when closed' : instantText(sale.closes_at)}
              </td>
              <td data-label="Items" className="number">
                {countText(sale.items.length)}
              </td>
              <td data-label="Units" className="number">
                {countText(sale.items.reduce((sum, { total }) => sum + total, 0))}
              </td>
              <td className="row-links">
                <Link to={{ page: 'items', saleId: sale.id }} aria-label={`Items of ${sale.name}`}>
                  Items
                </Link>
                <Link to={{ page: 'analytics', saleId: sale.id }} aria-label={`Analytics of ${sale.name}`}>
                  Analytics
                </Link>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
