// Reconciling by hand: does everything add up, in the ledger, in Redis, and between the two?
import * as z from 'zod';
import { operation } from './operation.ts';
import { Instant, ReservationId, SaleId, Sku } from './vocabulary.ts';

export const Invariant = z.enum(['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7', 'I8']);

const Count = z.int().min(0);

export const Difference = z.object({
  invariant: Invariant.meta({ description: 'The invariant that it breaks: see docs/reconcile.md.' }),
  sku: Sku.optional(),
  reservation_id: ReservationId.optional(),
  detail: z.string().meta({ description: 'A sentence for people.' }),
  repaired: z.boolean().meta({
    description:
      'True: Redis was at fault and is right again. False: look at it; the ledger is never changed by this.',
  }),
});

export const SaleReport = z.object({
  sale_id: SaleId,
  complete: z.boolean().meta({
    description:
      'Everything of the sale was looked at. False: it was not open in Redis just now, or its journal is longer than one run looks at.',
  }),
  checked: z
    .object({
      items: Count,
      records: Count,
      customers: Count,
      index_entries: Count,
      transitions: Count,
      seals: Count,
    })
    .meta({ description: 'How much of it was looked at.' }),
  differences: z.array(Difference),
});

export const ReconcileReport = z
  .object({
    ran_at: Instant,
    sales: z.array(SaleReport),
    next_cursor: z.string().nullable().meta({
      description:
        'While the run goes on: pass it as `cursor`, with the same `sale_id`, for what follows. Null at its end.',
    }),
  })
  .meta({
    examples: [
      {
        ran_at: '2026-11-27T09:30:00.000Z',
        sales: [
          {
            sale_id: 'flash-sale',
            complete: true,
            checked: {
              items: 4,
              records: 1204,
              customers: 1180,
              index_entries: 1204,
              transitions: 2310,
              seals: 6,
            },
            differences: [
              {
                invariant: 'I5',
                sku: 'FLASH-SALE-001',
                detail: 'reserved is 13, and the live reservations have 12',
                repaired: true,
              },
            ],
          },
        ],
        next_cursor: null,
      },
    ],
  });

export const ReconcileBody = z
  .strictObject({
    sale_id: SaleId.optional().meta({ description: 'Only this sale. Without it, all that Redis keeps.' }),
    cursor: z
      .string()
      .regex(/^[\x21-\x7e]{1,512}$/, 'must be a next_cursor of an earlier answer')
      .optional()
      .meta({ description: '`next_cursor` of the previous answer.' }),
  })
  .meta({ examples: [{ sale_id: 'flash-sale' }] });

export const reconcile = operation({
  id: 'reconcile',
  tag: 'Operators',
  method: 'POST',
  path: '/api/v1/admin/reconcile',
  summary: 'Reconcile now',
  description:
    'Holds the ledger against itself and Redis against the ledger, and loads a sale that Redis has wrong anew from the ledger. ' +
    'The service does this by itself all the time; this is for not waiting. One run at a time: who asks during a run gets that ' +
    'run. Answers within 2 seconds; a longer run is followed by its `next_cursor`.',
  access: 'operator',
  body: { schema: ReconcileBody, optional: true },
  limit: 'requests',
  success: { status: 200, description: 'What was looked at, found and repaired.', schema: ReconcileReport },
  problems: ['unknown-sale'],
});

export type Invariant = z.infer<typeof Invariant>;
export type Difference = z.infer<typeof Difference>;
export type SaleReport = z.infer<typeof SaleReport>;
export type ReconcileReport = z.infer<typeof ReconcileReport>;
export type ReconcileBody = z.infer<typeof ReconcileBody>;
