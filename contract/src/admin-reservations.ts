// Reservations as operators see them: any customer's, with what became of each, and the release on a customer's behalf.
import * as z from 'zod';
import { AuditEntry } from './admin-audit.ts';
import { operation } from './operation.ts';
import { Order } from './orders.ts';
import { Reservation, ReservationStatus } from './reservations.ts';
import { CustomerId, PageQuery, pageOf, ReservationId, SaleId, Sku, Text } from './vocabulary.ts';

const MAX_REASON_LENGTH = 500;
/** Entries of one reservation's history: an honest one has a handful. */
export const MAX_HISTORY = 1_000;

const CustomerOrNull = CustomerId.nullable().meta({
  description: 'Null where the ledger does not know it: it keeps the names of those who ever bought.',
});

export const OperatorReservation = Reservation.extend({ customer_id: CustomerOrNull });

export const OperatorReservationPage = pageOf(OperatorReservation);

export const ReservationHistory = z.object({
  reservation: OperatorReservation,
  order: Order.nullable(),
  history: z.array(AuditEntry).meta({
    description: `Oldest first; the newest ${MAX_HISTORY.toLocaleString('en')}, should there be more.`,
  }),
});

export const OperatorReservationQuery = PageQuery.extend({
  sale: SaleId.optional().meta({ description: 'Of this sale.' }),
  sku: Sku.optional().meta({ description: 'With this SKU among their items.' }),
  customer: CustomerId.optional().meta({ description: "The customer's `sub`." }),
  status: ReservationStatus.optional().meta({ description: 'That stand so now.' }),
});

const reservationId = {
  name: 'reservation_id',
  schema: ReservationId,
  unknown: 'unknown-reservation',
} as const;

export const findReservations = operation({
  id: 'findReservations',
  tag: 'Operators',
  method: 'GET',
  path: '/api/v1/admin/reservations',
  summary: 'Find reservations, newest first',
  description:
    'Of any customer. With `sku` or `status` a page may be shorter than `limit`, or empty, and still have a next one: a page looks ' +
    'at a bounded number of reservations.',
  access: 'operator',
  query: OperatorReservationQuery,
  limit: 'requests',
  success: { status: 200, description: 'A page of reservations.', schema: OperatorReservationPage },
  problems: ['unknown-sale'],
});

export const inspectReservation = operation({
  id: 'inspectReservation',
  tag: 'Operators',
  method: 'GET',
  path: '/api/v1/admin/reservations/{reservation_id}',
  summary: 'One reservation with its order and history',
  access: 'operator',
  pathId: reservationId,
  limit: 'requests',
  success: {
    status: 200,
    description: 'The reservation as it stands, and how it came there.',
    schema: ReservationHistory,
  },
  problems: [],
});

export const ReleaseForCustomerBody = z
  .strictObject({
    reason: Text(MAX_REASON_LENGTH).meta({ description: 'Why, in words: it stays in the journal.' }),
  })
  .meta({ examples: [{ reason: 'customer called: ordered by mistake' }] });

export const releaseForCustomer = operation({
  id: 'releaseForCustomer',
  tag: 'Operators',
  method: 'POST',
  path: '/api/v1/admin/reservations/{reservation_id}/release',
  summary: 'Release a reservation for its customer',
  description:
    'Gives the units back at once. Who did it and why is in the journal. Releasing again answers the same.',
  access: 'operator',
  pathId: reservationId,
  body: { schema: ReleaseForCustomerBody },
  limit: 'requests',
  success: { status: 200, description: 'The reservation, released.', schema: OperatorReservation },
  problems: ['already-confirmed', 'confirm-in-progress', 'reservation-expired', 'reservation-lost'],
});

export type OperatorReservation = z.infer<typeof OperatorReservation>;
export type ReservationHistory = z.infer<typeof ReservationHistory>;
export type OperatorReservationQuery = z.infer<typeof OperatorReservationQuery>;
export type ReleaseForCustomerBody = z.infer<typeof ReleaseForCustomerBody>;
