// What is known of the shopper's reservations, put together from answers, lists and the live feed, which may come in
// any order.
import type { Reservation } from '@holdfast/contract/reservations';

/** A shopper holds few at once: the newest are enough to find all live ones. */
export const MOST_LOOKED_AT = 50;

export function isLive({ status }: Pick<Reservation, 'status'>): boolean {
  return status === 'active' || status === 'confirming';
}

/** An answer that is older than what is known brings nothing back to life. */
export function withReservation(list: readonly Reservation[], next: Reservation): readonly Reservation[] {
  const known = list.find(({ reservation_id }) => reservation_id === next.reservation_id);
  if (known === undefined) return [next, ...list].slice(0, MOST_LOOKED_AT);
  if (!isLive(known) && isLive(next)) return list;
  const shorter = isLive(next) && Date.parse(next.expires_at) < Date.parse(known.expires_at);
  if (shorter) return list; // a reservation is extended, never shortened
  return list.map((each) => (each === known ? next : each));
}

/**
 * What was heard while a list was being read. The list may be older than that, so these words are put over it; without
 * them a reservation would vanish that was made while the page was still asking for the ones there are.
 */
export class Notes {
  #heard: readonly Reservation[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(reservation: Reservation): void {
    this.#heard = [...this.#heard, reservation].slice(-MOST_LOOKED_AT);
    this.#count += 1;
  }

  /** The list with every word that came after the first `count`. */
  over(list: readonly Reservation[], count: number): readonly Reservation[] {
    const since = Math.min(this.#count - count, this.#heard.length);
    return since === 0 ? list : this.#heard.slice(-since).reduce(withReservation, list);
  }
}
