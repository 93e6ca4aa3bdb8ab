// The front door: the sales there are, the open ones first.
import type { Sale } from '@holdfast/contract/sales';
import { instantText } from '../../shared/instant-text.ts';
import { Empty, ErrorState, Loading } from '../../shared/states.tsx';
import { ItemArt } from '../item-art.tsx';
import { useSales } from '../reads.ts';
import { refusalText } from '../refusals.ts';
import { Link } from '../router.tsx';

const ORDER: Readonly<Record<Sale['status'], number>> = { open: 0, not_open: 1, closed: 2 };
/** Pictures of a sale's first items. */
const ART_SHOWN = 4;

export function HomePage() {
  const sales = useSales();
  return (
    <>
      <header className="page-head">
        <h1>What is on sale</h1>
        <p className="soft">
          Reserve first, then pay in peace: what you reserve is yours until its countdown ends, whoever else
          is in the rush.
        </p>
      </header>
      <SaleList sales={sales} />
    </>
  );
}

function SaleList({ sales }: { readonly sales: ReturnType<typeof useSales> }) {
  if (sales.error) return <ErrorState {...refusalText(sales.error)} onRetry={() => void sales.refetch()} />;
  if (!sales.data) return <Loading what="the sales" />;
  if (sales.data.length === 0) {
    return (
      <Empty title="No sale yet">
        <p>
          The shop has not made one. Whoever runs it does so in the <a href="/console">console</a>.
        </p>
      </Empty>
    );
  }
  const sorted = [...sales.data].sort((one, other) => ORDER[one.status] - ORDER[other.status]);
  return (
    <ul className="sales">
      {sorted.map((sale) => (
        <li key={sale.id} className={`sale-card sale-card-${sale.status}`}>
          <div className="sale-card-art">
            {sale.items.slice(0, ART_SHOWN).map(({ sku }) => (
              <ItemArt key={sku} sku={sku} />
            ))}
          </div>
          <div className="sale-card-body">
            <p className="small sale-card-status">{statusText(sale)}</p>
            <h2>
              <Link className="sale-card-link" href={`/sales/${sale.id}`}>
                {sale.name}
              </Link>
            </h2>
            <p className="soft small">
              {sale.items.length} {sale.items.length === 1 ? 'item' : 'items'}
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}

function statusText({ status, opens_at, closes_at }: Sale): string {
  if (status === 'closed') return 'Over';
  if (status === 'not_open') return opens_at === null ? 'Not open yet' : `Opens ${instantText(opens_at)}`;
  return closes_at === null ? 'Open now' : `Open until ${instantText(closes_at)}`;
}
