// The way around the console. One list: what comes later gets a line here.
import type { Place } from './places.ts';
import { Link } from './router.tsx';

const ENTRIES = [
  { page: 'sales', label: 'Sales', of: ['sales', 'new-sale', 'live', 'items', 'analytics'] },
  { page: 'reservations', label: 'Reservations', of: ['reservations', 'reservation'] },
  { page: 'orders', label: 'Orders', of: ['orders'] },
  { page: 'audit', label: 'Audit', of: ['audit'] },
  { page: 'race', label: 'Race lab', of: ['race'] },
  { page: 'health', label: 'Health', of: ['health'] },
] as const satisfies readonly { page: Place['page']; label: string; of: readonly Place['page'][] }[];

export function Navigation({ place }: { readonly place: Place }) {
  return (
    <nav aria-label="Console" className="navigation">
      <ul>
        {ENTRIES.map(({ page, label, of }) => (
          <li key={page}>
            <Link to={{ page }} aria-current={currentOf(place, page, of)}>
              {label}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function currentOf(
  place: Place,
  page: Place['page'],
  of: readonly Place['page'][],
): 'page' | 'true' | undefined {
  if (place.page === page) return 'page';
  return of.includes(place.page) ? 'true' : undefined;
}

/** The views of one sale. */
export function SaleTabs({
  saleId,
  here,
}: {
  readonly saleId: string;
  readonly here: 'live' | 'items' | 'analytics';
}) {
  const tabs = [
    ['live', 'Live'],
    ['items', 'Items'],
    ['analytics', 'Analytics'],
  ] as const;
  return (
    <nav aria-label="Views of this sale" className="tabs">
      <ul>
        {tabs.map(([page, label]) => (
          <li key={page}>
            <Link to={{ page, saleId }} aria-current={page === here ? 'page' : undefined}>
              {label}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
