import type { ReservationStatus } from '@holdfast/contract/reservations';

const TONES: Readonly<Record<ReservationStatus, string>> = {
  active: 'accent',
  confirming: 'accent',
  confirmed: 'good',
  released: 'plain',
  expired: 'warn',
  lost: 'bad',
};

/** How a reservation stands, in the words of the contract. */
export function StatusBadge({ status }: { readonly status: ReservationStatus }) {
  return <span className={`badge badge-${TONES[status] ?? 'plain'}`}>{status}</span>;
}
