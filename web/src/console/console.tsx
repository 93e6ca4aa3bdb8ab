// The console: who is signed in, the way around, and the page of the address.
import { type ReactNode, useEffect, useRef } from 'react';
import { StoreProvider } from '../shared/store.tsx';
import { AnalyticsPage } from './analytics/analytics-page.tsx';
import { AuditPage } from './audit/audit-page.tsx';
import { HealthPage } from './health/health-page.tsx';
import { LivePage } from './live/live-page.tsx';
import { Navigation } from './navigation.tsx';
import { OperatorContext, type OperatorStore, useSessionState } from './operator-store.ts';
import { OrdersPage } from './orders/orders-page.tsx';
import { type Place, placeAt } from './places.ts';
import { RacePage } from './race/race-page.tsx';
import { ReservationPage } from './reservations/reservation-page.tsx';
import { ReservationsPage } from './reservations/reservations-page.tsx';
import { Link, usePath } from './router.tsx';
import { ItemsPage } from './sales/items-page.tsx';
import { NewSalePage } from './sales/new-sale-page.tsx';
import { SalesPage } from './sales/sales-page.tsx';
import { SignInAgain, SignInPage } from './session/sign-in.tsx';
import { Whose } from './session/whose.tsx';

export function Console({ store }: { readonly store: OperatorStore }) {
  const { session, queries } = store;
  const state = useSessionState(session);
  const token = state.kind === 'in' ? state.access.token : undefined;
  // What could not be read for want of a session is asked for again with the new one.
  useEffect(() => {
    if (token !== undefined) void queries.invalidateQueries();
  }, [queries, token]);
  if (state.kind === 'out') return <SignInPage session={session} notice={state.notice} />;
  return (
    <OperatorContext value={store}>
      <StoreProvider store={store}>
        <Frame whose={<Whose session={session} access={state.access} />} />
        {state.kind === 'ended' && <SignInAgain session={session} operator={state.access.operator} />}
      </StoreProvider>
    </OperatorContext>
  );
}

function Frame({ whose }: { readonly whose: ReactNode }) {
  const path = usePath();
  const place = placeAt(path);
  const main = useRef<HTMLElement>(null);
  const arrived = useRef(path);
  // A new page is read from its beginning; the first one is where the browser put it.
  useEffect(() => {
    document.title = `${titleOf(place)} · Holdfast console`;
    if (arrived.current !== path) main.current?.focus();
    arrived.current = path;
  }, [path, place]);
  return (
    <div className="frame">
      <a className="skip-link" href="#main">
        Skip to the page
      </a>
      <header className="frame-head">
        <Link to={{ page: 'sales' }} className="brand">
          Holdfast <span className="soft">console</span>
        </Link>
        <Navigation place={place} />
        {whose}
      </header>
      <main className="frame-main" id="main" tabIndex={-1} ref={main}>
        <PageOf place={place} key={path} />
      </main>
    </div>
  );
}

function PageOf({ place }: { readonly place: Place }) {
  switch (place.page) {
    case 'sales':
      return <SalesPage />;
    case 'new-sale':
      return <NewSalePage />;
    case 'live':
      return <LivePage saleId={place.saleId} />;
    case 'items':
      return <ItemsPage saleId={place.saleId} />;
    case 'analytics':
      return <AnalyticsPage saleId={place.saleId} />;
    case 'reservations':
      return <ReservationsPage />;
    case 'reservation':
      return <ReservationPage reservationId={place.reservationId} />;
    case 'orders':
      return <OrdersPage />;
    case 'audit':
      return <AuditPage />;
    case 'race':
      return <RacePage />;
    case 'health':
      return <HealthPage />;
    case 'nowhere':
      return <Nowhere />;
  }
}

function Nowhere() {
  return (
    <div className="state">
      <h1>There is nothing here</h1>
      <p>
        The address leads to no page of the console. <Link to={{ page: 'sales' }}>Go to the sales</Link>
      </p>
    </div>
  );
}

const TITLES: Readonly<Record<Place['page'], string>> = {
  sales: 'Sales',
  'new-sale': 'New sale',
  live: 'Live',
  items: 'Items',
  analytics: 'Analytics',
  reservations: 'Reservations',
  reservation: 'Reservation',
  orders: 'Orders',
  audit: 'Audit',
  race: 'Race lab',
  health: 'Health',
  nowhere: 'Not found',
};

function titleOf(place: Place): string {
  return 'saleId' in place ? `${place.saleId}: ${TITLES[place.page]}` : TITLES[place.page];
}
