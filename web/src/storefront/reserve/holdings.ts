// The shopper's reservations: found again after a reload, kept up to date by the live feed, and looked at once more
// when a deadline passes, because the store decides what has expired.
import type { Reservation } from '@holdfast/contract/reservations';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect } from 'react';
import { useStore } from '../../shared/store.tsx';
import { asShopper, useAccess, useShop } from '../shop.tsx';
import { customerOf } from '../shopper/shopper.ts';
import { MOST_LOOKED_AT, withReservation } from './reservation-list.ts';

/** The feed may be silent about reservations; deadlines are watched on this page anyway. */
const PERIOD_MS = 30_000;

export function useReservations() {
  const shop = useShop();
  const { feed } = useStore();
  const customer = customerOf(useAccess());
  const note = useNoteReservation();
  useEffect(() => feed.onReservation(note), [feed, note]);
  return useQuery({
    queryKey: ['reservations', customer],
    enabled: customer !== undefined,
    refetchInterval: PERIOD_MS,
    queryFn: ({ signal }): Promise<readonly Reservation[]> =>
      asShopper(shop, async () => {
        const heardBefore = shop.notes.count;
        const found: Reservation[] = [];
        for await (const reservation of shop.customer.reservations({ signal, pageSize: MOST_LOOKED_AT })) {
          found.push(reservation);
          if (found.length >= MOST_LOOKED_AT) break;
        }
        return shop.notes.over(found, heardBefore);
      }),
  });
}

/** Takes in what an answer or the feed said of a reservation. */
export function useNoteReservation(): (reservation: Reservation) => void {
  const shop = useShop();
  const queries = useQueryClient();
  return useCallback(
    (reservation) => {
      shop.notes.add(reservation);
      const key = ['reservations', customerOf(shop.shopper.access)];
      queries.setQueryData<readonly Reservation[]>(key, (list) => withReservation(list ?? [], reservation));
    },
    [shop, queries],
  );
}
