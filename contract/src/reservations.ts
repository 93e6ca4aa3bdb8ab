// Reservations: the one question Holdfast exists for, and what can become of the answer.
import * as z from 'zod';
import { operation } from './operation.ts';
import {
  Instant,
  MAX_LINES,
  MAX_QUANTITY,
  MAX_TTL_SECONDS,
  MIN_REQUESTED_TTL_SECONDS,
  OrderId,
  PageQuery,
  pageOf,
  Quantity,
  ReservationId,
  SaleId,
  Sku,
  TtlSeconds,
} from './vocabulary.ts';

export const Line = z.strictObject({ sku: Sku, quantity: Quantity });

const RequestedTtl = z
  .int()
  .min(MIN_REQUESTED_TTL_SECONDS)
  .max(MAX_TTL_SECONDS)
  .optional()
  .meta({
    description: "How long to keep the units, up to the sale's own time, which is the default.",
    examples: [300],
  });

const ReserveOne = z.strictObject({ sku: Sku, quantity: Quantity, ttl_seconds: RequestedTtl });

const ReserveCart = z.strictObject({
  items: z
    .array(Line)
    .min(1)
    .max(MAX_LINES)
    .superRefine((lines, context) => {
      // Lines with one SKU are merged; the bound on a quantity holds for the sum.
      const units = new Map<string, number>();
      for (const [index, line] of lines.entries()) {
        const sum = (units.get(line.sku) ?? 0) + line.quantity;
        units.set(line.sku, sum);
        if (sum <= MAX_QUANTITY) continue;
        const message = `must not bring the units of one SKU above ${MAX_QUANTITY}`;
        context.addIssue({ code: 'custom', path: [index, 'quantity'], message });
      }
    }),
  ttl_seconds: RequestedTtl,
});

export const ReserveBody = z.union([ReserveOne, ReserveCart]).meta({
  description: 'One SKU, or a cart: all of it or nothing.',
  examples: [
    { sku: 'FLASH-SALE-001', quantity: 2 },
    {
      items: [
        { sku: 'FLASH-SALE-001', quantity: 1 },
        { sku: 'FLASH-SALE-002', quantity: 1 },
      ],
      ttl_seconds: 120,
    },
  ],
});

export const ReservationStatus = z
  .enum(['active', 'confirming', 'confirmed', 'released', 'expired', 'lost'])
  .meta({
    description: 'A reservation resolves once. `lost`: the ledger found no stock for it after a failure.',
  });

const RESERVATION_EXAMPLE = {
  reservation_id: 'rsv_AAAAAUc3Yl9kM0pQc1RtXw',
  sale_id: 'flash-sale',
  status: 'active',
  items: [{ sku: 'FLASH-SALE-001', quantity: 2 }],
  sku: 'FLASH-SALE-001',
  quantity: 2,
  created_at: '2026-11-27T09:00:00.000Z',
  expires_at: '2026-11-27T09:05:00.000Z',
  ttl_seconds: 300,
};

export const Reservation = z
  .object({
    reservation_id: ReservationId,
    sale_id: SaleId,
    status: ReservationStatus,
    items: z
      .array(z.object({ sku: Sku, quantity: Quantity }))
      .meta({ description: 'Merged and sorted by SKU.' }),
    sku: Sku.optional().meta({ description: 'When there is one line.' }),
    quantity: Quantity.optional().meta({ description: 'When there is one line.' }),
    created_at: Instant,
    expires_at: Instant.meta({ description: 'The deadline: live while now is before it.' }),
    ttl_seconds: TtlSeconds.meta({ description: 'The granted time.' }),
    order_id: OrderId.optional().meta({ description: 'Once confirmed.' }),
  })
  .meta({ examples: [RESERVATION_EXAMPLE] });

export const ReservationPage = pageOf(Reservation);

export const ExtendBody = z
  .strictObject({
    seconds: z.int().min(1).max(MAX_TTL_SECONDS).meta({ description: 'Added to the deadline.' }),
  })
  .meta({ examples: [{ seconds: 120 }] });

export const reserve = operation({
  id: 'reserve',
  tag: 'Reservations',
  method: 'POST',
  path: '/api/v1/inventory/reserve',
  summary: 'Reserve units',
  description:
    'Keeps the units for the caller until the deadline. A retry with the same Idempotency-Key gets the answer first given, ' +
    'byte for byte, with `Idempotency-Replayed: true`, until 24 h after the reservation was resolved.',
  access: 'customer',
  body: { schema: ReserveBody },
  idempotencyKey: true,
  limit: 'reserve',
  success: { status: 201, description: 'The units are reserved.', schema: Reservation },
  problems: [
    'sale-not-open',
    'sale-closed',
    'unknown-sku',
    'insufficient-stock',
    'reservation-lost',
    'limit-exceeded',
    'items-span-sales',
    'cooling-down',
  ],
});

export const listReservations = operation({
  id: 'listReservations',
  tag: 'Reservations',
  method: 'GET',
  path: '/api/v1/reservations',
  summary: "The caller's reservations, newest first",
  access: 'customer',
  query: PageQuery,
  limit: 'requests',
  success: { status: 200, description: 'A page of reservations.', schema: ReservationPage },
  problems: [],
});

const reservationId = {
  name: 'reservation_id',
  schema: ReservationId,
  unknown: 'unknown-reservation',
} as const;

export const getReservation = operation({
  id: 'getReservation',
  tag: 'Reservations',
  method: 'GET',
  path: '/api/v1/reservations/{reservation_id}',
  summary: "One of the caller's reservations",
  access: 'customer',
  pathId: reservationId,
  limit: 'requests',
  success: { status: 200, description: 'The reservation as it stands.', schema: Reservation },
  problems: ['reservation-lost'],
});

export const releaseReservation = operation({
  id: 'releaseReservation',
  tag: 'Reservations',
  method: 'DELETE',
  path: '/api/v1/reservations/{reservation_id}',
  summary: 'Release a reservation',
  description: 'Gives the units back at once. Releasing again answers the same.',
  access: 'customer',
  pathId: reservationId,
  limit: 'requests',
  success: {
    status: 200,
    description: 'The reservation, released.',
    schema: Reservation,
    example: { ...RESERVATION_EXAMPLE, status: 'released' },
  },
  problems: ['already-confirmed', 'confirm-in-progress', 'reservation-expired', 'reservation-lost'],
});

export const extendReservation = operation({
  id: 'extendReservation',
  tag: 'Reservations',
  method: 'POST',
  path: '/api/v1/reservations/{reservation_id}/extend',
  summary: 'Extend a reservation',
  description:
    'As often, and as long in all, as the sale allows (`max_extensions`, `max_lifetime_seconds`). An answer that was lost is ' +
    'found by reading the reservation.',
  access: 'customer',
  pathId: reservationId,
  body: { schema: ExtendBody },
  limit: 'requests',
  success: {
    status: 200,
    description: 'The reservation with its new deadline.',
    schema: Reservation,
    example: { ...RESERVATION_EXAMPLE, expires_at: '2026-11-27T09:07:00.000Z' },
  },
  problems: ['not-active', 'reservation-expired', 'extension-limit', 'reservation-lost'],
});

export type ExtendBody = z.infer<typeof ExtendBody>;
export type Line = z.infer<typeof Line>;
export type ReserveBody = z.infer<typeof ReserveBody>;
export type ReservationStatus = z.infer<typeof ReservationStatus>;
export type Reservation = z.infer<typeof Reservation>;
