// Stock that operators bring in or take out, with who, when and why.
import * as z from 'zod';
import { operation } from './operation.ts';
import { Instant, MAX_STOCK, Sku, Stock, Text } from './vocabulary.ts';

const MAX_REASON_LENGTH = 500;
const MAX_REFERENCE_LENGTH = 200;

const Delta = z
  .int()
  .min(-MAX_STOCK)
  .max(MAX_STOCK)
  .refine((delta) => delta !== 0, 'must not be 0')
  .meta({ description: 'Units that come in; below zero, units that go out.', not: { const: 0 } });

export const ChangeStockBody = z
  .strictObject({
    delta: Delta,
    reason: Text(MAX_REASON_LENGTH).meta({ description: 'Why, in words: it stays in the journal.' }),
    reference: Text(MAX_REFERENCE_LENGTH).optional().meta({ description: 'A delivery, a count, a ticket.' }),
    expected_total: Stock.optional().meta({
      description: 'Refused with `stale-total` if the total is another.',
    }),
  })
  .meta({ examples: [{ delta: 50, reason: 'second delivery', reference: 'PO-1042', expected_total: 100 }] });

export const StockChange = z
  .object({
    sku: Sku,
    delta: z.int(),
    total_before: Stock,
    total: Stock,
    reason: z.string(),
    reference: z.string().optional(),
    operator: z.string().meta({ description: 'The subject of the token that changed it.' }),
    changed_at: Instant,
  })
  .meta({
    examples: [
      {
        sku: 'FLASH-SALE-001',
        delta: 50,
        total_before: 100,
        total: 150,
        reason: 'second delivery',
        reference: 'PO-1042',
        operator: 'operator',
        changed_at: '2026-11-27T09:00:00.000Z',
      },
    ],
  });

export const changeStock = operation({
  id: 'changeStock',
  tag: 'Operators',
  method: 'POST',
  path: '/api/v1/admin/items/{sku}/stock',
  summary: 'Restock or write off',
  description:
    'Once by its Idempotency-Key; a repeated request gets the answer first given. Units that are reserved or sold cannot be ' +
    'taken out.',
  access: 'operator',
  pathId: { name: 'sku', schema: Sku, unknown: 'unknown-sku' },
  body: { schema: ChangeStockBody },
  idempotencyKey: true,
  limit: 'requests',
  success: { status: 200, description: 'The change as it was made.', schema: StockChange },
  problems: ['stock-in-use', 'stale-total', 'sale-closed'],
});

export type ChangeStockBody = z.infer<typeof ChangeStockBody>;
export type StockChange = z.infer<typeof StockChange>;
