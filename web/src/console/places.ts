// The pages of the console by their address. Everything that can be looked at has one, so that it can be sent to a
// colleague; what is searched for stands in the query (see filters.ts).

export type Place =
  | { readonly page: 'sales' }
  | { readonly page: 'new-sale' }
  | { readonly page: 'live'; readonly saleId: string }
  | { readonly page: 'items'; readonly saleId: string }
  | { readonly page: 'analytics'; readonly saleId: string }
  | { readonly page: 'reservations' }
  | { readonly page: 'reservation'; readonly reservationId: string }
  | { readonly page: 'orders' }
  | { readonly page: 'audit' }
  | { readonly page: 'race' }
  | { readonly page: 'health' }
  | { readonly page: 'nowhere' };

export function placeAt(path: string): Place {
  const [, , room = '', id = '', view = '', ...more] = path.replace(/\/+$/, '').split('/');
  if (more.length > 0) return { page: 'nowhere' };
  if (room === 'sales' && id !== '') return placeOfSale(decode(id), view);
  if (room === 'reservations' && id !== '' && view === '')
    return { page: 'reservation', reservationId: decode(id) };
  if (id !== '') return { page: 'nowhere' };
  switch (room) {
    case '':
    case 'sales':
      return { page: 'sales' };
    case 'new-sale':
    case 'reservations':
    case 'orders':
    case 'audit':
    case 'race':
    case 'health':
      return { page: room };
    default:
      return { page: 'nowhere' };
  }
}

function placeOfSale(saleId: string, view: string): Place {
  if (view === '') return { page: 'live', saleId };
  return view === 'items' || view === 'analytics' ? { page: view, saleId } : { page: 'nowhere' };
}

export function pathOf(place: Exclude<Place, { page: 'nowhere' }>): string {
  switch (place.page) {
    case 'sales':
      return '/console';
    case 'live':
      return `/console/sales/${encodeURIComponent(place.saleId)}`;
    case 'items':
    case 'analytics':
      return `/console/sales/${encodeURIComponent(place.saleId)}/${place.page}`;
    case 'reservation':
      return `/console/reservations/${encodeURIComponent(place.reservationId)}`;
    default:
      return `/console/${place.page}`;
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // not one of ours: the service will say that it does not know it
  }
}
