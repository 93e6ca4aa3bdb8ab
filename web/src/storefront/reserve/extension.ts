// How much longer a reservation can be kept, as far as a page can tell: the service decides.
import type { Reservation } from '@holdfast/contract/reservations';
import type { Sale } from '@holdfast/contract/sales';

/** What one press of the button asks for. */
export const EXTENSION_SECONDS = 120;

export type Extension =
  | { readonly possible: true; readonly seconds: number }
  | { readonly possible: false; readonly why: string };

export function extensionOf(
  sale: Pick<Sale, 'max_extensions' | 'max_lifetime_seconds'>,
  reservation: Pick<Reservation, 'created_at' | 'expires_at'>,
  /** Extensions that this page has seen. */
  used: number,
): Extension {
  if (sale.max_extensions === 0) return { possible: false, why: 'this sale gives no extra time' };
  if (used >= sale.max_extensions) return { possible: false, why: 'the extra time of this sale is used up' };
  const lifetimeMs = Date.parse(reservation.expires_at) - Date.parse(reservation.created_at);
  const left = sale.max_lifetime_seconds - Math.ceil(lifetimeMs / 1000);
  if (left < 1) return { possible: false, why: 'it has the longest time that this sale gives' };
  return { possible: true, seconds: Math.min(EXTENSION_SECONDS, left) };
}
